"""An event loop in a thread of its own, and how other threads get at it.

    any thread                       the thread ("rhi")
    call_soon, ask  --- calls --->   main, until it returns
    ask             <-- answer ---

What is asked for once the loop has ended is refused, and what waits for an answer then is given up: no thread
waits for one that is gone. The lock is re-entrant, since a signal handler may come in between anywhere. While
the interpreter ends, it lets no other thread run: nobody would answer, and who holds the lock then keeps it.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from queue import SimpleQueue
from threading import RLock, Thread, current_thread
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs `main` in an event loop.

    Attributes:
        loop: the loop, which no other thread may touch but by `call_soon_threadsafe`.
    """

    def __init__(self, main: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[], None]) -> None:
        """`ended` is called in the thread once nothing is taken any more, before tasks are cancelled."""
        self.loop = asyncio.new_event_loop()
        self._main = main
        self._ended = ended
        self._lock = RLock()
        self._is_closed = False
        self._has_begun = False
        # of those who wait; None is that there is no answer to come
        self._answers: set[SimpleQueue[Future[Any] | None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = Thread(target=self._run, name="rhi", daemon=True)

    def start(self) -> None:
        """Begin; a signal may break this off with the thread at work, see `give_up`."""
        self._thread.start()

    def give_up(self) -> bool:
        """After `start` has failed: true if the thread is at work all the same: have `main` end."""
        with self._lock:
            has_begun = self._has_begun
            self._is_closed |= not has_begun
        if not has_begun:
            self.loop.close()
        return has_begun

    def leave(self) -> None:
        """In a forked process, which the thread is not in; what it held stays held for ever.

        The one thread here may be waiting for an answer: it was a signal handler then that has forked.
        """
        self._lock = RLock()
        self._is_closed = True
        self._let_go()

    def join(self, timeout: float) -> None:
        """Wait for the end, unless it is this thread that asks."""
        if self._thread is not current_thread():
            self._thread.join(timeout)

    def call_soon(self, call: Callable[[], object]) -> bool:
        """Have something called there; false when it has ended."""
        if sys.is_finalizing():
            return False
        with self._lock:
            if self._is_closed:
                return False
            self.loop.call_soon_threadsafe(call)
            return True

    def ask(self, question: Callable[[], Coroutine[Any, Any, T]], otherwise: T) -> T:
        """The answer of a coroutine there; `otherwise` when the thread has ended or is ending."""
        # a lock in Python could be held by a thread that a forked process does not have
        answer: SimpleQueue[Future[T] | None] = SimpleQueue()

        async def run() -> None:
            found: Future[T] = Future()
            try:
                found.set_result(await question())
            except Exception as error:
                found.set_exception(error)
            answer.put(found)

        def begin() -> None:
            if answer in self._answers:
                self.begin(run())

        if sys.is_finalizing():
            return otherwise
        with self._lock:
            # first, since a signal handler that forks may come in between
            self._answers.add(answer)
            if self._is_closed:
                self._answers.discard(answer)
                return otherwise
            self.loop.call_soon_threadsafe(begin)
        try:
            found = answer.get()
        finally:
            self._answers.discard(answer)
        return otherwise if found is None else found.result()

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """In the thread: go on with this by itself, until the loop ends."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _let_go(self) -> None:
        """Nobody waits any more, nor will: it is closed."""
        waiting, self._answers = self._answers, set()
        for answer in waiting:
            answer.put(None)

    def _run(self) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._has_begun = True
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._main())
        finally:
            with self._lock:
                self._is_closed = True
            self._let_go()
            self._ended()
            tasks = asyncio.all_tasks(self.loop)
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait([*tasks, self.loop.create_task(asyncio.sleep(0))]))
            self.loop.close()
