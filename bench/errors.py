"""Why a cell of the result has no number."""

from __future__ import annotations


class BenchError(Exception):
    """A measurement failed; the text says how."""


class TooLate(BenchError):
    """It was given up when its time was over."""


class Missing(BenchError):
    """The speaker is not installed, or cannot run here."""


class NotOffered(BenchError):
    """The speaker has no way to do this."""
