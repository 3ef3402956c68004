"""The routes that are measured: IPv4 host routes, in ascending order from 10.0.0.1, as text and as NLRI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

FIRST: Final = (10 << 24) + 1
# Announced and withdrawn beside the others; 100 different ones, outside of the others' range.
SINGLE_ROUTES: Final = tuple(f"192.0.2.{number}" for number in range(100, 200))


def addresses(number: int) -> Iterator[str]:
    """The routes as addresses."""
    for value in range(FIRST, FIRST + number):
        yield f"{value >> 24}.{value >> 16 & 255}.{value >> 8 & 255}.{value & 255}"


def nlri(number: int) -> bytes:
    """The routes as one NLRI field."""
    return b"".join([b"\x20" + value.to_bytes(4, "big") for value in range(FIRST, FIRST + number)])
