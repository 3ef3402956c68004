"""Draining from any thread: `rhi.Pool.drain` against a collector on loopback."""

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import rhi
from rhi.model.events import SessionDown
from rhi.net.pool import PoolDriver
from rhi.testing.collector import Collector
from tests.model.anything import refusal
from tests.net.raw import PATIENCE, Events, RawListener, free_port, wait_until

A, B = "203.0.113.1", "203.0.113.2"
DONE, CANCELLED, SUPERSEDED = rhi.DrainStep.DONE, rhi.DrainStep.CANCELLED, rhi.DrainStep.SUPERSEDED
GRACEFUL_SHUTDOWN = ["65535:0"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector(as_number=65001) as collector:
        yield collector


def to(collector: Collector, **settings: Any) -> dict[str, rhi.Parameters]:
    return {collector.host: rhi.Parameters(as_number=65001, port=collector.port, **settings)}


def marked(collector: Collector, *routes: str) -> bool:
    """The collector gets these marked, and the others not."""

    def are(seen: dict[str, Any]) -> bool:
        return {route for route in seen if seen[route].get("communities") == GRACEFUL_SHUTDOWN} == set(routes)

    return collector.wait_for(are, PATIENCE)


def has(collector: Collector, *routes: str) -> bool:
    return collector.wait_for(lambda seen: set(seen) == set(routes), PATIENCE)


def came_to(drain: rhi.Drain, step: rhi.DrainStep) -> None:
    wait_until(lambda: step in [progress.step for progress in drain.steps], f"step {step}")


def test_drain_of_everything_is_seen_marked_withdrawn_and_ended(collector: Collector) -> None:
    events = Events()
    with rhi.Pool("192.0.2.10", to(collector), [A, B], events) as pool:
        assert has(collector, A, B)
        drain = pool.drain(wait=3600, close=True, message="kernel")
        assert marked(collector, A, B)
        assert collector.routes()[A]["local_pref"] == 0
        came_to(drain, rhi.DrainStep.WAIT)
        assert drain.wait(0) is None
        assert not drain.is_done

        pool.announce("203.0.113.9")
        assert marked(collector, A, B, "203.0.113.9")
        again = pool.drain(wait=0.01, close=True, message="kernel")

        assert drain.wait(PATIENCE) == rhi.Drained(outcome=SUPERSEDED)
        result = again.wait(PATIENCE)
        assert result
        assert result.withdrawn == 3
        assert has(collector)
        down = events.wait(SessionDown)
        assert "kernel" in down.reason
        wait_until(lambda: pool.drain().step is SUPERSEDED, "the end of the pool's thread")
        assert pool.status()[collector.host].state is rhi.State.IDLE
    wait_until(
        lambda: DONE in [event.step for event in events.of(rhi.DrainProgress) if event.drain == 2],
        "its event",
    )
    assert [event.step for event in events.of(rhi.DrainProgress) if event.drain == 2][-1] is DONE


def test_drain_of_a_route_leaves_the_others_alone(collector: Collector) -> None:
    with rhi.Session("192.0.2.10", collector.host, to(collector)[collector.host], [A, B]) as session:
        assert has(collector, A, B)
        drain = session.drain([A], wait=3600)
        assert marked(collector, A)

        drain.cancel()

        assert drain.wait(PATIENCE) == rhi.Drained(outcome=CANCELLED)
        assert marked(collector)
        assert session.drain([A], wait=0).wait(PATIENCE)
        assert has(collector, B)


def test_words_before_a_drain_count_for_it_and_words_after_it_win(collector: Collector) -> None:
    """In the order of one thread, however far the I/O thread is."""
    with rhi.Pool("192.0.2.10", to(collector)) as pool:
        wait_until(lambda: pool.status()[collector.host].state is rhi.State.ESTABLISHED, "session")
        for n in range(20):
            pool.announce(A)
            pool.announce(B)
            drain = pool.drain([A, B], wait=0)
            pool.announce(A, rhi.PathAttributes(med=n))

            assert drain.wait(PATIENCE) == rhi.Drained(outcome=DONE, withdrawn=1)
            assert pool.flush()
            assert pool.status()[collector.host].adj_rib_out == [A]


def test_replace_right_after_a_drain_of_routes_wins(collector: Collector) -> None:
    with rhi.Pool("192.0.2.10", to(collector)) as pool:
        wait_until(lambda: pool.status()[collector.host].state is rhi.State.ESTABLISHED, "session")
        for _ in range(20):
            pool.announce(A)
            drain = pool.drain([A], wait=0)
            pool.replace([A, B])

            ended = drain.wait(PATIENCE)

            assert ended is not None
            assert ended.withdrawn == 0
            assert pool.flush()
            assert pool.status()[collector.host].adj_rib_out == [A, B]


@pytest.mark.parametrize(
    ("word", "left"),
    [
        (lambda pool: pool.announce(A), [A, B]),
        (lambda pool: pool.withdraw(A), [B]),
        (lambda pool: pool.replace([A]), [A]),
        (lambda pool: pool.replace([B]), [B]),
    ],
)
def test_word_on_a_route_that_is_being_drained_is_the_last(
    collector: Collector, word: Callable[[rhi.Pool], None], left: list[str]
) -> None:
    with rhi.Pool("192.0.2.10", to(collector), [A, B]) as pool:
        assert has(collector, A, B)
        drain = pool.drain([A], wait=3600)
        came_to(drain, rhi.DrainStep.WAIT)

        word(pool)

        assert drain.wait(PATIENCE) == rhi.Drained(outcome=SUPERSEDED)
        assert has(collector, *left)
        assert marked(collector)


def test_drain_with_close_ends_the_thread_of_the_pool(collector: Collector) -> None:
    before = io_threads()
    with rhi.Pool("192.0.2.10", to(collector), [A]) as pool:
        assert io_threads() == before + 1

        drain = pool.drain(wait=0, close=True)

        assert drain.wait(PATIENCE)
        wait_until(lambda: io_threads() == before, "the end of the thread")


def io_threads() -> int:
    return [thread.name for thread in threading.enumerate()].count("rhi")


def test_drain_asked_for_as_the_thread_ends_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    drains: list[rhi.Drain] = []

    def last_question(driver: PoolDriver) -> dict[str, rhi.Status]:
        drains.append(pool.drain())
        return {}

    monkeypatch.setattr(PoolDriver, "status", last_question)
    pool = rhi.Pool("192.0.2.10")
    pool.close()

    assert drains[0].wait(PATIENCE) == rhi.Drained(outcome=SUPERSEDED)


def test_cancel_before_the_beginning_and_after_the_end() -> None:
    nobody = {"127.0.0.1": rhi.Parameters(as_number=65001, port=free_port())}
    with rhi.Pool("192.0.2.10", nobody, [A]) as pool:
        first = pool.drain(wait=3600)
        first.cancel()
        ended = first.wait(PATIENCE)
        first.cancel()

        assert ended is not None
        assert ended.outcome in (CANCELLED, DONE)  # without a session it takes no time
        assert first.wait() == ended

    assert pool.drain().wait() == rhi.Drained(outcome=SUPERSEDED)
    pool.drain([A]).cancel()


def test_close_ends_a_drain_under_way(collector: Collector) -> None:
    with rhi.Pool("192.0.2.10", to(collector), [A]) as pool:
        assert has(collector, A)
        drains = [pool.drain(wait=3600), pool.drain([A], wait=3600)]
        came_to(drains[1], rhi.DrainStep.WAIT)
        waiting = threading.Thread(target=drains[0].wait)
        waiting.start()

    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    assert [drain.wait(PATIENCE) for drain in drains] == [rhi.Drained(outcome=SUPERSEDED)] * 2


def test_drain_asked_for_while_the_pool_closes_ends_too(collector: Collector) -> None:
    for _ in range(10):
        pool = rhi.Pool("192.0.2.10", to(collector), [A])
        closing = threading.Thread(target=pool.close)
        closing.start()
        drains = [pool.drain(wait=0) for _ in range(5)]

        assert None not in [drain.wait(PATIENCE) for drain in drains]
        closing.join(PATIENCE)


@pytest.mark.slow
def test_peer_that_does_not_read_is_named_and_another_is_drained(collector: Collector) -> None:
    many = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(30_000)]
    with RawListener("127.0.0.7", receive_buffer=4096) as listener:
        peers = {**to(collector), listener.host: listener.parameters()}
        with rhi.Pool("192.0.2.10", peers, many) as pool:
            listener.accept().establish()
            assert collector.wait_for(lambda seen: len(seen) == len(many), 4 * PATIENCE)

            result = pool.drain(wait=0, flush_timeout=1).wait(4 * PATIENCE)

            assert result is not None
            assert result.outcome is DONE
            assert result.withdrawn == len(many)
            assert listener.host in result.behind_marks
            assert listener.host in result.behind_withdrawals
            assert collector.wait_for(lambda seen: not seen, 4 * PATIENCE)


def test_new_peer_is_told_marked_routes_while_everything_is_drained(collector: Collector) -> None:
    with rhi.Pool("192.0.2.10", to(collector), [A]) as pool:
        assert has(collector, A)
        pool.drain(wait=3600)
        assert marked(collector, A)
        with Collector("127.0.0.3:0", as_number=65001) as late:
            pool.configure({**to(collector), **to(late)})

            assert late.wait_for(lambda seen: A in seen, PATIENCE)
            assert late.routes()[A]["communities"] == GRACEFUL_SHUTDOWN


def test_signal_handler_may_use_the_pool_while_a_drain_is_waited_for(collector: Collector) -> None:
    with rhi.Pool("192.0.2.10", to(collector), [A]) as pool:
        assert has(collector, A)
        drain = pool.drain(wait=3600)
        came_to(drain, rhi.DrainStep.WAIT)
        flushed = []

        def handle(number: int, frame: object) -> None:
            flushed.append(bool(pool.flush()))
            drain.cancel()

        before = signal.signal(signal.SIGALRM, handle)
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            result = drain.wait(PATIENCE)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    assert flushed == [True]
    assert result == rhi.Drained(outcome=CANCELLED)


@pytest.mark.parametrize("timeout", ["x", True, float("nan")])
def test_wait_with_a_wrong_timeout_is_refused(timeout: Any) -> None:
    with rhi.Pool("192.0.2.10") as pool:
        drain = pool.drain()

        assert refusal(drain.wait, timeout).startswith("timeout ")


@pytest.mark.parametrize("timeout", [float("inf"), -1, None])
def test_wait_takes_any_number_of_seconds(timeout: float | None) -> None:
    with rhi.Pool("192.0.2.10") as pool:
        drain = pool.drain()
        wait_until(lambda: drain.is_done, "the end of a drain without routes")

        assert drain.wait(timeout) == rhi.Drained(outcome=DONE)


def test_drain_with_wrong_arguments_changes_nothing(collector: Collector) -> None:
    with rhi.Pool("192.0.2.10", to(collector), [A]) as pool:
        assert refusal(pool.drain, ["nonsense"]).startswith("route 'nonsense'")
        assert refusal(pool.drain, wait=-1).startswith("wait -1: ")
        assert has(collector, A)
