"""Durations as people write them, in files and on command lines."""

import re
from typing import Final

# Seconds; more is a slip, and may not even fit into a float.
_MOST: Final = 1e15
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")


def to_duration(value: object) -> float:
    """Seconds from a number, or from text such as `500 ms`, `30s`, `5 m`, `2h`, `1d`."""
    found: float = -1
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is not None:
            found = float(match[1]) * _UNITS[match[2]]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        found = value
    if not 0 <= found <= _MOST:
        raise ValueError("must be a duration: a number of seconds, or text such as 500ms, 30s, 5m, 2h")
    return float(found)
