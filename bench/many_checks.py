"""`python -m bench.many_checks`: a whole daemon with thousands of checks on one core, and its peer.

    .venv/bin/python -m bench.many_checks --points 500:1,5000:1,5000:5

`rhi run` has one service with one check for each address, half of them tcp and half http, on the first core;
the servers they ask and the peer are on the others. For each point, a number of checks and an interval, it is
asked for its metrics at the beginning and the end of a minute: probes made, event-loop lag, processor time.
The peer, which wants a keepalive each second, tells the longest silence. Several runs add up in `--results`;
with `--write`, docs/detection.md and its plot get all of them. `bench.health` measures the checks alone.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench import machine
from bench.adapters.base import SEARCH_PATH
from bench.control import metrics
from bench.errors import BenchError, Missing
from bench.ground import free_port
from bench.plot import Curve, Panel, svg
from bench.process_tree import processor_time
from bench.program import Child, Program
from bench.report import write_into

ROOT: Final = Path(__file__).parent.parent
PATIENCE: Final = 120.0
# The daemon tells how late it was in the last minute.
MINUTE: Final = 60.0
SETTLE: Final = 3.0
HOLD_TIME: Final = 3
FIRST_CORE: Final = 0
PRIORITY: Final = -15
MOST: Final = 5000
DEFAULT_POINTS: Final = "500:1,1000:1,2500:1,5000:1,5000:2,5000:5,5000:10"
# Fast enough that it is the daemon that is measured.
HAPROXY: Final = """
global
    nbthread 1
    maxconn 6000
defaults
    mode http
    timeout client 10s
    timeout http-request 10s
frontend health
{binds}
    http-request return status 200 content-type text/plain string "ok"
"""
HEADING: Final = (
    "| checks | interval | of one core | probes made | failed | event-loop lag p50, p99 | longest silence |\n"
    "|--:|--:|--:|--:|--:|--:|--:|"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What one minute showed; times in seconds.

    Attributes:
        share: processor time in shares of one core.
        made: probes made, in shares of one each interval.
        silence: the longest that the peer heard nothing for.
    """

    checks: int
    interval: float
    share: float
    made: float
    failed: int
    lag_p50: float
    lag_p99: float
    silence: float

    def row(self) -> str:
        """A line of the table."""
        return (
            f"| {self.checks:,} | {self.interval:g} s | {self.share:.0%} | {self.made:.1%} | {self.failed} "
            f"| {self.lag_p50 * 1e3:.1f}, {self.lag_p99 * 1e3:.1f} ms | {self.silence:.2f} s |"
        )


def configuration(checks: int, interval: float, ports: list[int], peer_port: int, api: Path) -> str:
    """One service with one check for each address."""
    parts = [
        f'router_id = "192.0.2.10"\nas_number = 65001\n[api]\nsocket = "{api}"\n[log]\nlevel = "warning"\n'
        f'[peers."127.0.0.1"]\nport = {peer_port}\nhold_time = {HOLD_TIME}\n'
    ]
    for number in range(checks):
        port = ports[number % len(ports)]
        target = (
            f'type = "http"\nurl = "http://127.0.0.1:{port}/health/{number}"'
            if number % 2
            else f'type = "tcp"\naddress = "127.0.0.1"\nport = {port}'
        )
        parts.append(
            f'[services.s{number}]\naddresses = "10.{number >> 16}.{number >> 8 & 255}.{number & 255}"\n'
            f"[[services.s{number}.checks]]\n{target}\ninterval = {interval}\n"
        )
    return "".join(parts)


@contextmanager
def servers(folder: Path) -> Iterator[list[int]]:
    """Ports of a HAProxy that answers at once."""
    program = shutil.which("haproxy", path=SEARCH_PATH)
    if program is None:
        raise Missing("haproxy is not installed")
    ports = [free_port() for _ in range(8)]
    file = folder / "haproxy.cfg"
    file.write_text(
        HAPROXY.format(binds="\n".join(f"    bind 127.0.0.1:{port} backlog 4096" for port in ports))
    )
    haproxy = Program([program, "-db", "-f", str(file)], folder / "haproxy.log")
    try:
        yield ports
    finally:
        haproxy.stop()


@contextmanager
def daemon(
    folder: Path, checks: int, interval: float, ports: list[int]
) -> Iterator[tuple[Program, Path, Child]]:
    """A daemon that has announced everything, where its API is, and its peer."""
    api, file = folder / "rhi.sock", folder / "rhi.toml"
    command = [sys.executable, "-S", "-m", "bench.sink", "--as-number", "65000", "--router-id", "192.0.2.1"]
    with Child([*command, "--hold-time", str(HOLD_TIME)], folder / "sink.log") as sink:
        port = sink.ask("listen", address="127.0.0.1", port=0)["port"]
        file.write_text(configuration(checks, interval, ports, port, api))
        sink.ask("expect", announced=checks)
        words = ["taskset", "-c", str(FIRST_CORE), sys.executable, "-m", "rhi", "run", str(file)]
        program = Program(words, folder / "rhi.log")
        try:
            sink.answer(PATIENCE)
            yield program, api, sink
        except BenchError as error:
            raise BenchError(f"{checks} checks: {error}\n{program.log_tail()}") from None
        finally:
            program.stop()


def measure(folder: Path, checks: int, interval: float, ports: list[int]) -> Point:
    """One minute, after everything has been announced."""
    with daemon(folder, checks, interval, ports) as (program, api, sink):
        time.sleep(SETTLE)
        sink.ask("reset")
        before, at, spent = _probes(metrics(api)), time.monotonic(), processor_time([program.pid])
        time.sleep(MINUTE)
        text = metrics(api)
        seconds, spent = time.monotonic() - at, processor_time([program.pid]) - spent
        made = {result: count - before.get(result, 0.0) for result, count in _probes(text).items()}
        lag = dict(re.findall(r'rhi_event_loop_lag_seconds{quantile="([^"]+)"} (\S+)', text))
        return Point(
            checks=checks,
            interval=interval,
            share=spent / seconds,
            made=sum(made.values()) * interval / checks / seconds,
            failed=round(sum(count for result, count in made.items() if result != "passed")),
            lag_p50=float(lag["0.5"]),
            lag_p99=float(lag["0.99"]),
            silence=sink.ask("report")["longest_silence"],
        )


def _probes(text: str) -> dict[str, float]:
    """Rounds so far by result."""
    found: dict[str, float] = {}
    for result, count in re.findall(r'rhi_check_probes_total{[^}]*result="([^"]+)"[^}]*} (\S+)', text):
        found[result] = found.get(result, 0.0) + float(count)
    return found


def plot(points: list[Point]) -> str:
    """Processor time and lag: by the number of checks at one interval, and by the interval of one number."""
    by_number = sorted((each.checks, number) for number, each in enumerate(points) if each.interval == 1)
    by_interval = sorted((each.interval, number) for number, each in enumerate(points) if each.checks == MOST)
    panels: list[Panel] = []
    for axis, found in (
        ("checks, each once a second", by_number),
        (f"seconds of interval, {MOST:,} checks", by_interval),
    ):
        if len(found) > 1:
            panels += _panels(axis, [(x, points[number]) for x, number in found])
    return svg(panels)


def _panels(axis: str, points: Sequence[tuple[float, Point]]) -> Iterator[Panel]:
    yield Panel(
        f"% of one core, by {axis}", [Curve("processor", [(x, 100 * each.share) for x, each in points])]
    )
    lag = [(x, max(each.lag_p99 * 1e3, 0.01)) for x, each in points]
    silence = [(x, each.silence * 1e3) for x, each in points]
    yield Panel(f"ms, by {axis}", [Curve("event-loop lag p99", lag), Curve("longest silence", silence)])


def main() -> int:
    """Print the table, and keep it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench.many_checks", description=__doc__)
    add = parser.add_argument
    add("--points", default=DEFAULT_POINTS, help="numbers of checks and their intervals; may be empty")
    add("--results", type=Path, default=ROOT / "build" / "many_checks.json", help="where runs add up")
    add("--write", action="store_true", help="write the page and its plot")
    arguments = parser.parse_args()
    kept: dict[str, Any] = {}
    if arguments.results.exists():
        kept = json.loads(arguments.results.read_text())
    print(HEADING, flush=True)
    with tempfile.TemporaryDirectory(prefix="rhi-checks-") as name, servers(Path(name)) as ports:
        for text in filter(None, arguments.points.split(",")):
            checks, _, interval = text.partition(":")
            point = measure(Path(name), int(checks), float(interval), ports)
            print(point.row(), flush=True)
            kept[text] = asdict(point)
            arguments.results.parent.mkdir(parents=True, exist_ok=True)
            arguments.results.write_text(json.dumps(kept))
    if arguments.write:
        _write([Point(**each) for each in kept.values()])
    return 0


def _write(points: list[Point]) -> None:
    said = ", ".join(f"{name} {value}" for name, value in machine.describe().items())
    rows = [point.row() for point in sorted(points, key=lambda each: (each.interval, each.checks))]
    table = "\n".join([HEADING, *rows])
    text = f"Machine: {said}.\n\n{table}\n\n![Many checks](many-checks.svg)\n"
    write_into(ROOT / "docs" / "detection.md", "many checks", text)
    (ROOT / "docs" / "many-checks.svg").write_text(plot(points))


if __name__ == "__main__":
    if len(os.sched_getaffinity(0)) > 1:
        # the servers, the peer and this process leave the daemon's core to it
        os.sched_setaffinity(0, os.sched_getaffinity(0) - {FIRST_CORE})
    if os.geteuid() == 0:
        # the daemon is to have a core of its own; on a machine that others use too, it has to come first
        os.nice(PRIORITY)
    sys.exit(main())
