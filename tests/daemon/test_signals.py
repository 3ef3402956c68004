"""Signals and the deadline, in this process: `end` is noted instead of done."""

import os
import re
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from rhi.daemon.signals import Signals

PATIENCE = 20.0


class Noted:
    """What would have happened, and a way to wait for it."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.ended = threading.Event()

    def end(self, code: int) -> None:
        self.calls.append(code)
        self.ended.set()


@pytest.fixture
def noted() -> Iterator[Noted]:
    yield Noted()
    signal.setitimer(signal.ITIMER_REAL, 0.0)


def test_first_signal_asks_and_second_ends_at_once_with_sessions_closed(noted: Noted) -> None:
    stopped = threading.Event()

    def note(name: str) -> None:
        noted.calls.append(name)
        stopped.set()

    with Signals(noted.calls.append, noted.end) as signals:
        signals.on_stop = note
        signals.close = lambda: noted.calls.append("closed")
        assert signals.time_left == signals.stop_time

        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped.wait(PATIENCE)
        assert signals.time_left <= signals.stop_time
        assert signals.stopped_by == "SIGTERM"
        os.kill(os.getpid(), signal.SIGINT)
        assert noted.ended.wait(PATIENCE)

    assert noted.calls[:2] == ["SIGTERM", "closed"]
    assert str(noted.calls[2]).startswith("SIGINT once more (at ")
    assert noted.calls[3:] == [1]


def test_lesson_12_deadline_ends_what_hangs_and_says_where(noted: Noted) -> None:
    def hang() -> None:
        """Not in a call: the line that is told is one of these, also when the deadline comes at once."""
        os.kill(os.getpid(), signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while len(noted.calls) < 3 and time.monotonic() < end:
            time.sleep(0.001)

    with Signals(noted.calls.append, noted.end) as signals:
        signals.stop_time = 0.01
        signals.close = lambda: noted.calls.append("closed")

        hang()

    assert noted.calls[0] == "closed"
    assert re.search(r"did not end within 0\.01 s \(at test_signals\.py:\d+, hang\)", str(noted.calls[1]))
    assert noted.calls[2:] == [1]


def test_end_in_time_ends_nothing_else_and_puts_the_handlers_back(noted: Noted) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    stopped, hung_up = threading.Event(), threading.Event()
    with Signals(noted.calls.append, noted.end) as signals:
        signals.on_stop = lambda name: stopped.set()
        signals.on_hang_up = hung_up.set
        os.kill(os.getpid(), signal.SIGHUP)
        assert hung_up.wait(PATIENCE)
        assert not stopped.is_set()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped.wait(PATIENCE)

    assert noted.calls == []
    assert [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0.0


def test_thread_that_does_not_end_holds_the_end_until_the_deadline(noted: Noted) -> None:
    free, stopped = threading.Event(), threading.Event()
    noted_end = noted.end

    def end(code: int) -> None:
        noted_end(code)
        free.set()  # where the process would be gone

    with Signals(noted.calls.append, end) as signals:
        signals.stop_time = 0.05
        signals.on_stop = lambda name: stopped.set()
        threading.Thread(target=free.wait, args=(PATIENCE,)).start()
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopped.wait(PATIENCE)

    assert noted.calls[-1] == 1
