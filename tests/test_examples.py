"""The programs in examples/, as they are, against a collector."""

import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from rhi.model.events import Event, RoutesReceived, SessionDown
from rhi.testing.collector import Collector
from tests.net.raw import PATIENCE, wait_until

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent.parent / "examples"
ADDRESS = "203.0.113.10"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


class Service(http.server.BaseHTTPRequestHandler):
    """Answers with what it is told to."""

    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_health_check_announces_withdraws_and_announces_again(collector: Collector) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    words = ["--port", str(collector.port), "--interval", "0.02", url, collector.host, ADDRESS]
    # a shell starts what runs in the background, this test perhaps, with SIGINT ignored
    command = ["env", "--default-signal=INT", sys.executable, str(EXAMPLES / "health_check.py"), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            assert collector.wait_for(lambda routes: ADDRESS in routes, PATIENCE)
            Service.status = 503
            assert collector.wait_for(lambda routes: ADDRESS not in routes, PATIENCE)
            Service.status = 200
            assert collector.wait_for(lambda routes: ADDRESS in routes, PATIENCE)
            child.send_signal(signal.SIGINT)
            assert child.wait(PATIENCE) == 0
        finally:
            child.kill()
    server.shutdown()
    server.server_close()


def test_drain_asyncio_drains_before_it_withdraws() -> None:
    heard: list[Event] = []
    with Collector(on_event=heard.append) as collector:
        command = [sys.executable, str(EXAMPLES / "drain_asyncio.py"), collector.host, str(collector.port)]
        done = subprocess.run(
            [*command, ADDRESS], capture_output=True, text=True, check=True, timeout=PATIENCE
        )
        # what has reached this host when the program ends may have yet to be read here
        wait_until(lambda: any(isinstance(event, SessionDown) for event in heard), "the end of the session")
    received = [event for event in heard if isinstance(event, RoutesReceived)]
    steps = [(event.attributes or {}) for event in received]
    out = done.stdout

    assert [(step.get("med"), step.get("communities")) for step in steps] == [
        (10, None),
        (10, ["65535:0"]),
        (None, None),
    ]
    assert [str(prefix) for prefix in received[-1].withdrawn] == [ADDRESS]
    for line in ("announced: True", "wait: 1 routes", "drained: True, 1 withdrawn"):
        assert line in out.splitlines()


def test_file_exists_follows_the_file(collector: Collector, tmp_path: Path) -> None:
    # the command of this source tree, under its name
    command = tmp_path / "rhi"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m rhi "$@"\n')
    command.chmod(0o755)
    flag = tmp_path / "up"
    path = f"{tmp_path}:{os.environ['PATH']}"
    words = [str(flag), ADDRESS, collector.host, "--port", str(collector.port)]
    with subprocess.Popen(
        [EXAMPLES / "file_exists.sh", *words],
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        try:
            flag.touch()
            assert collector.wait_for(lambda routes: ADDRESS in routes, PATIENCE)
            flag.unlink()
            assert collector.wait_for(lambda routes: ADDRESS not in routes, PATIENCE)
        finally:
            os.killpg(child.pid, signal.SIGTERM)
