"""What threads share, while the interpreter ends: nobody waits for a lock or an answer."""

import subprocess
import sys
from typing import Any

import pytest

from rhi.model.prefix import to_prefix
from rhi.model.route_set import RouteSet
from rhi.net import drain_handle, pending_changes
from rhi.net.drain_handle import Drain
from rhi.net.drain_plan import DrainPlan
from rhi.net.loop_thread import LoopThread
from rhi.net.pending_changes import PendingChanges
from tests.net.raw import PATIENCE


class Held:
    """A lock, or a queue, of a thread that will never run again."""

    def __enter__(self) -> None:
        raise AssertionError("waits for ever")

    def __exit__(self, *_: object) -> None: ...

    def get(self, timeout: float | None) -> None:
        raise AssertionError("waits for ever")


async def nothing() -> None: ...


def test_thread_is_asked_nothing_while_the_interpreter_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    thread: Any = LoopThread(nothing, lambda: None)
    thread._lock = Held()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "is_finalizing", lambda: True)

        assert not thread.call_soon(print)
        assert thread.ask(nothing, "otherwise") == "otherwise"

    thread.loop.close()


def test_changes_are_not_noted_while_the_interpreter_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending_changes, "is_finalizing", lambda: True)
    changes: Any = PendingChanges()
    changes._lock = Held()

    changes.put(to_prefix("203.0.113.1"), None)
    changes.replace(RouteSet())


def test_drain_is_not_waited_for_while_the_interpreter_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    drain = Drain(DrainPlan.check(None, 0, 0, "", False), lambda call: None)
    monkeypatch.setattr(drain_handle, "SimpleQueue", Held)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "is_finalizing", lambda: True)

        assert drain.wait() is None


# Threads of the program are stopped for ever inside of our methods, most likely with a lock.
STOPPED_INSIDE = """
import threading, time
from collections import deque
from itertools import repeat
import rhi

class Holder:
    def __init__(self):
        self.pool = rhi.Pool("192.0.2.10")

    def __del__(self):
        self.pool.announce("203.0.113.1")
        self.pool.replace(["203.0.113.1"])
        self.pool.mark_complete()
        self.pool.status()
        self.pool.close()
        print("returned")

holder = Holder()
for _ in range(2):
    # no function of this module, whose frame would keep the module and with it the holder
    work = map(holder.pool._thread.call_soon, repeat(int))
    threading.Thread(target=deque, args=(work, 0), daemon=True).start()
time.sleep(0.05)
"""


def test_pool_is_closed_at_the_end_while_other_threads_were_inside_of_it() -> None:
    command = [sys.executable, "-c", STOPPED_INSIDE]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert ran.stdout == "returned\n"
