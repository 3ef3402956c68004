"""Curves with two logarithmic axes as SVG: small text that every browser shows, and no library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 360
HEIGHT: Final = 240
MARGIN: Final = 46
COLUMNS: Final = 2
COLOURS: Final = ("#0b6bcb", "#8a8f98", "#c2410c", "#15803d")


class Curve(NamedTuple):
    """Points with a name; all values above 0."""

    name: str
    points: Sequence[tuple[float, float]]


class Panel(NamedTuple):
    """Curves on the same axes."""

    title: str
    curves: Sequence[Curve]


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
    decades = [_decades([point[axis] for curve in panel.curves for point in curve.points]) for axis in (0, 1)]

    def place(x: float, y: float) -> tuple[float, float]:
        across = _share(x, *decades[0]) * (WIDTH - 2 * MARGIN) + MARGIN
        return across, HEIGHT - MARGIN - _share(y, *decades[1]) * (HEIGHT - 2 * MARGIN)

    parts = [f'<text x="{MARGIN}" y="20" font-size="12">{escape(panel.title)}</text>']
    for decade in range(decades[0][0], decades[0][1] + 1):
        across, bottom = place(10.0**decade, 10.0 ** decades[1][0])
        parts.append(_line(across, bottom, across, MARGIN))
        parts.append(
            f'<text x="{across:.0f}" y="{bottom + 14:.0f}" text-anchor="middle">{_label(decade)}</text>'
        )
    for decade in range(decades[1][0], decades[1][1] + 1):
        left, up = place(10.0 ** decades[0][0], 10.0**decade)
        parts.append(_line(left, up, WIDTH - MARGIN, up))
        parts.append(f'<text x="{left - 5:.0f}" y="{up + 4:.0f}" text-anchor="end">{_label(decade)}</text>')
    for number, curve in enumerate(panel.curves):
        colour = COLOURS[number % len(COLOURS)]
        spots = [place(*point) for point in curve.points]
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in spots]
        below = 34 + 13 * number
        parts.append(f'<text x="{MARGIN + 6}" y="{below}" fill="{colour}">{escape(curve.name)}</text>')
    return "".join(parts)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _share(value: float, low: int, high: int) -> float:
    return (math.log10(value) - low) / (high - low)


def _label(decade: int) -> str:
    return f"{10**decade:,}" if 0 <= decade <= 6 else f"{10.0**decade:g}"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="#e2e5e9"/>'
