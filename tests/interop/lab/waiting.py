"""Waiting for a router: ask for its own state until it says what is expected, or a deadline passes.

Nothing in the lab sleeps to give something time to happen: a fixed sleep is too long on a fast machine and
too short on a loaded one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tests.interop.lab.process import log_tails

T = TypeVar("T")

DEADLINE = 30.0
INTERVAL = 0.06  # seconds between two questions; each costs a process such as birdc


def wait_until(
    probe: Callable[[], T], what: str, *, deadline: float = DEADLINE, explain: Callable[[], object] = str
) -> T:
    """Ask `probe` until its answer is true, and return that answer; the last time when the deadline is over.

    Raises:
        AssertionError: the deadline passed; the text names `what`, the last answer, what `explain` returns,
            and the ends of the logs of all that runs.
    """
    end = time.monotonic() + deadline
    while True:
        is_last = time.monotonic() > end
        answer = probe()
        if answer:
            return answer
        if is_last:
            raise AssertionError(
                f"not within {deadline:g} s: {what}; last answer {answer!r}\n{explain()}\n{log_tails()}"
            )
        time.sleep(INTERVAL)
