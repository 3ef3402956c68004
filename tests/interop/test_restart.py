"""Restarts, roles, refreshes and IPv6 next hops of IPv4 routes, as routers see them.

A route that must not be lost is looked for in the router's table at every step, and its log must know of no
withdraw. What BIRD, FRR and GoBGP need to be told for it is in `gracious`.
"""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from tests.interop.bench import EXTERNAL_AS, KINDS, ROUTER_4, ROUTER_6, ROUTER_AS, Kind, cable
from tests.interop.lab import (
    ADMINISTRATIVE_SHUTDOWN,
    ESTABLISHED,
    Bird,
    Frr,
    GoBgp,
    Namespace,
    Neighbour,
    Router,
    Settings,
    Speaker,
    running,
    speaking,
    wait_until,
)

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

OVER_4, OVER_6 = (kind for kind in KINDS if not kind.internal)
OUR_AS, THEIR_AS = EXTERNAL_AS[2], ROUTER_AS[2]
ROUTES = OVER_4.routes(1)
RESTART = ("--graceful-restart", "60")
SOON = 5.0  # seconds; far below the 60 for which routes would be kept
HARD_RESET = (6, 9)


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[Namespace, Namespace]]:
    with cable() as made:
        yield made


def configuration(daemon: type[Router], kind: Kind = OVER_4) -> str:
    local = ROUTER_4 if kind.transport == 4 else ROUTER_6
    peer = Neighbour(address=kind.source, local_address=local, remote_as=OUR_AS)
    return daemon.configure(Settings(as_number=THEIR_AS, router_id=ROUTER_4, neighbours=(peer,)))


def gracious(daemon: type[Router]) -> str:
    """A configuration that keeps the routes of a neighbour which restarts."""
    text = configuration(daemon)
    if daemon is Bird:
        return text.replace("graceful restart off", "graceful restart on")
    if daemon is Frr:
        return text.replace(" no bgp ebgp", " bgp graceful-restart\n no bgp ebgp")
    lines = ["graceful-restart", "enabled = true", "notification-enabled = true", "restart-time = 60"]
    own = "".join(f"    {line}\n" for line in lines[1:])
    families = "      [neighbors.afi-safis.mp-graceful-restart.config]\n        enabled = true\n"
    text = re.sub(r'( *afi-safi-name = "\S+"\n)', rf"\1{families}", text)
    return text.replace(
        "  [neighbors.transport", f"  [neighbors.{lines[0]}.config]\n{own}  [neighbors.transport"
    )


def arguments(*options: str, kind: Kind = OVER_4, routes: tuple[str, ...] = ROUTES) -> list[str]:
    start = ["-m", "-6", kind.source_6, "--source", kind.source, *options]
    return [*start, str(OUR_AS), kind.source_4, ROUTER_4 if kind.transport == 4 else ROUTER_6, *routes]


def helpers() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("daemon", [Bird, Frr, GoBgp], ids=lambda daemon: str(daemon.NAME))


def wait_all(router: Router, speaker: Speaker) -> None:
    """Wait until the router has been told everything."""
    wait_until(lambda: ends_of_rib(speaker) == 2, "End-of-RIB of both families")
    for prefix in ROUTES:
        router.wait_route(prefix)


def is_up(router: Router) -> bool:
    return router.session_state(OVER_4.source) == ESTABLISHED


def wait_with_routes(router: Router, probe: Callable[[], bool], what: str) -> None:
    """Wait until `probe` is true, with all routes in the router's table all the time."""

    def holds() -> bool:
        assert set(ROUTES) <= router.routes().keys(), "a route has been lost"
        return probe()

    wait_until(holds, what)


def restart(router: Router, speaker: Speaker) -> None:
    """Start the speaker that has ended, and wait until it has told everything."""
    speaker.start()
    wait_with_routes(router, lambda: is_up(router), "a new session")
    wait_with_routes(router, lambda: ends_of_rib(speaker) == 4, "End-of-RIB of both families again")
    end = time.monotonic() + 1
    wait_with_routes(router, lambda: time.monotonic() > end, "a second more")


def ends_of_rib(speaker: Speaker) -> int:
    """How often the speaker has sent End-of-RIB, restarts included."""
    return speaker.explain().count(" routes sent")


def assert_never_withdrawn(router: Router) -> None:
    assert {verb for prefix in ROUTES for verb in router.changes(prefix)} == {"announce"}


@helpers()
def test_router_keeps_the_routes_of_a_killed_speaker_that_starts_again(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with running(daemon(far, gracious(daemon))) as router, speaking(near, arguments(*RESTART)) as speaker:
        wait_all(router, speaker)

        speaker.kill()
        wait_with_routes(router, lambda: not is_up(router), "the session's end")
        restart(router, speaker)

        assert_never_withdrawn(router)


@helpers()
def test_router_drops_the_routes_of_a_speaker_that_is_told_to_stop(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with running(daemon(far, gracious(daemon))) as router, speaking(near, arguments(*RESTART)) as speaker:
        wait_all(router, speaker)
        began = time.monotonic()

        assert speaker.stop(signal.SIGTERM) == 0
        router.wait_gone(*ROUTES)

        assert time.monotonic() - began < SOON
        router.wait_notification(OVER_4.source, HARD_RESET if daemon is GoBgp else ADMINISTRATIVE_SHUTDOWN)
        # BIRD 2 knows no N bit (RFC 8538), FRR tells what is inside of a Hard Reset
        assert ("Hard Reset" in speaker.explain()) is (daemon is not Bird)


@helpers()
def test_router_keeps_the_routes_of_a_speaker_that_is_stopped_with_keep_routes(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, gracious(daemon))) as router,
        speaking(near, arguments(*RESTART, "--keep-routes")) as speaker,
    ):
        wait_all(router, speaker)

        assert speaker.stop(signal.SIGTERM) == 0
        wait_with_routes(router, lambda: is_stale(router), "stale routes")
        restart(router, speaker)

        assert_never_withdrawn(router)


def is_stale(router: Router) -> bool:
    if is_up(router):
        return False
    if isinstance(router, Bird):
        return "graceful restart active" in router.birdc("show", "protocols", "all", "peer0")
    if isinstance(router, Frr):
        table = json.loads(router.vtysh(f"show bgp ipv4 unicast {OVER_4.route_4(1)} json"))
        return any(path.get("stale") for path in table["paths"])
    return True


@helpers()
def test_end_of_rib_is_held_back_until_complete(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    """What was not announced again stays until then, and not longer."""
    near, far = wire
    with (
        running(daemon(far, gracious(daemon))) as router,
        speaking(near, arguments(*RESTART, "--complete-within", "60", routes=())) as speaker,
    ):
        speaker.tell(*(f"announce {prefix}" for prefix in ROUTES), "complete")
        wait_all(router, speaker)
        speaker.kill()
        wait_with_routes(router, lambda: not is_up(router), "the session's end")
        speaker.start()
        wait_with_routes(router, lambda: is_up(router), "a new session")

        speaker.tell(f"announce {ROUTES[0]}", "flush")
        wait_with_routes(router, lambda: "flushed" in speaker.explain(), "the first route sent")
        end = time.monotonic() + 2
        wait_with_routes(router, lambda: time.monotonic() > end, "two seconds more")
        assert ends_of_rib(speaker) == 2
        speaker.tell("complete")

        router.wait_gone(ROUTES[1])
        router.wait_route(ROUTES[0])
        assert set(router.changes(ROUTES[0])) == {"announce"}


def test_bird_keeps_long_lived_stale_routes(wire: tuple[Namespace, Namespace]) -> None:
    near, far = wire
    text = gracious(Bird).replace(
        "graceful restart on;", "graceful restart on; long lived graceful restart on;"
    )
    options = ("--graceful-restart", "1", "--long-lived-stale-time", "60")
    with running(Bird(far, text)) as bird, speaking(near, arguments(*options)) as speaker:
        wait_all(bird, speaker)

        speaker.kill()

        # LLGR_STALE (RFC 9494 §4.2)
        wait_with_routes(
            bird,
            lambda: all("65535:6" in (bird.routes()[prefix].communities or ()) for prefix in ROUTES),
            "long-lived stale routes",
        )
        restart(bird, speaker)
        assert all("65535:6" not in (bird.routes()[prefix].communities or ()) for prefix in ROUTES)


@pytest.mark.parametrize(
    ("ours", "theirs", "is_marked"),
    [
        ("provider", "customer", True),
        ("customer", "provider", False),
        ("peer", "peer", True),
        ("rs", "rs_client", True),
        ("rs-client", "rs_server", False),
    ],
)
def test_bird_takes_our_role_and_what_may_not_come_up_again_is_marked(
    wire: tuple[Namespace, Namespace], ours: str, theirs: str, is_marked: bool
) -> None:
    near, far = wire
    text = with_role(theirs)
    with (
        running(Bird(far, text)) as bird,
        speaking(near, arguments("--role", ours, "--role-strict")) as speaker,
    ):
        wait_all(bird, speaker)

        for prefix in ROUTES:
            shown = bird.birdc("show", "route", prefix, "all")
            # BIRD itself marks what comes from its provider, its peer or its route server, if we do not
            assert (f"BGP.otc: {OUR_AS}" in shown) is is_marked
        assert f"Role: {theirs}" in bird.birdc("show", "protocols", "all", "peer0")


def test_bird_and_a_role_that_is_no_counterpart(wire: tuple[Namespace, Namespace]) -> None:
    near, far = wire
    with (
        running(Bird(far, with_role("provider"))) as bird,
        speaking(near, arguments("--role", "provider")) as speaker,
    ):
        wait_until(lambda: "Role mismatch" in bird.log.read_text(), "BIRD logs 2/11")
        wait_until(lambda: "Role Mismatch" in speaker.explain(), "rhi says why")
        assert not is_up(bird)


def test_bird_without_a_role_is_refused_by_a_strict_speaker(wire: tuple[Namespace, Namespace]) -> None:
    near, far = wire
    with (
        running(Bird(far, configuration(Bird))) as bird,
        speaking(near, arguments("--role", "customer", "--role-strict")),
    ):
        wait_until(
            lambda: re.search(r"Received: Role mismatch", bird.log.read_text()) is not None, "BIRD logs 2/11"
        )
        assert not is_up(bird)


def with_role(role: str) -> str:
    return configuration(Bird).replace("  passive;", f"  local role {role};\n  passive;")


def frr_with_role(role: str) -> str:
    peer = f" neighbor {OVER_4.source}"
    return configuration(Frr).replace(f"{peer} passive", f"{peer} passive\n{peer} local-role {role}")


@pytest.mark.parametrize(
    ("ours", "theirs", "is_marked"),
    [
        ("provider", "customer", True),
        ("customer", "provider", False),
        ("peer", "peer", True),
        ("rs", "rs-client", True),
        ("rs-client", "rs-server", False),
    ],
)
def test_frr_takes_our_role_and_what_may_not_come_up_again_is_marked(
    wire: tuple[Namespace, Namespace], ours: str, theirs: str, is_marked: bool
) -> None:
    near, far = wire
    with (
        running(Frr(far, frr_with_role(theirs))) as frr,
        speaking(near, arguments("--role", ours, "--role-strict")) as speaker,
    ):
        wait_all(frr, speaker)

        for family, prefix in (("ipv4", ROUTES[0]), ("ipv6", ROUTES[1])):
            shown = frr.vtysh(f"show bgp {family} unicast {prefix}")
            assert (f"otc {OUR_AS}" in shown) is is_marked, shown


def test_frr_and_a_role_that_is_no_counterpart(wire: tuple[Namespace, Namespace]) -> None:
    near, far = wire
    with (
        running(Frr(far, frr_with_role("provider"))) as frr,
        speaking(near, arguments("--role", "provider")) as speaker,
    ):
        wait_until(lambda: "Role Mismatch" in speaker.explain(), "rhi says why")
        assert not is_up(frr)


@pytest.mark.parametrize("daemon", [Bird, Frr, GoBgp], ids=lambda daemon: str(daemon.NAME))
def test_ipv4_route_with_an_ipv6_next_hop(wire: tuple[Namespace, Namespace], daemon: type[Router]) -> None:
    near, far = wire
    text = configuration(daemon, OVER_6)
    if daemon is Bird:
        text = text.replace("ipv4 { import all;", "ipv4 { extended next hop on; import all;")
    elif daemon is Frr:
        peer = f" neighbor {OVER_6.source}"
        text = text.replace(f"{peer} passive", f"{peer} passive\n{peer} capability extended-nexthop")
    speak = arguments("--extended-next-hop", kind=OVER_6, routes=OVER_6.routes(1))
    with running(daemon(far, text)) as router, speaking(near, speak) as speaker:
        route = router.wait_route(OVER_6.route_4(1))
        router.wait_route(OVER_6.route_6(1))

        assert route.next_hops[0] == OVER_6.source_6
        speaker.tell(f"withdraw {OVER_6.route_4(1)}")
        router.wait_gone(OVER_6.route_4(1))


@pytest.mark.parametrize("daemon", [Bird, Frr], ids=lambda daemon: str(daemon.NAME))
def test_enhanced_route_refresh_is_marked_and_withdraws_nothing(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    text = configuration(daemon).replace("debug { routes, states }", "debug all")
    marks = (
        ("Got BEGIN-OF-RR", "Got END-OF-RR")
        if daemon is Bird
        else ("rcvd route-refresh (BoRR)", "rcvd route-refresh (EoRR)")
    )
    with running(daemon(far, text)) as router, speaking(near, arguments()) as speaker:
        wait_all(router, speaker)

        if isinstance(router, Bird):
            router.birdc("reload", "in", "peer0")
        elif isinstance(router, Frr):
            router.vtysh(f"clear bgp ipv4 unicast {OVER_4.source} soft in")
            router.vtysh(f"clear bgp ipv6 unicast {OVER_4.source} soft in")

        wait_with_routes(
            router,
            lambda: all(router.log.read_text().count(mark) == 2 for mark in marks),
            "the marks of both families",
        )
        assert_never_withdrawn(router)
        assert is_up(router)
