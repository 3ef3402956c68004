"""`rhi demo`: a service fails and recovers, and its route leaves and returns. No root, no router.

    service  <--HTTP check--  checker  --verdict-->  speaker (rhi.Pool)  --BGP-->  collector

All four run here, on loopback, each in a thread of its own. The collector is a real BGP peer: what it prints
is what came over TCP.
"""

import http.client
import http.server
import threading
import time
from collections.abc import Callable
from typing import Final

from rhi.cli.arguments import Parser, fail, one_sentence, stop_signals
from rhi.cli.output import Output, complain
from rhi.model.parameters import Parameters
from rhi.testing.collector import Collector, RoutesSeen
from rhi.threaded import Pool

PROG: Final = "rhi demo"
SERVICE_ADDRESS: Final = "192.0.2.80"
CHECK_INTERVAL: Final = 0.2
CHECK_TIMEOUT: Final = 1.0
RISE, FALL = 2, 2
# Longest that each of the three things may take; with it the demo ends in under 30 s whatever happens.
STEP_TIMEOUT: Final = 8.0


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

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


class Checker:
    """Asks the service five times a second; its verdict changes after RISE or FALL equal answers in a row."""

    def __init__(self, port: int, on_verdict: Callable[[bool], None]) -> None:
        self.decided_at = 0.0
        self._port = port
        self._on_verdict = on_verdict
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Check no more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        verdict: bool | None = None
        streak, last = 0, False
        while not self._stopped.wait(CHECK_INTERVAL):
            answer = self._probe()
            streak = streak + 1 if answer is last else 1
            last = answer
            if verdict is not answer and streak >= (RISE if answer else FALL):
                verdict = answer
                self.decided_at = time.monotonic()
                self._on_verdict(answer)

    def _probe(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=CHECK_TIMEOUT)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


class Story:
    """Prints what happens with the seconds since the start, and waits for the collector."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._output = Output(lambda: None)
        self._began = time.monotonic()

    def tell(self, who: str, text: str) -> None:
        """One line."""
        self._output.line(f"{time.monotonic() - self._began:7.3f} s  {who:<10} {text}")

    def wait(
        self, what: str, condition: Callable[[RoutesSeen], bool], checker: Checker, since: float
    ) -> bool:
        """Wait for the route to come or go, and tell how long it took."""
        if not self._collector.wait_for(condition, STEP_TIMEOUT):
            complain(f"{PROG}: the route has not {what} within {STEP_TIMEOUT:.0f} s")
            return False
        now = time.monotonic()
        self.tell(
            "collector",
            f"route {SERVICE_ADDRESS}/32 has {what}: {(now - since) * 1000:.0f} ms after the change, "
            f"{(now - checker.decided_at) * 1000:.1f} ms after the verdict",
        )
        return True


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code: 0 when the route arrived, left and returned."""
    Parser(
        PROG,
        description="A service fails and recovers, and its route leaves and returns: a speaker, a collector, "
        "an HTTP service and its check, all on loopback. Needs no root and no router; ends by itself in "
        "seconds. Exit code 1 when the route did not arrive, leave or return.",
    ).parse(words)
    code = None
    with one_sentence(PROG), stop_signals(), Collector() as collector:
        code = _play(collector)
    if code is None:
        fail(PROG, "stopped before the end", 1)
    return code


def _play(collector: Collector) -> int:
    story = Story(collector)
    service = Service()
    # RFC 5737 addresses: the route leads nowhere, and no router hears of it
    parameters = Parameters(as_number=65001, port=collector.port, next_hop_4="192.0.2.1")
    with Pool("192.0.2.1", {collector.host: parameters}) as pool:

        def on_verdict(is_healthy: bool) -> None:
            story.tell("check", f"the service is {'healthy: announce' if is_healthy else 'down: withdraw'}")
            if is_healthy:
                pool.announce(SERVICE_ADDRESS)
            else:
                pool.withdraw(SERVICE_ADDRESS)

        story.tell("service", f"answers on 127.0.0.1:{service.port}; check asks it every {CHECK_INTERVAL} s")
        story.tell("speaker", f"AS 65001, connects to the collector, AS 65000, port {collector.port}")
        began = time.monotonic()
        checker = Checker(service.port, on_verdict)
        try:
            return 0 if _acts(story, service, checker, began) and _was_one_session(story, pool) else 1
        finally:
            checker.close()
            service.close()


def _acts(story: Story, service: Service, checker: Checker, began: float) -> bool:
    """The three acts; false when one fails."""

    def is_there(routes: RoutesSeen) -> bool:
        return SERVICE_ADDRESS in routes

    def is_gone(routes: RoutesSeen) -> bool:
        return SERVICE_ADDRESS not in routes

    if not story.wait("arrived", is_there, checker, began):
        return False
    failed = time.monotonic()
    service.is_healthy = False
    story.tell("service", "fails: answers 503 from now on")
    if not story.wait("left", is_gone, checker, failed):
        return False
    recovered = time.monotonic()
    service.is_healthy = True
    story.tell("service", "recovers")
    return story.wait("returned", is_there, checker, recovered)


def _was_one_session(story: Story, pool: Pool) -> bool:
    """A route also leaves when its session ends, which would prove nothing."""
    (status,) = pool.status().values()
    if status.established_sessions != 1:
        complain(f"{PROG}: the session ended in between ({status.last_error or 'reason unknown'})")
        return False
    story.tell("speaker", "done: the route arrived, left and returned, in one BGP session")
    return True
