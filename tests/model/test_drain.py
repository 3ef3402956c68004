"""What a drain tells of itself."""

import pytest

from rhi.model.drain import Drained, DrainStep


def test_drain_step_ends_are_the_last_three() -> None:
    assert [step for step in DrainStep if step.is_end] == list(DrainStep)[-3:]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Drained(outcome=DrainStep.DONE), True),
        (Drained(outcome=DrainStep.DONE, behind_marks={"192.0.2.1": "..."}), False),
        (Drained(outcome=DrainStep.DONE, behind_withdrawals={"192.0.2.1": "..."}), False),
        (Drained(outcome=DrainStep.CANCELLED), False),
        (Drained(outcome=DrainStep.SUPERSEDED), False),
    ],
)
def test_drained_is_true_when_done_and_acknowledged(result: Drained, expected: bool) -> None:
    assert bool(result) is expected
