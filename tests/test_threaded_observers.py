"""Observers of `rhi.Pool`: their thread, their errors, their slowness, and what they may call."""

import threading

import pytest

import rhi
from rhi.model.events import Event, SessionDown, SessionUp
from rhi.testing.collector import Collector
from tests.net.raw import PATIENCE, Events, RawListener, wait_until
from tests.pools import call_everything, is_up, rhi_threads, to


def test_close_from_an_observer_works() -> None:
    closed = threading.Event()

    class Closer(rhi.Observer):
        def on_event(self, event: Event) -> None:
            if isinstance(event, SessionUp):
                pools[0].close()
                call_everything(pools[0])
                closed.set()

    pools: list[rhi.Pool] = []
    ready = threading.Event()

    class Patient(Closer):
        def on_event(self, event: Event) -> None:
            ready.wait(PATIENCE)
            super().on_event(event)

    with Collector() as collector:
        pools.append(rhi.Pool("192.0.2.10", to(collector), (), Patient()))
        ready.set()
        assert closed.wait(PATIENCE)
        pools[0].close()
    wait_until(lambda: not rhi_threads(), "all threads have ended")


def test_observer_that_raises_is_logged_and_called_again(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Event] = []

    class Faulty(rhi.Observer):
        def on_event(self, event: Event) -> None:
            calls.append(event)
            raise SystemExit("no") if len(calls) == 1 else ZeroDivisionError

    with Collector() as collector:
        with rhi.Pool("192.0.2.10", to(collector), (), Faulty()) as pool:
            wait_until(lambda: is_up(pool, collector.host), "session")
        wait_until(lambda: any(isinstance(event, SessionDown) for event in calls), "the last event")

    wait_until(lambda: sum("observer failed on" in text for text in caplog.messages) == len(calls), "the log")


def test_observer_that_blocks_loses_the_oldest_events_and_costs_no_session(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhi.net.event_queue.MAX_EVENTS", 10)
    release = threading.Event()
    calls: list[Event] = []

    class Slow(rhi.Observer):
        def on_event(self, event: Event) -> None:
            release.wait(PATIENCE)
            calls.append(event)

    with RawListener() as listener:
        parameters = listener.parameters(connect_retry_time=0.01)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}, (), Slow()) as pool:
            for _ in range(10):
                listener.accept().reset()
            listener.accept().establish()
            wait_until(lambda: is_up(pool, listener.host), "session")
            assert not calls
            release.set()
            wait_until(lambda: any(isinstance(event, SessionUp) for event in calls), "the newest event")

    warnings = [text for text in caplog.messages if text.startswith("observer is too slow: ")]
    assert len(warnings) == 1
    assert len(calls) < 25


def test_observer_that_never_returns_does_not_hold_up_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhi.threaded.CLOSE_WAIT", 0.3)
    release, is_called, has_returned = threading.Event(), threading.Event(), threading.Event()

    class Stuck(rhi.Observer):
        def on_event(self, event: Event) -> None:
            is_called.set()
            release.wait()
            has_returned.set()

    with RawListener() as listener:
        pool = rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}, (), Stuck())
        listener.accept()
        assert is_called.wait(PATIENCE)
        pool.close()
        assert not has_returned.is_set()
        release.set()

    wait_until(lambda: not rhi_threads(), "all threads have ended")


def test_observer_hears_of_peers_and_sessions_in_order() -> None:
    events = Events()
    with (
        Collector() as collector,
        rhi.Pool("192.0.2.10", to(collector), (), events) as pool,
    ):
        events.wait(SessionUp)
        pool.configure({})
        events.wait(rhi.PeerRemoved)

    reason = "Local shutdown (Sent notification[6:3]: Cease; Peer De-configured)"
    assert sorted(events.calls) == sorted(
        [
            ("peer", collector.host, True),
            ("session", collector.host, True, reason),
            ("peer", collector.host, False),
        ]
    )
    assert [type(event) for event in events.all][-1] is rhi.PeerRemoved
