"""B6: many peers come at once, and all want the same routes."""

from __future__ import annotations

from typing import Final

from bench.errors import BenchError
from bench.experiments.base import Experiment, Measure, Need, Reference, Samples, Stage, Target, Unit

PEERS: Final = 500
ROUTES: Final = 10_000


class ManyPeers(Experiment):
    NUMBER = "B6"
    TITLE = f"{PEERS} peers × {ROUTES:,} routes: first established → all have all; processor time, memory"
    NEEDS = Need.NOTHING
    IS_LONG = True
    MEASURES = (
        Measure("all have all", "last"),
        Measure("processor time", "processor"),
        Measure("peak memory", "memory", unit=Unit.MEGABYTES),
    )
    TARGETS = (
        Target("all have all", 0.5, Reference.FASTEST_DAEMON),
        Target("processor time", 0.5, Reference.FASTEST_DAEMON),
        Target("peak memory", 1.0, Reference.FASTEST_DAEMON),
    )

    def run(self, stage: Stage) -> Samples:
        return all_have_all(stage, max(2, round(PEERS * stage.scale)), ROUTES)


def all_have_all(stage: Stage, peers: int, routes: int) -> Samples:
    """Load a speaker, have all peers connect, and wait until each of them has everything."""
    speaker = stage.speaker
    speaker.peers = stage.ground.sinks(peers)
    speaker.load(routes)
    processor = speaker.processor_time()
    stage.dial(speaker.peers)
    first = stage.expect(established=1)
    last = stage.expect(announced=routes, peers=peers)
    report = stage.sink.ask("report", timeout=speaker.timeout)
    if report["held"] != [routes] * peers:
        raise BenchError(f"not all peers hold {routes} routes: {sorted(set(report['held']))}")
    return {
        "last": [last["at"] - first["at"]],
        "processor": [speaker.processor_time() - processor],
        "memory": [float(speaker.memory())],
    }
