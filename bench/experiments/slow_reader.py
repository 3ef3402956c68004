"""B7: one of two peers stops reading while all routes come and go."""

from __future__ import annotations

from time import monotonic, sleep
from typing import Final

from bench.adapters import Rhi
from bench.errors import TooLate
from bench.experiments.base import (
    Experiment,
    Measure,
    Need,
    Reference,
    Samples,
    Stage,
    Target,
    Unit,
    p99,
    sink_command,
)
from bench.program import Child

ROUTES: Final = 100_000
FLAPS: Final = 20
INTERVAL: Final = 1.0


class SlowReader(Experiment):
    NUMBER = "B7"
    TITLE = f"one peer stops reading while {ROUTES:,} routes flap {FLAPS} times, one flap a second"
    NEEDS = Need.NOTHING
    IS_LONG = True
    ONLY = ("rhi",)
    MEASURES = (
        Measure("flap p99, both read", "quiet", p99),
        Measure("flap p99, one does not", "slow", p99),
        Measure("the second to the first", "ratio", unit=Unit.TIMES),
        Measure("growth of memory", "growth", unit=Unit.TIMES),
        Measure("slow peer right again after", "caught_up"),
    )
    TARGETS = (
        Target("the second to the first", 2.0, Reference.ABSOLUTE),
        Target("growth of memory", 1.2, Reference.ABSOLUTE),
    )

    def run(self, stage: Stage) -> Samples:
        speaker = stage.speaker
        assert isinstance(speaker, Rhi)
        routes, flaps = max(1000, round(ROUTES * stage.scale)), max(3, round(FLAPS * stage.scale))
        speaker.peers = stage.ground.sinks(2)
        speaker.load(routes)
        log = speaker.folder / "slow.log"
        with Child(sink_command(stage.ground, extended=False), log) as slow:
            stage.dial(speaker.peers[:1])
            slow.ask("dial", address=stage.ground.speaker, port=stage.ground.port, sources=speaker.peers[1:])
            stage.expect(announced=routes)
            _wait_for(slow, routes, speaker.timeout)
            quiet = _flap(stage, speaker, routes, flaps)
            _wait_for(slow, routes, speaker.timeout)
            before = speaker.memory_now()
            slow.ask("pause")
            lagging = _flap(stage, speaker, routes, flaps)
            growth = speaker.memory_now() / before
            resumed = slow.ask("resume")["at"]
            caught_up = _wait_for(slow, routes, speaker.timeout)
        return {
            "quiet": quiet,
            "slow": lagging,
            "ratio": [p99(lagging) / p99(quiet)],
            "growth": [growth],
            "caught_up": [caught_up - resumed],
        }


def _flap(stage: Stage, speaker: Rhi, routes: int, times: int) -> list[float]:
    """Withdraw all routes and announce them again; from each call to the last route at the healthy peer."""
    found = []
    for _ in range(times):
        began = monotonic()
        for do, change in (("withdraw_all", "withdrawn"), ("replace_all", "announced")):
            stage.sink.ask("reset")
            stage.arm(**{change: routes})
            at = speaker.ask(do)
            found.append(stage.seen()["at"] - at)
        sleep(max(0.0, began + INTERVAL - monotonic()))
    return found


def _wait_for(sink: Child, routes: int, timeout: float) -> float:
    """When a sink was found to hold all routes."""
    deadline = monotonic() + timeout
    while sink.ask("report", timeout=timeout)["held"] != [routes]:
        if monotonic() > deadline:
            raise TooLate(f"not within {timeout:g} s: the slow peer holds {routes} routes")
        sleep(0.05)
    return monotonic()
