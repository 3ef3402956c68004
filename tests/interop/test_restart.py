"""Restarts, as routers see them: what is kept and what is not.

A route that must not be lost is looked for in the router's table at every step, and its log must know of no
withdraw. What the routers need to be told for it is in docs/routers/options.md.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable

import pytest

from tests.interop.lab import (
    ADMINISTRATIVE_SHUTDOWN,
    ESTABLISHED,
    Bird,
    Frr,
    GoBgp,
    Namespace,
    OpenBgpd,
    Router,
    Speaker,
    running,
    speaking,
    wait_until,
)
from tests.interop.options import configure
from tests.interop.session import OVER_4, arguments, settings, with_daemons

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

ROUTES = OVER_4.routes(1)
AFTER = OVER_4.route_4(9)
RESTART = ("--graceful-restart", "60")
HARD_RESET = (6, 9)
LLGR_STALE = "65535:6"


def gracious(daemon: type[Router]) -> str:
    """A configuration that keeps the routes of a neighbour which restarts."""
    return configure(daemon, settings(OVER_4), "graceful restart")


def without_routes(arguments: list[str]) -> list[str]:
    """Those arguments, for routes that come later, on standard input."""
    return [argument for argument in arguments if argument not in ROUTES]


def helpers() -> pytest.MarkDecorator:
    return with_daemons([Bird, Frr, GoBgp, OpenBgpd])


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
    speaker.tell(f"announce {AFTER}")  # what came before it has been dealt with
    wait_with_routes(router, lambda: AFTER in router.routes(), "the route after End-of-RIB")


def ends_of_rib(speaker: Speaker) -> int:
    """How often the speaker has sent End-of-RIB, restarts included."""
    return speaker.explain().count(" routes sent")


def assert_never_withdrawn(router: Router) -> None:
    assert {verb for prefix in ROUTES for verb in router.changes(prefix)} == {"announce"}


# With GoBGP, which refuses connections for five seconds after a session, the crash further down is enough.
@pytest.mark.feature("graceful restart: a crash keeps the routes")
@with_daemons([Bird, Frr, OpenBgpd])
def test_router_keeps_the_routes_of_a_killed_speaker_that_starts_again(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, gracious(daemon))) as router,
        speaking(near, arguments(OVER_4, *RESTART)) as speaker,
    ):
        wait_all(router, speaker)

        speaker.kill()
        wait_with_routes(router, lambda: not is_up(router), "the session's end")
        restart(router, speaker)

        assert_never_withdrawn(router)


@pytest.mark.feature("graceful restart: a stop takes the routes")
@pytest.mark.feature("Hard Reset", on=[Frr, GoBgp])
@helpers()
def test_router_drops_the_routes_of_a_speaker_that_is_told_to_stop(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, gracious(daemon))) as router,
        speaking(near, arguments(OVER_4, *RESTART)) as speaker,
    ):
        wait_all(router, speaker)

        assert speaker.stop(signal.SIGTERM) == 0
        # the wait is far shorter than the 60 s for which routes would be kept
        router.wait_gone(*ROUTES)

        router.wait_notification(OVER_4.source, HARD_RESET if daemon is GoBgp else ADMINISTRATIVE_SHUTDOWN)
        # BIRD 2 and OpenBGPD know no N bit (RFC 8538), FRR tells what is inside of a Hard Reset
        assert ("Hard Reset" in speaker.explain()) is (daemon in (Frr, GoBgp))


@pytest.mark.feature("graceful restart: a stop leaves the routes if told to")
@helpers()
def test_router_keeps_the_routes_of_a_speaker_that_is_stopped_with_keep_routes(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, gracious(daemon))) as router,
        speaking(near, arguments(OVER_4, *RESTART, "--keep-routes")) as speaker,
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
        table = json.loads(router.vtysh(f"show bgp ipv4 unicast {OVER_4.route_4(1)} json") or "{}")
        return any(path.get("stale") for path in table.get("paths", []))
    if isinstance(router, OpenBgpd):
        return router.log.read_text().count("keeping routes") == 2
    return True


@pytest.mark.feature("graceful restart: a crash keeps the routes", "graceful restart: End-of-RIB held back")
@helpers()
def test_end_of_rib_is_held_back_until_complete(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    """What was not announced again stays until then, and not longer."""
    near, far = wire
    with (
        running(daemon(far, gracious(daemon))) as router,
        speaking(near, without_routes(arguments(OVER_4, *RESTART, "--complete-within", "60"))) as speaker,
    ):
        speaker.tell(*(f"announce {prefix}" for prefix in ROUTES), "complete")
        wait_all(router, speaker)
        speaker.kill()
        wait_with_routes(router, lambda: not is_up(router), "the session's end")
        speaker.start()
        wait_with_routes(router, lambda: is_up(router), "a new session")

        speaker.tell(f"announce {ROUTES[0]}", "flush")
        wait_with_routes(router, lambda: "flushed" in speaker.explain(), "the first route sent")
        end = time.monotonic() + 1
        wait_with_routes(router, lambda: time.monotonic() > end, "a second more")
        assert ends_of_rib(speaker) == 2
        speaker.tell("complete")

        router.wait_gone(ROUTES[1])
        router.wait_route(ROUTES[0])
        assert set(router.changes(ROUTES[0])) == {"announce"}


@pytest.mark.feature("long-lived graceful restart")
@with_daemons([Bird, Frr, GoBgp])
def test_router_keeps_long_lived_stale_routes(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    config = configure(daemon, settings(OVER_4), "long-lived graceful restart")
    options = ("--graceful-restart", "1", "--long-lived-stale-time", "60")
    with running(daemon(far, config)) as router, speaking(near, arguments(OVER_4, *options)) as speaker:
        wait_all(router, speaker)

        speaker.kill()

        # LLGR_STALE (RFC 9494 §4.2)
        wait_with_routes(
            router,
            lambda: all(LLGR_STALE in (router.routes()[prefix].communities or ()) for prefix in ROUTES),
            "long-lived stale routes",
        )
        restart(router, speaker)
        assert all(LLGR_STALE not in (router.routes()[prefix].communities or ()) for prefix in ROUTES)
