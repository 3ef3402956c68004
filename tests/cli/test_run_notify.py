"""`rhi run` under a service manager: a socket of the test in its place."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import PATIENCE, running

CONFIG = """
router_id = "192.0.2.10"
as_number = 65001
complete_within = "1h"
allow_empty = true

[services.web]
addresses = ["203.0.113.10"]
[[services.web.checks]]
type = "http"
url = "http://127.0.0.1:{port}/"
timeout = 60
interval = 60
rise = 1
"""


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(PATIENCE)
        self.pings = 0

    def next(self) -> dict[str, str]:
        """The next message that is no ping."""
        while True:
            text = self.socket.recv(4096).decode()
            if text != "WATCHDOG=1":
                return dict(line.split("=", 1) for line in text.splitlines())
            self.pings += 1

    def wait_ping(self) -> None:
        while self.socket.recv(4096) != b"WATCHDOG=1":
            pass

    def has_heard(self, word: str) -> bool:
        """Whether a message with the word is there that has not been taken."""
        self.socket.setblocking(False)
        try:
            while True:
                if word in self.socket.recv(4096).decode():
                    return True
        except BlockingIOError:
            return False
        finally:
            self.socket.settimeout(PATIENCE)


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    path = tmp_path / "notify"
    found = Manager(path)
    monkeypatch.setenv("NOTIFY_SOCKET", str(path))
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    with found.socket:
        yield found


@pytest.mark.slow
def test_run_tells_its_manager_of_readiness_reloads_and_the_end(tmp_path: Path, manager: Manager) -> None:
    file = tmp_path / "rhi.toml"
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        file.write_text(CONFIG.format(port=server.getsockname()[1]))
        with running("run", str(file)) as child:
            assert manager.next() == {
                "STATUS": "waiting for the first verdicts",
                "EXTEND_TIMEOUT_USEC": "3610000000",
            }
            asked, _ = server.accept()
            asked.settimeout(PATIENCE)
            assert asked.recv(4096)  # the check waits for us
            manager.wait_ping()  # it lives
            assert not manager.has_heard("READY")

            asked.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            ready = manager.next()
            assert ready["READY"] == "1"
            assert ready["STATUS"] == "1 of 1 services announced: 1 routes, 0 sessions up"
            asked.close()

            before = int(time.monotonic() * 1e6)
            child.send(signal.SIGHUP)
            reloading = manager.next()
            assert reloading["RELOADING"] == "1"
            assert before <= int(reloading["MONOTONIC_USEC"]) <= int(time.monotonic() * 1e6)
            assert manager.next()["READY"] == "1"

            code, _, _ = child.end()

    assert code == 0
    assert manager.has_heard("STOPPING=1")
