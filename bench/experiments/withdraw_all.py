"""B5: all routes are withdrawn, and the session stays. Comes last of all that share a speaker."""

from __future__ import annotations

from bench.experiments.base import Experiment, Measure, Need, Reference, Samples, Stage, Target


class WithdrawAll(Experiment):
    NUMBER = "B5"
    TITLE = "all routes withdrawn: call → last withdrawal at the sink"
    NEEDS = Need.LOADED_SPEAKER
    MEASURES = (Measure("last withdrawal", "last"),)
    TARGETS = (
        Target("last withdrawal", 0.1, Reference.FASTEST_DAEMON),
        Target("last withdrawal", 3.0, Reference.FLOOR),
    )

    def run(self, stage: Stage) -> Samples:
        stage.connect()
        stage.sink.ask("reset")
        stage.arm(withdrawn=stage.routes)
        at = stage.speaker.withdraw_all()
        last = stage.seen()
        stage.verify(0)
        return {"last": [last["at"] - at]}
