"""`python -m bench.detection`: how long a closed backend still has a route.

    .venv/bin/pip install anycast-healthchecker
    sudo .venv/bin/python -m bench.detection --repetitions 50

The backend is closed at a random moment, and opened again when the router's table has lost the routes of all
contestants; what is measured is in `watch`, who is measured in `contestants`. Several runs of the same pace
add up in `--samples`. With `--write`, docs/detection.md and its plot get what is there.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import machine
from bench.control import metrics
from bench.detection.contestants import (
    BACKEND,
    CONTESTANTS,
    ROUTER,
    Contestant,
    Pace,
    api_socket,
    start_router,
    versions,
)
from bench.detection.samples import FROM_DECISION, TO_TABLE, TO_WIRE, Samples, plot, tables
from bench.errors import BenchError, TooLate
from bench.program import Child, Program
from bench.report import write_into
from tests.interop.lab.namespace import Namespace, connect, namespaces, remove_leftovers

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 60.0
OWN: Final = "rhi_detection_to_acknowledgement_seconds_bucket"


class Course:
    """Everything that runs, and the repetitions."""

    def __init__(self, contestants: list[Contestant], folder: Path, backend: Child, router: Child) -> None:
        self.contestants = contestants
        self._folder = folder
        self._backend = backend
        self._router = router
        self._routes = [each.route for each in contestants]

    def begin(self) -> None:
        """Until all are announced."""
        self._backend.ask("open")
        self._expect(here=True)

    def repeat(self, samples: Samples, interval: float) -> None:
        """One repetition, at a moment that has nothing to do with anybody's clock."""
        time.sleep(random.uniform(0, interval))
        self._backend.ask("refusals")
        closed = self._backend.ask("close")["at"]
        found = self._expect(here=False)
        refused = self._backend.ask("refusals")["refused"]
        self._backend.ask("open")
        for each in self.contestants:
            wire = found["wire"][each.route]
            decisive = max(at for at in refused[each.probes_from] if at <= wire)
            samples.add(each.name, TO_TABLE, found["table"][each.route] - closed)
            samples.add(each.name, TO_WIRE, wire - closed)
            samples.add(each.name, FROM_DECISION, wire - decisive)
        self._expect(here=True)

    def own_histograms(self) -> dict[str, dict[str, float]]:
        """What rhi says itself so far, by contestant."""
        found = {}
        for each in self.contestants:
            path = api_socket(each, self._folder)
            if path.exists():
                rows = re.findall(rf'{OWN}{{le="([^"]+)"}} (\S+)', metrics(path))
                found[each.name] = {bound: float(count) for bound, count in rows}
        return found

    def _expect(self, *, here: bool) -> dict[str, dict[str, float]]:
        try:
            return self._router.ask("expect", routes=self._routes, here=here, timeout=PATIENCE)
        except TooLate:
            state = "announced" if here else "withdrawn"
            logs = "\n".join(f"{log.name}: {log.read_text()[-600:]}" for log in self._folder.glob("*.log"))
            raise BenchError(f"not all were {state} within {PATIENCE:g} s\n{logs}") from None


@contextlib.contextmanager
def course(contestants: list[Contestant], pace: Pace) -> Iterator[Course]:
    """Two namespaces with a cable: the host of all contestants, and the router."""
    remove_leftovers()
    programs: list[Program] = []
    with tempfile.TemporaryDirectory(prefix="rhi-detection-") as name, namespaces("host", "router") as made:
        folder = Path(name)
        host, far = made
        _wire(contestants, host, far)
        try:
            backend = _watch(host, folder, "backend", BACKEND[0], str(BACKEND[1]))
            router = _watch(far, folder, "router", "eth0")
            programs += [backend, router, start_router(contestants, far, folder)]
            for each in contestants:
                programs += each.start(each, pace, host, folder)
            yield Course(contestants, folder, backend, router)
        finally:
            for program in reversed(programs):
                program.stop()


def _wire(contestants: list[Contestant], host: Namespace, router: Namespace) -> None:
    connect(host, router)
    router.add_address("eth0", f"{ROUTER}/24")
    host.add_address("eth0", *(f"{each.address}/24" for each in contestants))


def _watch(namespace: Namespace, folder: Path, *words: str) -> Child:
    command = [sys.executable, "-m", "bench.detection.watch", *words]
    return Child(namespace.command(command), folder / f"watch-{words[0]}.log")


def main() -> int:
    """Measure, print, and keep; returns the exit code."""
    arguments = _arguments()
    pace = Pace(
        interval=arguments.interval,
        fast_interval=arguments.fast_interval,
        rise=arguments.rise,
        fall=arguments.fall,
    )
    circumstances = {"machine": machine.describe(), "versions": versions(), "pace": str(pace)}
    samples = Samples(circumstances)
    if arguments.repetitions > 0:
        _measure(samples, pace, arguments.repetitions)
    if arguments.samples.exists():
        earlier = Samples.load(arguments.samples)
        same = ("pace", "versions")
        if all(earlier.circumstances[each] == circumstances[each] for each in same):
            samples.merge(earlier)
    samples.save(arguments.samples)
    print(tables(samples))
    if arguments.write:
        _write(samples)
    return 0


def _measure(samples: Samples, pace: Pace, repetitions: int) -> None:
    with course(CONTESTANTS, pace) as running:
        running.begin()
        before = running.own_histograms()
        for number in range(repetitions):
            running.repeat(samples, pace.interval)
            print(f"\r{number + 1} of {repetitions}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        for name, counts in running.own_histograms().items():
            samples.own[name] = {bound: count - before[name][bound] for bound, count in counts.items()}


def _write(samples: Samples) -> None:
    said = "\n\n".join(
        f"{title}: {', '.join(f'{name} {value}' for name, value in samples.circumstances[key].items())}."
        for title, key in (("Machine", "machine"), ("Versions", "versions"))
    )
    said += f"\n\nPace: {samples.circumstances['pace']}."
    text = f"{said}\n\n{tables(samples)}\n![Detection](detection.svg)\n"
    write_into(ROOT / "docs" / "detection.md", "detection", text)
    (ROOT / "docs" / "detection.svg").write_text(plot(samples))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.detection", description=__doc__)
    add = parser.add_argument
    add("--repetitions", type=int, default=50, help="0: only say what there is")
    add("--interval", type=float, default=1.0, help="of all contestants, in seconds")
    add("--fast-interval", type=float, default=0.1, help="of those that have one")
    add("--rise", type=int, default=2)
    add("--fall", type=int, default=2)
    add("--samples", type=Path, default=ROOT / "build" / "detection.json", help="where runs add up")
    add("--write", action="store_true", help="write the page and its plot")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench.detection: {error}")
