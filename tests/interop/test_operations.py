"""What an operator does at the router, and mistakes in numbers and next hops, as the router sees them."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.interop.bench import EXTERNAL_AS, KINDS, ROUTER_4, ROUTER_AS
from tests.interop.lab import (
    DAEMONS,
    ESTABLISHED,
    Bird,
    ExaBgp,
    Frr,
    Namespace,
    Neighbour,
    OpenBgpd,
    Router,
    Settings,
    running,
    speaking,
    wait_until,
)
from tests.interop.options import configure
from tests.interop.session import settings, with_daemons

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

KIND = KINDS[0]  # eBGP over IPv4
OUR_AS, THEIR_AS = EXTERNAL_AS[2], ROUTER_AS[2]


def configuration(daemon: type[Router], *, remote_as: int = OUR_AS) -> str:
    peer = Neighbour(address=KIND.source, local_address=ROUTER_4, remote_as=remote_as)
    return daemon.configure(Settings(as_number=THEIR_AS, router_id=ROUTER_4, neighbours=(peer,)))


def arguments(*options: str, next_hop_6: str | None = KIND.source_6) -> list[str]:
    given = ["-6", next_hop_6] if next_hop_6 else []
    start = ["-m", "--source", KIND.source, *given, *options]
    return [*start, str(OUR_AS), KIND.source, ROUTER_4, *KIND.routes(1)]


def ask_for_refresh(router: Router) -> None:
    if isinstance(router, Bird):
        router.birdc("reload", "in", "peer0")
    elif isinstance(router, Frr):
        router.vtysh(f"clear bgp ipv4 unicast {KIND.source} soft in")
        router.vtysh(f"clear bgp ipv6 unicast {KIND.source} soft in")
    elif isinstance(router, OpenBgpd):
        command = ["bgpctl", "-s", str(router.folder / "ctl"), "neighbor", KIND.source, "refresh"]
        subprocess.run(command, check=True, capture_output=True, timeout=20)
    elif isinstance(router, ExaBgp):
        for family in (4, 6):
            router.tell(f"neighbor {KIND.source} announce route-refresh ipv{family} unicast")


def times_received(router: Router) -> list[int]:
    """How often the router has noted each route; BIRD does not note one that is as before, but counts it."""
    if isinstance(router, Bird):
        text = router.birdc("show", "protocols", "all", "peer0")
        return [int(count) for count in re.findall(r"Import updates: +(\d+)", text)]
    return [len(router.changes(prefix)) for prefix in KIND.routes(1)]


# GoBGP's soft reset asks its own table only.
@pytest.mark.feature("route refresh")
@with_daemons([Bird, Frr, OpenBgpd, ExaBgp])
def test_route_refresh_brings_both_families_again_and_withdraws_nothing(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, configure(daemon, settings(KIND), "route refresh"))) as router,
        speaking(near, arguments()),
    ):
        for prefix in KIND.routes(1):
            router.wait_route(prefix)
        wait_until(lambda: times_received(router) == [1, 1], "both are noted")

        ask_for_refresh(router)

        wait_until(lambda: times_received(router) == [2, 2], "both routes received again")
        for prefix in KIND.routes(1):
            assert "withdraw" not in router.changes(prefix)
        assert router.session_state(KIND.source) == ESTABLISHED


# What each notes of the marks around a refresh; both families are asked for, so twice.
MARKS: dict[type[Router], tuple[str, str]] = {
    Bird: ("Got BEGIN-OF-RR", "Got END-OF-RR"),
    Frr: ("rcvd route-refresh (BoRR)", "rcvd route-refresh (EoRR)"),
    OpenBgpd: ("borr", "eorr"),
}


def marks_received(router: Router) -> list[int]:
    if isinstance(router, OpenBgpd):
        peers = router.bgpctl("show", "neighbor", KIND.source).get("neighbors", [])
        return [
            peer["stats"]["route-refresh"]["received"][mark] for peer in peers for mark in MARKS[OpenBgpd]
        ]
    return [router.log.read_text().count(mark) for mark in MARKS[type(router)]]


@pytest.mark.feature("enhanced route refresh")
@with_daemons(MARKS)
def test_enhanced_route_refresh_is_marked_and_withdraws_nothing(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    config = configure(daemon, settings(KIND), "enhanced route refresh")
    config = config.replace("debug { routes, states }", "debug all")
    with running(daemon(far, config)) as router, speaking(near, arguments()):
        for prefix in KIND.routes(1):
            router.wait_route(prefix)

        ask_for_refresh(router)

        wait_until(lambda: marks_received(router) == [2, 2], "the marks of both families")
        for prefix in KIND.routes(1):
            router.wait_route(prefix)
            assert "withdraw" not in router.changes(prefix)
        assert router.session_state(KIND.source) == ESTABLISHED


@pytest.mark.feature("unexpected AS numbers")
@with_daemons(DAEMONS)
def test_router_that_expects_another_as_says_so_and_is_told_on(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, configuration(daemon, remote_as=OUR_AS + 1))) as router,
        speaking(near, arguments()) as speaker,
    ):
        wait_until(lambda: "Bad Peer AS" in speaker.explain(), "rhi says what the router said")
        assert router.session_state(KIND.source) != ESTABLISHED


# GoBGP does not tell what a NOTIFICATION said that came before the session was established.
@pytest.mark.feature("unexpected AS numbers")
@with_daemons([Bird, Frr, OpenBgpd, ExaBgp])
def test_speaker_that_expects_another_as_sends_bad_peer_as(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, configuration(daemon))) as router,
        speaking(near, arguments("--peer-as", str(THEIR_AS + 1))) as speaker,
    ):
        wait_until(lambda: "Bad Peer AS" in speaker.explain(), "rhi says why")
        router.wait_notification(KIND.source, (2, 2))


@pytest.mark.feature("next hop of a route")
@with_daemons(DAEMONS)
def test_ipv6_route_without_next_hop_is_held_back(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, configuration(daemon))) as router,
        speaking(near, arguments(next_hop_6=None)) as speaker,
    ):
        router.wait_route(KIND.route_4(1))
        speaker.tell(f"announce {KIND.route_6(2)}", f"announce {KIND.route_4(2)}")
        router.wait_route(KIND.route_4(2))

        assert set(router.routes()) == {KIND.route_4(1), KIND.route_4(2)}
        wait_until(lambda: "held back" in speaker.explain(), "rhi says so")
        assert router.session_state(KIND.source) == ESTABLISHED


@pytest.mark.feature("hold time 0")
@with_daemons(DAEMONS)
def test_hold_time_zero_is_agreed(wire: tuple[Namespace, Namespace], daemon: type[Router]) -> None:
    near, far = wire
    with running(daemon(far, configuration(daemon))) as router, speaking(near, arguments("--hold-time", "0")):
        for prefix in KIND.routes(1):
            router.wait_route(prefix)
