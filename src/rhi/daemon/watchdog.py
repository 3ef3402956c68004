"""Pings for the watchdog of the service manager, as long as the daemon really works.

A ping is sent from the event loop, so one that is stuck sends none. Before each, two more questions:

- Does the runner finish rounds? With checks that probe by themselves, one of them has to come to an end
  within the time that the quickest takes at the most.
- Does the thread that has the sessions answer? It is asked with every ping, and has to have answered by the
  next.

A timer alone would ping for a daemon that decides nothing and keeps dead services announced.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from rhi.health.base import Check
from rhi.health.checker import GRACE, JITTER

# Pings in the time that the manager waits for one: one may be late, and one question without an answer.
PINGS: Final = 3
# Seconds that a round may be late for want of processor time.
SLACK: Final = 5.0


class Rounds:
    """Whether rounds of checks come to an end."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._longest: float | None = None

    def expect(self, checks: Iterable[Check], now: float) -> None:
        """These checks run from now on."""
        self._since = now
        times = [_longest_round(check) for check in checks if not check.is_passive]
        self._longest = min(times) if times else None

    def note(self, now: float) -> None:
        """A round has come to its end."""
        self._since = now

    def trouble(self, now: float) -> str | None:
        """Why it looks as if none did any more."""
        if self._longest is None or now - self._since <= self._longest + SLACK:
            return None
        return f"no check has finished a round for {now - self._since:.0f} s"


class Watchdog:
    """Pings, or says why not.

    Args:
        period: seconds within which the manager wants a ping.
        rounds: of the checks.
        ask: a question to the thread of the sessions; its end is the answer.
        ping: tells the manager.
        tell: gets the reason why there is no ping, once, and None when all is well again.
    """

    def __init__(
        self,
        period: float,
        rounds: Rounds,
        ask: Callable[[], Awaitable[object]],
        *,
        ping: Callable[[], None],
        tell: Callable[[str | None], None],
    ) -> None:
        self._pause = period / PINGS
        self._rounds = rounds
        self._ask = ask
        self._ping = ping
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._question: asyncio.Future[object] | None = None
        self._asked_at = 0.0
        self._is_quiet = False

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._look()
                await asyncio.sleep(self._pause)
        finally:
            if self._question is not None:
                self._question.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        reason = self._rounds.trouble(now) or self._silence(now)
        if reason is None:
            self._ping()
        if (reason is not None) is not self._is_quiet:
            self._is_quiet = not self._is_quiet
            self._tell(reason)

    def _silence(self, now: float) -> str | None:
        """Why it looks as if the sessions stood still; asks the next question."""
        if self._question is not None and not self._question.done():
            return f"the sessions have not answered for {now - self._asked_at:.0f} s"
        self._question = asyncio.ensure_future(self._ask())
        self._question.add_done_callback(_forget)
        self._asked_at = now
        return None


def _forget(question: asyncio.Future[object]) -> None:
    """An error is an answer too, and nobody else looks at it."""
    if not question.cancelled():
        question.exception()


def _longest_round(check: Check) -> float:
    """From the end of one round to the end of the next; a probe may get its time-out twice."""
    return check.interval * (1 + JITTER) + 2 * check.timeout + GRACE
