"""A process forked from one with sessions: it has none, and keeps none of them open."""

import json
import os
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakSet

import pytest

import rhi
from rhi.model.events import Event, SessionDown
from rhi.net import forks
from rhi.testing.collector import Collector
from tests.net.raw import PATIENCE, Events, wait_until

pytestmark = pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="this system cannot fork")


@contextmanager
def child_of(work: Callable[[], object]) -> Iterator[int]:
    """A forked process that writes what `work` returns into a pipe, then waits; our end of the pipe."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # threads are what this is about
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        try:
            signal.alarm(int(PATIENCE))
            os.write(writing, json.dumps(work()).encode())
            signal.pause()
        finally:
            os._exit(1)
    os.close(writing)
    try:
        yield reading
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)


def test_pool_in_a_forked_process_is_closed_and_goes_on_in_the_first() -> None:
    with Collector() as collector:
        peers = {collector.host: rhi.Parameters(as_number=65001, port=collector.port)}
        with rhi.Pool("192.0.2.10", peers, ["203.0.113.1"], Events()) as pool:
            assert collector.wait_for(len, PATIENCE)

            def use_it() -> list[object]:
                pool.announce("203.0.113.9")
                pool.replace(["203.0.113.9"])
                pool.configure({})
                drained = pool.drain().wait()
                status = pool.status()[collector.host]
                flushed = pool.flush()
                pool.close()
                return [status.state.value, status.last_error, not flushed.peers, drained is not None]

            with child_of(use_it) as answer:
                said = json.loads(os.read(answer, 1000))
                pool.announce("203.0.113.2")
                both = {"203.0.113.1", "203.0.113.2"}
                told = collector.wait_for(lambda routes: set(routes) == both, PATIENCE)

    reason = "Not in this process, but in the one that it was forked from"
    assert said == ["IDLE", reason, True, True]
    assert told


def test_port_is_free_again_while_a_forked_process_lives() -> None:
    with rhi.Pool("192.0.2.10", listen=["127.0.0.1:0"]) as pool:
        address = pool.listen_addresses[0]
        with child_of(lambda: "ready") as answer:
            os.read(answer, 1000)
            pool.close()
            rhi.Pool("192.0.2.10", listen=[address]).close()


# Dies without a word, and leaves a child behind.
DYING = """
import os, signal, sys, rhi
peers = {sys.argv[1]: rhi.Parameters(as_number=65001, port=int(sys.argv[2]), hold_time=0)}
pool = rhi.Pool("192.0.2.10", peers, ["203.0.113.1"])
sys.stdin.readline()
reading, writing = os.pipe()
child = os.fork()
if not child:
    os.write(writing, b".")
    signal.pause()
os.read(reading, 1)
print(child, flush=True)
os._exit(1)
"""


def test_peer_sees_that_a_process_has_died_whose_child_lives() -> None:
    downs: list[Event] = []
    with Collector(on_event=lambda e: downs.append(e) if isinstance(e, SessionDown) else None) as collector:
        command = [sys.executable, "-W", "ignore", "-c", DYING, collector.host, str(collector.port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as dying:
            assert dying.stdin is not None
            assert dying.stdout is not None
            assert collector.wait_for(len, PATIENCE)
            dying.stdin.write("\n")
            dying.stdin.flush()
            child = int(dying.stdout.readline())
            try:
                wait_until(lambda: downs, "the end of the session")
            finally:
                os.kill(child, signal.SIGKILL)


def test_socket_that_cannot_be_closed_keeps_no_other_open(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []

    def close(number: int) -> None:
        closed.append(number)
        raise OSError(5, "Input/output error")

    with socket.socket() as one, socket.socket() as two:
        numbers = {one.fileno(), two.fileno()}
        monkeypatch.setattr(forks, "_sockets", WeakSet([one, two]))
        with monkeypatch.context() as patch:
            patch.setattr(os, "close", close)
            forks._close_copies()
    for number in closed:
        os.close(number)
    assert set(closed) == numbers


# A signal comes while the main thread waits for an answer, and its handler forks.
FORKED_IN_A_HANDLER = """
import asyncio, os, signal, rhi

def fork(*_):
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    signal.alarm(5)

async def flush(timeout):
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGUSR1)
    await asyncio.Event().wait()

signal.signal(signal.SIGUSR1, fork)
pool = rhi.Pool("192.0.2.10")
pool._driver.flush = flush
flushed = pool.flush(None)
os._exit(42 if flushed == rhi.Flushed() else 1)
"""


def test_who_waits_for_an_answer_while_a_signal_handler_forks_is_let_go_in_the_child() -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKED_IN_A_HANDLER]
    ran = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)

    assert (ran.returncode, ran.stderr) == (42, b"")
