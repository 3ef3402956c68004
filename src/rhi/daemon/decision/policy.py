"""From the verdicts of a service's checks to its level."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rhi.daemon.decision.spec import Band, Verdict


@dataclass(frozen=True, slots=True)
class Tally:
    """Names of checks by what is known of them."""

    up: tuple[str, ...]
    down: tuple[str, ...]
    unknown: tuple[str, ...]
    stale: tuple[str, ...]

    @classmethod
    def of(cls, names: Iterable[str], verdicts: Mapping[str, Verdict]) -> "Tally":
        """A check without a verdict is unknown."""
        found: dict[Verdict, list[str]] = {verdict: [] for verdict in Verdict}
        for name in names:
            found[verdicts.get(name, Verdict.UNKNOWN)].append(name)
        return cls(
            tuple(found[Verdict.UP]),
            tuple(found[Verdict.DOWN]),
            tuple(found[Verdict.UNKNOWN]),
            tuple(found[Verdict.STALE]),
        )

    def __str__(self) -> str:
        total = len(self.up) + len(self.down) + len(self.unknown) + len(self.stale)
        if not total:
            return "no checks"
        parts = [f"{len(self.up)} of {total} pass"]
        for what, names in (("fails", self.down), ("not known yet", self.unknown), ("died", self.stale)):
            if names:
                parts.append(f"{what}: {_few(names)}")
        return "; ".join(parts)


def level_of(bands: tuple[Band, ...], tally: Tally, previous: int | None) -> int | None:
    """The level, or None when it cannot be told yet.

    Checks that are still unknown leave a range open, from all of them passing to none. Before the first
    decision (`previous` is None) the range has to be one level; after it the level moves no further than the
    range makes it, so that a new check cannot pull a live service down. Checks that have died are left out;
    when there are no others nothing changes.
    """
    up, unknown = len(tally.up), len(tally.unknown)
    total = up + len(tally.down) + unknown
    if tally.stale and not total:
        return previous
    best = _level(bands, up + unknown, total, previous)
    worst = _level(bands, up, total, previous)
    if previous is None:
        return best if best == worst else None
    return max(best, min(previous, worst))


def _level(bands: tuple[Band, ...], up: int, total: int, previous: int | None) -> int:
    for level, band in enumerate(bands):
        quota = band.at_least
        if band.recover_at is not None and previous is not None and level < previous:
            quota = band.recover_at
        if up >= quota.of(total):
            return level
    return len(bands)


def _few(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
