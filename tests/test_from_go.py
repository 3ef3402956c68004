"""docs/from-go.md: every exported name of the Go library has a row, and every row does what it says."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import rhi
from rhi.core.open_policy import build_open
from rhi.model.prefix import Family
from rhi.testing.collector import Collector
from rhi.testing.pair import Pair
from rhi.wire import iana
from rhi.wire.open import Open
from tests.net.raw import free_port, wait_until

DOCUMENT = Path(__file__).parent.parent / "docs" / "from-go.md"

# Package bgp v0.0.4: constants, types, functions, methods, fields, JSON names.
GO_NAMES = """
M_OPEN M_UPDATE M_NOTIFICATION M_KEEPALIVE IGP EGP CAPABILITIES_OPTIONAL_PARAMETER BGP4_MP
ORIGIN AS_PATH NEXT_HOP MULTI_EXIT_DISC LOCAL_PREF COMMUNITIES MP_REACH_NLRI MP_UNREACH_NLRI
AS_SET AS_SEQUENCE
MESSAGE_HEADER_ERROR OPEN_MESSAGE_ERROR UPDATE_MESSAGE_ERROR HOLD_TIMER_EXPIRED FSM_ERROR CEASE
ROUTE_REFRESH_MESSAGE_ERROR UNSUPPORTED_VERSION_NUMBER BAD_BGP_ID UNNACEPTABLE_HOLD_TIME BAD_MESSAGE_TYPE
ADMINISTRATIVE_SHUTDOWN OUT_OF_RESOURCES WTCR WTCE ONCR ONCE OTCR OTCE
IDLE ACTIVE CONNECT OPEN_SENT OPEN_CONFIRM ESTABLISHED
CONNECTION_FAILED REMOTE_SHUTDOWN LOCAL_SHUTDOWN INVALID_LOCALIP
BGPNotify BGPNotify.BGPPeer BGPNotify.BGPSession
Community Community.MarshalJSON Community.UnmarshalJSON
IP IP4 IP4.MarshalJSON IP4.String IP4.UnmarshalJSON IP6 IP6.MarshalJSON IP6.String IP6.UnmarshalJSON
IPNet IPNet.MarshalJSON IPNet.UnmarshalJSON IPNet.UnmarshalText
Parameters Parameters.ASNumber Parameters.HoldTime Parameters.SourceIP Parameters.NextHop4 Parameters.NextHop6
Parameters.Multiprotocol Parameters.MED Parameters.LocalPref Parameters.Communities Parameters.Accept
Parameters.Reject Parameters.Diff
Pool NewPool Pool.Close Pool.Configure Pool.RIB Pool.Status
Session NewSession Session.Close Session.Configure Session.LocRIB Session.RIB Session.Start Session.Status
Session.Stop
Status Status.State Status.When Status.Duration Status.UpdateCalculation Status.Advertised Status.Withdrawn
Status.Prefixes Status.Attempts Status.Connections Status.Established Status.LastError Status.HoldTime
Status.LocalASN Status.RemoteASN Status.AdjRIBOut Status.LocalIP
as_number hold_time source_ip next_hop_4 next_hop_6 multiprotocol med local_pref communities accept reject
state when duration_s update_calculation_ms advertised_routes withdrawn_routes current_routes
connection_attempts successful_connections established_sessions last_error local_asn remote_asn
adj_rib_out local_ip
"""


class Row(NamedTuple):
    """A row of the tables."""

    go: str
    ours: str
    gives: str


def rows() -> list[Row]:
    found = []
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
        if len(cells) == 5 and cells[1].startswith("`"):
            found.append(Row(*(cell.strip("`").replace("\\|", "|") for cell in cells[1:4])))
    return found


ROWS = rows()


def test_from_go_has_every_name_once() -> None:
    assert sorted(row.go for row in ROWS) == sorted(GO_NAMES.split())


def wait_for(session: rhi.Session, state: rhi.State) -> None:
    wait_until(lambda: session.status().state is state, f"state {state}")


def status_of_a_lost_session() -> rhi.Status:
    pair = Pair(rhi.Parameters(as_number=65001), rhi.Parameters(as_number=65000, passive=True)).start()
    pair.run(1)
    events = pair.left.events
    pair.disconnect("")
    reasons = [event.reason for event in events if isinstance(event, rhi.SessionDown)]
    return rhi.Status(when=rhi_when(), last_error=reasons[-1])


def rhi_when() -> Any:
    with rhi.Session("192.0.2.10", "127.0.0.1", rhi.Parameters(as_number=1, port=free_port())) as session:
        return session.status().when


@pytest.fixture(scope="module")
def names() -> Iterator[dict[str, Any]]:
    """What the rows are evaluated with."""
    with ExitStack() as stack:
        collector = stack.enter_context(Collector())
        to_collector = rhi.Parameters(as_number=65001, port=collector.port)
        running = rhi.Session("192.0.2.10", "127.0.0.1", to_collector, ["203.0.113.1"])
        wait_for(running, rhi.State.ESTABLISHED)
        assert running.flush()
        status = running.status()

        closing = rhi.Session("192.0.2.11", "127.0.0.1", to_collector)
        wait_for(closing, rhi.State.ESTABLISHED)
        closing.close()

        both = replace(to_collector, multiprotocol=True)
        without = stack.enter_context(rhi.Session("192.0.2.12", "127.0.0.1", both, ["2001:db8::1"]))
        wait_for(without, rhi.State.ESTABLISHED)
        assert without.flush()

        nowhere = replace(to_collector, port=free_port())
        refused = stack.enter_context(rhi.Session("192.0.2.13", "127.0.0.1", nowhere))
        wait_until(lambda: refused.status().last_error, "the refusal")

        parameters = rhi.Parameters(
            as_number=65001,
            hold_time=30,
            source_ip="127.0.0.1",
            next_hop_4="192.0.2.4",
            next_hop_6="2001:db8::6",
            multiprotocol=True,
            med=50,
            local_pref=200,
            communities=["65001:1"],
            accept=["203.0.113.0/24"],
            reject=["0.0.0.0/0"],
            port=free_port(),
        )
        yield {
            **vars(iana),
            "rhi": rhi,
            "replace": replace,
            "IPv4Address": IPv4Address,
            "IPv6Address": IPv6Address,
            "IPv4Network": IPv4Network,
            "Open": Open,
            "parameters": parameters,
            "pool": stack.enter_context(rhi.Pool("192.0.2.10", {"127.0.0.1": parameters})),
            "session": running,
            "status": status,
            "closed": closing.status(),
            "refused": refused.status(),
            "no_next_hop": without.status(),
            "lost": status_of_a_lost_session(),
            "observer": rhi.Observer(),
            "session_open": build_open(parameters, IPv4Address("192.0.2.1"), Family.IPV4_UNICAST).encode(),
            "community_json": {"as_number": 65001, "communities": ["65001:100"]},
        }
        running.close()


# The two that end the session come last.
@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=row.go) for row in sorted(ROWS, key=lambda row: row.ours == "session.close()")],
)
def test_from_go_row_gives_what_it_says(row: Row, names: dict[str, Any]) -> None:
    assert eval(row.ours, names) == eval(row.gives, names)
