"""B3: one route announced and withdrawn, again and again, beside all the others."""

from __future__ import annotations

import itertools

from bench.experiments.base import Experiment, Measure, Need, Reference, Samples, Stage, Target, Unit, p99
from bench.routes import SINGLE_ROUTES


class SingleRoute(Experiment):
    NUMBER = "B3"
    TITLE = "one route announced, then withdrawn, beside all others: call → sink"
    NEEDS = Need.LOADED_SPEAKER
    MEASURES = (
        Measure("announce p50", "announce", unit=Unit.MILLISECONDS),
        Measure("announce p99", "announce", p99, Unit.MILLISECONDS),
        Measure("withdraw p50", "withdraw", unit=Unit.MILLISECONDS),
        Measure("withdraw p99", "withdraw", p99, Unit.MILLISECONDS),
    )
    TARGETS = (
        *(Target(measure.name, 1.0, Reference.FASTEST_DAEMON) for measure in MEASURES),
        Target("announce p99", 0.002, Reference.ABSOLUTE),
        Target("withdraw p99", 0.002, Reference.ABSOLUTE),
    )

    def run(self, stage: Stage) -> Samples:
        stage.connect()
        samples: Samples = {"announce": [], "withdraw": []}
        for address in itertools.islice(itertools.cycle(SINGLE_ROUTES), stage.singles):
            for name, change in (("announce", stage.speaker.announce), ("withdraw", stage.speaker.withdraw)):
                past = "announced" if name == "announce" else "withdrawn"
                stage.arm(prefix=f"{address}/32", change=past)
                at = change(address)
                samples[name].append(stage.seen()["at"] - at)
        stage.verify(stage.routes)
        return samples
