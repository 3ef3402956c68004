"""What rhi hears from routers that announce: a limit on the number of routes, and what a watcher is told."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.bench import EXTERNAL_AS, KINDS, ROUTER_4, ROUTER_6, ROUTER_AS
from tests.interop.lab import (
    Bird,
    ExaBgp,
    Frr,
    Namespace,
    Neighbour,
    Router,
    Settings,
    running,
    speaking,
    wait_until,
)
from tests.interop.lab.process import Process, complete_lines

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

OVER_4 = next(kind for kind in KINDS if kind.transport == 4 and not kind.internal)
OUR_AS, THEIR_AS = EXTERNAL_AS[4], ROUTER_AS[4]
ROUTES_4 = tuple(f"198.51.100.{number}/32" for number in range(1, 6))
ROUTES_6 = tuple(f"2001:db8:77::{number}/128" for number in range(1, 4))


def announcing(daemon: type[Router]) -> str:
    """A configuration that announces ROUTES_4 and ROUTES_6, with MED 7 and a community."""
    peer = Neighbour(address=OVER_4.source, local_address=ROUTER_4, remote_as=OUR_AS)
    text = daemon.configure(Settings(as_number=THEIR_AS, router_id=ROUTER_4, neighbours=(peer,)))
    if daemon is Bird:
        marked = "export filter { bgp_med = 7; bgp_community.add((65010, 77)); accept; }"
        for family, routes in ((4, ROUTES_4), (6, ROUTES_6)):
            lines = "".join(f"  route {route} blackhole;\n" for route in routes)
            text += f"protocol static {{\n  ipv{family};\n{lines}}}\n"
        # not what `direct` finds on the interfaces
        return text.replace("protocol direct { ipv4; ipv6; }", "").replace("export none", marked)
    statics = [f"ip route {route} Null0" for route in ROUTES_4]
    statics += [f"ipv6 route {route} Null0" for route in ROUTES_6]
    text = text.replace(
        " exit-address-family", f"  neighbor {OVER_4.source} route-map OUT out\n exit-address-family"
    )
    for family, routes in ((4, ROUTES_4), (6, ROUTES_6)):
        lines = "".join(f"  network {route}\n" for route in routes)
        head = f" address-family ipv{family} unicast\n"
        text = text.replace(head, head + lines)
    text = text.replace(" no bgp ebgp", " no bgp network import-check\n no bgp ebgp")
    return text + "route-map OUT permit 10\n set metric 7\n set community 65010:77\n"


def arguments(*options: str) -> list[str]:
    own = ["-6", OVER_4.source_6, "--source", OVER_4.source]
    return ["--json", *options, *own, str(OUR_AS), OVER_4.source_4, ROUTER_4, OVER_4.route_4(1)]


def routers() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("daemon", [Bird, Frr], ids=lambda daemon: str(daemon.NAME))


@pytest.mark.feature("maximum prefixes")
@routers()
def test_router_that_announces_more_than_it_may_is_told_so_and_met_with_pauses(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    limit = str(len(ROUTES_4) - 1)
    with (
        running(daemon(far, announcing(daemon))) as router,
        speaking(near, arguments("--maximum-prefixes", limit)) as speaker,
    ):
        wait_until(lambda: len(speaker.events("session_up")) >= 2, "a second session")

        down = next(event for event in speaker.events("session_down") if event["established"])
        assert (down["code"], down["subcode"], down["local"]) == (6, 1, False)
        assert f"Maximum Number of Prefixes Reached: ipv4 {limit}" in down["reason"]
        router.wait_notification(OVER_4.source, (6, 1))


@pytest.mark.feature("maximum prefixes")
@routers()
def test_router_that_announces_as_much_as_it_may_keeps_its_session(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    limit = len(ROUTES_4) + 1  # FRR also sends our own route back to us
    with (
        running(daemon(far, announcing(daemon))) as router,
        speaking(near, arguments("-m", "--maximum-prefixes", str(limit))) as speaker,
    ):
        wait_until(lambda: speaker.events("prefix_limit_near"), "three quarters are told")
        router.wait_route(OVER_4.route_4(1))

        assert [event["established"] for event in speaker.events("session_down")].count(True) == 0
        assert speaker.events("update_malformed") == []
        assert {(event["family"], event["limit"]) for event in speaker.events("prefix_limit_near")} == {
            ("ipv4", limit)
        }


# rhi.Pool with an observer that watches: a JSON line for each route, until it is ended.
WATCH = """
import json, signal, sys
import rhi

class Watcher(rhi.Observer):
    def on_route(self, peer, prefix, attributes):
        print(json.dumps([peer, str(prefix), attributes]), flush=True)

    def on_session(self, peer, local, reason):
        print(json.dumps([peer, None, reason]), flush=True)

ours, source, peer = sys.argv[1:]
parameters = rhi.Parameters(as_number=int(ours), source_ip=source, multiprotocol=True)
with rhi.Pool(source, {peer: parameters}, observer=Watcher()):
    signal.pause()
"""


@contextlib.contextmanager
def watching(near: Namespace, folder: Path) -> Iterator[Callable[[], list[list[Any]]]]:
    """Run WATCH; gives what it has printed so far."""
    log = folder / "watch.log"
    process = Process(near, [sys.executable, "-c", WATCH, str(OUR_AS), OVER_4.source_4, ROUTER_4], log)
    try:
        yield lambda: [json.loads(line) for line in complete_lines(log) if line.startswith("[")]
    finally:
        process.kill()


@pytest.mark.feature("received routes")
@routers()
def test_watcher_sees_the_routes_of_a_router_with_their_attributes_and_their_end(
    wire: tuple[Namespace, Namespace], daemon: type[Router], tmp_path: Path
) -> None:
    near, far = wire
    expected = {route.partition("/")[0] for route in ROUTES_4 + ROUTES_6}
    with running(daemon(far, announcing(daemon))) as router, watching(near, tmp_path) as seen:
        wait_until(lambda: {prefix for _, prefix, _ in seen()} >= expected, "all routes", explain=seen)

        for _, prefix, attributes in seen():
            if prefix is None:  # an attempt that came too early
                continue
            assert attributes["as_path"] == str(THEIR_AS)
            assert attributes["med"] == 7
            assert attributes["communities"] == ["65010:77"]
            own = ROUTER_6 if ":" in prefix else ROUTER_4
            assert attributes["next_hop"].split(",")[0] == own

        withdraw(router, ROUTES_4[0])
        gone = [ROUTER_4, ROUTES_4[0].partition("/")[0], None]
        wait_until(lambda: gone in seen(), "the route is withdrawn", explain=seen)
        router.kill()
        wait_until(lambda: seen()[-1][1] is None, "the session's end", explain=seen)


def withdraw(router: Router, route: str) -> None:
    """Have a running router announce a route of ROUTES_4 no longer."""
    if isinstance(router, Bird):
        without = router.configuration.replace(f"  route {route} blackhole;\n", "")
        (router.folder / "bird.conf").write_text(f"log stderr all;\n{without}")
        router.birdc("configure")
    elif isinstance(router, Frr):
        lines = [
            "configure terminal",
            f"router bgp {THEIR_AS}",
            "address-family ipv4 unicast",
            f"no network {route}",
        ]
        router.vtysh("\n".join(lines))


def test_malformed_attribute_of_exabgp_is_told_and_the_session_goes_on(
    wire: tuple[Namespace, Namespace],
) -> None:
    """ExaBGP sends any bytes as an attribute: here AGGREGATOR and OTC, each of three octets."""
    near, far = wire
    peer = Neighbour(address=OVER_4.source, local_address=ROUTER_4, remote_as=OUR_AS)
    text = ExaBgp.configure(Settings(as_number=THEIR_AS, router_id=ROUTER_4, neighbours=(peer,)))
    routes = "".join(
        f"    route {route} next-hop {ROUTER_4} attribute [ {code} 0xc0 0x010203 ];\n"
        for route, code in zip(ROUTES_4[:2], ("0x07", "0x23"), strict=True)
    )
    head, _, tail = text.rpartition("}")
    text = f"{head}  static {{\n{routes}  }}\n}}{tail}"
    with running(ExaBgp(far, text)) as router, speaking(near, arguments()) as speaker:
        wait_until(lambda: len(speaker.events("update_malformed")) == 2, "both are told")
        speaker.tell(f"announce {OVER_4.route_4(2)}")
        router.wait_route(OVER_4.route_4(2))

        told = {event["treatment"]: event["detail"] for event in speaker.events("update_malformed")}
        assert set(told) == {"attribute discard", "treat-as-withdraw"}
        assert told["attribute discard"].startswith("AGGREGATOR: ")
        assert told["treat-as-withdraw"].startswith("ONLY_TO_CUSTOMER: ")
        assert [event["established"] for event in speaker.events("session_down")].count(True) == 0
