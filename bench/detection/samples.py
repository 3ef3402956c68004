"""What repetitions found, kept in a file so that several runs add up, and what it says."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.plot import Curve, Panel, Scale, svg

TO_TABLE: Final = "table"
TO_WIRE: Final = "wire"
FROM_DECISION: Final = "decision"
# Contestants of the first panel and table, and of the second.
STEADY: Final = ("rhi", "rhi, exec check", "ExaBGP healthcheck", "anycast-healthchecker")
FAST: Final = ("rhi, fast_interval", "ExaBGP healthcheck, fast-interval")


@dataclass(slots=True)
class Samples:
    """Of all repetitions, in seconds: `table` and `wire` since the backend was closed, `decision` from the
    refusal that decided to the UPDATE on the wire.

    Attributes:
        circumstances: machine, versions and pace; runs add up only when pace and versions are the same.
        own: rhi's own histogram: bounds and counts, by name of contestant.
    """

    circumstances: dict[str, Any]
    times: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    own: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, name: str, kind: str, seconds: float) -> None:
        self.times.setdefault(name, {}).setdefault(kind, []).append(seconds)

    def merge(self, other: Samples) -> None:
        """Take what another run found too."""
        for name, kinds in other.times.items():
            for kind, values in kinds.items():
                self.times.setdefault(name, {}).setdefault(kind, []).extend(values)
        for name, counts in other.own.items():
            ours = self.own.setdefault(name, {})
            for bound, count in counts.items():
                ours[bound] = ours.get(bound, 0.0) + count

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Samples:
        return cls(**json.loads(path.read_text()))


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def tables(samples: Samples) -> str:
    """Markdown."""
    head = "| | repetitions | p50 | p99 | worst | deciding probe to UPDATE, p50 | p99 | worst |\n"
    head += "|---|--:|--:|--:|--:|--:|--:|--:|\n"
    parts = []
    for names in (STEADY, FAST):
        parts.append(
            head + "".join(_row(name, samples.times[name]) for name in names if name in samples.times)
        )
    own = [
        f"- {name}: {_bounds(counts)}" for name, counts in samples.own.items() if counts.get("+Inf", 0.0) > 0
    ]
    said = (
        ["", "rhi's own histogram, until the peer's TCP has acknowledged the UPDATE:", "", *own]
        if own
        else []
    )
    return "\n".join([*parts, *_verdicts(samples), *said, ""])


def _row(name: str, times: dict[str, list[float]]) -> str:
    whole, decision = times[TO_TABLE], times[FROM_DECISION]
    cells = [f"{quantile(whole, share):.2f} s" for share in (0.5, 0.99, 1.0)]
    cells += [f"{quantile(decision, share) * 1e3:.2f} ms" for share in (0.5, 0.99, 1.0)]
    return f"| {name} | {len(whole)} | {' | '.join(cells)} |\n"


def _verdicts(samples: Samples) -> list[str]:
    lines = []
    for ours, others in ((STEADY[0], STEADY[2:]), (FAST[0], FAST[1:])):
        for other in others:
            if not {ours, other} <= samples.times.keys():
                continue
            for share in (0.5, 0.99):
                mine, theirs = (quantile(samples.times[each][TO_TABLE], share) for each in (ours, other))
                met = "met" if mine <= theirs else "**missed**"
                what = f"{ours}, p{share * 100:.0f} no later than {other}"
                lines.append(f"- {what}: {met}, {mine:.3f} s and {theirs:.3f} s")
    for name in (STEADY[0], FAST[0]):
        if name in samples.times:
            worst = quantile(samples.times[name][FROM_DECISION], 0.99) * 1e3
            met = "met" if worst < 10 else "**missed**"
            lines.append(f"- {name}, deciding probe to UPDATE under 10 ms at p99: {met}, {worst:.2f} ms")
    return lines


def _bounds(counts: dict[str, float]) -> str:
    """The bound that holds half and 99 % of a Prometheus histogram."""
    total = counts["+Inf"]
    ordered = sorted(counts.items(), key=lambda item: float(item[0]))
    found = [next(bound for bound, count in ordered if count >= share * total) for share in (0.5, 0.99)]
    half, most = (f"{float(bound) * 1e3:g} ms" for bound in found)
    return f"{total:.0f} changes, half within {half}, 99 % within {most}"


def plot(samples: Samples) -> str:
    """Which share of the repetitions was in the router's table after how long."""
    panels = []
    for title, names in (("same pace", STEADY), ("with faster re-checks", FAST)):
        curves = []
        for name in names:
            if name in samples.times:
                ordered = sorted(samples.times[name][TO_TABLE])
                points = [(each, 100 * (count + 1) / len(ordered)) for count, each in enumerate(ordered)]
                curves.append(Curve(name, points))
        panels.append(Panel(f"% withdrawn after seconds, {title}", curves, Scale.LINEAR))
    return svg(panels)
