"""A peer that connects to us and dawdles: what it may take of our time."""

import pytest

from rhi.core.fsm import ACCEPTED_OPEN_TIME, OPEN_HOLD_TIME
from rhi.model.parameters import Parameters
from rhi.model.status import State
from tests.core.script import KEEPALIVE, NOTIFICATION, OPEN, OUR_AS, Script, message, notifications, open_body

PASSIVE = Parameters(as_number=OUR_AS, hold_time=90, passive=True)
HOLD_TIMER_EXPIRED = b"\x04\x00"
WHOLE_OPEN = message(OPEN, open_body())


def accepted() -> Script:
    script = Script(PASSIVE).start()
    assert script.accept() is not None
    script.take()
    return script


@pytest.mark.parametrize("part", [b"", WHOLE_OPEN[:18], WHOLE_OPEN[:-1]], ids=["nothing", "header", "most"])
def test_accepted_connection_without_a_whole_open_ends_in_time(part: bytes) -> None:
    script = accepted()
    if part:
        script.send(part)

    script.run(ACCEPTED_OPEN_TIME - 0.1)
    assert script.state is State.OPEN_SENT
    script.run(0.2)

    assert script.open == []
    assert notifications(script.take()) == [HOLD_TIMER_EXPIRED]


def test_accepted_connection_one_byte_at_a_time_gains_no_time() -> None:
    script = accepted()

    for at in range(len(WHOLE_OPEN) - 1):
        script.run(1.0)
        if not script.open:
            break
        script.send(WHOLE_OPEN[at : at + 1])

    assert script.now == ACCEPTED_OPEN_TIME
    assert script.take()[-1] == (NOTIFICATION, HOLD_TIMER_EXPIRED)


def test_accepted_connection_with_an_open_and_no_keepalive_ends_with_the_hold_time() -> None:
    script = accepted().send(message(OPEN, open_body(hold_time=9)))

    assert script.run_to_timer() <= 3.0  # our keepalive
    script.run(9)

    assert script.open == []


@pytest.mark.parametrize("is_passive", [True, False])
def test_open_without_hold_time_is_not_the_last_word(is_passive: bool) -> None:
    """With a hold time of 0 no timer runs in a session; one that never begins must end all the same."""
    script = accepted() if is_passive else Script(Parameters(as_number=OUR_AS, hold_time=90)).start()
    limit = ACCEPTED_OPEN_TIME if is_passive else OPEN_HOLD_TIME
    script.run(10).send(message(OPEN, open_body(hold_time=0)))
    assert script.state is State.OPEN_CONFIRM
    (number,) = script.open

    script.run(limit - 10.1)
    assert number in script.open
    script.run(0.2)

    assert number in script.closed


def test_session_without_hold_time_has_no_timer_left_of_its_beginning() -> None:
    script = accepted().send(message(OPEN, open_body(hold_time=0))).send(message(KEEPALIVE))

    script.run(10_000)

    assert script.state is State.ESTABLISHED
