"""A drain as threads other than the I/O thread see it: what `rhi.Pool.drain` returns.

It begins when the I/O thread has taken over all changes that were asked for before it. What the program says
about its routes until then is said after the drain, and wins.

There are no locks here: a thread that waits may be interrupted by a signal handler that waits for the I/O
thread, and that must not wait for the first.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import TIMEOUT_MAX

from rhi.model.drain import Drained, DrainStep
from rhi.model.events import DrainProgress
from rhi.model.prefix import Prefix
from rhi.net.drain import Drain as DrainTask
from rhi.net.drain import DrainRecord
from rhi.net.drain_plan import DrainPlan
from rhi.net.facade import check_timeout
from rhi.net.pool import PoolDriver


class Drain(DrainRecord):
    """A drain under way; all of it may be used from any thread."""

    def __init__(self, plan: DrainPlan, call_soon: Callable[[Callable[[], object]], object]) -> None:
        """`call_soon` has something called in the I/O thread."""
        super().__init__()
        self._plan = plan
        self._call_soon = call_soon
        self._overtaken: set[Prefix] = set()
        self._task: DrainTask | None = None
        self._waiting: list[SimpleQueue[None]] = []

    def wait(self, timeout: float | None = None) -> Drained | None:
        """Wait for the end, at most `timeout` seconds; how it ended, or None when it has not.

        Without a timeout this takes as long as the drain does: its `wait`, twice its `flush_timeout`, and the
        end of the sessions at most.

        Raises:
            InvalidValueError: the timeout is no number.
        """
        check_timeout(timeout)
        ended: SimpleQueue[None] = SimpleQueue()
        self._waiting.append(ended)
        try:
            # while the interpreter ends no thread is left that would go on with it
            if self.result is None and not sys.is_finalizing():
                ended.get(timeout=None if timeout is None else min(max(0.0, timeout), TIMEOUT_MAX))
        except Empty:
            pass
        finally:
            self._waiting.remove(ended)
        return self.result

    def cancel(self) -> None:
        """Take the marks away and withdraw nothing more; what has been withdrawn stays so.

        Does nothing when the drain has ended, or is ending the sessions. Returns at once: `wait` tells.
        """
        self._call_soon(self._cancel)

    # For the pool

    def overtake(self, prefix: Prefix | None) -> None:
        """In any thread, before `run`: a later word has been said on this route; None is all routes."""
        routes = self._plan.routes
        if routes is not None and self._task is None:
            self._overtaken |= routes if prefix is None else routes & {prefix}

    async def run(self, driver: PoolDriver) -> Drained:
        """In the I/O thread: perform it unless it has been cancelled; how it ended."""
        if self.result is not None:
            return self.result
        routes = self._plan.routes
        plan = self._plan if routes is None else replace(self._plan, routes=routes - self._overtaken)
        self._task = driver.drain(plan, self._note)
        return await self._task

    def end(self, outcome: DrainStep) -> None:
        """End it if it has not ended: there is nobody any more who could go on with it."""
        step = DrainProgress(
            drain=0,
            step=outcome,
            everything=self._plan.routes is None,
            routes=0,
            withdrawn=0,
            wait_time=self._plan.wait,
        )
        self._note(step, Drained(outcome=outcome))

    def _cancel(self) -> None:
        if self._task is None:
            self.end(DrainStep.CANCELLED)
        else:
            self._task.cancel()

    def _note(self, progress: DrainProgress, result: Drained | None) -> None:
        if self.result is not None:
            return
        self._steps.append(progress)
        self.result = result
        if result is not None:
            for waiting in list(self._waiting):
                waiting.put(None)
