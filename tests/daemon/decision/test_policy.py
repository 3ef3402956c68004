from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.daemon.decision.policy import Tally, level_of
from rhi.daemon.decision.spec import ALL, ANY, Band, Quota, Verdict
from tests.daemon.decision.build import DOWN, STALE, UNKNOWN, UP

HEALTHY, UNHEALTHY = 0, 1


def level(quota: Quota, *verdicts: Verdict, previous: int | None = None) -> int | None:
    return bands_level((Band(name="healthy", at_least=quota),), *verdicts, previous=previous)


def bands_level(bands: tuple[Band, ...], *verdicts: Verdict, previous: int | None = None) -> int | None:
    names = [str(number) for number in range(len(verdicts))]
    return level_of(bands, Tally.of(names, dict(zip(names, verdicts, strict=True))), previous)


@pytest.mark.parametrize(
    ("quota", "verdicts", "expected"),
    [
        (ALL, [UP, UP], HEALTHY),
        (ALL, [UP, DOWN], UNHEALTHY),
        (ANY, [UP, DOWN], HEALTHY),
        (ANY, [DOWN, DOWN], UNHEALTHY),
        (Quota(count=2), [UP, UP, DOWN], HEALTHY),
        (Quota(count=2), [UP, DOWN, DOWN], UNHEALTHY),
        (Quota(percent=Fraction(50)), [UP, DOWN], HEALTHY),
        (Quota(percent=Fraction(51)), [UP, DOWN], UNHEALTHY),
        (ALL, [], HEALTHY),
    ],
)
def test_level_goes_by_the_quota(quota: Quota, verdicts: list[Verdict], expected: int) -> None:
    assert level(quota, *verdicts) == expected
    assert level(quota, *verdicts, previous=HEALTHY) == expected
    assert level(quota, *verdicts, previous=UNHEALTHY) == expected


@pytest.mark.parametrize(
    ("quota", "verdicts", "expected"),
    [
        (ALL, [UP, UNKNOWN], None),
        (ALL, [DOWN, UNKNOWN], UNHEALTHY),
        (ANY, [UP, UNKNOWN], HEALTHY),
        (ANY, [DOWN, UNKNOWN], None),
        (ALL, [UNKNOWN], None),
        (ALL, [STALE], None),
    ],
)
def test_level_before_the_first_decision_waits_for_what_could_change_it(
    quota: Quota, verdicts: list[Verdict], expected: int | None
) -> None:
    assert level(quota, *verdicts) == expected


@pytest.mark.parametrize(
    ("quota", "verdicts", "previous", "expected"),
    [
        (ALL, [UP, UNKNOWN], HEALTHY, HEALTHY),
        (ALL, [UP, UNKNOWN], UNHEALTHY, UNHEALTHY),
        (ALL, [DOWN, UNKNOWN], HEALTHY, UNHEALTHY),
        (Quota(count=2), [UP, UNKNOWN], HEALTHY, HEALTHY),
        (ANY, [UP, UNKNOWN], UNHEALTHY, HEALTHY),
    ],
)
def test_level_of_a_decided_service_is_not_moved_by_a_new_check(
    quota: Quota, verdicts: list[Verdict], previous: int, expected: int
) -> None:
    assert level(quota, *verdicts, previous=previous) == expected


@pytest.mark.parametrize(
    ("quota", "verdicts", "previous", "expected"),
    [
        (ALL, [STALE], HEALTHY, HEALTHY),
        (ALL, [STALE], UNHEALTHY, UNHEALTHY),
        (ALL, [STALE, UP], HEALTHY, HEALTHY),
        (ALL, [STALE, DOWN], HEALTHY, UNHEALTHY),
        (ANY, [STALE, DOWN], HEALTHY, UNHEALTHY),
        (Quota(count=2), [STALE, UP], HEALTHY, HEALTHY),
    ],
)
def test_level_leaves_out_checks_that_have_died(
    quota: Quota, verdicts: list[Verdict], previous: int, expected: int
) -> None:
    assert level(quota, *verdicts, previous=previous) == expected


def test_level_comes_back_into_a_band_only_at_its_recovery_mark() -> None:
    bands = (
        Band(name="full", at_least=Quota(count=3), recover_at=Quota(count=4)),
        Band(name="reduced", at_least=ANY),
    )

    assert bands_level(bands, UP, UP, UP, DOWN, previous=0) == 0
    assert bands_level(bands, UP, UP, UP, DOWN, previous=1) == 1
    assert bands_level(bands, UP, UP, UP, UP, previous=1) == 0
    assert bands_level(bands, DOWN, DOWN, DOWN, DOWN, previous=0) == 2


@given(
    st.lists(st.sampled_from([UP, DOWN]), min_size=1),
    st.one_of(st.builds(Quota, count=st.integers(0, 9)), st.builds(Quota, percent=st.fractions(0, 100))),
)
def test_level_gets_no_worse_when_a_check_recovers(verdicts: list[Verdict], quota: Quota) -> None:
    better = [UP, *verdicts[1:]]

    before, after = level(quota, *verdicts), level(quota, *better)

    assert before is not None
    assert after is not None
    assert after <= before


def test_tally_names_what_does_not_pass() -> None:
    names = ["a", "b", "c", "d", "e", "f", "g"]
    verdicts = {"a": UP, "b": DOWN, "c": DOWN, "d": DOWN, "e": DOWN, "f": STALE}

    assert str(Tally.of(names, verdicts)) == (
        "1 of 7 pass; fails: b, c, d and 1 more; not known yet: g; died: f"
    )
    assert str(Tally.of([], {})) == "no checks"
