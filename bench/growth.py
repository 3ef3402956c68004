"""How cost grows: B1, B3 and memory over the number of routes, B6 and memory over the number of peers.

Each point is the median of a few runs. `slope` is that of the line through the points where both axes are
logarithmic: 1 means in proportion, 0 means that it does not matter. A route of a further peer costs what a
speaker with some more peers has more, when they all have everything.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Final, NamedTuple

from bench.adapters import ADAPTERS, Rhi
from bench.experiments.base import Samples, Stage, sink_command
from bench.experiments.first_table import FirstTable
from bench.experiments.many_peers import all_have_all
from bench.experiments.single_route import SingleRoute
from bench.ground import Ground
from bench.plot import Curve, Panel, svg
from bench.program import Child

ROUTES: Final = (1_000, 10_000, 100_000, 1_000_000)
PEERS: Final = (1, 10, 100, 500)
ROUTES_OF_PEERS: Final = 10_000
FURTHER_PEERS: Final = 100
# With more, what they take is lost in what loading has taken and given back.
FURTHER_ROUTES: Final = (10_000, 30_000, 100_000)
SPEAKERS: Final = ("rhi", "rhi.aio", "floor")
OWN: Final = ("rhi",)
SINGLES: Final = 50
# What a peer was sent is kept until the peer has been heard of, and at least for three seconds.
HOLD_TIME: Final = 3
SETTLING_TIME: Final = 5.0


class Point(NamedTuple):
    """What is measured at once: with one speaker and so many routes or peers."""

    kind: str
    speaker: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.kind} {self.speaker} {self.number}"


@dataclass(frozen=True, slots=True)
class Growth:
    """One cost: name, unit, and its points by speaker."""

    name: str
    over: str
    unit: str
    points: dict[str, list[tuple[float, float]]]


Found = dict[str, dict[str, list[float]]]


def points(most: int) -> Iterator[Point]:
    """All there is to measure, with at most so many routes."""
    routes = [number for number in ROUTES if number <= most]
    for speaker in SPEAKERS:
        yield from (Point("routes", speaker, number) for number in routes)
    for speaker in ("rhi", "floor"):
        yield from (Point("peers", speaker, number) for number in PEERS)
    for speaker in OWN:
        yield from (Point("further", speaker, number) for number in FURTHER_ROUTES if number <= most)


def count_left(found: Found, runs: int, most: int) -> int:
    """How many measurements there are yet to be made."""
    return sum(runs - _runs(found, point) for point in points(most))


def measure(
    ground: Ground,
    found: Found,
    *,
    runs: int,
    timeout: float,
    most: int,
    save: Callable[[], None],
    is_over: Callable[[], bool],
) -> None:
    """Add what is missing to `found`, until `is_over`."""
    for number in range(runs):
        for point in points(most):
            if _runs(found, point) > number:
                continue
            if is_over():
                return
            samples = _measure(ground, point, timeout)
            known = found.setdefault(point.name, {})
            for each, values in samples.items():
                known.setdefault(each, []).append(statistics.median(values))
            print(f"growth {number + 1}  {point.name}", file=sys.stderr)
            save()


def curves(found: Found, most: int) -> list[Growth]:
    """What has been found, cost by cost."""
    megabyte = 2**20
    return [
        _growth(found, most, "B1: first table", "routes", "s", "last", ("rhi", "floor")),
        _growth(found, most, "B3: one route announced, p50", "routes", "ms", "announce", SPEAKERS, 0.001),
        _growth(found, most, "peak memory", "routes", "MiB", "memory", OWN, megabyte),
        _growth(
            found, most, f"B6: {ROUTES_OF_PEERS:,} routes to all", "peers", "s", "last", ("rhi", "floor")
        ),
        _growth(
            found, most, f"peak memory, {ROUTES_OF_PEERS:,} routes", "peers", "MiB", "memory", OWN, megabyte
        ),
        _growth(found, most, "memory, a route of a further peer", "further", "bytes", "bytes", OWN),
    ]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line through the points, both axes logarithmic."""
    x, y = ([math.log10(point[axis]) for point in points] for axis in (0, 1))
    return statistics.linear_regression(x, y).slope


def markdown(growths: Sequence[Growth], picture: Path) -> str:
    """The table of slopes, and the picture."""
    lines = [f"![How cost grows]({picture.name})", "", "| cost | over | speaker | points | slope |"]
    lines.append("|---|---|---|---|--:|")
    for growth in growths:
        for name, found in growth.points.items():
            shown = ", ".join(f"{y:.3g} {growth.unit} at {x:,.0f}" for x, y in found)
            lines.append(f"| {growth.name} | {growth.over} | {name} | {shown} | {slope(found):.2f} |")
    return "\n".join(lines) + "\n"


def draw(growths: Sequence[Growth]) -> str:
    """All curves as one picture."""
    return svg(
        [
            Panel(
                f"{growth.name} [{growth.unit}] over {growth.over}",
                [Curve(f"{name}, slope {slope(found):.2f}", found) for name, found in growth.points.items()],
            )
            for growth in growths
        ]
    )


def _growth(
    found: Found,
    most: int,
    name: str,
    kind: str,
    unit: str,
    samples: str,
    speakers: Sequence[str],
    factor: float = 1.0,
) -> Growth:
    curves: dict[str, list[tuple[float, float]]] = {speaker: [] for speaker in speakers}
    for point in points(most):
        if point.kind == kind and point.speaker in speakers:
            value = statistics.median(found[point.name][samples]) / factor
            curves[point.speaker].append((point.number, value))
    return Growth(name, "routes" if kind == "further" else kind, unit, curves)


def _runs(found: Found, point: Point) -> int:
    return max(map(len, found.get(point.name, {}).values()), default=0)


def _measure(ground: Ground, point: Point, timeout: float) -> Samples:
    if point.kind == "further":
        return _on_stage(ground, point, timeout, _of_further_peers)
    return _on_stage(ground, point, timeout, _of_routes if point.kind == "routes" else _of_peers)


def _of_routes(stage: Stage, number: int) -> Samples:
    stage.speaker.load(number)
    found = FirstTable().run(stage) | SingleRoute().run(stage)
    return found | {"memory": [float(stage.speaker.memory())]}


def _of_peers(stage: Stage, number: int) -> Samples:
    return all_have_all(stage, number, ROUTES_OF_PEERS)


def _of_further_peers(stage: Stage, number: int) -> Samples:
    """What more peers take in a process that has one, when all of them have had everything for a while."""
    speaker = stage.speaker
    assert isinstance(speaker, Rhi)
    speaker.hold_time = HOLD_TIME
    speaker.peers = stage.ground.sinks(1 + FURTHER_PEERS)
    speaker.load(number)
    found: list[int] = []
    for sources in (speaker.peers[:1], speaker.peers[1:]):
        stage.dial(sources)
        stage.expect(announced=number, peers=len(sources) if not found else len(speaker.peers))
        sleep(SETTLING_TIME)
        speaker.answer("trim")
        found.append(speaker.memory_now())
    return {"bytes": [(found[1] - found[0]) / FURTHER_PEERS / number]}


def _on_stage(ground: Ground, point: Point, timeout: float, run: Callable[[Stage, int], Samples]) -> Samples:
    with ADAPTERS[point.speaker](ground, extended=False, timeout=timeout) as speaker:
        log = speaker.folder / "sink.log"
        with Child(sink_command(ground, extended=False), log) as sink:
            return run(Stage(ground, speaker, sink, point.number, SINGLES, 1.0), point.number)
