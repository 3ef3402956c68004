"""`rhi demo`: the daemon at work. A service fails and recovers, another is drained. No root, no router.

    two services  <--HTTP checks--  rhi run, a process of its own  --BGP-->  two collectors

What is said of the collectors is what they got over TCP, and each step has to arrive there: the daemon is not
asked how it is doing.
"""

import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

from rhi.cli.arguments import Parser, Stopped, fail, one_sentence, stop_signals
from rhi.cli.output import Output
from rhi.cli.stage import CHECK_INTERVAL, Daemon, DemoError, Service, Witnesses
from rhi.testing.collector import RoutesSeen

PROG: Final = "rhi demo"
DNS, WEB = "192.0.2.53", "192.0.2.80"
GRACEFUL_SHUTDOWN: Final = "65535:0"
DRAIN_WAIT: Final = 1.0
# For all steps together; with the end of the daemon the demo takes under 30 s whatever happens.
PATIENCE: Final = 16.0
# For the last words of the sessions to be read.
LAST_TIME: Final = 2.0
# How long the web service works, and fails, for those who look at the page.
KEPT_FOR: Final = 10.0


def parser() -> Parser:
    """The verb's arguments."""
    result = Parser(
        PROG,
        description="See the daemon at work: two HTTP services, the daemon with checks of them and a status "
        "page, and two collectors that it peers with, all on loopback. One service fails and recovers, the "
        "other is drained. Needs no root and no router; ends by itself in seconds. Exit code 1 when a step "
        "did not arrive at both collectors.",
    )
    result.add_argument(
        "--keep", action="store_true", help="go on until Ctrl-C, with one service failing now and then"
    )
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code: 0 when every step arrived at both collectors."""
    arguments = parser().parse(words)
    is_done = False
    with one_sentence(PROG), stop_signals():
        _play(keep=arguments.keep)
        is_done = True
    if not is_done:
        fail(PROG, "stopped before the end", 1)
    return 0


class Story:
    """Prints what happens with the seconds since the start, and waits for the collectors."""

    def __init__(self, witnesses: Witnesses, daemon: Daemon) -> None:
        self._witnesses = witnesses
        self._daemon = daemon
        self._output = Output(lambda: None)
        self._began = time.monotonic()
        self._left = PATIENCE

    def tell(self, who: str, text: str) -> None:
        """One line."""
        self._output.line(f"{time.monotonic() - self._began:7.3f} s  {who:<11} {text}")

    def expect(self, what: str, condition: Callable[[RoutesSeen], bool]) -> None:
        """Wait until both collectors have it, and tell how long it took.

        Raises:
            DemoError: they do not get it.
        """
        began = time.monotonic()
        found = self._witnesses.wait_for(condition, self._left, lambda: self._daemon.is_running)
        took = time.monotonic() - began
        self._left -= took
        if not found and not self._daemon.is_running:
            raise DemoError(f"the daemon has ended with {self._daemon.how_it_ended()}")
        if not found:
            raise DemoError(f"in vain waited for: both collectors {what}")
        self.tell("collectors", f"both {what}, {took * 1000:.0f} ms later")


def _play(*, keep: bool) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rhi-demo-")))
        dns, web = (stack.enter_context(closing(Service())) for _ in range(2))
        witnesses = stack.enter_context(closing(Witnesses()))
        services = {"dns": (DNS, dns.port), "web": (WEB, web.port)}
        daemon = stack.enter_context(Daemon(folder, services, witnesses.collectors))
        story = Story(witnesses, daemon)
        story.tell(
            "services", f"dns and web answer on 127.0.0.1, and are asked every {CHECK_INTERVAL} s for health"
        )
        story.tell("daemon", "rhi run, AS 65001, peers with two collectors, AS 65000")
        story.expect(f"have {DNS} (dns) and {WEB} (web)", lambda routes: routes.keys() == {DNS, WEB})
        daemon.show_page()
        story.tell("page", f"{daemon.page} with token {daemon.token}; rhi demo --keep leaves it open")
        _fail_and_recover(story, web)
        _drain(story, daemon)
        if keep:
            _keep(story, web, daemon)
        # a route also leaves when its session ends, which would prove nothing
        if witnesses.sessions != len(witnesses.collectors):
            raise DemoError(f"there have been {witnesses.sessions} sessions instead of one each")
        story.tell("daemon", "is told to stop")
        daemon.stop()
        # what its sessions said last is on the way to the collectors
        if not witnesses.wait_for(lambda routes: not routes, LAST_TIME, lambda: True):
            raise DemoError("the daemon has ended, and its routes are still there")
        story.tell("collectors", "all routes have left, in one BGP session each; done")


def _fail_and_recover(story: Story, web: Service) -> None:
    web.is_healthy = False
    story.tell("web", "fails: answers 503 from now on")
    story.expect(f"have lost {WEB} and kept {DNS}", lambda routes: routes.keys() == {DNS})
    web.is_healthy = True
    story.tell("web", "recovers")
    story.expect(f"have {WEB} again", lambda routes: routes.keys() == {DNS, WEB})


def _drain(story: Story, daemon: Daemon) -> None:
    order = {"reason": "kernel update", "by": "rhi demo", "wait": DRAIN_WAIT, "lasts": "10m"}
    daemon.ask("PUT", "/v1/drains/service/dns", order)
    story.tell(
        "operator", f"drains dns for a kernel update, to be withdrawn {DRAIN_WAIT:g} s after the warning"
    )
    story.expect(
        f"have {DNS} marked as leaving (GRACEFUL_SHUTDOWN)",
        lambda routes: (
            routes.keys() == {DNS, WEB} and _is_marked(routes, DNS) and not _is_marked(routes, WEB)
        ),
    )
    story.expect(f"have lost {DNS} and kept {WEB}", lambda routes: routes.keys() == {WEB})
    daemon.ask("DELETE", "/v1/drains/service/dns")
    story.tell("operator", "takes the drain back")
    story.expect(
        f"have {DNS} again, not marked",
        lambda routes: routes.keys() == {DNS, WEB} and not _is_marked(routes, DNS),
    )


def _is_marked(routes: RoutesSeen, route: str) -> bool:
    return GRACEFUL_SHUTDOWN in routes[route].get("communities", ())


def _keep(story: Story, web: Service, daemon: Daemon) -> None:
    """Have something to look at, until a signal."""
    try:
        story.tell("page", f"{daemon.page} with token {daemon.token}, until Ctrl-C")
        while daemon.is_running:
            threading.Event().wait(KEPT_FOR)
            web.is_healthy = not web.is_healthy
            story.tell("web", "recovers" if web.is_healthy else "fails")
    except Stopped:
        return
    raise DemoError(f"the daemon has ended with {daemon.how_it_ended()}")
