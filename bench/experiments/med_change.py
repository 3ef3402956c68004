"""B4: the MED of all routes changes."""

from __future__ import annotations

from bench.experiments.base import MED, Experiment, Measure, Need, Reference, Samples, Stage, Target


class MedChange(Experiment):
    NUMBER = "B4"
    TITLE = "MED of all routes changed: call → last route at the sink"
    NEEDS = Need.LOADED_SPEAKER
    MEASURES = (Measure("last route", "last"),)
    TARGETS = (
        Target("last route", 0.1, Reference.FASTEST_DAEMON),
        Target("last route", 3.0, Reference.FLOOR),
    )

    def run(self, stage: Stage) -> Samples:
        stage.connect()
        stage.sink.ask("reset")
        stage.arm(announced=stage.routes)
        at = stage.speaker.change_med(MED)
        last = stage.seen()
        stage.verify(stage.routes, MED)
        return {"last": [last["at"] - at]}
