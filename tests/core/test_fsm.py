"""One connection: the table of transitions, and what ends it. Messages byte by byte: test_conformance."""

from ipaddress import IPv4Address, ip_address

import pytest

from rhi.core.fsm import TRANSITIONS, Connection, Event
from rhi.core.timers import Timer
from rhi.model.parameters import Parameters
from rhi.model.status import State
from rhi.wire.notification import Notification
from tests.core.script import KEEPALIVE, NOTIFICATION, OPEN, cut, message, open_body

STATES = (State.OPEN_SENT, State.OPEN_CONFIRM, State.ESTABLISHED)
HELLO = message(OPEN, open_body())


def connection(state: State = State.OPEN_SENT) -> Connection:
    made = Connection(
        Parameters(as_number=65001, hold_time=90),
        IPv4Address("192.0.2.1"),
        ip_address("192.0.2.1"),
        ip_address("192.0.2.2"),
        0.0,
        lambda: 0.0,
        is_outgoing=True,
    )
    if state is not State.OPEN_SENT:
        made.receive(HELLO, 0.0)
    if state is State.ESTABLISHED:
        made.receive(message(KEEPALIVE), 0.0)
    assert made.state is state
    return made


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "event", [Event.NOTIFICATION, Event.BROKEN_MESSAGE, Event.HOLD_TIMER, Event.TCP_LOST, Event.CEASE]
)
def test_fsm_what_ends_a_connection_has_a_row_in_every_state(state: State, event: Event) -> None:
    assert (state, event) in TRANSITIONS


def test_fsm_idle_has_no_rows() -> None:
    assert {state for state, _ in TRANSITIONS} == set(STATES)


def test_fsm_receive_stops_after_a_message_that_changes_the_state() -> None:
    made = connection()

    more, states = True, []
    data = HELLO + message(KEEPALIVE) + message(KEEPALIVE)
    while more:
        more = made.receive(data, 0.0)
        states.append(made.state)
        data = b""

    assert states == [State.OPEN_CONFIRM, State.ESTABLISHED, State.ESTABLISHED]


def test_fsm_received_updates_wait_for_their_owner() -> None:
    made = connection(State.ESTABLISHED)

    made.receive(message(2, bytes(4)) * 3, 0.0)

    assert len(made.received) == 3


@pytest.mark.parametrize("state", STATES)
def test_fsm_connection_that_is_over_stays_over(state: State) -> None:
    made = connection(state)
    made.lost("reset", 1.0)
    output = bytes(made.output)

    made.receive(message(NOTIFICATION, b"\x06\x02"), 2.0)
    made.lost("again", 3.0)
    made.end(Notification(6, 2), 4.0, local=True)
    made.expire_timers(1e9)
    made.sent(1e9)

    assert made.state is State.IDLE
    assert made.ending is not None
    assert made.ending.reason == "Remote shutdown (reset)"
    assert bytes(made.output) == output
    assert made.timers.next() == float("inf")


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("local", [True, False])
def test_fsm_end_sends_the_notification_and_tells_who_asked(state: State, local: bool) -> None:
    made = connection(state)
    made.output.clear()

    made.end(Notification(6, 4), 1.0, local=local)

    assert cut(bytes(made.output)) == [(NOTIFICATION, b"\x06\x04")]
    assert made.ending is not None
    assert made.ending.local is local
    assert made.ending.reason.startswith("Local shutdown (" if local else "Sent notification[6:4]")


def test_fsm_lost_without_a_reason_is_a_remote_shutdown() -> None:
    made = connection()

    made.lost("", 0.0)

    assert made.ending is not None
    assert made.ending.reason == "Remote shutdown"


@pytest.mark.parametrize(
    ("state", "armed"),
    [
        (State.OPEN_SENT, {Timer.HOLD: 240.0}),
        (State.OPEN_CONFIRM, {Timer.HOLD: 90.0, Timer.KEEPALIVE: 30.0, Timer.SEND_HOLD: 480.0}),
        (State.ESTABLISHED, {Timer.HOLD: 90.0, Timer.KEEPALIVE: 30.0, Timer.SEND_HOLD: 480.0}),
    ],
)
def test_fsm_timers_of_each_state(state: State, armed: dict[Timer, float]) -> None:
    made = connection(state)

    deadlines = {timer: made.timers.deadline(timer) for timer in Timer}

    assert {timer: at for timer, at in deadlines.items() if at is not None} == armed


def test_fsm_send_hold_timer_moves_when_bytes_are_taken() -> None:
    made = connection(State.ESTABLISHED)

    made.sent(100.0)

    assert made.timers.deadline(Timer.SEND_HOLD) == 580.0


def test_fsm_send_hold_timer_is_not_armed_before_the_open() -> None:
    made = connection()

    made.sent(100.0)

    assert made.timers.deadline(Timer.SEND_HOLD) is None
