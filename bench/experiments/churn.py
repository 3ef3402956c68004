"""B9: thousands of changes a second, for many peers."""

from __future__ import annotations

from time import monotonic, sleep
from typing import Final

from bench.adapters import Rhi
from bench.experiments.base import Experiment, Measure, Need, Reference, Samples, Stage, Target, Unit, p99
from bench.routes import SINGLE_ROUTES

PEERS: Final = 50
RATE: Final = 10_000
SECONDS: Final = 60.0
HOLD_TIME: Final = 9


class Churn(Experiment):
    NUMBER = "B9"
    TITLE = f"{RATE:,} changes a second for {SECONDS:g} s, {PEERS} peers: one more change → all peers"
    NEEDS = Need.NOTHING
    IS_LONG = True
    ONLY = ("rhi",)
    MEASURES = (
        Measure("p50", "latency", unit=Unit.MILLISECONDS),
        Measure("p99", "latency", p99, Unit.MILLISECONDS),
        Measure("growth of memory", "growth", unit=Unit.TIMES),
        Measure("longest silence", "silence", max),
        Measure("longest wait of a timer", "lag", max, Unit.MILLISECONDS),
        Measure("changes a second at each peer", "rate", unit=Unit.COUNT),
    )
    TARGETS = (
        Target("p99", 0.05, Reference.ABSOLUTE),
        Target("growth of memory", 1.1, Reference.ABSOLUTE),
        Target("longest silence", HOLD_TIME / 3, Reference.ABSOLUTE),
    )

    def run(self, stage: Stage) -> Samples:
        speaker = stage.speaker
        assert isinstance(speaker, Rhi)
        peers, seconds = max(2, round(PEERS * stage.scale)), max(4.0, SECONDS * stage.scale)
        speaker.hold_time = HOLD_TIME
        speaker.peers = stage.ground.sinks(peers)
        speaker.load(1)
        stage.dial(speaker.peers)
        stage.expect(announced=1, peers=peers)
        stage.sink.ask("reset")
        speaker.answer("lag")
        began = speaker.ask("churn", rate=RATE, seconds=seconds)
        latency: list[float] = []
        early = 0
        number = 0
        while (now := monotonic()) < began + seconds:
            if not early and now > began + seconds / 4:
                early = speaker.memory_now()
            address = SINGLE_ROUTES[number // 2 % len(SINGLE_ROUTES)]
            stage.arm(prefix=f"{address}/32", change=("announced", "withdrawn")[number % 2], peers=peers)
            at = speaker.withdraw(address) if number % 2 else speaker.announce(address)
            latency.append(stage.seen()["at"] - at)
            number += 1
            sleep(0.02)
        took = monotonic() - began
        growth = speaker.memory_now() / early
        report = stage.sink.ask("report", timeout=speaker.timeout)
        return {
            "latency": latency,
            "growth": [growth],
            "silence": [report["longest_silence"]],
            "lag": [speaker.answer("lag")["lag"]],
            "rate": [(report["announced"] + report["withdrawn"]) / peers / took],
        }
