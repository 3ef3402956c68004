"""Alarms of what the sessions were told and could not do, each until it has been done.

Peers that the kernel refuses wait for a reload. Of routes it is not known which ones are missing: all are
said again, and the alarm stays until that has gone well for a while. The next call that works
(`CallRecovered`) proves nothing of those that are missing.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from rhi.daemon.alarms import Alarms
from rhi.model.events import CallFailed, CallRecovered
from rhi.net.carried_out import CONFIGURE, ROUTES

# Seconds without a failure after which routes that were said again are taken to have arrived.
QUIET: Final = 5.0


class FailedCalls:
    """Made, used and closed in one event loop."""

    def __init__(self, alarms: Alarms, say_again: Callable[[], object]) -> None:
        """`say_again` is called when routes are missing, to say all of them a little later."""
        self._loop = asyncio.get_running_loop()
        self._alarms = alarms
        self._say_again = say_again
        self._lost_routes: str | None = None
        self._timer: asyncio.TimerHandle | None = None

    def take_event(self, event: CallFailed | CallRecovered) -> None:
        """Something could not be done, or can be again."""
        subject = f"sessions {event.call} {event.peer}".rstrip()
        if event.call == ROUTES:
            if isinstance(event, CallFailed):
                self._lost_routes = subject
                self.close()
                self._alarms.set(subject, f"{event.reason}; what peers are told may be out of date")
                self._say_again()
        elif isinstance(event, CallRecovered):
            self._alarms.set(subject, None)
        elif event.call == CONFIGURE:
            self._alarms.set(subject, f"{_peers(event)}; rhi reload tries again")
        else:
            self._alarms.set(subject, event.reason)

    def forget(self, peer: str) -> None:
        """The peer has left: calls about it are no longer of interest."""
        for alarm in self._alarms.all:
            if alarm.subject.split()[::2] == ["sessions", peer]:
                self._alarms.set(alarm.subject, None)

    def said_again(self) -> None:
        """All routes have been; the sessions' thread has yet to take them."""
        if self._lost_routes is not None and self._timer is None:
            self._timer = self._loop.call_later(QUIET, self._over)

    def close(self) -> None:
        """Expect nothing more of what was said last."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _over(self) -> None:
        self._timer = None
        if self._lost_routes is not None:
            self._alarms.set(self._lost_routes, None)
            self._lost_routes = None


def _peers(event: CallFailed) -> str:
    if event.internal:
        return f"{event.reason}; which peers have changed is not known"
    return f"peers stay as they were: {event.reason}"
