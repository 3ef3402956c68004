"""Calls that may block, such as a look at a file on a dead file server, away from the event loop.

A thread that hangs cannot be ended. So each check has at most one call out, and the number of threads has a
limit: a file server that hangs costs one thread per check that looks at it, and never the checks of other
things. Threads are daemonic: a program ends without them.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

# A thread without work for so long ends.
_IDLE_S: Final = 10.0


class StillBusyError(Exception):
    """The call before this one has not returned; `seconds` tells for how long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class NoThreadError(Exception):
    """The call was never begun: no thread was free."""


class _Job(Generic[T]):
    __slots__ = ("asked_at", "call", "discard", "done", "future", "is_begun", "is_unwanted", "loop")

    def __init__(
        self, call: Callable[[], T], discard: Callable[[T], None] | None, done: Callable[[], object]
    ) -> None:
        self.call = call
        self.discard = discard
        self.done = done
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()
        self.asked_at = time.monotonic()
        self.is_begun = False
        self.is_unwanted = False


class Threads:
    """At most `limit` threads, started when they are needed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._jobs: queue.SimpleQueue[_Job[Any]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._count = 0
        self._idle = 0
        self._out: dict[str, float] = {}

    @property
    def count(self) -> int:
        """Threads that exist now."""
        return self._count

    def is_busy(self, key: str) -> bool:
        """Whether a call under `key` has not returned."""
        return key in self._out

    async def run(self, key: str, call: Callable[[], T], discard: Callable[[T], None] | None = None) -> T:
        """The result of `call()`, made in a thread.

        Cancelled, the call goes on, and `discard` gets its result unless that is None: in the event loop, or
        in the thread when the loop has been closed meanwhile.

        `key` names the caller, which gets one call at a time.

        Raises:
            StillBusyError: the last call under `key` has not returned.
            NoThreadError: cancelled before a thread was free.
            Exception: whatever `call` raises.
        """
        since = self._out.get(key)
        if since is not None:
            raise StillBusyError(time.monotonic() - since)
        job = _Job(call, discard, lambda: self._out.pop(key, None))
        self._out[key] = job.asked_at
        self._hand_over(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.is_unwanted = True
            if not job.is_begun:
                raise NoThreadError from None
            raise

    def _hand_over(self, job: _Job[Any]) -> None:
        with self._lock:
            self._jobs.put(job)
            if self._idle >= self._jobs.qsize() or self._count >= self._limit:
                return
            self._count += 1
        threading.Thread(target=self._work, name="rhi-health", daemon=True).start()

    def _work(self) -> None:
        self._be_idle()
        while True:
            try:
                job = self._jobs.get(timeout=_IDLE_S)
            except queue.Empty:
                job = None
            with self._lock:
                self._idle -= 1
                if job is None and self._jobs.empty():
                    self._count -= 1
                    return
            if job is None:
                self._be_idle()
            else:
                self._perform(job)
                del job  # and what it holds, which would otherwise live until the next one

    def _be_idle(self) -> None:
        with self._lock:
            self._idle += 1

    def _perform(self, job: _Job[Any]) -> None:
        result: Any = None
        error: BaseException | None = None
        job.is_begun = True
        try:
            result = None if job.is_unwanted else job.call()
        except BaseException as raised:  # a thread's edge: what was raised belongs to the caller
            error = raised
        self._be_idle()  # before it is told: who asks at once for the next call finds this thread
        try:
            job.loop.call_soon_threadsafe(_deliver, job, result, error)
        except RuntimeError:  # the loop has been closed meanwhile
            if result is not None and job.discard is not None:
                job.discard(result)


def _deliver(job: _Job[Any], result: Any, error: BaseException | None) -> None:
    job.done()
    if not job.future.done():
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)
    elif result is not None and job.discard is not None:
        job.discard(result)
