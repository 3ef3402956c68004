"""The daemon's exits, crashes and restarts, as routers see them: what each policy of a service keeps or not.

A route that must not be lost is looked for in the router's table at every step, and its log must know of no
withdraw.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.interop.lab import (
    ESTABLISHED,
    Bird,
    Frr,
    GoBgp,
    Namespace,
    OpenBgpd,
    Router,
    running,
    wait_until,
)
from tests.interop.lab.daemon import Daemon, service, serving
from tests.interop.options import configure
from tests.interop.session import OUR_AS, OVER_4, settings, with_daemons

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

DNS, WEB = OVER_4.route_4(1), OVER_4.route_4(2)


def routers() -> pytest.MarkDecorator:
    return with_daemons([Bird, Frr])


def configuration(dns: str, web: str, *, restart_time: int = 60) -> str:
    head = [
        f'router_id = "{OVER_4.source_4}"', f"as_number = {OUR_AS}", 'state_file = "FOLDER/state.json"',
        f"restart_time = {restart_time}", f"[peers.\"{settings(OVER_4).router_id}\"]",
        f'source_ip = "{OVER_4.source}"', "hold_time = 90", "connect_retry_time = 0.5", "",
    ]  # fmt: skip
    return "\n".join(head) + service("dns", DNS, dns) + service("web", WEB, web)


def gracious(daemon: type[Router]) -> str:
    """A configuration that keeps the routes of a neighbour which restarts."""
    return configure(daemon, settings(OVER_4), "graceful restart")


def is_up(router: Router) -> bool:
    return router.session_state(OVER_4.source) == ESTABLISHED


def wait_holding(router: Router, probe: Callable[[], bool], what: str) -> None:
    """Wait until `probe` is true, with the healthy service in the router's table all the time."""

    def holds() -> bool:
        assert DNS in router.routes(), "a route has been lost"
        return probe()

    wait_until(holds, what)


def wait_both(router: Router) -> None:
    router.wait_route(DNS)
    router.wait_route(WEB)


def restart(router: Router, rhi: Daemon) -> None:
    """Start it again with one service that has failed meanwhile: that leaves, and the other never does."""
    rhi.set("web", is_up=False)
    rhi.start()
    wait_holding(router, lambda: is_up(router), "a new session")
    wait_holding(router, lambda: WEB not in router.routes(), "the failed service leaves")
    end = time.monotonic() + 1
    wait_holding(router, lambda: time.monotonic() > end, "a second more")
    assert set(router.changes(DNS)) == {"announce"}


@contextmanager
def at_work(
    wire: tuple[Namespace, Namespace],
    daemon: type[Router],
    dns: str = "",
    web: str = "",
    *,
    restart_time: int = 60,
) -> Iterator[tuple[Router, Daemon]]:
    """The daemon with these lines of its two services, and a router that has the routes of both."""
    near, far = wire
    with (
        running(daemon(far, gracious(daemon))) as router,
        serving(near, configuration(dns, web, restart_time=restart_time), "dns", "web") as rhi,
    ):
        wait_both(router)
        yield router, rhi


@routers()
def test_killed_daemon_loses_its_routes_where_that_is_the_policy(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    with at_work(wire, daemon) as (router, rhi):
        rhi.kill()
        # the wait is shorter than any time for which routers keep routes here
        router.wait_gone(DNS, WEB)


@routers()
def test_killed_daemon_keeps_its_routes_until_checks_have_decided_anew(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    crash = 'on_crash = "fail-static"'
    with at_work(wire, daemon, crash, crash) as (router, rhi):
        rhi.kill()
        wait_holding(router, lambda: not is_up(router), "the session's end")
        assert WEB in router.routes()

        restart(router, rhi)


@routers()
def test_lesson_05_router_that_still_holds_the_old_session_keeps_the_routes(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    """The daemon died without a word: what its kernel says of that does not arrive."""
    near, _ = wire
    crash = 'on_crash = "warm"'
    with at_work(wire, daemon, crash, crash) as (router, rhi):
        address = settings(OVER_4).router_id
        near.run("sysctl", "-q", "-w", "net.ipv4.tcp_orphan_retries=1")
        near.run("ip", "neigh", "replace", address, "dev", "eth0", "lladdr", "02:00:00:00:00:01")
        try:
            rhi.kill()
            # until the kernel has given up on saying that the connection is closed
            sockets = ("ss", "-Htn", "state", "connected", "exclude", "time-wait", "dst", address)
            wait_until(lambda: not near.run(*sockets), "the end of its sockets")
            # not later: what the router has said meanwhile is answered with a reset once that gets through
            assert is_up(router)
        finally:
            near.run("ip", "neigh", "del", address, "dev", "eth0")

        restart(router, rhi)


@with_daemons([Bird, Frr, GoBgp, OpenBgpd])
def test_lesson_17_router_drops_what_is_stale_when_nobody_comes_back(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    crash = 'on_crash = "fail-static"'
    with at_work(wire, daemon, crash, crash, restart_time=3) as (router, rhi):
        began = time.monotonic()

        rhi.kill()
        wait_until(lambda: not is_up(router), "the session's end")
        router.wait_gone(DNS, WEB)

        # not with the session, but when the restart time was over
        assert time.monotonic() - began > 2


@routers()
def test_upgrade_keeps_one_service_and_withdraws_the_other(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    """SIGTERM with mixed policies on one session: what is not kept has left before it ends."""
    crash = 'on_crash = "fail-static"\n'
    with at_work(wire, daemon, f'{crash}on_exit = "keep"', crash) as (router, rhi):
        assert rhi.stop(signal.SIGTERM) == 0
        wait_holding(router, lambda: WEB not in router.routes() and not is_up(router), "the end")

        restart(router, rhi)


@routers()
def test_lesson_16_stop_takes_the_routes_although_graceful_restart_was_agreed_on(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    crash = 'on_crash = "fail-static"'
    with at_work(wire, daemon, crash, crash) as (router, rhi):
        assert rhi.stop(signal.SIGTERM) == 0
        router.wait_gone(DNS, WEB)
