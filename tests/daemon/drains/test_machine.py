"""The states of a drain: each is left by what the table says, and by nothing else."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.daemon.drains.machine import (
    TRANSITIONS,
    Cause,
    Drain,
    Facts,
    Kind,
    Pace,
    State,
    Step,
    Target,
    advance,
    begin,
    cancel,
)

PACE = Pace(wait=30.0, acknowledge=5.0, age=2.0)
TOLD = {"192.0.2.1": "has not acknowledged 23 bytes"}


def drain(pace: Pace = PACE) -> Drain:
    return begin(
        Drain(target=Target(Kind.SERVICE, "dns"), pace=pace, reason="kernel", by="ann"), 100.0, "said"
    )


def facts(now: float, **fields: object) -> Facts:
    return replace(Facts(left=1, flushed_at=now), **fields)  # type: ignore[arg-type]


def test_drain_takes_every_step_when_all_goes_well() -> None:
    found = drain()

    for now, what in (
        (100.5, facts(100.2)),
        (120.0, facts(100.2)),
        (130.5, facts(100.2)),
        (130.5, facts(100.2, left=0)),
        (131.0, facts(130.7, left=0)),
        (133.0, facts(130.7, left=0)),
    ):
        found = advance(found, what, now)

    assert [(step.state, step.at) for step in found.steps] == [
        (State.MARKED, 100.0),
        (State.WAITING, 100.5),
        (State.WITHDRAWING, 130.5),
        (State.ACKNOWLEDGING, 130.5),
        (State.AGING, 131.0),
        (State.DONE, 133.0),
    ]
    assert found.next_at() is None
    assert found.behind == {}


def test_drain_asked_twice_makes_no_more_steps() -> None:
    found = advance(drain(), facts(100.0), 100.0)

    assert advance(found, facts(100.0), 100.0) is found


def test_acknowledgement_of_before_the_step_does_not_count() -> None:
    assert advance(drain(), facts(99.0), 101.0).state is State.MARKED


def test_peer_that_does_not_acknowledge_is_named_and_holds_up_nothing() -> None:
    found = advance(drain(), facts(104.5, behind=TOLD), 104.9)
    assert found.state is State.MARKED
    assert found.next_at() == 105.0

    found = advance(found, facts(104.5, behind=TOLD), 105.0)

    assert found.state is State.WAITING
    assert found.steps[-1].behind == found.behind == TOLD
    assert "192.0.2.1 has not acknowledged 23 bytes" in found.steps[-1].text


def test_drain_with_nothing_to_move_does_not_wait() -> None:
    assert advance(drain(), facts(100.0, is_moot=True), 100.0).state is State.WITHDRAWING


def test_drain_without_wait_withdraws_at_once() -> None:
    assert drain(replace(PACE, wait=0.0)).state is State.WITHDRAWING


def test_guard_that_keeps_a_route_holds_the_drain_until_its_deadline() -> None:
    found = advance(drain(replace(PACE, wait=0.0, deadline=20.0)), facts(100.0), 100.0)
    assert advance(found, facts(119.0), 119.9).state is State.WITHDRAWING

    found = advance(found, facts(119.0, kept="kept by floor"), 120.0)

    assert found.state is State.OVERDUE
    assert found.steps[-1].text == "the deadline has passed with 1 routes left: kept by floor"
    assert found.state.has_withdrawn


def test_deadline_waits_for_nobody_and_says_who_was_behind() -> None:
    found = advance(drain(replace(PACE, deadline=3.0)), facts(102.0, behind=TOLD), 103.0)

    assert found.state is State.OVERDUE
    assert found.behind == TOLD


@pytest.mark.parametrize("state", [state for state in State if state is not State.CANCELLED])
def test_drain_can_be_cancelled_in_every_state(state: State) -> None:
    found = replace(drain(), steps=(Step(state=state, at=100.0, text="said"),))

    found = cancel(found, "taken back", 101.0)

    assert found.state is State.CANCELLED
    assert not found.state.has_withdrawn
    assert advance(found, facts(1e6, left=0), 1e6) is found


def test_table_has_every_state_and_every_way_ends() -> None:
    assert set(TRANSITIONS) == set(State)
    assert {state for state, rows in TRANSITIONS.items() if not rows} == {
        each for each in State if each.is_end
    }
    for state, rows in TRANSITIONS.items():
        causes = [cause for cause, _ in rows]
        assert len(set(causes)) == len(causes)
        assert state.is_end or Cause.DEADLINE in causes


some_facts = st.builds(
    Facts,
    is_moot=st.booleans(),
    left=st.integers(0, 2),
    flushed_at=st.none() | st.floats(0, 400),
    behind=st.sampled_from([{}, TOLD]),
)


@given(
    st.lists(st.tuples(st.floats(0, 60), some_facts), max_size=12),
    st.builds(Pace, wait=st.floats(0, 50), acknowledge=st.floats(0, 9), age=st.floats(0, 9)),
)
def test_drain_ends_by_its_deadline_whatever_happens(
    histories: list[tuple[float, Facts]], pace: Pace
) -> None:
    """And its steps are in order, each as the table has it."""
    found, now = drain(pace), 100.0
    for pause, what in histories:
        now += pause
        found = advance(found, what, now)
    now = max(now, found.deadline)
    found = advance(found, Facts(left=1), now)

    assert found.state.is_end
    assert sorted(step.at for step in found.steps) == [step.at for step in found.steps]
    for before, after in zip(found.steps, found.steps[1:], strict=False):
        assert after.state in {state for _, state in TRANSITIONS[before.state]}


@pytest.mark.parametrize("text", ["service/dns", "service/a/b", "peer/192.0.2.1", "peer/fe80::1%eth0", "all"])
def test_target_is_text_and_back(text: str) -> None:
    assert str(Target.parse(text)) == text


@pytest.mark.parametrize("text", ["", "dns", "all/x", "peer/", "service", "host/a"])
def test_target_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be service/NAME, peer/NAME or all"):
        Target.parse(text)
