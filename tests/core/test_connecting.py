"""When we connect to a neighbour, when we wait, and which connections of its we take."""

from itertools import pairwise

import pytest

from rhi.model.parameters import Parameters
from rhi.model.status import State
from tests.core.script import (
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    OUR_AS,
    Script,
    message,
    open_body,
)


def gaps(script: Script) -> list[float]:
    return [late - early for early, late in pairwise(script.attempts)]


def test_first_attempt_is_made_at_once() -> None:
    assert Script(answer="refuse").start().attempts == [0.0]


def test_connect_retry_begins_under_a_second_and_doubles_to_the_ceiling() -> None:
    script = Script(answer="refuse").start().run(300)

    assert gaps(script)[:8] == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30])


@pytest.mark.parametrize("ceiling", [0.2, 5.0, 120.0])
def test_connect_retry_ceiling_can_be_set(ceiling: float) -> None:
    parameters = Parameters(as_number=OUR_AS, connect_retry_time=ceiling)
    script = Script(parameters, answer="refuse").start().run(1000)

    assert max(gaps(script)) == pytest.approx(ceiling)


def test_connect_retry_jitter_takes_off_up_to_a_quarter() -> None:
    script = Script(answer="refuse", random=lambda: 0.999).start().run(300)

    assert gaps(script)[:3] == pytest.approx([0.375, 0.75, 1.5], rel=0.01)
    assert max(gaps(script)) == pytest.approx(22.5, rel=0.01)


def test_attempt_that_nobody_answers_is_given_up_and_made_again() -> None:
    script = Script(Parameters(as_number=OUR_AS, connect_timeout=3), answer="silence").start()

    script.run(3.1)
    assert script.abandoned == [1]
    assert script.downs[-1].reason == "Connection failed (timed out)"
    assert script.state is State.ACTIVE
    script.run(0.5)

    assert script.attempts == pytest.approx([0.0, 3.5])


def test_penalty_is_forgotten_after_a_stable_session() -> None:
    script = Script(answer="refuse").start().run(100)
    script.answer = "accept"
    script.run(30)
    script.establish(hold_time=0).run(61)

    script.hang_up("connection reset").run(0.6)

    assert gaps(script)[-1] == pytest.approx(script.attempts[-1] - script.attempts[-2])
    assert script.attempts[-1] == pytest.approx(script.now - 0.1)


def test_penalty_is_kept_after_a_short_session() -> None:
    script = Script(answer="refuse").start().run(100)
    script.answer = "accept"
    script.run(30)
    script.establish().run(5)
    attempts = len(script.attempts)

    script.hang_up("connection reset").run(20)

    assert len(script.attempts) == attempts


def count_attempts_in_an_hour(script: Script, reaction: bytes) -> int:
    script.start()
    while script.now < 3600:
        while script.open:
            script.send(reaction)
        if script.run_to_timer() == float("inf"):
            break
    return len(script.attempts)


@pytest.mark.parametrize("body", [b"\x02\x02", b"\x02\x04", b"\x06\x05", b"\x06\x02"])
@pytest.mark.parametrize("random", [0.0, 0.999])
def test_peer_that_rejects_every_open_is_not_stormed(body: bytes, random: float) -> None:
    script = Script(random=lambda: random)

    assert 100 < count_attempts_in_an_hour(script, message(NOTIFICATION, body)) < 170
    assert gaps(script)[0] >= 0.75


def test_peer_whose_open_we_reject_is_not_stormed() -> None:
    assert count_attempts_in_an_hour(Script(), message(OPEN, open_body(version=3))) < 130


def test_peer_that_accepts_only_to_throw_out_is_not_stormed() -> None:
    stream = message(OPEN, open_body()) + message(KEEPALIVE) + message(NOTIFICATION, b"\x03\x08")

    assert count_attempts_in_an_hour(Script(), stream) < 130


def test_idle_hold_refuses_incoming_connections() -> None:
    script = Script().start().send(message(NOTIFICATION, b"\x02\x02"))

    assert script.state is State.IDLE
    assert script.status.retry_in_s == pytest.approx(1.0)
    assert script.accept() is None


def test_passive_peer_never_connects_and_takes_a_connection() -> None:
    script = Script(Parameters(as_number=OUR_AS, passive=True)).start()

    script.run(3600)
    assert script.attempts == []
    assert script.state is State.ACTIVE
    assert script.status.retry_in_s is None
    script.accept()
    script.establish()

    script.hang_up().run(1000)
    assert script.attempts == []
    script.accept()
    script.establish()


def test_second_connection_from_outside_takes_the_place_of_a_silent_one() -> None:
    script = Script(Parameters(as_number=OUR_AS, passive=True)).start()
    first = script.accept()
    assert first is not None

    second = script.accept()

    assert second is not None
    assert script.take(first)[-1] == (NOTIFICATION, b"\x06\x07")
    assert script.open == [second]
    script.establish()


def test_second_connection_from_outside_is_refused_once_the_peer_has_spoken() -> None:
    script = Script(Parameters(as_number=OUR_AS, passive=True)).start()
    script.accept()
    script.send(message(OPEN, open_body()))

    assert script.accept() is None
    script.send(message(KEEPALIVE))
    assert script.state is State.ESTABLISHED
    assert script.accept() is None
