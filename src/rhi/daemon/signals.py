"""SIGTERM, SIGINT and SIGHUP, heard by a thread of their own, and a deadline that holds whatever hangs.

The event loop may hang, or what it waits for may. So signals go from the kernel into a pipe, which a thread
reads: it tells the event loop, and from then on it waits for the end. When that has not come at the deadline,
or a second signal asks for it, the thread closes the sessions itself, so that the routes leave, and ends the
process. Last of all there is the kernel's alarm clock, which needs no help of the interpreter.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

# Seconds that the last resort itself may take, before the kernel ends the process.
LAST_TIME: Final = 5.0
_STOPS: Final = (signal.SIGTERM, signal.SIGINT)
_HEARD: Final = (*_STOPS, signal.SIGHUP)


class Signals:
    """From here to the end of the block; to be used in the main thread.

    Attributes:
        stop_time: seconds from the first signal to the end.
        stopped_by: name of the first SIGTERM or SIGINT; empty before.
        on_stop, on_hang_up: called in the thread for the first SIGTERM or SIGINT, and for each SIGHUP; must
            return at once.
        close: called in the thread to end the sessions when nothing else does.
    """

    def __init__(self, complain: Callable[[str], object], end: Callable[[int], object] = os._exit) -> None:
        """`complain` gets a sentence of why the end was not an orderly one; `end` ends the process."""
        self.stop_time = 10.0
        self.stopped_by = ""
        self.on_stop: Callable[[str], object] = lambda name: None
        self.on_hang_up: Callable[[], object] = lambda: None
        self.close: Callable[[], object] = lambda: None
        self._complain = complain
        self._end = end
        self._stopped_at: float | None = None
        self._is_over = threading.Event()
        self._threads = set(threading.enumerate())

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._before: dict[int, Any] = {number: signal.signal(number, _note) for number in _HEARD}
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._listen, name="rhi-signals", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """After a signal the deadline holds until all threads that were started in the block have ended."""
        if self._stopped_at is not None:
            for thread in set(threading.enumerate()) - self._threads:
                if not thread.daemon:
                    thread.join()
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        self._is_over.set()
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._writer)
        self._thread.join()
        os.close(self._reader)

    @property
    def time_left(self) -> float:
        """Seconds until the deadline; all there are before a signal."""
        if self._stopped_at is None:
            return self.stop_time
        return max(0.0, self._stopped_at + self.stop_time - time.monotonic())

    def _listen(self) -> None:
        while True:
            wait = None if self._stopped_at is None else self.time_left
            if not select.select([self._reader], [], [], wait)[0]:
                self._give_up(f"did not end within {self.stop_time:g} s")
                return
            numbers = os.read(self._reader, 4096)
            if not numbers:
                return
            for number in numbers:
                if not self._take(number):
                    return

    def _take(self, number: int) -> bool:
        """Act on one signal; false when that was the last."""
        if number == signal.SIGHUP:
            self.on_hang_up()
        elif number in _STOPS and self._stopped_at is None:
            self._stopped_at = time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, self.stop_time + LAST_TIME)
            self.stopped_by = signal.Signals(number).name
            self.on_stop(self.stopped_by)
        elif number in _STOPS:
            self._give_up(f"{signal.Signals(number).name} once more")
            return False
        return True

    def _give_up(self, reason: str) -> None:
        if self._is_over.is_set():
            return
        where = _place(sys._current_frames().get(threading.main_thread().ident or 0))
        self.close()
        # last: whoever reads it may hang too
        self._complain(f"{reason}{where}: closed the sessions, and left the rest")
        self._end(1)


def _note(number: int, frame: FrameType | None) -> None:
    """The pipe has it already."""


def _place(frame: FrameType | None) -> str:
    """Where the main thread is, for whoever wonders what hangs."""
    if frame is None:
        return ""
    return f" (at {os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}, {frame.f_code.co_name})"
