"""The daemon as its service manager sees it: ready after the first verdicts, reloading, stopping, alive.

`notify` has the messages and `watchdog` the pings; here is when they are sent.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from rhi.daemon.app import Daemon
from rhi.daemon.controller import Decided
from rhi.daemon.notify import Notifier
from rhi.daemon.watchdog import Rounds, Watchdog
from rhi.health.checker import Report
from rhi.health.threads import Threads
from rhi.model.events import Event, SessionDown, SessionUp

# Seconds more than we need that the manager is asked for; our own last resort needs some of them.
MARGIN: Final = 10.0
# Seconds between two lines of status at the least.
STATUS_PAUSE: Final = 1.0


class Manager:
    """What is told of one daemon. Belongs to its event loop."""

    def __init__(
        self,
        daemon: Daemon,
        notifier: Notifier,
        complete_within: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Tell of the start.

        Args:
            daemon: whose decisions, rounds and sessions are followed.
            notifier: tells the manager.
            complete_within: seconds after which it is ready without all verdicts.
            clock: CLOCK_MONOTONIC itself; a loop may lag behind the signal that asked for a reload, and
                the manager takes such an answer for an old one.
        """
        self._clock = clock
        self._daemon = daemon
        self._notifier = notifier
        self._loop = asyncio.get_running_loop()
        self._is_ready = self._is_stopping = False
        self._status: str | None = None
        self._status_due: asyncio.TimerHandle | None = None
        self._rounds = Rounds(self._loop.time())
        self._checks: object = None
        self._deadline = self._loop.call_later(complete_within, self._be_ready)
        self._pinging: asyncio.Task[None] | None = None
        if not notifier.is_wanted:
            return
        notifier.starting("waiting for the first verdicts", complete_within + MARGIN)
        daemon.on_decision.append(self._take_decision)
        daemon.on_report.append(self._take_report)
        daemon.on_event.append(self._take_event)
        if daemon.controller.reconciler.is_decided:
            self._be_ready()
        if notifier.watchdog is not None:
            self._pinging = self._loop.create_task(self._watchdog(notifier.watchdog).run())

    def _watchdog(self, period: float) -> Watchdog:
        self._expect_rounds()
        # a thread that does not end by itself must not keep the program from ending
        threads = Threads(1)
        return Watchdog(
            period,
            self._rounds,
            lambda: threads.run("sessions", self._daemon.pool.status),
            ping=self._notifier.ping,
            tell=lambda text: self._daemon.alarms.set("watchdog", text),
        )

    @asynccontextmanager
    async def reloading(self) -> AsyncIterator[None]:
        """A reload that the manager hears of, if it knows us as ready."""
        if self._is_ready and not self._is_stopping:
            self._notifier.reloading(self._clock())
        try:
            yield
        finally:
            if self._is_ready and not self._is_stopping:
                self._notifier.ready(self._text())

    def stopping(self, seconds: float) -> None:
        """The end begins, and takes so long at the most."""
        self._is_stopping = True
        self._deadline.cancel()
        if self._pinging is not None:
            self._pinging.cancel()  # from here on the time to stop counts
        self._notifier.stopping("the routes leave", seconds + MARGIN)

    def close(self) -> None:
        """Tell nothing any more."""
        self._is_stopping = True
        for handle in (self._deadline, self._status_due, self._pinging):
            if handle is not None:
                handle.cancel()
        self._notifier.close()

    def _take_decision(self, decided: Decided, now: float) -> None:
        if self._daemon.controller.reconciler.is_decided:
            self._be_ready()
        self._expect_rounds()
        self._tell_status_soon()

    def _take_report(self, report: Report) -> None:
        self._rounds.note(self._loop.time())

    def _take_event(self, event: Event) -> None:
        if isinstance(event, SessionUp | SessionDown):
            self._tell_status_soon()

    def _expect_rounds(self) -> None:
        """Of the checks that are in force, when those are others than before."""
        checks = self._daemon.setup.checks
        if checks is not self._checks:
            self._checks = checks
            self._rounds.expect(checks.values(), self._loop.time())

    def _be_ready(self) -> None:
        if not self._is_ready and not self._is_stopping:
            self._is_ready = True
            self._deadline.cancel()
            self._status = self._text()
            self._notifier.ready(self._status)

    def _tell_status_soon(self) -> None:
        if self._is_ready and self._status_due is None and not self._is_stopping:
            self._status_due = self._loop.call_later(STATUS_PAUSE, self._tell_status)

    def _tell_status(self) -> None:
        self._status_due = None
        text = self._text()
        if text != self._status and not self._is_stopping:
            self._status = text
            self._notifier.status(text)

    def _text(self) -> str:
        controller = self._daemon.controller
        standings = list(controller.reconciler.standings.values())
        announced = sum(standing.attributes is not None for standing in standings)
        routes, sessions = len(controller.reconciler.routes), len(controller.drains.sessions.established)
        return f"{announced} of {len(standings)} services announced: {routes} routes, {sessions} sessions up"
