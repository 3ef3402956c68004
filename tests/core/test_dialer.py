"""When to connect: states, pauses and what is remembered of failures."""

import pytest

from rhi.core.dialer import DIAL_TRANSITIONS, Dialer, DialEvent
from rhi.core.timers import NEVER, Timer
from rhi.model.status import State


def dialer(*events: DialEvent, is_passive: bool = False) -> Dialer:
    made = Dialer(30.0, 10.0, lambda: 0.0, is_passive=is_passive)
    for event in events:
        made.handle(event, 0.0)
    return made


START, FAILED, CONNECTED, ERROR, LOST, STOP, UP = (
    DialEvent.START,
    DialEvent.FAILED,
    DialEvent.CONNECTED,
    DialEvent.ERROR,
    DialEvent.LOST,
    DialEvent.STOP,
    DialEvent.ESTABLISHED,
)


@pytest.mark.parametrize(
    ("events", "state", "wishes", "pause"),
    [
        ((), State.IDLE, (False, False), None),
        ((START,), State.CONNECT, (True, False), None),
        ((START, START), State.CONNECT, (True, False), None),
        ((START, FAILED), State.ACTIVE, (True, False), 0.5),
        ((START, DialEvent.CONNECT_TIMER), State.ACTIVE, (True, True), 0.5),
        ((START, CONNECTED), State.ACTIVE, (True, False), None),
        ((START, CONNECTED, LOST), State.ACTIVE, (True, False), 0.5),
        ((START, CONNECTED, ERROR), State.IDLE, (True, True), 1.0),
        ((START, ERROR), State.IDLE, (True, True), 1.0),
        ((START, FAILED, ERROR), State.ACTIVE, (True, False), 0.5),
        ((START, FAILED, LOST), State.ACTIVE, (True, False), 0.5),
        ((START, UP), State.ACTIVE, (True, True), None),
        ((START, FAILED, UP), State.ACTIVE, (True, True), None),
        ((START, FAILED, DialEvent.RETRY_TIMER), State.CONNECT, (True, False), None),
        ((START, CONNECTED, ERROR, DialEvent.RETRY_TIMER), State.CONNECT, (True, True), None),
        ((START, CONNECTED, ERROR, START), State.CONNECT, (True, True), None),
        ((START, STOP), State.IDLE, (False, True), None),
        ((START, FAILED, STOP), State.IDLE, (False, True), None),
        ((STOP,), State.IDLE, (False, True), None),
    ],
)
def test_dialer_events_lead_to_state_wishes_and_pause(
    events: tuple[DialEvent, ...], state: State, wishes: tuple[bool, bool], pause: float | None
) -> None:
    made = dialer(*events)

    assert made.state is state
    assert made.timers.deadline(Timer.CONNECT_RETRY) == pause
    assert made.take_wishes() == wishes
    assert made.take_wishes() == (False, False)


def test_dialer_passive_waits_for_ever() -> None:
    made = dialer(START, is_passive=True)

    assert made.state is State.ACTIVE
    assert made.timers.next() == NEVER
    assert made.take_wishes() == (False, False)


def test_dialer_pauses_double_up_to_the_ceiling_and_never_overflow() -> None:
    made = dialer()
    made.handle(START, 0.0)
    pauses = []
    for _ in range(2000):
        made.handle(FAILED, 0.0)
        pauses.append(made.timers.next())
        made.handle(DialEvent.RETRY_TIMER, 0.0)

    assert pauses[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert pauses[-1] == 30


def test_dialer_connect_timer_expires_through_the_table() -> None:
    made = dialer(START)

    states = []
    for now in (9.9, 10.0):
        made.expire_timers(now)
        states.append(made.state)

    assert states == [State.CONNECT, State.ACTIVE]


def test_dialer_tune_counts_from_the_next_pause() -> None:
    made = dialer(START, *[FAILED, DialEvent.RETRY_TIMER] * 9)

    made.tune(7.0, 3.0)
    made.handle(FAILED, 0.0)

    assert made.timers.next() == 7.0
    made.handle(DialEvent.RETRY_TIMER, 0.0)
    assert made.timers.next() == 3.0


@pytest.mark.parametrize(("held_for", "failures"), [(59.9, 1), (60.0, 0), (1e6, 0)])
def test_dialer_stable_session_wipes_the_slate(held_for: float, failures: int) -> None:
    made = dialer(START, FAILED)

    made.session_ended(held_for)

    assert made.failures == failures


def test_dialer_stop_wipes_the_slate() -> None:
    assert dialer(START, FAILED, DialEvent.RETRY_TIMER, FAILED, STOP).failures == 0


def test_dialer_every_row_is_of_a_state_without_a_connection() -> None:
    assert {state for state, _ in DIAL_TRANSITIONS} == {State.IDLE, State.CONNECT, State.ACTIVE}
