import pytest

from rhi.daemon.decision.damping import NO_PENALTY, Penalty
from rhi.daemon.decision.spec import Damping

DAMPING = Damping(penalty=1000, half_life=10, suppress=2500, reuse=1000, max_suppress=30)


def flap(penalty: Penalty, at: float) -> Penalty:
    return penalty.after(0, 1, DAMPING, at).after(1, 0, DAMPING, at)


def test_penalty_halves_in_its_half_life() -> None:
    penalty = flap(NO_PENALTY, 0.0)

    assert penalty.decayed(DAMPING, 10.0) == pytest.approx(500)
    assert penalty.decayed(DAMPING, 20.0) == pytest.approx(250)


def test_penalty_counts_only_changes_for_the_worse() -> None:
    better = NO_PENALTY.after(0, 1, DAMPING, 0.0)
    first = NO_PENALTY.after(1, None, DAMPING, 0.0)

    assert better.value == first.value == 0.0


def test_penalty_suppresses_a_service_that_flaps_and_lets_it_go_at_the_time_it_names() -> None:
    penalty = NO_PENALTY
    for _ in range(3):
        assert not penalty.is_suppressed
        penalty = flap(penalty, 100.0)
    let_go = penalty.reuse_at(DAMPING)

    assert penalty.is_suppressed
    assert penalty.after(0, 1, DAMPING, let_go - 0.1).is_suppressed
    assert not penalty.after(0, 1, DAMPING, let_go).is_suppressed


def test_penalty_holds_nothing_longer_than_max_suppress_after_the_last_flap() -> None:
    penalty = NO_PENALTY
    for _ in range(100):
        penalty = flap(penalty, 50.0)

    assert penalty.reuse_at(DAMPING) == pytest.approx(50.0 + DAMPING.max_suppress)


def test_penalty_remembers_the_worst_level_until_it_is_calm() -> None:
    penalty = NO_PENALTY.after(0, None, DAMPING, 0.0).after(2, 0, DAMPING, 0.0).after(1, 2, DAMPING, 0.0)
    flapping = penalty.after(2, 1, DAMPING, 1.0).after(0, 2, DAMPING, 1.0)

    assert flapping.worst == 2
    assert flapping.after(0, 0, DAMPING, 100.0).worst == 0


def test_penalty_that_has_run_empty_unseen_forgets_the_worst_level() -> None:
    """Nobody looks at a service that does not change."""
    bad = NO_PENALTY
    for _ in range(2):
        bad = bad.after(2, 0, DAMPING, 0.0).after(0, 2, DAMPING, 0.0)

    assert bad.worst == 2
    assert bad.after(1, 0, DAMPING, 1000.0).worst == 1
