"""What `rhi demo` plays on: a service that can be told to fail, a daemon as a process, and two witnesses.

All of it is on loopback, on ports that were free. Nothing here prints.
"""

import http.client
import http.server
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from rhi.cli.client import Address, Client
from rhi.errors import RhiError
from rhi.model.events import Event, RoutesReceived, SessionDown, SessionUp
from rhi.testing.collector import Collector, RoutesSeen

CHECK_INTERVAL: Final = 0.2
# How often a wait looks whether the daemon is still there.
GLANCE: Final = 0.1
# The daemon itself gives up what hangs after 10 s.
STOP_TIME: Final = 11.0
ANSWER_TIME: Final = 2.0
# States of its routes that a witness remembers: more than there are between two waits.
MAX_STATES: Final = 100

_CONFIGURATION: Final = """
router_id = "192.0.2.1"
as_number = 65001
{peers}{services}
[api]
socket = "{folder}/rhi.sock"
listen = "127.0.0.1:{port}"
token_file = "{folder}/token"
"""

_PEER: Final = """
[peers."{host}"]
port = {port}
next_hop_4 = "192.0.2.1"
connect_retry_time = 0.2
"""

_SERVICE: Final = """
[services.{name}]
addresses = "{address}"
checks = [{{ type = "http", url = "http://127.0.0.1:{port}/", interval = {interval}, rise = 2, fall = 2 }}]
"""


class DemoError(RhiError):
    """The demo cannot go on; one sentence."""


class _Server(http.server.ThreadingHTTPServer):
    """Says nothing of clients that have gone away, as a probe does after its time-out."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


class Service:
    """A small HTTP service that can be told to fail."""

    def __init__(self) -> None:
        self.is_healthy = True
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if service.is_healthy else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class _Witness:
    """A collector, and the routes that it has had: all may be over when somebody looks, on a busy machine."""

    def __init__(self, host: str, changed: threading.Condition) -> None:
        self._changed = changed
        self.sessions = 0
        self._had: deque[RoutesSeen] = deque([{}], MAX_STATES)
        self.collector = Collector(f"{host}:0", on_event=self._note)

    def has_come_to(self, condition: Callable[[RoutesSeen], bool]) -> bool:
        """Whether it has such routes, or had them after what was found last; what was before is forgotten."""
        found = next((at for at, routes in enumerate(self._had) if condition(routes)), None)
        for _ in range(found or 0):
            self._had.popleft()
        return found is not None

    def _note(self, event: Event) -> None:
        with self._changed:
            if isinstance(event, SessionUp):
                self.sessions += 1
            elif isinstance(event, RoutesReceived | SessionDown):
                self._had.append(self.collector.routes())
                self._changed.notify_all()


class Witnesses:
    """Two collectors, each a BGP peer of the daemon: what they have came over TCP."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._witnesses = [_Witness(f"127.0.0.{n}", self._changed) for n in (1, 2)]
        self.collectors = [each.collector for each in self._witnesses]

    @property
    def sessions(self) -> int:
        """How many there have been; a route also leaves when its session ends, which would prove nothing."""
        return sum(each.sessions for each in self._witnesses)

    def wait_for(
        self, condition: Callable[[RoutesSeen], bool], timeout: float, goes_on: Callable[[], bool]
    ) -> bool:
        """Wait until `condition` holds at both, or has held since the last wait.

        False when there was not enough time, or nothing goes on.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            for witness in self._witnesses:
                while not witness.has_come_to(condition):
                    if time.monotonic() >= deadline or not goes_on():
                        return False
                    self._changed.wait(GLANCE)
        return True

    def close(self) -> None:
        """End all sessions."""
        for collector in self.collectors:
            collector.close()


class Daemon:
    """`rhi run` with a configuration for these services and witnesses.

    Attributes:
        file: its configuration.
        page, token: its page, and what that asks for.
        client: asks it over its Unix socket.
    """

    def __init__(
        self, folder: Path, services: Mapping[str, tuple[str, int]], collectors: list[Collector]
    ) -> None:
        """`services`: address and port of the check, by name."""
        self._port = _free_port()
        self.file = folder / "rhi.toml"
        self.page = f"http://127.0.0.1:{self._port}/"
        self.token = f"{secrets.randbelow(10**12):012}"
        self.client = Client(Address(path=str(folder / "rhi.sock")), ANSWER_TIME)
        (folder / "token").write_text(self.token, encoding="utf-8")
        peers = "".join(_PEER.format(host=each.host, port=each.port) for each in collectors)
        named = "".join(
            _SERVICE.format(name=name, address=address, port=of_check, interval=CHECK_INTERVAL)
            for name, (address, of_check) in services.items()
        )
        text = _CONFIGURATION.format(peers=peers, services=named, folder=folder, port=self._port)
        self.file.write_text(text, encoding="utf-8")
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rhi.cli.attended", "run", str(self.file)],
                # never written to: it ends with us, whatever ends us, and the daemon with it
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    @property
    def is_running(self) -> bool:
        """It has not ended."""
        return self._process.poll() is None

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What its API answers.

        Raises:
            ApiError: there is no answer, or it is a refusal.
        """
        return self.client.ask(method, path, body)

    def show_page(self) -> None:
        """See that the page is there, without a token.

        Raises:
            DemoError: it is not.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_TIME)
        try:
            connection.request("GET", "/")
            text = connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise DemoError(f"{self.page}: {error}") from None
        finally:
            connection.close()
        if b"<title>rhi</title>" not in text:
            raise DemoError(f"{self.page}: something else answers there")

    def how_it_ended(self) -> str:
        """Its code and last words."""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return f"code {self._process.returncode}: {lines[-1] if lines else 'without a word'}"

    def stop(self) -> None:
        """Tell it to stop as a service manager would, and wait for the end.

        Raises:
            DemoError: it does not end, or not in good order.
        """
        self._process.terminate()
        try:
            code = self._process.wait(STOP_TIME)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise DemoError(f"the daemon has not ended within {STOP_TIME:.0f} s") from None
        if code:
            raise DemoError(f"the daemon has ended with {self.how_it_ended()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """See that nothing is left, whatever happened."""
        if self.is_running:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIME)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


def _free_port() -> int:
    """One that nobody has now; the daemon takes it a moment later."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
