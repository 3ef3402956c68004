"""Turns the files of cProfile that `--profile` had written into text."""

from __future__ import annotations

import io
import pstats
from pathlib import Path
from typing import Final

FILES: Final = {
    "calls": "the thread that calls rhi.Pool",
    "io": "the pool's own thread",
    "speak": "main thread of rhi speak",
}
LINES: Final = 25


def summary(base: str) -> str:
    """What took longest in itself, for each file that is there."""
    parts = []
    for name, title in FILES.items():
        path = Path(f"{base}.{name}")
        if path.exists():
            text = io.StringIO()
            pstats.Stats(str(path), stream=text).strip_dirs().sort_stats("tottime").print_stats(LINES)
            parts.append(f"=== {title} ({path})\n{text.getvalue().strip()}")
    return "\n\n".join(parts)
