"""`rhi.Pool` and `rhi.Session`: threads, and life before, during and after `close`."""

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import rhi
from rhi.model.events import EndOfRibSent, Event, SessionDown, SessionUp
from rhi.model.prefix import to_prefix
from rhi.testing.collector import Collector
from tests.core.script import NOTIFICATION, UPDATE, message
from tests.net.raw import PATIENCE, Events, RawListener, free_port, wait_until
from tests.pools import call_everything, is_up, to


def busy(seconds: float) -> float:
    """Pure Python, without ever waiting for anything; the longest time for which it was kept from running."""
    last = time.monotonic()
    end, pause, number = last + seconds, 0.0, 0
    while last < end:
        for _ in range(10_000):
            number = (number * 3 + 1) % 1_000_003
        now = time.monotonic()
        pause, last = max(pause, now - last), now
    return pause


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(8, marks=pytest.mark.slow), pytest.param(30, marks=pytest.mark.slow)],
)
def test_session_with_hold_time_3_stands_while_the_main_thread_is_busy(seconds: int) -> None:
    """The collector's thread has to share the interpreter, too."""
    events = Events()
    with Collector() as collector, rhi.Pool("192.0.2.10", to(collector, hold_time=3), (), events) as pool:
        events.wait(SessionUp)

        pause = busy(seconds)

        if events.of(SessionDown) and pause > 1.0:
            pytest.skip(f"this machine stood still for {pause:.1f} s, in which nobody could speak")
        assert not events.of(SessionDown)
        assert pool.status()[collector.host].hold_time == 3
        assert is_up(pool, collector.host)


def test_pool_after_close_ignores_changes_and_tells_how_things_ended() -> None:
    with Collector() as collector:
        pool = rhi.Pool("192.0.2.10", to(collector), ["203.0.113.1"])
        assert collector.wait_for(len, PATIENCE)
        pool.close()
        for _ in range(3):
            call_everything(pool)

        status = pool.status()[collector.host]
        assert status.state is rhi.State.IDLE
        assert status.last_error == "Local shutdown (Sent notification[6:2]: Cease; Administrative Shutdown)"
        assert status.current_routes == 0
        assert pool.flush()


def test_session_after_close_tells_how_it_ended() -> None:
    with Collector() as collector:
        session = rhi.Session("192.0.2.10", collector.host, to(collector)[collector.host], ["203.0.113.1"])
        assert collector.wait_for(len, PATIENCE)
        assert session.flush()
        session.announce("203.0.113.2")
        session.withdraw("203.0.113.1")
        assert collector.wait_for(lambda routes: list(routes) == ["203.0.113.2"], PATIENCE)
        session.replace(["203.0.113.3"])
        session.configure(rhi.Parameters(as_number=65001, port=collector.port, med=5))
        assert collector.wait_for(lambda routes: routes.get("203.0.113.3", {}).get("med") == 5, PATIENCE)
        session.close()
        session.close()
        session.announce("203.0.113.4")

        assert session.status().state is rhi.State.IDLE


def test_close_sends_its_message_to_the_peer() -> None:
    downs: list[Event] = []
    with Collector(on_event=lambda e: downs.append(e) if isinstance(e, SessionDown) else None) as collector:
        pool = rhi.Pool("192.0.2.10", to(collector))
        wait_until(lambda: is_up(pool, collector.host), "session")
        pool.close("upgrade at noon " + "é" * 300)
        wait_until(lambda: downs, "the peer's event")

    assert 'Administrative Shutdown: "upgrade at noon é' in downs[0].reason  # type: ignore[attr-defined]


def test_close_from_many_threads_at_once_works() -> None:
    with Collector() as collector:
        pool = rhi.Pool("192.0.2.10", to(collector), (), Events())
        wait_until(lambda: is_up(pool, collector.host), "session")
        threads = [threading.Thread(target=pool.close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)

        assert not any(thread.is_alive() for thread in threads)
        assert pool.status()[collector.host].state is rhi.State.IDLE


def test_methods_from_eight_threads_at_once_work_until_after_close() -> None:
    errors: list[BaseException] = []
    stop = threading.Event()

    def hammer(number: int) -> None:
        turn = 0
        try:
            while not stop.is_set():
                turn += 1
                route = f"10.{number}.{turn >> 8 & 255}.{turn & 255}"
                pool.announce(route, rhi.PathAttributes(med=turn))
                pool.status()
                pool.flush(1)
                pool.withdraw(route)
                if number == 0 and turn % 5 == 0:
                    pool.replace([route])
                if number == 1:
                    pool.configure(to(collector, med=turn))
        except BaseException as error:
            errors.append(error)

    with Collector() as collector:
        pool = rhi.Pool("192.0.2.10", to(collector), (), Events())
        wait_until(lambda: is_up(pool, collector.host), "session")
        threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        busy(0.5)
        assert is_up(pool, collector.host)
        pool.close()
        busy(0.1)
        stop.set()
        for thread in threads:
            thread.join(PATIENCE)

    assert not errors
    assert not any(thread.is_alive() for thread in threads)


def test_changes_of_eight_threads_end_with_the_last_word_of_each() -> None:
    with Collector() as collector, rhi.Pool("192.0.2.10", to(collector)) as pool:

        def flap(number: int) -> None:
            for turn in range(500):
                pool.announce(f"10.0.{number}.{turn % 10}", rhi.PathAttributes(med=turn))
                pool.withdraw(f"10.0.{number}.{(turn + 1) % 10}")

        threads = [threading.Thread(target=flap, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: is_up(pool, collector.host), "session")
        assert pool.flush()

        wanted = {f"10.0.{number}.{turn % 10}": turn for number in range(8) for turn in range(491, 500)}
        assert collector.wait_for(
            lambda routes: {route: seen["med"] for route, seen in routes.items()} == wanted, PATIENCE
        )


def test_replace_drops_changes_noted_before_and_keeps_those_after() -> None:
    with Collector() as collector, rhi.Pool("192.0.2.10", to(collector)) as pool:
        wait_until(lambda: is_up(pool, collector.host), "session")
        for turn in range(200):
            pool.announce(f"10.1.0.{turn}")
            pool.replace([f"10.2.0.{turn}"])
            pool.announce(f"10.3.0.{turn}")

        assert pool.flush()
        assert collector.wait_for(lambda routes: sorted(routes) == ["10.2.0.199", "10.3.0.199"], PATIENCE)


def test_close_while_a_flush_waits_lets_it_go() -> None:
    with RawListener(receive_buffer=4096) as listener:
        parameters = listener.parameters(extended_messages=False)
        pool = rhi.Pool("192.0.2.10", {listener.host: parameters})
        listener.accept().establish()
        pool.replace([f"10.0.{n >> 8}.{n & 255}" for n in range(50_000)])
        wait_until(lambda: not pool.flush(0.05), "a peer that is behind")
        waiting = threading.Thread(target=pool.flush, args=(None,))
        waiting.start()
        pool.close()
        waiting.join(PATIENCE)

        assert not waiting.is_alive()


def test_signal_handler_may_use_the_pool_whatever_the_program_is_doing() -> None:
    """The handler runs between any two steps of the main thread, also while that holds one of our locks."""
    count = 0
    is_inside = False

    def handler(number: int, frame: object) -> None:
        nonlocal count, is_inside
        if not is_inside:
            is_inside = True
            count += 1
            pool.announce(f"10.9.{count >> 8 & 255}.{count & 255}")
            pool.status()
            is_inside = False

    with rhi.Pool("192.0.2.10") as pool:
        before = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        try:
            end = time.monotonic() + 1.0
            while time.monotonic() < end:
                pool.announce("10.8.0.1")
                pool.withdraw("10.8.0.1")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert count
        assert pool.flush()


def test_status_from_inside_a_change_is_answered() -> None:
    """What a signal handler does at the worst moment: while a change is being noted."""

    class Interrupting(rhi.Prefix):
        def __hash__(self) -> int:
            if threading.current_thread() is threading.main_thread():
                pool.announce("203.0.113.2")
                answers.append(pool.status())
            return super().__hash__()

    answers: list[object] = []
    with rhi.Pool("192.0.2.10") as pool:
        pool.announce(rhi.Route(Interrupting(*to_prefix("203.0.113.1"))))

        assert answers == [{}]


def test_pool_uses_nothing_of_the_programs_event_loop() -> None:
    """Also inside a coroutine, where there is a loop already."""

    async def main() -> bool:
        with Collector() as collector, rhi.Pool("192.0.2.10", to(collector), ["203.0.113.1"]):
            return collector.wait_for(len, PATIENCE)

    assert asyncio.run(main())


def test_pool_with_a_closed_socket_under_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """A program that closes descriptors that are not its own costs a connection, no more."""
    events = Events()
    with RawListener() as listener:
        parameters = listener.parameters(connect_retry_time=0.05)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}, (), events):
            peer = listener.accept().establish()
            events.wait(SessionUp)
            name = peer.sock.getpeername()
            for number in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):
                    if not stat.S_ISSOCK(os.fstat(int(number)).st_mode):
                        continue
                    with socket.socket(fileno=os.dup(int(number))) as sock:
                        if sock.getsockname() == name and sock.getpeername():
                            sock.shutdown(socket.SHUT_RDWR)

            events.wait(SessionDown)
            listener.accept().establish()
            events.wait(SessionUp, 2)


def test_end_of_rib_waits_for_mark_complete_and_comes_behind_what_was_announced_before() -> None:
    events = Events()
    with Collector() as collector:
        pool = rhi.Pool("192.0.2.10", to(collector), ["203.0.113.1"], events, complete_within=3600)
        assert collector.wait_for(len, PATIENCE)
        assert pool.flush()
        assert not events.of(EndOfRibSent)

        pool.replace([f"203.0.113.{number}" for number in range(256)])
        pool.mark_complete()

        events.wait(EndOfRibSent)
        assert pool.status()[collector.host].current_routes == 256
        pool.mark_complete()
        pool.close()
        pool.mark_complete()


def test_quarantined_route_is_released_on_request_from_any_thread() -> None:
    events = Events()
    with RawListener("127.0.0.2") as listener:
        peers = {listener.host: rhi.Parameters(as_number=65001, port=listener.port)}
        pool = rhi.Pool("192.0.2.10", peers, ["203.0.113.1"], events)
        with listener.accept().establish() as peer:
            peer.expect(UPDATE)
            peer.sock.sendall(message(NOTIFICATION, b"\x03\x08"))
            told = events.wait(rhi.RoutesQuarantined)
        with listener.accept().establish() as peer:
            assert peer.expect(UPDATE) == bytes(4)  # End-of-RIB
            wait_until(lambda: pool.status()[listener.host].quarantined == ("203.0.113.1",), "quarantined")

            pool.release_quarantine("192.0.2.99")
            pool.release_quarantine(listener.host)

            assert peer.expect(UPDATE).endswith(b"\xcb\x00\x71\x01")
            assert events.wait(rhi.RoutesReleased).count == told.count == 1
        pool.close()
        pool.release_quarantine(listener.host)


def test_peer_that_is_shut_down_stays_so_until_it_is_brought_up() -> None:
    events = Events()
    with (
        Collector() as collector,
        rhi.Pool("192.0.2.10", to(collector, connect_retry_time=1.0), ["203.0.113.1"], events) as pool,
    ):
        wait_until(lambda: len(collector.routes()) == 1, "the session and its route")

        pool.shut_down("192.0.2.99")
        pool.shut_down(collector.host, "line card")
        down = events.wait(SessionDown)
        pool.configure(to(collector, connect_retry_time=1.0, med=5))
        wait_until(lambda: not collector.routes(), "the end of its routes")

        assert (down.code, down.subcode) == (6, 2)
        assert pool.status()[collector.host].state is rhi.State.IDLE
        assert pool.status()[collector.host].retry_in_s is None
        pool.bring_up(collector.host)
        wait_until(lambda: len(collector.routes()) == 1, "the session again")
        pool.bring_up(collector.host)
        assert pool.flush().behind == {}
        assert pool.status()[collector.host].established_sessions == 2


# In `__del__` of what a module holds: Python lets no other thread run any more.
ENDING = """
import sys, rhi

class Balancer:
    def __init__(self):
        parameters = rhi.Parameters(as_number=65001, port=int(sys.argv[1]))
        self.session = rhi.Session("192.0.2.10", "127.0.0.1", parameters)

    def __del__(self):
        self.session.withdraw("203.0.113.1")
        flushed, status = self.session.flush(), self.session.status()
        drained = self.session.drain(wait=0).wait()
        self.session.close()
        print(flushed.peers == frozenset(), status.state.value, status.last_error, drained.outcome.value)

balancer = Balancer()
"""


def test_methods_return_while_the_interpreter_ends() -> None:
    command = [sys.executable, "-c", ENDING, str(free_port())]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert (ran.stdout, ran.stderr) == ("True IDLE The program is ending superseded\n", "")


def test_session_has_the_methods_of_a_pool_about_its_peer() -> None:
    events = Events()
    with Collector() as collector:
        parameters = rhi.Parameters(as_number=65001, port=collector.port)
        with rhi.Session(
            "192.0.2.10", collector.host, parameters, ["203.0.113.1"], events, listen=["127.0.0.1:0"]
        ) as session:
            assert collector.wait_for(len, PATIENCE)
            port = session.listen_addresses[0].port

            session.shut_down("line card")
            assert 'Administrative Shutdown: "line card"' in events.wait(SessionDown).reason
            session.bring_up()
            wait_until(lambda: session.status().established_sessions == 2, "the session again")

    assert port > 0


def test_end_of_rib_waits_no_longer_than_complete_within() -> None:
    events = Events()
    with (
        Collector() as collector,
        rhi.Session(
            "192.0.2.10", collector.host, to(collector)[collector.host], (), events, complete_within=0.05
        ) as session,
    ):
        events.wait(EndOfRibSent)
        session.mark_complete()


@pytest.mark.parametrize("value", [0, -1, True, "5"])
def test_complete_within_has_to_be_seconds(value: Any) -> None:
    with pytest.raises(rhi.InvalidValueError, match="complete_within"):
        rhi.Pool("192.0.2.10", complete_within=value)


@pytest.mark.parametrize(
    ("keep_routes", "reason"),
    [
        (False, "Cease; Hard Reset: Cease; Administrative Shutdown"),
        (True, "routes are kept: graceful restart"),
    ],
)
def test_close_takes_the_routes_with_it_or_leaves_them_to_graceful_restart(
    keep_routes: bool, reason: str
) -> None:
    lasting = rhi.Parameters(as_number=65002, graceful_restart=60)
    server = rhi.Pool("192.0.2.2", listen=["127.0.0.1:0"], dynamic_peers={"127.0.0.1/32": lasting})
    port = server.listen_addresses[0].port
    with server:
        parameters = rhi.Parameters(as_number=65001, port=port, graceful_restart=60)
        session = rhi.Session("192.0.2.1", "127.0.0.1", parameters, ["203.0.113.1"])
        wait_until(lambda: session.status().state is rhi.State.ESTABLISHED, "the session is up")

        session.close(keep_routes=keep_routes)

        assert reason in session.status().last_error
