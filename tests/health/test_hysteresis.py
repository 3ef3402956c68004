"""Results to verdicts, against a plain reading of the rule over whole histories."""

from hypothesis import given
from hypothesis import strategies as st

from rhi.health.hysteresis import Standing, Verdict, advance, lapse

UP, DOWN, UNKNOWN = Verdict.UP, Verdict.DOWN, Verdict.UNKNOWN


def after(results: str, rise: int = 2, fall: int = 3, standing: Standing | None = None) -> Standing:
    """The standing after results such as "++-", one a second."""
    standing = standing or Standing(since=0.0)
    for now, letter in enumerate(results, start=1):
        standing = advance(standing, letter == "+", rise=rise, fall=fall, now=float(now))
    return standing


def test_verdict_before_enough_results_is_unknown() -> None:
    assert after("").verdict is UNKNOWN
    assert after("+").verdict is UNKNOWN
    assert after("--").verdict is UNKNOWN
    assert after("+-+-+-").verdict is UNKNOWN


def test_verdict_after_rise_passes_is_up() -> None:
    assert after("++") == Standing(verdict=UP, since=2.0)
    assert after("-++") == Standing(verdict=UP, since=3.0)


def test_verdict_after_fall_failures_is_down() -> None:
    assert after("---") == Standing(verdict=DOWN, since=3.0)
    assert after("++---") == Standing(verdict=DOWN, since=5.0)


def test_streak_that_is_broken_begins_anew() -> None:
    assert after("++--+--").verdict is UP
    assert after("---+-+-").verdict is DOWN


def test_standing_while_results_contradict_is_changing() -> None:
    assert after("++").is_changing is False
    assert after("++-").is_changing is True
    assert after("++-+").is_changing is False
    assert after("").is_changing is True


def test_steady_results_cost_no_new_value() -> None:
    standing = after("++")

    assert advance(standing, True, rise=2, fall=3, now=9.0) is standing


def test_lapse_of_a_verdict_makes_it_unknown_and_stale() -> None:
    assert lapse(after("++"), now=7.0) == Standing(since=7.0, is_stale=True)
    assert lapse(lapse(after("++"), now=7.0), now=8.0).since == 7.0


def test_lapsed_verdict_needs_the_full_number_again() -> None:
    lapsed = lapse(after("++"), now=7.0)

    assert after("+", standing=lapsed).verdict is UNKNOWN
    assert after("+", standing=lapsed).is_stale
    assert after("++", standing=lapsed) == Standing(verdict=UP, since=2.0)


@given(st.text("+-", max_size=40), st.integers(1, 5), st.integers(1, 5))
def test_verdict_is_that_of_the_last_long_enough_run(results: str, rise: int, fall: int) -> None:
    expected = UNKNOWN
    for end in range(1, len(results) + 1):
        if results[:end].endswith("+" * rise):
            expected = UP
        elif results[:end].endswith("-" * fall):
            expected = DOWN

    standing = after(results, rise, fall)

    assert standing.verdict is expected
    assert abs(standing.streak) < max(rise, fall)
