"""`python -m bench.health`: what thousands of tcp and http checks cost, and how late they make the event
loop.

The checks run in this process, half of them tcp and half http, each once an interval; the servers they ask
are a process of their own. Printed is one line for each number of checks: processor time of this process
per probe and in percent of one core, the rounds that were really made, how late probes began, and the event
loop's lag. On a machine that others use too, only the processor time can be compared; lag and lateness hold
their work as well.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import pstats
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Final

from bench import machine
from rhi.health.base import Check
from rhi.health.checker import Report
from rhi.health.lag import LagMeter
from rhi.health.runner import Runner
from rhi.health.table import to_check

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
# The first rounds are spread by chance; by then all checks have a verdict.
WARM_UP: Final = 3.0
HEADING: Final = (
    "| checks | a second each | µs a probe | of one core | made | failed "
    "| late p50, p99 ms | lag p50, p99, worst ms |\n|---|---|---|---|---|---|---|---|"
)


class Server(asyncio.Protocol):
    """Takes connections; answers a request and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection until the other side has enough of it."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """A request is small enough to come at once."""
        self._transport.write(ANSWER)
        self._transport.close()


async def serve() -> None:
    """Until standard input ends; prints the ports first."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Server, "127.0.0.1", 0, backlog=4096) for _ in range(8)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextlib.contextmanager
def servers() -> Iterator[list[int]]:
    """Ports of a process that serves."""
    command = [sys.executable, "-m", "bench.health", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield [int(port) for port in process.stdout.readline().split()]
        finally:
            process.communicate()


@dataclass(slots=True)
class Sample:
    """What one run showed; times in seconds."""

    processor: float
    seconds: float
    late: list[float]
    failed: int
    lag: LagMeter

    def row(self, checks: int, interval: float) -> str:
        """A line of the table."""
        count = max(1, len(self.late))
        late = sorted(self.late) or [0.0]
        return (
            f"| {checks:,} | {1 / interval:g} | {self.processor / count * 1e6:.0f} "
            f"| {self.processor / self.seconds:.0%} | {count * interval / checks / self.seconds:.1%} "
            f"| {self.failed} "
            f"| {late[len(late) // 2] * 1e3:.1f}, {late[int(len(late) * 0.99)] * 1e3:.1f} "
            f"| {self.lag.quantile(0.5) * 1e3:.1f}, {self.lag.quantile(0.99) * 1e3:.1f}, "
            f"{self.lag.worst * 1e3:.1f} |"
        )


def make_checks(count: int, kinds: list[str], ports: list[int], interval: float) -> dict[str, Check]:
    """As many checks, of each kind in turn."""
    checks = {}
    for number in range(count):
        kind, port = kinds[number % len(kinds)], ports[number % len(ports)]
        target = (
            {"url": f"http://127.0.0.1:{port}/health/{number}"}
            if kind == "http"
            else {"address": "127.0.0.1", "port": port}
        )
        checks[f"{kind} {number}"] = to_check({"type": kind, "interval": interval, "timeout": 5.0, **target})
    return checks


async def measure(checks: dict[str, Check], seconds: float) -> Sample:
    """Run the checks for so long, after they have warmed up."""
    is_measured = False
    late: list[float] = []
    failed = 0

    def observe(report: Report) -> None:
        nonlocal failed
        if is_measured:
            late.append(report.started - report.scheduled)
            failed += report.result is None or not report.result.ok

    runner = Runner(observe)
    runner.configure(checks)
    interval = max(check.interval for check in checks.values())
    await asyncio.sleep(max(WARM_UP, 2 * interval))
    meter = LagMeter(interval=0.01, samples=100_000)
    meter.start()
    is_measured, began, processor = True, time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    processor, took = time.process_time() - processor, time.monotonic() - began
    is_measured = False
    meter.stop()
    await runner.close()
    return Sample(processor, took, late, failed, meter)


def main() -> int:
    """Print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench.health", description=__doc__)
    add = parser.add_argument
    add("--checks", default="500,1000,2500,5000", help="numbers of checks to measure")
    add("--interval", type=float, default=1.0, help="seconds between two probes of a check")
    add("--kinds", default="tcp,http", help="types of check, of tcp and http")
    add("--seconds", type=float, default=10.0, help="how long each number is measured")
    add("--uvloop", action="store_true", help="use uvloop in this process")
    add("--profile", action="store_true", help="show where the time goes; slows it down")
    add("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    run = _runner(arguments.uvloop or arguments.serve)
    if arguments.serve:
        run(serve())
        return 0
    print(", ".join(f"{name} {value}" for name, value in machine.describe().items()))
    print(HEADING)
    with servers() as ports:
        for count in map(int, arguments.checks.split(",")):
            checks = make_checks(count, arguments.kinds.split(","), ports, arguments.interval)
            profile = cProfile.Profile() if arguments.profile else contextlib.nullcontext()
            with profile:
                sample = run(measure(checks, arguments.seconds))
            print(sample.row(count, arguments.interval), flush=True)
            if isinstance(profile, cProfile.Profile):
                pstats.Stats(profile).strip_dirs().sort_stats("tottime").print_stats(30)
    return 0


def _runner(with_uvloop: bool) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    if not with_uvloop:
        return asyncio.run
    import uvloop  # noqa: PLC0415 - an extra of its own

    return uvloop.run


if __name__ == "__main__":
    sys.exit(main())
