"""A pool that cannot start, is interrupted, or is one of many leaves no thread and no file behind."""

import asyncio
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import rhi
from rhi.net.loop_thread import LoopThread
from rhi.net.pool import PoolDriver
from rhi.testing.collector import Collector
from tests.net.raw import Events, free_port, wait_until
from tests.pools import is_up, open_files, open_files_at_rest


def fail_to_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def fail_to_make() -> asyncio.AbstractEventLoop:
    raise OSError(24, "Too many open files")


def fail_to_begin(driver: PoolDriver, *arguments: object, **settings: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"router_id": "0.0.0.0"}, rhi.InvalidValueError),
        ({"peers": {"no.body": rhi.Parameters(as_number=1)}}, rhi.InvalidValueError),
        ({"peers": {"192.0.2.1": None}}, rhi.InvalidValueError),
        ({"routes": ["203.0.113.1/33"]}, rhi.InvalidValueError),
        ({"listen": ["127.0.0.1"]}, rhi.InvalidValueError),
        ({"listen": ["192.0.2.200:0"]}, rhi.ListenError),
        ({"dynamic_peers": {"x": rhi.Parameters(as_number=1)}}, rhi.InvalidValueError),
    ],
)
def test_pool_that_cannot_be_leaves_nothing_behind(arguments: dict[str, Any], error: type[Exception]) -> None:
    before = open_files_at_rest()

    with pytest.raises(error):
        rhi.Pool(**{"router_id": "192.0.2.10", "observer": Events(), **arguments})

    assert open_files_at_rest() == before


@pytest.mark.parametrize(
    ("target", "name", "failure", "error"),
    [
        (threading.Thread, "start", fail_to_start, RuntimeError),
        (asyncio, "new_event_loop", fail_to_make, OSError),
        (PoolDriver, "__init__", fail_to_begin, ZeroDivisionError),
        (PoolDriver, "configure", fail_to_begin, ZeroDivisionError),
    ],
)
def test_pool_that_cannot_start_leaves_nothing_behind(
    target: object,
    name: str,
    failure: Callable[..., Any],
    error: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, port = open_files_at_rest(), free_port()
    with monkeypatch.context() as patch:
        patch.setattr(target, name, failure)

        with pytest.raises(error):
            rhi.Pool("192.0.2.10", observer=Events(), listen=[("127.0.0.1", port)])

    assert open_files_at_rest() == before
    rhi.Pool("192.0.2.10", listen=[("127.0.0.1", port)]).close()


@pytest.mark.parametrize("is_at_work", [True, False], ids=["thread at work", "thread not at work"])
def test_pool_that_is_interrupted_while_it_starts_leaves_nothing_behind(
    is_at_work: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, port = open_files_at_rest(), free_port()
    start, may_run = threading.Thread.start, threading.Event()
    run = LoopThread._run

    def delayed(thread: LoopThread) -> None:
        may_run.wait()
        run(thread)

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        if is_at_work:
            may_run.set()
            wait_until(lambda: answers(port), "the pool listens")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LoopThread, "_run", delayed)
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            rhi.Pool("192.0.2.10", observer=Events(), listen=[("127.0.0.1", port)])
        may_run.set()

    assert open_files_at_rest() == before
    assert not answers(port)


def answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_fifty_pools_leave_no_thread_and_no_file_behind() -> None:
    with Collector() as collector:
        parameters = rhi.Parameters(as_number=65001, port=collector.port)
        dead = rhi.Parameters(as_number=65001, port=free_port("127.0.0.9"))
        for number in range(51):
            if number == 1:  # the first may open what is then kept for all: libuv does, under uvloop
                before = open_files(), len(threading.enumerate())
            peers = {collector.host: parameters, "127.0.0.9": dead}
            pool = rhi.Pool("192.0.2.10", peers, ["203.0.113.1"], Events(), listen=["127.0.0.1:0"])
            if number % 2:
                wait_until(partial(is_up, pool, collector.host), "session")
            pool.close()

        wait_until(lambda: open_files() <= before[0], "no more files than before")
        wait_until(lambda: len(threading.enumerate()) <= before[1], "no more threads than before")
