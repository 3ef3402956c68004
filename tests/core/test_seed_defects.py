"""One test for each defect of the reference library that can be shown without sockets, threads and commands.

The number is that of the list in the project's notes on the reference library; each test says how rhi behaves
where the reference failed.
"""

import json
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from rhi.errors import InvalidValueError
from rhi.model.attributes import PathAttributes
from rhi.model.events import SessionUp
from rhi.model.parameters import Parameters
from rhi.model.prefix import to_prefix
from rhi.model.status import State
from rhi.testing.pair import Pair
from tests.core.script import (
    IPV4,
    IPV6,
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    OUR_AS,
    ROUTE_REFRESH,
    THEIR_AS,
    UPDATE,
    Script,
    four_octet_as,
    message,
    notifications,
    open_body,
)


def wall_clock(_: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


BOTH = IPV4 + IPV6 + four_octet_as(THEIR_AS)
MULTIPROTOCOL = Parameters(as_number=OUR_AS, hold_time=90, multiprotocol=True)


def updates(script: Script) -> list[bytes]:
    """UPDATEs sent since the last call, without End-of-RIB."""
    empty = (bytes(4), bytes.fromhex("0000 0006 800f03000201"))
    return [body for kind, body in script.take() if kind == UPDATE and body not in empty]


def test_seed_defect_01_four_octet_as_numbers_on_both_sides() -> None:
    pair = Pair(Parameters(as_number=4200000001), Parameters(as_number=4200000002)).start()
    pair.edit(lambda table: table.announce(to_prefix("203.0.113.1"), PathAttributes()))

    assert pair.left.peer.status(pair.now, wall_clock).remote_asn == 4200000002
    assert pair.right.routes[to_prefix("203.0.113.1")] is not None
    assert dict(pair.right.routes[to_prefix("203.0.113.1")] or {})["as_path"] == "4200000001"


def test_seed_defect_02_family_the_peer_did_not_offer_is_not_sent() -> None:
    script = Script(MULTIPROTOCOL).establish(capabilities=IPV4 + four_octet_as(THEIR_AS))

    script.announce("2001:db8::1", attributes=PathAttributes(next_hop="2001:db8::99"))

    assert updates(script) == []
    assert script.status.held_back == {"family_not_negotiated": 1}


def test_seed_defect_02_ipv6_session_without_multiprotocol_negotiates_ipv6() -> None:
    parameters = Parameters(as_number=OUR_AS)
    script = Script(parameters, local="2001:db8::1", remote="2001:db8::2").start()
    ((_, body),) = script.take()
    assert IPV6 in body

    script.establish(capabilities=b"").announce("2001:db8:1::1")
    assert updates(script) == []

    script.hang_up().run(1).establish(capabilities=IPV6 + four_octet_as(THEIR_AS))
    assert script.status.current_routes == 1


def test_seed_defect_03_ipv6_route_without_a_next_hop_is_held_back() -> None:
    script = Script(MULTIPROTOCOL).establish(capabilities=BOTH)

    script.announce("2001:db8::1")

    assert updates(script) == []
    assert script.status.held_back == {"no_next_hop": 1}
    assert script.status.current_routes == 0
    script.configure(
        Parameters(as_number=OUR_AS, hold_time=90, multiprotocol=True, next_hop_6="2001:db8::99")
    )
    (body,) = updates(script)
    assert ip_address("2001:db8::99").packed in body
    assert script.status.held_back == {}


def test_seed_defect_03_unspecified_next_hop_cannot_be_configured() -> None:
    for name in ("next_hop_4", "next_hop_6"):
        with pytest.raises(InvalidValueError):
            Parameters(as_number=OUR_AS, **{name: "0.0.0.0" if name == "next_hop_4" else "::"})  # type: ignore[arg-type]


def test_seed_defect_04_link_local_address_is_no_global_next_hop() -> None:
    parameters = Parameters(as_number=OUR_AS, multiprotocol=True)
    script = Script(parameters, local="fe80::1%eth0", remote="fe80::2%eth0").establish(capabilities=BOTH)

    script.announce("2001:db8::1", "203.0.113.1")

    (body,) = updates(script)
    assert b"\xfe\x80" not in body
    assert body.endswith(bytes.fromhex("400304c0000201 20cb007101"))  # the router id serves IPv4
    assert script.status.held_back == {"no_next_hop": 1}


def test_seed_defect_05_open_alone_does_not_establish() -> None:
    script = Script(answer="refuse").start()
    script.answer = "accept"
    script.run(1).send(message(OPEN, open_body()))

    assert script.state is State.OPEN_CONFIRM
    assert script.status.established_sessions == 0
    assert script.status.last_error == "Connection failed (connection refused)"
    assert script.ups == []
    script.send(message(KEEPALIVE))
    assert script.status.established_sessions == 1
    assert script.status.last_error == ""


@pytest.mark.parametrize(("ours", "theirs"), [(0, 90), (90, 0), (0, 0)])
def test_seed_defect_06_hold_time_zero_is_taken_and_can_be_configured(ours: int, theirs: int) -> None:
    script = Script(Parameters(as_number=OUR_AS, hold_time=ours)).establish(hold_time=theirs)

    script.run(10_000)

    assert script.state is State.ESTABLISHED
    assert script.status.hold_time == 0


def test_seed_defect_07_equal_router_id_is_refused_inside_an_as_only() -> None:
    Script().establish(router_id="192.0.2.1")

    script = Script().start().send(message(OPEN, open_body(as_number=OUR_AS, router_id="192.0.2.1")))

    assert notifications(script.take()) == [b"\x02\x03"]


def test_seed_defect_08_peer_as_is_verified() -> None:
    script = Script(Parameters(as_number=OUR_AS, peer_as=THEIR_AS)).start()

    script.send(message(OPEN, open_body(as_number=OUR_AS)))

    assert notifications(script.take()) == [b"\x02\x02"]
    assert "peer is AS 65001, not 65002" in script.status.last_error


@pytest.mark.parametrize(
    ("data", "expected", "text"),
    [
        (message(KEEPALIVE, marker=bytes(16)), b"\x01\x01", "Connection Not Synchronized"),
        (message(KEEPALIVE, size=5), b"\x01\x02\x00\x05", "Bad Message Length"),
        (message(UPDATE), b"\x01\x02\x00\x13", "Bad Message Length"),
        (message(77), b"\x01\x03\x4d", "Bad Message Type"),
    ],
)
def test_seed_defect_09_header_errors_are_answered_and_explained(
    data: bytes, expected: bytes, text: str
) -> None:
    script = Script().establish().send(data)

    assert notifications(script.take()) == [expected]
    assert text in script.status.last_error


def test_seed_defect_10_short_notification_is_reported_as_what_it_is() -> None:
    script = Script().establish().send(message(NOTIFICATION, b"\x06"))

    assert notifications(script.take()) == [b"\x01\x02\x00\x14"]
    assert script.status.last_error.startswith(
        "Sent notification[1:2]: Message header error; Bad Message Length"
    )


def test_seed_defect_11_route_refresh_is_answered() -> None:
    script = Script().establish().announce("203.0.113.1")
    (first,) = updates(script)

    script.send(message(ROUTE_REFRESH, b"\x00\x01\x00\x01"))

    assert updates(script) == [first]
    assert script.state is State.ESTABLISHED


def test_seed_defect_12_med_and_local_pref_of_zero_are_sent() -> None:
    script = Script().establish(as_number=OUR_AS)

    script.announce("203.0.113.1", attributes=PathAttributes(med=0, local_pref=0))

    (body,) = updates(script)
    assert bytes.fromhex("80040400000000 40050400000000") in body


def test_seed_defect_12_graceful_shutdown_on_an_internal_session() -> None:
    script = Script().establish(as_number=OUR_AS).announce("203.0.113.1")
    updates(script)

    script.configure(
        Parameters(as_number=OUR_AS, hold_time=90, local_pref=0, communities=["graceful-shutdown"])
    )

    (body,) = updates(script)
    assert bytes.fromhex("40050400000000 c00804ffff0000") in body


def test_seed_defect_13_families_have_updates_of_their_own_in_ascending_order() -> None:
    parameters = Parameters(
        as_number=OUR_AS,
        hold_time=90,
        multiprotocol=True,
        next_hop_6="2001:db8::99",
        med=1,
        communities=["65000:1"],
        large_communities=["65000:1:1"],
    )
    script = Script(parameters).establish(capabilities=BOTH)

    script.announce("203.0.113.1", "2001:db8::1")
    ipv4, ipv6 = updates(script)
    script.table.replace({})
    script.pump()
    gone = updates(script)

    assert codes(ipv4) == [1, 2, 3, 4, 8, 32]
    assert codes(ipv6) == [1, 2, 4, 8, 14, 32]
    assert ipv6[4 + int.from_bytes(ipv6[2:4], "big") :] == b""
    assert gone == [
        bytes.fromhex("0005 20cb007101 0000"),
        bytes.fromhex("0000 0017 800f14 000201 80 20010db8000000000000000000000001"),
    ]


def codes(body: bytes) -> list[int]:
    """Attribute codes of an UPDATE without withdrawn routes, in its order."""
    field = body[4 : 4 + int.from_bytes(body[2:4], "big")]
    found = []
    while field:
        assert not field[0] & 0x10  # nothing here needs the extended length
        found.append(field[1])
        field = field[3 + field[2] :]
    return found


def test_seed_defect_14_prefixes_of_any_length_with_attributes_of_their_own() -> None:
    pair = Pair(Parameters(as_number=OUR_AS), Parameters(as_number=THEIR_AS)).start()
    meds = {"203.0.113.1": 1, "198.51.100.0/24": 2, "10.0.0.0/7": 3, "0.0.0.0/0": 4}

    for route, med in meds.items():
        pair.left.table.announce(to_prefix(route), PathAttributes(med=med))
    pair.settle()

    assert {str(prefix): (shown or {})["med"] for prefix, shown in pair.right.routes.items()} == meds


def test_seed_defect_15_end_of_rib_follows_the_table_of_each_family() -> None:
    script = Script(MULTIPROTOCOL).start().announce("203.0.113.1")
    script.send(message(OPEN, open_body(capabilities=BOTH))).send(message(KEEPALIVE))

    bodies = [body for kind, body in script.take() if kind == UPDATE]

    assert bodies[1:] == [bytes(4), bytes.fromhex("0000 0006 800f03000201")]
    assert script.status.end_of_rib == ("ipv4", "ipv6")


def test_seed_defect_15_passive_side_and_collisions_are_handled() -> None:
    for passive in (False, True):
        pair = Pair(Parameters(as_number=OUR_AS), Parameters(as_number=THEIR_AS, passive=passive)).start()

        assert pair.left.peer.is_established
        assert [type(event) for event in pair.left.events].count(SessionUp) == 1


def test_seed_defect_19_timer_that_was_moved_does_not_fire_at_its_old_time() -> None:
    script = Script().establish(hold_time=9)

    for _ in range(100):
        script.run(2.9).send(message(KEEPALIVE))
        script.peer.handle_timeout(script.now)

    assert script.state is State.ESTABLISHED


def test_seed_defect_20_output_for_a_slow_peer_is_bounded() -> None:
    pair = Pair(
        Parameters(as_number=OUR_AS, hold_time=0), Parameters(as_number=THEIR_AS, hold_time=0), capacity=500
    ).start()
    pair.right.is_reading = False
    before = len(pair.left.sent)

    for med in range(2000):
        pair.edit(lambda table, med=med: table.announce(to_prefix("203.0.113.1"), PathAttributes(med=med)))  # type: ignore[misc]

    assert len(pair.left.sent) - before < 1000
    assert pair.left.peer.is_pending


def test_seed_defect_21_our_own_close_is_reported_as_local() -> None:
    script = Script().establish().stop()

    (down,) = script.downs
    assert down.local
    assert down.established
    assert down.reason.startswith("Local shutdown (")


def test_seed_defect_21_close_by_the_peer_is_reported_as_remote() -> None:
    script = Script().establish().hang_up("connection reset by peer")

    (down,) = script.downs
    assert not down.local
    assert down.reason == "Remote shutdown (connection reset by peer)"


def test_seed_defect_22_everything_can_be_withdrawn_and_told_before_the_close() -> None:
    script = Script().establish().announce("203.0.113.1")
    updates(script)

    script.table.replace({})
    assert script.peer.is_pending
    script.pump()
    assert not script.peer.is_pending
    script.stop()

    assert script.take() == [
        (UPDATE, bytes.fromhex("0005 20cb007101 0000")),
        (NOTIFICATION, b"\x06\x02"),
    ]


def test_seed_defect_23_blip_of_a_second_costs_a_second() -> None:
    pair = Pair(Parameters(as_number=OUR_AS), Parameters(as_number=THEIR_AS, passive=True)).start()
    pair.run(600)

    pair.is_reachable = False
    pair.disconnect()
    pair.run(1)
    pair.is_reachable = True
    pair.run(1)

    assert pair.left.peer.is_established


def test_seed_defect_23_peers_that_fail_together_come_back_at_different_times() -> None:
    scripts = [
        Script(answer="refuse", random=lambda share=share: share / 10).start().run(60)  # type: ignore[misc]
        for share in range(10)
    ]

    assert len({script.attempts[5] for script in scripts}) == 10


def test_seed_defect_24_nothing_is_shown_as_sent_after_the_session() -> None:
    script = Script().establish().announce("203.0.113.1")
    assert script.status.adj_rib_out == ["203.0.113.1"]

    script.answer = "refuse"
    script.hang_up().run(5)

    assert script.status.adj_rib_out == []
    assert script.status.current_routes == 0


def test_seed_defect_25_change_that_must_wait_is_shown_and_withdraws_nothing() -> None:
    parameters = Parameters(as_number=OUR_AS, hold_time=90, multiprotocol=True, next_hop_6="2001:db8::99")
    script = Script(parameters).establish(capabilities=BOTH).announce("203.0.113.1", "2001:db8::1")
    updates(script)

    script.configure(
        Parameters(as_number=OUR_AS, hold_time=90, multiprotocol=False, next_hop_6="2001:db8::99")
    )

    assert updates(script) == []
    assert script.status.current_routes == 2
    assert script.status.pending_changes == ("multiprotocol",)
    script.hang_up().run(1).establish(capabilities=BOTH)
    assert not script.status.pending_changes
    assert script.status.families == ("ipv4",)


def test_seed_defect_25_change_that_must_wait_is_made_when_a_reset_is_allowed() -> None:
    script = Script(Parameters(as_number=OUR_AS, hold_time=90)).establish()

    ended = script.open[-1]

    script.configure(Parameters(as_number=OUR_AS, hold_time=30), allow_reset=True)

    assert script.take(ended)[-1] == (NOTIFICATION, b"\x06\x06")
    assert [number > ended for number in script.open] == [True]  # at once, no pause as after a failure
    script.establish()
    assert script.status.hold_time == 30


def test_seed_defect_26_status_is_a_copy() -> None:
    script = Script().establish().announce("203.0.113.1")
    status = script.status

    script.table.replace({to_prefix("203.0.113.2"): PathAttributes()})
    script.pump()
    status.adj_rib_out.append("rubbish")

    assert status.adj_rib_out == ["203.0.113.1"]
    assert script.status.adj_rib_out == ["203.0.113.2"]
    assert script.table.withdraw(to_prefix("203.0.113.1")) is False


def test_seed_defect_27_table_takes_both_families_in_one_replace() -> None:
    script = Script(MULTIPROTOCOL, local="2001:db8::1", remote="2001:db8::2").establish(capabilities=BOTH)

    script.table.replace({to_prefix(route): PathAttributes() for route in ("203.0.113.1", "2001:db8:1::1")})
    script.pump()

    assert script.status.adj_rib_out == ["203.0.113.1", "2001:db8:1::1"]


def test_seed_defect_28_data_of_notifications_is_readable() -> None:
    script = Script().establish().send(message(NOTIFICATION, b"\x06\x02\x11maintenance 22:00"))
    assert script.status.last_error.endswith('Administrative Shutdown: "maintenance 22:00"')

    script.run(2).establish().send(message(NOTIFICATION, b"\x02\x01\x00\x04"))
    assert script.status.last_error.endswith("Unsupported Version Number (data 0004)")


@pytest.mark.parametrize("text", ["192.0.2.010", "010.0.0.1", "192.0.2.1 0", "fe80::1%eth0"])
def test_seed_defect_30_doubtful_addresses_are_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        to_prefix(text)


def test_seed_defect_30_zone_of_a_source_address_is_kept() -> None:
    assert str(Parameters(as_number=OUR_AS, source_ip="fe80::1%eth0").source_ip) == "fe80::1%eth0"


def test_seed_defect_31_source_ip_may_be_ipv6() -> None:
    parameters = Parameters(as_number=OUR_AS, source_ip="2001:db8::5")

    assert parameters.source_ip == ip_address("2001:db8::5")
    assert json.loads(json.dumps(parameters.to_json()))["source_ip"] == "2001:db8::5"
