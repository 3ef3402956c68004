"""Durations as people write them, in files, on command lines and to the API."""

import re
from typing import Final

# Seconds; more is a slip, and may not even fit into a float.
_MOST: Final = 1e15
# About ten years: a later end cannot be told from a mistake, and in the end not be shown as a date.
_LONGEST_DAYS: Final = 3650
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


def check_period(seconds: float) -> float:
    """`seconds` of something that operators ask for; ValueError when it is longer than anybody means."""
    if seconds > _LONGEST_DAYS * 86400:
        raise ValueError(f"must be at most {_LONGEST_DAYS}d")
    return seconds


def check_lasting(seconds: float) -> float:
    """The same, for what is over after it; ValueError too when that would be at once."""
    if seconds <= 0:
        raise ValueError("must be longer than 0: it would be over at once")
    return check_period(seconds)
