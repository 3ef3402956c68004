"""B1: from the session being established to the last route of the whole table."""

from __future__ import annotations

from bench.adapters import Rhi
from bench.experiments.base import Experiment, Measure, Need, Reference, Samples, Stage, Target


class FirstTable(Experiment):
    NUMBER = "B1"
    TITLE = "session established → last route at the sink"
    NEEDS = Need.LOADED_SPEAKER
    MEASURES = (Measure("last route", "last"), Measure("first route", "first"))
    TARGETS = (
        Target("last route", 0.1, Reference.FASTEST_DAEMON),
        Target("last route", 2.0, Reference.FLOOR),
    )

    def run(self, stage: Stage) -> Samples:
        seen = stage.connect()
        began = seen["established_at"]
        samples = {"last": [seen["at"] - began], "first": [seen["first_at"] - began]}
        if isinstance(stage.speaker, Rhi):
            samples["load"] = [
                stage.speaker.load_time
            ]  # not in the table: the call of rhi.Pool with all routes
        return samples
