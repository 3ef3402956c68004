"""Timers of a session, with a neighbour written by hand (RFC 4271 §8 and §10, RFC 9687)."""

import pytest

from rhi.model.parameters import Parameters
from rhi.model.status import State
from tests.core.answers import REFRESH_IPV4, comes_back
from tests.core.script import (
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    OUR_AS,
    UPDATE,
    Script,
    message,
    notifications,
    open_body,
)


def test_rfc4271_8_2_2_open_sent_has_the_large_hold_timer() -> None:
    script = Script(Parameters(as_number=OUR_AS, hold_time=3)).start()
    script.take()

    script.run(239.9)
    assert script.state is State.OPEN_SENT
    script.run(0.2)

    assert script.take() == [(NOTIFICATION, b"\x04\x00")]
    comes_back(script)


def test_rfc4271_6_5_hold_timer_of_the_smaller_proposal_ends_open_confirm() -> None:
    script = Script().start().send(message(OPEN, open_body(hold_time=9)))
    script.take()

    script.run(8.9)
    assert script.state is State.OPEN_CONFIRM
    script.run(0.2)

    assert notifications(script.take()) == [b"\x04\x00"]
    comes_back(script)


@pytest.mark.parametrize(
    "their_message", [message(KEEPALIVE), message(UPDATE, bytes(4)), message(5, REFRESH_IPV4)]
)
def test_rfc4271_6_5_hold_timer_starts_anew_with_messages(their_message: bytes) -> None:
    script = Script().establish(hold_time=9)

    for _ in range(5):
        script.run(8).send(their_message)
    assert script.state is State.ESTABLISHED
    script.run(9.1)

    assert notifications(script.take()) == [b"\x04\x00"]
    comes_back(script)


def test_rfc4271_6_5_hold_timer_is_not_fed_by_parts_of_messages() -> None:
    script = Script().establish(hold_time=9)

    script.run(8).send(message(KEEPALIVE)[:18]).run(1.1)

    assert notifications(script.take()) == [b"\x04\x00"]


def test_rfc4271_4_2_hold_time_zero_means_no_timers() -> None:
    script = Script().establish(hold_time=0)

    assert script.peer.next_timeout() == float("inf")
    script.run(86400)

    assert script.take() == []
    assert script.state is State.ESTABLISHED
    assert script.status.hold_time == 0


def test_rfc4271_4_2_our_hold_time_zero_means_no_timers() -> None:
    script = Script(Parameters(as_number=OUR_AS, hold_time=0)).establish(hold_time=90)

    script.run(86400)

    assert script.state is State.ESTABLISHED
    assert script.take() == []


@pytest.mark.parametrize(("random", "interval"), [(0.0, 30.0), (0.5, 26.25), (1.0, 22.5)])
def test_rfc4271_10_keepalive_comes_at_a_third_of_the_hold_time_with_jitter(
    random: float, interval: float
) -> None:
    script = Script(random=lambda: random).establish()
    elapsed = []

    for _ in range(5):
        elapsed.append(script.run_to_timer())
        assert script.take() == [(KEEPALIVE, b"")]
        script.send(message(KEEPALIVE))

    assert elapsed == pytest.approx([interval] * 5)


def test_rfc4271_10_keepalives_do_not_pile_up_for_a_peer_that_takes_nothing() -> None:
    script = Script().establish()
    script.is_taking = False

    for _ in range(20):
        script.run(20).send(message(KEEPALIVE))
    script.is_taking = True
    script.pump()

    assert script.take() == [(KEEPALIVE, b"")]


@pytest.mark.parametrize(
    ("hold_time", "send_hold_time", "expected"), [(90, None, 480.0), (300, None, 600.0), (90, 20.0, 20.0)]
)
def test_rfc9687_3_peer_that_takes_no_bytes_is_given_up(
    hold_time: int, send_hold_time: float | None, expected: float
) -> None:
    parameters = Parameters(as_number=OUR_AS, hold_time=hold_time, send_hold_time=send_hold_time)
    script = Script(parameters).establish(hold_time=hold_time)
    script.is_taking = False

    while script.now < expected - 1:
        script.run(1).send(message(KEEPALIVE))
    assert script.state is State.ESTABLISHED
    script.run(1.1)

    assert notifications(script.take()) == [b"\x08\x00"]
    script.is_taking = True
    comes_back(script)


def test_rfc9687_3_peer_that_takes_bytes_is_kept() -> None:
    script = Script(Parameters(as_number=OUR_AS, hold_time=90, send_hold_time=40)).establish()

    for _ in range(200):
        script.run(10).send(message(KEEPALIVE))

    assert script.state is State.ESTABLISHED


def test_rfc9687_3_no_send_hold_timer_without_hold_time() -> None:
    script = Script(Parameters(as_number=OUR_AS, send_hold_time=5)).establish(hold_time=0)
    script.is_taking = False

    script.announce("203.0.113.1").run(3600)

    assert script.state is State.ESTABLISHED
