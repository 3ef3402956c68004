"""How cost grows: B1, B3 and memory over the number of routes, B6 over the number of peers.

Each point is the median of a few runs. `slope` is that of the line through the points where both axes are
logarithmic: 1 means in proportion, 0 means that it does not matter.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.adapters import ADAPTERS
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
SPEAKERS: Final = ("rhi", "floor")
SINGLES: Final = 50


@dataclass(frozen=True, slots=True)
class Growth:
    """One cost: name, unit, and its points by speaker."""

    name: str
    over: str
    unit: str
    points: dict[str, list[tuple[float, float]]]


def measure(ground: Ground, runs: int, timeout: float, most: int) -> list[Growth]:
    """All curves, with at most so many routes."""
    routes = [number for number in ROUTES if number <= most]
    b1 = Growth("B1: first table", "routes", "s", {name: [] for name in SPEAKERS})
    b3 = Growth("B3: one route announced, p50", "routes", "ms", {name: [] for name in SPEAKERS})
    memory = Growth("memory of the speaker", "routes", "MiB", {"rhi": []})
    b6 = Growth(f"B6: {ROUTES_OF_PEERS:,} routes to all", "peers", "s", {name: [] for name in SPEAKERS})
    peer_memory = Growth(f"memory, {ROUTES_OF_PEERS:,} routes", "peers", "MiB", {"rhi": []})
    for name in SPEAKERS:
        for number in routes:
            found = _runs(ground, name, runs, timeout, number, _of_routes)
            b1.points[name].append((number, found["last"]))
            b3.points[name].append((number, found["announce"] * 1000))
            if name in memory.points:
                memory.points[name].append((number, found["memory"] / 2**20))
        for number in PEERS:
            found = _runs(ground, name, runs, timeout, number, _of_peers)
            b6.points[name].append((number, found["last"]))
            if name in peer_memory.points:
                peer_memory.points[name].append((number, found["memory"] / 2**20))
    return [b1, b3, memory, b6, peer_memory]


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line through the points, both axes logarithmic."""
    x, y = ([math.log10(point[axis]) for point in points] for axis in (0, 1))
    return statistics.linear_regression(x, y).slope


def markdown(growths: Sequence[Growth], picture: Path) -> str:
    """The table of slopes, and the picture."""
    lines = [f"![How cost grows]({picture.name})", "", "| cost | over | speaker | points | slope |"]
    lines.append("|---|---|---|---|--:|")
    for growth in growths:
        for name, points in growth.points.items():
            shown = ", ".join(f"{y:.3g} {growth.unit} at {x:,.0f}" for x, y in points)
            lines.append(f"| {growth.name} | {growth.over} | {name} | {shown} | {slope(points):.2f} |")
    return "\n".join(lines) + "\n"


def draw(growths: Sequence[Growth]) -> str:
    """All curves as one picture."""
    return svg(
        [
            Panel(
                f"{growth.name} [{growth.unit}] over {growth.over}",
                [
                    Curve(f"{name}, slope {slope(points):.2f}", points)
                    for name, points in growth.points.items()
                ],
            )
            for growth in growths
        ]
    )


def _of_routes(stage: Stage, number: int) -> Samples:
    stage.speaker.load(number)
    found = FirstTable().run(stage) | SingleRoute().run(stage)
    return found | {"memory": [float(stage.speaker.memory())]}


def _of_peers(stage: Stage, number: int) -> Samples:
    return all_have_all(stage, number, ROUTES_OF_PEERS)


def _runs(
    ground: Ground,
    name: str,
    runs: int,
    timeout: float,
    number: int,
    run: Callable[[Stage, int], Samples],
) -> dict[str, float]:
    samples: dict[str, list[float]] = {}
    for _ in range(runs):
        with ADAPTERS[name](ground, extended=False, timeout=timeout) as speaker:
            log = speaker.folder / "sink.log"
            with Child(sink_command(ground, extended=False), log) as sink:
                found = run(Stage(ground, speaker, sink, number, SINGLES, 1.0), number)
        for each, values in found.items():
            samples.setdefault(each, []).extend(values)
    return {each: statistics.median(values) for each, values in samples.items()}
