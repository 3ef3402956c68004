"""`rhi.Pool` when a part of it fails by a mistake of ours: programs learn of it, and wait for nobody."""

from typing import Any

import pytest

import rhi
from rhi.model.drain import DrainStep
from tests.net.raw import PATIENCE, Events, wait_until

REASON = "internal error: ZeroDivisionError('mistake')"
PASSIVE = rhi.Parameters(as_number=65001, passive=True)


def mistaken(*_: object, **more: object) -> None:
    raise ZeroDivisionError("mistake")


def test_call_that_fails_bears_the_name_that_the_user_gave_the_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    events = Events()
    with rhi.Pool("192.0.2.10", {"2001:DB8::0:1": PASSIVE}, (), events) as pool:
        driver: Any = pool._driver
        monkeypatch.setattr(driver, "shut_down", mistaken)
        pool.shut_down("2001:db8::1")
        pool.shut_down("2001:DB8::2")
        assert events.wait(rhi.CallFailed).peer == "2001:DB8::0:1"
        pool.status()

        # the peer leaves, and what had failed with it
        monkeypatch.undo()
        pool.configure({})
        pool.configure({"2001:DB8::0:1": PASSIVE})
        pool.shut_down("2001:db8::1")
        pool.status()
    assert [event.peer for event in events.of(rhi.CallFailed)] == ["2001:DB8::0:1", "2001:db8::2"]
    assert not events.of(rhi.CallRecovered)


def test_drain_that_cannot_begin_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    events = Events()
    with rhi.Pool("192.0.2.10", {"192.0.2.1": PASSIVE}, (), events) as pool:
        driver: Any = pool._driver
        monkeypatch.setattr(driver, "drain", mistaken)
        drained = pool.drain(wait=0).wait(PATIENCE)
        monkeypatch.undo()

        assert drained is not None
        assert drained.outcome is DrainStep.SUPERSEDED
        assert not pool._drains
        assert pool.drain(wait=0).wait(PATIENCE)
    assert events.of(rhi.CallFailed) == [rhi.CallFailed(call="drain", reason=REASON, internal=True)]
    assert events.of(rhi.CallRecovered) == [rhi.CallRecovered(call="drain")]


def test_flush_and_mark_complete_do_not_fail_by_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    events = Events()
    with rhi.Pool("192.0.2.10", {"192.0.2.1": PASSIVE}, (), events, complete_within=60) as pool:
        driver: Any = pool._driver
        monkeypatch.setattr(driver, "announce", mistaken)
        pool._intake._is_scheduled = True  # who waits is the first to take it over
        pool.announce("203.0.113.1")
        pool.mark_complete()
        wait_until(lambda: driver._table.is_complete, "the table is complete")

        pool._intake._is_scheduled = True
        pool.announce("203.0.113.1")
        assert pool.flush(PATIENCE).behind == {}
    assert events.of(rhi.CallFailed) == [rhi.CallFailed(call="routes", reason=REASON, internal=True)] * 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_status_says_that_the_thread_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = rhi.Pool("192.0.2.10", {"192.0.2.1": PASSIVE})
    driver: Any = pool._driver
    stop = driver.stop
    monkeypatch.setattr(driver, "stop", mistaken)
    pool.close()
    pool._thread.join(PATIENCE)

    assert pool.status()["192.0.2.1"].last_error == "The I/O thread has ended"
    stop()
