"""The timer table."""

from rhi.core.timers import NEVER, Timer, TimerTable


def test_timers_empty_table_is_never_due() -> None:
    timers = TimerTable()

    assert timers.next() == NEVER
    assert timers.expire(1e9) == []
    assert timers.deadline(Timer.HOLD) is None


def test_timers_next_is_the_earliest_deadline() -> None:
    timers = TimerTable()
    timers.set(Timer.HOLD, 9.0)
    timers.set(Timer.KEEPALIVE, 3.0)

    assert timers.next() == 3.0
    assert timers.deadline(Timer.HOLD) == 9.0


def test_timers_expire_in_order_of_deadline_and_once() -> None:
    timers = TimerTable()
    timers.set(Timer.HOLD, 2.0)
    timers.set(Timer.KEEPALIVE, 1.0)
    timers.set(Timer.SEND_HOLD, 3.0)

    assert timers.expire(2.0) == [Timer.KEEPALIVE, Timer.HOLD]
    assert timers.expire(2.0) == []
    assert timers.next() == 3.0


def test_timers_set_again_moves_the_deadline() -> None:
    timers = TimerTable()
    timers.set(Timer.HOLD, 1.0)
    timers.set(Timer.HOLD, 5.0)

    assert timers.expire(4.9) == []


def test_timers_clear_disarms_those_named_or_all() -> None:
    timers = TimerTable()
    for timer in Timer:
        timers.set(timer, 1.0)

    timers.clear(Timer.HOLD, Timer.HOLD)
    assert timers.deadline(Timer.HOLD) is None
    assert timers.next() == 1.0
    timers.clear()
    assert timers.next() == NEVER
