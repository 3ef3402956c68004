"""What an experiment is, and the stage it is given: a speaker, the sink, and how many routes.

An experiment returns samples by name, in seconds or bytes. Which number a report makes of the samples of all
runs is said by its measures, and what is hoped for by its targets.
"""

from __future__ import annotations

import abc
import enum
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from bench.adapters import Speaker
from bench.errors import BenchError, TooLate
from bench.ground import SINK_AS, Ground
from bench.program import Child

Samples = dict[str, list[float]]


class Need(enum.Enum):
    """What an experiment finds on its stage."""

    LOADED_SPEAKER = "a speaker that has all routes; experiments share it in the order of their numbers"
    NOTHING = "a speaker that has not been started"


class Unit(enum.Enum):
    """How a number is shown: factor and text."""

    SECONDS = (1.0, "s")
    MILLISECONDS = (1000.0, "ms")
    MEGABYTES = (1 / 2**20, "MiB")
    TIMES = (1.0, "×")
    COUNT = (1.0, "")


def p99(samples: Sequence[float]) -> float:
    """The value that 99 of 100 samples do not exceed; the largest when there are fewer."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of an experiment.

    Attributes:
        name: column of the report.
        samples: name of the samples it is made of.
        statistic: makes it.
        unit: shows it.
    """

    name: str
    samples: str
    statistic: Callable[[Sequence[float]], float] = statistics.median
    unit: Unit = Unit.SECONDS


class Reference(enum.Enum):
    """What a target compares rhi with."""

    FASTEST_DAEMON = "the best daemon"
    FLOOR = "the floor"
    ABSOLUTE = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What is hoped for: `measure` of rhi is at most `limit` times `reference`, or `limit` in SI units."""

    measure: str
    limit: float
    reference: Reference


class Stage:
    """One speaker in one run."""

    def __init__(
        self, ground: Ground, speaker: Speaker, sink: Child, routes: int, singles: int, scale: float
    ) -> None:
        """`singles`: how often a single route is to be announced and withdrawn.

        `scale`: what part of the peers and the seconds that an experiment asks for it is to have.
        """
        self.scale = scale
        self.ground = ground
        self.speaker = speaker
        self.sink = sink
        self.routes = routes
        self.singles = singles
        self._established: dict[str, float] | None = None

    def dial(self, sources: Sequence[str] = ()) -> None:
        """Have the sink connect to the speaker, from each of `sources`, now or when it can."""
        self.sink.ask(
            "dial",
            address=self.ground.speaker,
            port=self.ground.port,
            sources=list(sources) or [self.ground.sink],
        )

    def connect(self) -> dict[str, float]:
        """Have the session up and all routes sent, if that has not been done; the times of that."""
        if self._established is None:
            self.dial()
            established = self.expect(established=1)
            last = self.expect(announced=self.routes)
            self.verify(self.routes)
            self._established = {"established_at": established["at"], **last}
        return self._established

    def expect(self, **expected: Any) -> dict[str, float]:
        """Wait until the sink has seen that."""
        self.arm(**expected)
        return self.seen()

    def arm(self, **expected: Any) -> None:
        """Have the sink look out for that; what is to bring it about comes after this, and then `seen`."""
        self.sink.ask("expect", **expected)

    def seen(self) -> dict[str, float]:
        """Wait for what the sink looks out for.

        Raises:
            TooLate: it has not come true in time; the text says how far it got.
        """
        try:
            return self.sink.answer(self.speaker.timeout)
        except TooLate as error:
            self.sink.tell("cancel")
            cancelled = self.sink.answer(self.speaker.timeout)
            report = self.sink.ask("report", timeout=self.speaker.timeout)
            how_far = f"{report['announced']} announced, {report['withdrawn']} withdrawn"
            raise TooLate(f"{error}: {how_far} {cancelled.get('notification', '')}".strip()) from None

    def verify(self, held: int, med: int | None = None) -> None:
        """Check, off the clock, that the sink now holds that many different routes, with this MED if given.

        Raises:
            BenchError: it does not.
        """
        report = self.sink.ask("report", timeout=self.speaker.timeout)
        if report["held"] != [held]:
            raise BenchError(f"the sink holds {report['held']} different routes instead of {held}")
        if med is not None and report["meds"][0].get(str(med), 0) < held:
            raise BenchError(f"MEDs are {report['meds']}")


class Experiment(abc.ABC):
    """One row of the list in docs/performance.md."""

    NUMBER: ClassVar[str]
    TITLE: ClassVar[str]
    NEEDS: ClassVar[Need]
    MEASURES: ClassVar[tuple[Measure, ...]]
    TARGETS: ClassVar[tuple[Target, ...]] = ()
    # Speakers that it is about; nothing: all.
    ONLY: ClassVar[tuple[str, ...]] = ()
    # Takes seconds also for a fast speaker: once is enough where only a part of it is asked for.
    IS_LONG: ClassVar[bool] = False

    @abc.abstractmethod
    def run(self, stage: Stage) -> Samples:
        """Measure once.

        Raises:
            BenchError: it could not be done.
        """


def sink_command(ground: Ground, *, extended: bool) -> list[str]:
    """The command that runs the sink on the ground."""
    command = [
        sys.executable,
        "-S",
        "-m",
        "bench.sink",
        "--as-number",
        str(SINK_AS),
        "--router-id",
        ground.sink,
    ]
    return ground.command([*command, "--extended"] if extended else command)


MED: Final = 50  # what B4 changes all routes to
