"""Curves with two logarithmic or two linear axes as SVG: small text that every browser shows, no library."""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 360
HEIGHT: Final = 240
MARGIN: Final = 46
COLUMNS: Final = 2
# Curves of more points are drawn as lines alone.
MOST_SPOTS: Final = 20
COLOURS: Final = ("#0b6bcb", "#8a8f98", "#c2410c", "#15803d")


class Scale(enum.Enum):
    """Of both axes of a panel; linear ones begin at 0."""

    LOGARITHMIC = "logarithmic"
    LINEAR = "linear"


class Axis(NamedTuple):
    """From the lowest to the highest mark, all of which get a line and a number."""

    scale: Scale
    marks: Sequence[float]

    @classmethod
    def of(cls, scale: Scale, values: Sequence[float]) -> Axis:
        """The axis that holds these values."""
        if scale is Scale.LOGARITHMIC:
            low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
            return cls(scale, [10.0**decade for decade in range(low, max(high, low + 1) + 1)])
        step = 10.0 ** math.floor(math.log10(max(values)))
        step = next(step * part for part in (0.2, 0.25, 0.5, 1, 2) if max(values) <= 5 * part * step)
        return cls(scale, [step * number for number in range(math.ceil(max(values) / step - 1e-9) + 1)])

    def share(self, value: float) -> float:
        """How far along the axis a value is, 0 to 1."""
        low, high = self.marks[0], self.marks[-1]
        if self.scale is Scale.LOGARITHMIC:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)


class Curve(NamedTuple):
    """Points with a name; all values above 0."""

    name: str
    points: Sequence[tuple[float, float]]


class Panel(NamedTuple):
    """Curves on the same axes."""

    title: str
    curves: Sequence[Curve]
    scale: Scale = Scale.LOGARITHMIC


def svg(panels: Sequence[Panel]) -> str:
    """All panels in one picture."""
    rows = math.ceil(len(panels) / COLUMNS)
    size = f'width="{COLUMNS * WIDTH}" height="{rows * HEIGHT}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">']
    parts.append('<rect width="100%" height="100%" fill="white"/>')
    for number, panel in enumerate(panels):
        left, top = number % COLUMNS * WIDTH, number // COLUMNS * HEIGHT
        parts.append(f'<g transform="translate({left},{top})">{_panel(panel)}</g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel) -> str:
    points = [point for curve in panel.curves for point in curve.points]
    axes = [Axis.of(panel.scale, [point[number] for point in points]) for number in (0, 1)]

    def place(x: float, y: float) -> tuple[float, float]:
        across = axes[0].share(x) * (WIDTH - 2 * MARGIN) + MARGIN
        return across, HEIGHT - MARGIN - axes[1].share(y) * (HEIGHT - 2 * MARGIN)

    parts = [f'<text x="{MARGIN}" y="20" font-size="12">{escape(panel.title)}</text>']
    for mark in axes[0].marks:
        across, bottom = place(mark, axes[1].marks[0])
        parts.append(_line(across, bottom, across, MARGIN))
        parts.append(
            f'<text x="{across:.0f}" y="{bottom + 14:.0f}" text-anchor="middle">{_label(mark)}</text>'
        )
    for mark in axes[1].marks:
        left, up = place(axes[0].marks[0], mark)
        parts.append(_line(left, up, WIDTH - MARGIN, up))
        parts.append(f'<text x="{left - 5:.0f}" y="{up + 4:.0f}" text-anchor="end">{_label(mark)}</text>')
    for number, curve in enumerate(panel.curves):
        colour = COLOURS[number % len(COLOURS)]
        spots = [place(*point) for point in curve.points]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(spots) <= MOST_SPOTS:
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in spots]
        below = 34 + 13 * number
        parts.append(f'<text x="{MARGIN + 6}" y="{below}" fill="{colour}">{escape(curve.name)}</text>')
    return "".join(parts)


def _label(value: float) -> str:
    return f"{round(value):,}" if 1 <= value <= 1e6 and value == round(value) else f"{value:g}"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="#e2e5e9"/>'
