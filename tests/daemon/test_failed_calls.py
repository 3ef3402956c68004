"""Alarms of failed calls, with a clock of the test."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rhi.daemon.alarms import Alarms
from rhi.daemon.failed_calls import QUIET, FailedCalls
from rhi.daemon.history import Entry, History
from rhi.model.events import CallFailed, CallRecovered

MISTAKE = "internal error: ZeroDivisionError('mistake')"
LOST = CallFailed(call="routes", reason=MISTAKE, internal=True)


class Loop:
    """Timers that run when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Any] = []

    def call_later(self, delay: float, call: Any) -> Any:
        timer = Timer(self, self.now + delay, call)
        self.timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for timer in [each for each in self.timers if each.at <= self.now]:
            timer.cancel()
            timer.call()


class Timer:
    def __init__(self, loop: Loop, at: float, call: Any) -> None:
        self.loop, self.at, self.call = loop, at, call

    def cancel(self) -> None:
        self.loop.timers.remove(self)


class House:
    """Counts how often routes were to be said again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = Loop()
        self.logged: list[Entry] = []
        self.asked = 0
        self.alarms = Alarms(History(lambda: datetime(2024, 1, 1, tzinfo=UTC), self.logged.append))
        monkeypatch.setattr("asyncio.get_running_loop", lambda: self.loop)
        self.calls = FailedCalls(self.alarms, self.ask)

    def ask(self) -> None:
        self.asked += 1

    @property
    def texts(self) -> list[str]:
        return [each.text for each in self.alarms.all]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    return House(monkeypatch)


def test_routes_that_fail_again_and_again_are_one_alarm(house: House) -> None:
    for _ in range(3):
        house.calls.take_event(LOST)
        house.loop.advance(QUIET)
        house.calls.take_event(CallRecovered(call="routes"))
        house.calls.said_again()

    assert house.texts == [f"{MISTAKE}; what peers are told may be out of date"]
    assert len(house.logged) == 1
    assert house.asked == 3


def test_routes_that_were_said_again_and_did_not_fail_end_the_alarm(house: House) -> None:
    house.calls.take_event(LOST)
    house.calls.said_again()
    house.loop.advance(QUIET / 2)
    house.calls.said_again()
    house.loop.advance(QUIET / 2)

    assert house.texts == []
    house.calls.said_again()
    assert house.loop.timers == []


def test_failure_just_after_routes_were_said_again_keeps_the_alarm(house: House) -> None:
    house.calls.take_event(LOST)
    house.calls.said_again()
    house.loop.advance(QUIET / 2)
    house.calls.take_event(LOST)
    house.loop.advance(QUIET)

    assert house.texts != []
    house.calls.said_again()
    house.calls.close()
    assert house.loop.timers == []


@pytest.mark.parametrize(
    ("internal", "text"),
    [
        (False, "peers stay as they were: no room; rhi reload tries again"),
        (True, "no room; which peers have changed is not known; rhi reload tries again"),
    ],
)
def test_peers_are_said_to_stay_when_the_kernel_has_refused_them_only(
    house: House, internal: bool, text: str
) -> None:
    house.calls.take_event(CallFailed(call="configure", reason="no room", internal=internal))
    assert house.texts == [text]

    house.calls.take_event(CallRecovered(call="configure"))
    assert house.texts == []


def test_calls_about_one_peer_are_alarms_of_it(house: House) -> None:
    house.calls.take_event(CallFailed(peer="192.0.2.1", call="shut_down", reason="no"))

    found = [(each.subject, each.text) for each in house.alarms.all]
    assert found == [("sessions shut_down 192.0.2.1", "no")]
