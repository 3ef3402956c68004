"""All checks of a program in one event loop: thousands of them, added, changed and removed while they run.

The set of checks is told as a whole (`configure`), and what stays the same goes on undisturbed. Every round
ends in one `Report` to the observer, which is called in the event loop and has to return at once. `trigger`
is for those who know more than the clock does: a unit that was stopped, a deployment that ends.
"""

import asyncio
import collections
from collections.abc import Callable, Mapping
from typing import Final

from rhi.health.base import Check, Slot
from rhi.health.checker import Checker, Report
from rhi.health.context import Context, Renewal, Tools

Observer = Callable[[Report], None]

# Processes that checks may have at once.
MAX_PROCESSES: Final = 32
# Probes that begin before the loop turns to other work. With more to do than time, probes come late, and the
# loop does not: this many cost some milliseconds.
_STARTS_AT_ONCE: Final = 16
# The first probes of many checks are spread over up to an interval, of few over less: 500 a second.
_SPREAD_PER_CHECK: Final = 0.002
# Seconds that `close` waits for probes to end.
_CLOSE_TIME: Final = 1.0
_POLL: Final = 0.005


class Runner:
    """Runs checks from `configure` until `close`. Belongs to the event loop in which it is made.

    Args:
        observer: gets the report of every round.
        tools: clocks, chance and threads, for tests.
        max_processes: how many checks of the types that start processes may probe at once.
    """

    def __init__(
        self, observer: Observer, *, tools: Tools | None = None, max_processes: int = MAX_PROCESSES
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._observer = observer
        self._tools = tools or Tools(clock=self._loop.time)
        self._checkers: dict[str, Checker] = {}
        self._free = {Slot.PROCESS: max_processes}
        self._waiting: dict[Slot, collections.deque[Checker]] = {slot: collections.deque() for slot in Slot}
        self._line: collections.deque[Checker] = collections.deque()
        self._ending: set[asyncio.Task[object]] = set()
        self._is_closed = False

    @property
    def keys(self) -> list[str]:
        """Names of all checks."""
        return list(self._checkers)

    def last(self, key: str) -> Report | None:
        """The last report of a check; None before its first round.

        Raises:
            KeyError: there is no such check.
        """
        return self._checkers[key].last

    def alarms(self) -> dict[str, str]:
        """Why checkers could not tell in their last round, by check; empty when all is well."""
        reports = ((key, checker.last) for key, checker in self._checkers.items())
        return {key: report.alarm for key, report in reports if report is not None and report.alarm}

    def configure(self, checks: Mapping[str, Check]) -> None:
        """Run exactly these checks, by name.

        A check that is as it was goes on undisturbed. One that asks the same, only more often or with another
        rise and fall, keeps its verdict. Any other change begins at UNKNOWN.
        """
        if self._is_closed:
            return
        self._tools.shared.clear()
        for key in [key for key in self._checkers if key not in checks]:
            self._remove(key)
        new = []
        for key, check in checks.items():
            checker = self._checkers.get(key)
            if checker is None:
                new.append((key, check))
            elif checker.check == check:
                continue
            elif checker.check.asks_the_same(check):
                checker.change(check)
            else:
                self._remove(key)
                new.append((key, check))
        for key, check in new:
            self._add(key, check, len(new))

    def trigger(self, key: str | None = None) -> None:
        """Probe now rather than at the next round: one check, or all. Push checks wait for their word.

        Raises:
            KeyError: there is no such check.
        """
        for checker in list(self._checkers.values()) if key is None else [self._checkers[key]]:
            if not checker.check.is_passive:
                checker.trigger()

    def renew(self, key: str, ok: bool = True, detail: str = "") -> None:
        """What a program says of itself, for a push check: alive until `max_age` from now, or failing.

        Raises:
            KeyError: there is no such check.
        """
        checker = self._checkers[key]
        checker.context.renewal = Renewal(self._tools.clock(), ok, detail)
        checker.trigger()

    async def close(self) -> None:
        """End all checks; probes and processes that do not end within a second are left to themselves."""
        self._is_closed = True
        deadline = self._loop.time() + _CLOSE_TIME
        contexts = [checker.context for checker in self._checkers.values()]
        for key in list(self._checkers):
            self._remove(key)
        if self._ending:
            await asyncio.wait(set(self._ending), timeout=_CLOSE_TIME)
        while any(context.unreaped for context in contexts):
            # however late it is: what has ended long ago is seen in the next turn
            is_late = self._loop.time() >= deadline
            await asyncio.sleep(_POLL)
            if is_late:
                break

    def _add(self, key: str, check: Check, together: int) -> None:
        context = Context(key=key, tools=self._tools, started_at=self._loop.time())
        checker = Checker(check, context, self._deliver, due=self._get_in_line, release=self._release)
        self._checkers[key] = checker
        first = check.interval if check.fast_interval is None else check.fast_interval
        checker.start(self._tools.random() * min(first, together * _SPREAD_PER_CHECK))

    def _remove(self, key: str) -> None:
        for task in self._checkers.pop(key).close():
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def _get_in_line(self, checker: Checker) -> None:
        """The checker is due: it begins when there is a place, and others had their turn."""
        slot = checker.check.slot
        if slot is not None and self._free[slot] == 0:
            self._waiting[slot].append(checker)
            return
        if slot is not None:
            self._free[slot] -= 1
        if not self._line:
            self._loop.call_soon(self._start_some)
        self._line.append(checker)

    def _start_some(self) -> None:
        """Start the first in line, and let the loop do everything else before the next ones."""
        for _ in range(min(_STARTS_AT_ONCE, len(self._line))):
            self._line.popleft().begin()
        if self._line:
            self._loop.call_soon(self._start_some)

    def _release(self, checker: Checker) -> None:
        slot = checker.check.slot
        if slot is None:
            return
        self._free[slot] += 1
        while self._waiting[slot] and self._free[slot] > 0:
            self._get_in_line(self._waiting[slot].popleft())

    def _deliver(self, report: Report) -> None:
        try:
            self._observer(report)
        except Exception as error:  # the observer's fault must not end the check
            self._loop.call_exception_handler(
                {"message": f"the observer of health checks failed on check {report.key}", "exception": error}
            )
