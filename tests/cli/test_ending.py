"""SIGTERM ends `rhi run` within its deadline and takes the routes away, whatever hangs."""

import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhi.testing.collector import Collector
from tests.cli.command import PATIENCE, running
from tests.cli.test_run import has
from tests.net.raw import RawListener, wait_until

pytestmark = pytest.mark.slow

ADDRESS = "203.0.113.10"
# Above any deadline here, and far below what would be waited for otherwise.
SOON = 30.0


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as found:
        yield found


def write(
    folder: Path,
    peer: Collector | RawListener,
    *lines: str,
    stop_time: int = 2,
    addresses: str = ADDRESS,
    after: str = "",
) -> str:
    """A file with one peer and one service; `after` comes last."""
    file = folder / "rhi.toml"
    file.write_text("\n".join([
        'router_id = "192.0.2.10"', "as_number = 65001", f"stop_time = {stop_time}", *lines,
        f'[peers."{peer.host}"]', f"port = {peer.port}", "connect_retry_time = 0.2",
        "[services.web]", f'addresses = ["{addresses}"]', after,
    ]))  # fmt: skip
    return str(file)


# Each breaks something before the command begins; what it patches is what would hang.
STUCK_THREAD = """
import threading
from rhi.daemon.app import Daemon
leave = Daemon.leave
async def also_a_thread(self, *args):
    threading.Thread(target=threading.Event().wait).start()
    await leave(self, *args)
Daemon.leave = also_a_thread
"""
STUCK_LOOP = """
import time
from rhi.daemon.app import Daemon
async def hang(self, *args):
    time.sleep(1000)
Daemon.leave = hang
"""
STUCK_CHECKS = """
import asyncio
from rhi.health.runner import Runner
async def hang(self):
    await asyncio.Event().wait()
Runner.close = hang
"""
STUCK_DISK = """
import threading
from rhi.daemon.state import StateFile
StateFile.save = lambda self, saved: threading.Event().wait()
"""
FULL_DISK = """
from rhi.daemon.state import StateError, StateFile
def full(self, saved): raise StateError("the disk is full")
StateFile.save = full
"""


def broken(how: str) -> tuple[str, ...]:
    """The command, with something broken."""
    return (sys.executable, "-c", f"import sys\n{how}\nfrom rhi.cli import main\nsys.exit(main())")


def test_lesson_12_sigterm_withdraws_and_ends_in_good_order(tmp_path: Path, collector: Collector) -> None:
    with running("run", write(tmp_path, collector, stop_time=20)) as child:
        assert has(collector, ADDRESS)

        result = child.end()

    assert result.code == 0
    assert has(collector)
    assert "exit/withdraw" in result.err
    assert "did not end" not in result.err


@pytest.mark.parametrize("how", [STUCK_THREAD, STUCK_LOOP, STUCK_CHECKS], ids=["thread", "loop", "checks"])
def test_what_hangs_is_left_at_the_deadline_and_routes_leave(
    tmp_path: Path, collector: Collector, how: str
) -> None:
    with running("run", write(tmp_path, collector), command=broken(how)) as child:
        assert has(collector, ADDRESS)
        began = time.monotonic()

        result = child.end()

    assert time.monotonic() - began < SOON
    assert result.code == 1
    assert "rhi run: did not end within 2 s (at " in result.err
    assert has(collector)


@pytest.mark.parametrize("how", [STUCK_DISK, FULL_DISK], ids=["stuck", "full"])
def test_disk_holds_up_nothing(tmp_path: Path, collector: Collector, how: str) -> None:
    state = f'state_file = "{tmp_path}/state.json"'
    file = write(tmp_path, collector, state, stop_time=20)
    with running("run", file, command=broken(how)) as child:
        assert has(collector, ADDRESS)

        result = child.end()

    assert result.code == 0
    assert has(collector)


def test_peer_that_does_not_read_is_named_and_waited_for_no_longer_than_there_is_time(
    tmp_path: Path, collector: Collector
) -> None:
    """Its window is full of routes, so that it acknowledges nothing more."""
    with RawListener("127.0.0.2") as listener:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        file = write(tmp_path, listener, stop_time=8, addresses="10.0.0.1-10.0.60.1")
        with running("run", file) as child, listener.accept().establish():
            child.complaint("every service is decided")
            began = time.monotonic()

            result = child.end()

    assert time.monotonic() - began < SOON
    assert result.code == 0
    assert "the deadline has passed: 127.0.0.2 has" in result.err


def test_check_that_ignores_sigterm_and_client_that_does_not_read_hold_up_nothing(
    tmp_path: Path, collector: Collector
) -> None:
    check = """[[services.web.checks]]
type = "exec"
command = ["/bin/sh", "-c", "trap '' TERM; echo started >&2; while :; do sleep 100; done"]
timeout = 500
interval = 1000
[services.dns]
addresses = ["203.0.113.11"]
"""
    path = tmp_path / "rhi.sock"
    file = write(tmp_path, collector, stop_time=20, after=f'{check}\n[api]\nsocket = "{path}"\n')
    with running("run", file) as child, socket.socket(socket.AF_UNIX) as client:
        assert has(collector, "203.0.113.11")
        wait_until(path.exists, "the API")
        client.settimeout(PATIENCE)
        client.connect(str(path))
        client.sendall(b"GET /v1/events HTTP/1.1\r\nHost: rhi\r\n\r\n")
        began = time.monotonic()

        result = child.end()

    assert time.monotonic() - began < SOON
    assert result.code == 0
    assert "did not end" not in result.err


def test_second_signal_ends_at_once_with_withdrawal(tmp_path: Path, collector: Collector) -> None:
    """While a drain takes its time."""
    file = write(
        tmp_path,
        collector,
        stop_time=5000,
        after='on_exit = "drain"\n[drain]\nwait = "1h"\ndeadline = "2h"\n',
    )
    with running("run", file) as child:
        assert has(collector, ADDRESS)
        child.send(signal.SIGTERM)
        child.complaint("exit/drain: waiting")
        assert collector.wait_for(lambda routes: "65535:0" in str(routes), PATIENCE)

        result = child.end(signal.SIGINT)

    assert result.code == 1
    assert "SIGINT once more" in result.err
    assert has(collector)
