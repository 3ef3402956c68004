"""Durations as people write them."""

import pytest

from rhi.model.durations import to_duration


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0.0),
        (1.5, 1.5),
        ("500ms", 0.5),
        ("30 s", 30.0),
        (" 5m ", 300.0),
        ("1.5h", 5400.0),
        ("2d", 172800.0),
    ],
)
def test_to_duration_reads(value: object, seconds: float) -> None:
    assert to_duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [-1, True, None, "", "5", "-5s", "5 weeks", float("inf"), float("nan"), "9" * 400 + "s", 10**400],
    ids=lambda value: repr(value)[:9],
)
def test_to_duration_refuses(value: object) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        to_duration(value)
