"""Calls that fail after they have returned: events tell, once it works again too."""

import logging

import pytest

from rhi.errors import SocketOptionError
from rhi.model.events import CallFailed, CallRecovered, Event
from rhi.net.carried_out import CarriedOut


def works() -> None:
    pass


def refused() -> None:
    raise SocketOptionError(12, "TCP MD5 for 192.0.2.1: no room")


def mistaken() -> None:
    raise ZeroDivisionError("mistake")


def test_call_that_works_is_no_event() -> None:
    told: list[Event] = []

    assert CarriedOut(told.append).run("configure", works)

    assert told == []


def test_call_that_the_kernel_refuses_is_told_each_time_and_when_it_works_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Event] = []
    calls = CarriedOut(told.append)

    assert [calls.run("configure", call) for call in (refused, refused, works, works)] == [
        False,
        False,
        True,
        True,
    ]

    failed = CallFailed(call="configure", reason="TCP MD5 for 192.0.2.1: no room")
    assert told == [failed, failed, CallRecovered(call="configure")]
    assert caplog.messages == ["configure: TCP MD5 for 192.0.2.1: no room; nothing is changed"] * 2


def test_call_that_fails_by_a_mistake_is_contained_and_logged_with_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Event] = []

    with caplog.at_level(logging.ERROR):
        assert not CarriedOut(told.append).run("bring_up", mistaken, "192.0.2.1")

    reason = "internal error: ZeroDivisionError('mistake')"
    assert told == [CallFailed(peer="192.0.2.1", call="bring_up", reason=reason, internal=True)]
    assert "in mistaken" in caplog.text


def test_call_about_one_peer_says_nothing_of_another() -> None:
    told: list[Event] = []
    calls = CarriedOut(told.append)
    calls.run("bring_up", mistaken, "192.0.2.1")
    told.clear()

    calls.run("bring_up", works, "192.0.2.2")
    calls.run("shut_down", works, "192.0.2.1")
    assert told == []

    calls.run("bring_up", works, "192.0.2.1")
    assert told == [CallRecovered(peer="192.0.2.1", call="bring_up")]


def test_peer_that_has_left_is_forgotten_and_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Event] = []
    calls = CarriedOut(told.append)
    calls.run("bring_up", mistaken, "192.0.2.1")
    assert caplog.messages == ["bring_up of 192.0.2.1 has failed"]
    told.clear()

    calls.forget("192.0.2.1")
    calls.run("bring_up", works, "192.0.2.1")
    assert told == []
