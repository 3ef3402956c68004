"""What every test of the daemon is held to: a log that it opens has ended with it."""

import threading
from collections.abc import Iterator

import pytest

from tests.daemon.control.house import PATIENCE


@pytest.fixture(autouse=True)
def _no_log_is_left() -> Iterator[None]:
    """Its thread would fail whatever looks for our threads later, far from the cause."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if thread.name == "rhi-log":
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a log is still open: close it"
