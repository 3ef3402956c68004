"""B8: `replace` with strings of which one differs from the table."""

from __future__ import annotations

from time import sleep
from typing import Final

from bench.adapters import Rhi
from bench.errors import BenchError
from bench.experiments.base import Experiment, Measure, Need, Reference, Samples, Stage, Target, Unit

HOLD_TIME: Final = 3  # keepalives are due every second
TURNS: Final = 10


class ReplaceOne(Experiment):
    NUMBER = "B8"
    TITLE = "`replace` with all routes as strings, one of them another: call → that route at the sink"
    NEEDS = Need.NOTHING
    IS_LONG = True
    ONLY = ("rhi",)
    MEASURES = (
        Measure("first load", "load"),
        Measure("replace", "replace"),
        Measure("the second to the first", "ratio", unit=Unit.TIMES),
        Measure("routes on the wire", "announced", max, Unit.COUNT),
        Measure("longest silence, keepalive 1 s", "silence", max),
        Measure("longest wait of a timer", "lag", max, Unit.MILLISECONDS),
    )
    TARGETS = (
        Target("the second to the first", 0.6, Reference.ABSOLUTE),
        Target("routes on the wire", 1, Reference.ABSOLUTE),
        Target("longest silence, keepalive 1 s", 1.1, Reference.ABSOLUTE),
        Target("longest wait of a timer", 0.02, Reference.ABSOLUTE),
    )

    def run(self, stage: Stage) -> Samples:
        speaker = stage.speaker
        assert isinstance(speaker, Rhi)
        speaker.hold_time = HOLD_TIME
        speaker.load(stage.routes)
        stage.connect()
        found: Samples = {"load": [speaker.load_time], "replace": [], "ratio": [], "announced": []}
        silence = []
        speaker.answer("lag")
        for _ in range(TURNS):
            stage.sink.ask("reset")
            stage.arm(announced=1)
            at = speaker.ask("replace_one")
            found["replace"].append(stage.seen()["at"] - at)
            sleep(0.3)  # for what should not come
            report = stage.sink.ask("report")
            if report["withdrawn"] != 1:
                raise BenchError(f"{report['withdrawn']} routes withdrawn instead of one")
            found["announced"].append(float(report["announced"]))
            silence.append(report["longest_silence"])
        found["ratio"] = [each / speaker.load_time for each in found["replace"]]
        return found | {"silence": silence, "lag": [speaker.answer("lag")["lag"]]}
