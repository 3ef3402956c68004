"""Durations as people write them."""

from collections.abc import Callable

import pytest

from rhi.model.durations import check_lasting, check_period, to_duration


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


TEN_YEARS = 3650 * 86400.0


@pytest.mark.parametrize("check", [check_period, check_lasting])
def test_period_of_operators_has_an_end_that_can_be_shown(check: Callable[[float], float]) -> None:
    assert check(TEN_YEARS) == TEN_YEARS
    with pytest.raises(ValueError, match="must be at most 3650d"):
        check(TEN_YEARS + 1)


def test_period_may_be_nothing_but_what_lasts_may_not() -> None:
    assert check_period(0.0) == 0.0
    assert check_lasting(0.001) == 0.001
    with pytest.raises(ValueError, match="must be longer than 0"):
        check_lasting(0.0)
