"""What tests of `rhi.Pool` ask of a pool and of this process."""

import os
import threading
from typing import Any

import rhi
from rhi.testing.collector import Collector
from tests.net.raw import wait_until


def to(collector: Collector, **settings: Any) -> dict[str, rhi.Parameters]:
    return {collector.host: rhi.Parameters(**{"as_number": 65001, "port": collector.port, **settings})}


def is_up(pool: rhi.Pool, peer: str) -> bool:
    return pool.status()[peer].state is rhi.State.ESTABLISHED


def rhi_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("rhi")]


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def open_files_at_rest() -> int:
    """Those that are left when the threads of all pools have ended, also those of a test before."""
    wait_until(lambda: not rhi_threads(), "all threads have ended")
    return open_files()


def call_everything(pool: rhi.Pool) -> None:
    pool.announce("203.0.113.1")
    pool.withdraw("203.0.113.1")
    pool.replace(["203.0.113.1"])
    pool.configure({"127.0.0.1": rhi.Parameters(as_number=65001)})
    pool.flush()
    pool.status()
    _ = pool.listen_addresses
    pool.close("again")
