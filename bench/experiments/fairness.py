"""B11: how long a timer of the pool's thread waits behind work on all routes."""

from __future__ import annotations

from typing import Final

from bench.adapters import Rhi
from bench.experiments.base import MED, Experiment, Measure, Need, Reference, Samples, Stage, Target, Unit

# What is done, and what all routes then are at the sink.
BURSTS: Final = (
    ("med", "announced"),
    ("withdraw_all", "withdrawn"),
    ("replace_all", "announced"),
    ("replace_med", "announced"),
)


class Fairness(Experiment):
    NUMBER = "B11"
    TITLE = "longest wait of a timer behind a burst of all routes"
    NEEDS = Need.NOTHING
    ONLY = ("rhi",)
    MEASURES = (
        Measure("first table", "connect", max, Unit.MILLISECONDS),
        Measure("another MED", "med", max, Unit.MILLISECONDS),
        Measure("all withdrawn", "withdraw_all", max, Unit.MILLISECONDS),
        Measure("all announced", "replace_all", max, Unit.MILLISECONDS),
        Measure("all replaced", "replace_med", max, Unit.MILLISECONDS),
    )
    TARGETS = tuple(Target(measure.name, 0.02, Reference.ABSOLUTE) for measure in MEASURES)

    def run(self, stage: Stage) -> Samples:
        speaker = stage.speaker
        assert isinstance(speaker, Rhi)
        speaker.load(stage.routes)
        speaker.answer("lag")
        stage.connect()
        found = {"connect": [speaker.answer("lag")["lag"]]}
        for number, (do, change) in enumerate(BURSTS):
            stage.sink.ask("reset")
            stage.arm(**{change: stage.routes})
            speaker.ask(do, med=MED + number)
            stage.seen()
            found[do] = [speaker.answer("lag")["lag"]]
        return found
