"""From results to a verdict: UP after `rise` passes in a row, DOWN after `fall` failures in a row.

The first verdict follows the same rule, in both directions. One lucky answer of a service that is crashing
in a loop must not announce it; and one lost packet right after a restart must not decide DOWN, because a
program that waits for first verdicts would then tell its routers to drop routes that they still keep.
Asking faster while nothing is known (`fast_interval`) makes the first verdict early without making it rash.

Values in, values out; time is an argument.
"""

import enum
from dataclasses import dataclass


class Verdict(enum.Enum):
    """What is held to be true of a service."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one check stands.

    Attributes:
        verdict: UNKNOWN before the first verdict, and after the checker itself broke.
        since: monotonic time of the last change of the verdict.
        streak: results in a row that speak for another verdict: passes above zero, failures below.
        is_stale: there was a checker, and it broke: UNKNOWN does not mean "not yet", but "no longer".
    """

    verdict: Verdict = Verdict.UNKNOWN
    since: float
    streak: int = 0
    is_stale: bool = False

    @property
    def is_changing(self) -> bool:
        """Whether more results are wanted soon: no verdict yet, or the last result spoke against it."""
        return self.streak != 0 or self.verdict is Verdict.UNKNOWN


def advance(standing: Standing, ok: bool, *, rise: int, fall: int, now: float) -> Standing:
    """The standing after one more result; the same object when it changes nothing."""
    streak = max(standing.streak, 0) + 1 if ok else min(standing.streak, 0) - 1
    target, needed = (Verdict.UP, rise) if ok else (Verdict.DOWN, fall)
    if standing.verdict is target:
        return standing if standing.streak == 0 else Standing(verdict=target, since=standing.since)
    if abs(streak) >= needed:
        return Standing(verdict=target, since=now)
    return Standing(verdict=standing.verdict, since=standing.since, streak=streak, is_stale=standing.is_stale)


def lapse(standing: Standing, *, now: float) -> Standing:
    """The standing when the checker broke: what it said last is no longer known."""
    since = standing.since if standing.verdict is Verdict.UNKNOWN else now
    return Standing(since=since, is_stale=True)
