"""One check while it runs: when it probes, what ends a probe, and what becomes of the verdict.

    due ── in line ── probe ──┬── Result ──────────────────► hysteresis ──► report
                              ├── time-out: cancelled ─────► counts as failed
                              ├── CannotTellError ─────────► verdict lapses, alarm
                              ├── any other exception ─────► verdict lapses, alarm
                              └── does not end on cancel ──► verdict lapses, alarm; left behind

Whatever happens, the next round is due after the interval, so a checker that broke is back by itself. A
probe that ignores its cancellation is left behind; with MAX_LEFT_BEHIND of them no more are started until
one ends.

When the event loop itself was held up, a time-out that is found late says nothing of the service: the
answer may lie unread in the socket. Such a probe gets the time that was lost once more.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rhi.health.base import CannotTellError, Check, Result, one_line
from rhi.health.context import Context
from rhi.health.hysteresis import Standing, advance, lapse
from rhi.health.threads import NoThreadError, StillBusyError

# Only ever sooner: an interval is a promise of how late a failure is seen at the most.
JITTER: Final = 0.1
# Seconds that a cancelled probe has to end.
GRACE: Final = 0.25
# A time-out that is found so many seconds late is the event loop's fault.
STALL: Final = 0.05
MAX_LEFT_BEHIND: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One round of one check.

    Attributes:
        key: the runner's name of the check.
        check: its options.
        before, after: the standing before and after this round.
        result: what the probe found; None when it could not tell, see `alarm`.
        alarm: why there is no result; empty when all is well with the checker.
        scheduled, started, finished: monotonic times at which the probe was due, began and ended.
    """

    key: str
    check: Check
    before: Standing
    after: Standing
    result: Result | None
    alarm: str = ""
    scheduled: float
    started: float
    finished: float

    @property
    def is_change(self) -> bool:
        """Whether the verdict is another one than before."""
        return self.before.verdict is not self.after.verdict


class Checker:
    """Runs one check. Driven by the event loop alone: no task lives between rounds.

    `due(checker)` says that it wants to probe, and has to lead to one call of `begin`, now or later;
    `release` that the probe has ended.
    """

    def __init__(
        self,
        check: Check,
        context: Context,
        report: Callable[[Report], None],
        *,
        due: Callable[["Checker"], None],
        release: Callable[["Checker"], None],
    ) -> None:
        self.check = check
        self.context = context
        self.standing = Standing(since=context.started_at)
        self.last: Report | None = None
        self._report = report
        self._tell_due = due
        self._release = release
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Result] | None = None
        self._left_behind: set[asyncio.Task[Result]] = set()
        self._due = self._started = context.started_at
        self._again = self._is_closed = self._is_overdue = self._was_late = self._holds_place = False

    def start(self, spread: float) -> None:
        """Schedule the first probe, `spread` seconds from now unless the check has reasons of its own."""
        self._schedule(self._loop.time() + self.check.first_delay(spread))

    def trigger(self) -> None:
        """Probe now; while a probe is under way, once more right after it."""
        if self._is_closed:
            return
        if self._timer is None:
            self._again = True
        else:
            self._timer.cancel()
            self._become_due(self._loop.time())

    def change(self, check: Check) -> None:
        """Go on with other options that ask the same; the verdict stays."""
        self.check = check
        if self._timer is not None:
            self._timer.cancel()
            self._schedule(min(self._due, self._loop.time() + self._pause()))

    def close(self) -> set[asyncio.Task[Result]]:
        """Report nothing any more, and cancel the probe; returns the tasks that have not ended yet."""
        self._is_closed = True
        for handle in (self._timer, self._deadline):
            if handle is not None:
                handle.cancel()
        self._timer = self._deadline = None
        if self._task is None:
            self._give_back()
            return set(self._left_behind)
        self._task.cancel()
        return {*self._left_behind, self._task}

    def _schedule(self, due: float) -> None:
        self._due = due
        self._timer = self._loop.call_at(due, self._become_due, due)

    def _become_due(self, due: float) -> None:
        self._timer = None
        self._due = due
        self._tell_due(self)

    def begin(self) -> None:
        """It is this check's turn: start the probe."""
        self._holds_place = True
        self._started = self._loop.time()
        if self._is_closed:
            self._give_back()
            return
        if len(self._left_behind) >= MAX_LEFT_BEHIND:
            self._end(None, f"{MAX_LEFT_BEHIND} earlier probes ignore that they were cancelled")
            return
        self._is_overdue = self._was_late = False
        self._task = self._loop.create_task(self.check.probe(self.context))
        self._task.add_done_callback(self._done)
        self._deadline = self._loop.call_at(self._started + self.check.timeout, self._time_out)

    def _time_out(self) -> None:
        assert self._task is not None
        assert self._deadline is not None
        late = self._loop.time() - self._deadline.when()
        if late > STALL and not self._was_late:
            self._was_late = True
            again = self._loop.time() + min(late, self.check.timeout)
            self._deadline = self._loop.call_at(again, self._time_out)
            return
        self._is_overdue = True
        self._task.cancel()
        self._deadline = self._loop.call_later(GRACE, self._leave_behind)

    def _leave_behind(self) -> None:
        task = self._task
        assert task is not None
        self._task = None
        self._deadline = None
        task.remove_done_callback(self._done)
        self._left_behind.add(task)
        task.add_done_callback(self._forget)
        self._end(None, "the probe did not end when it was cancelled after its time-out")

    def _forget(self, task: asyncio.Task[Result]) -> None:
        self._left_behind.discard(task)
        if not task.cancelled():
            task.exception()  # seen, so that asyncio does not complain

    def _done(self, task: asyncio.Task[Result]) -> None:
        self._task = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        result, alarm = self._outcome(task)
        self._end(result, alarm)

    def _outcome(self, task: asyncio.Task[Result]) -> tuple[Result | None, str]:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, CannotTellError):
            return None, one_line(str(error))
        if isinstance(error, NoThreadError):
            return None, "no thread was free before the time-out"
        if isinstance(error, StillBusyError):
            return Result(False, f"the look before this one has not returned for {error.seconds:.1f} s"), ""
        if self._is_overdue:
            return Result(False, f"no answer within {self.check.timeout:g} s"), ""
        if task.cancelled():
            return None, "the probe was cancelled from elsewhere"
        if error is not None:
            return None, one_line(f"the probe broke: {type(error).__name__}: {error}")
        return task.result(), ""

    def _end(self, result: Result | None, alarm: str) -> None:
        self._give_back()
        if self._is_closed:
            return
        now, before, check = self._loop.time(), self.standing, self.check
        if result is None:
            self.standing = lapse(before, now=now)
        else:
            self.standing = advance(before, result.ok, rise=check.rise, fall=check.fall, now=now)
        self.last = Report(
            key=self.context.key,
            check=check,
            before=before,
            after=self.standing,
            result=result,
            alarm=alarm,
            scheduled=self._due,
            started=self._started,
            finished=now,
        )
        self._schedule(self._next_due(now, result))
        self._report(self.last)

    def _next_due(self, now: float, result: Result | None) -> float:
        if self._again:
            self._again = False
            return now
        # Rounds that were missed are not made up for.
        due = max(self._due + self._pause(), now)
        if result is not None and result.valid_for is not None:
            due = min(due, now + result.valid_for)
        return due

    def _pause(self) -> float:
        interval = self.check.interval
        if self.standing.is_changing and self.check.fast_interval is not None:
            interval = self.check.fast_interval
        return interval * (1 - JITTER * self.context.tools.random())

    def _give_back(self) -> None:
        if self._holds_place:
            self._holds_place = False
            self._release(self)
