"""B2: from the start of the process, with the routes in a file, to the last route; and its peak memory."""

from __future__ import annotations

from bench.experiments.base import Experiment, Measure, Need, Reference, Samples, Stage, Target, Unit


class ColdStart(Experiment):
    NUMBER = "B2"
    TITLE = "process start with the routes in a file → last route at the sink; peak memory"
    NEEDS = Need.NOTHING
    MEASURES = (
        Measure("last route", "last"),
        Measure("peak memory", "memory", unit=Unit.MEGABYTES),
        Measure("processor time", "processor"),
    )
    TARGETS = (
        Target("last route", 0.25, Reference.FASTEST_DAEMON),
        Target("peak memory", 1.0, Reference.FASTEST_DAEMON),
    )

    def run(self, stage: Stage) -> Samples:
        started_at, last_at = start_and_wait(stage, stage.routes)
        stage.verify(stage.routes)
        return {
            "last": [last_at - started_at],
            "memory": [float(stage.speaker.memory())],
            "processor": [stage.speaker.processor_time()],
        }


def start_and_wait(stage: Stage, routes: int) -> tuple[float, float]:
    """Start a speaker with that many routes; when it was started, and when the last route was there."""
    speaker = stage.speaker
    speaker.prepare_start(routes)
    if speaker.DIALS:
        stage.sink.ask("listen", address=stage.ground.sink, port=stage.ground.port)
    else:
        stage.dial()
    started_at = speaker.start()
    last = stage.expect(announced=routes)
    return started_at, last["at"]
