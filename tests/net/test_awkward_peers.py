"""Peers that misbehave below BGP: garbage, resets, single bytes, no reading, no answer at all."""

import asyncio
import itertools
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Iterator

import pytest

import rhi
import rhi.aio
from rhi.core.peer import Peer
from rhi.model.events import SessionDown, SessionUp
from rhi.model.prefix import to_prefixes
from rhi.testing.collector import Collector
from tests.core.script import KEEPALIVE, NOTIFICATION, OPEN, UPDATE, message, open_body
from tests.net.raw import PATIENCE, Events, RawListener, RawPeer, blackhole, wait_until

MEGABYTE = 2**20


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.fixture(autouse=True)
def _nothing_goes_wrong_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Exceptions in callbacks of the event loop end up in the log only."""
    yield
    assert [record for record in caplog.get_records("call") if record.levelno >= logging.ERROR] == []


def test_peer_that_sends_garbage_is_told_and_met_again() -> None:
    events = Events()
    with RawListener() as listener:
        parameters = listener.parameters(connect_retry_time=0.1)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}, observer=events):
            first = listener.accept()
            first.sock.sendall(os.urandom(64 * 1024))

            assert first.notification() == (1, 1)
            assert events.wait(SessionDown).reason.startswith("Sent notification[1:1]: Message header error")
            first.close()
            listener.accept().establish()
            events.wait(SessionUp)


@pytest.mark.parametrize("is_reset", [False, True])
def test_peer_that_sends_garbage_and_is_gone_does_not_stop_the_session(is_reset: bool) -> None:
    """Our NOTIFICATION meets a closed socket, and so does our half of the close."""
    with RawListener() as listener:
        parameters = listener.parameters(connect_retry_time=0.01)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}) as pool:
            for _ in range(20):
                peer = listener.accept()
                peer.sock.sendall(b"\0" * 100)
                if is_reset:
                    peer.reset()
                else:
                    peer.close()

            listener.accept().establish()
            wait_until(lambda: pool.status()[listener.host].state is rhi.State.ESTABLISHED, "session")


def test_peer_that_resets_an_established_session_is_met_again() -> None:
    events = Events()
    with RawListener() as listener:
        parameters = listener.parameters(connect_retry_time=0.01)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}, ["203.0.113.1"], events):
            for number in range(1, 11):
                peer = listener.accept().establish()
                events.wait(SessionUp, number)
                peer.reset()

        assert {event.reason for event in events.of(SessionDown) if not event.local} <= {
            "Remote shutdown",
            "Remote shutdown (Connection reset by peer)",
        }


def test_peer_that_sends_its_last_words_and_closes_is_heard() -> None:
    events = Events()
    with (
        RawListener() as listener,
        rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}, observer=events),
    ):
        peer = listener.accept().establish()
        events.wait(SessionUp)
        peer.sock.sendall(message(NOTIFICATION, b"\x06\x02"))
        peer.close()

        down = events.wait(SessionDown)
        assert (down.code, down.subcode, down.established) == (6, 2, True)


def test_peer_that_writes_single_bytes_is_understood() -> None:
    with RawListener() as listener, rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}) as pool:
        peer = listener.accept()
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        words = message(OPEN, open_body()) + message(KEEPALIVE) * 3 + message(UPDATE, bytes(4))
        for at in range(len(words)):
            peer.sock.send(words[at : at + 1])

        wait_until(lambda: pool.status()[listener.host].state is rhi.State.ESTABLISHED, "session")
        peer.sock.sendall(message(9))
        assert peer.notification() == (1, 3)


def test_peer_that_accepts_and_says_nothing_is_left_alone_by_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhi.threaded.CLOSE_WAIT", 3600.0)
    with RawListener() as listener:
        pool = rhi.Pool("192.0.2.10", {listener.host: listener.parameters()})
        peer = listener.accept()
        peer.expect(OPEN)

        pool.close()

        assert peer.notification() == (6, 2)


def test_peer_that_half_closes_and_does_not_read_is_lost_at_once() -> None:
    """asyncio alone would wait for its buffer to empty, which never happens."""
    events = Events()
    with RawListener(receive_buffer=4096) as listener:
        parameters = listener.parameters(hold_time=0, extended_messages=False)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}, observer=events) as pool:
            peer = listener.accept().establish(hold_time=0)
            events.wait(SessionUp)
            pool.replace(
                {f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}/32": rhi.PathAttributes() for n in range(100_000)}
            )
            wait_until(lambda: not pool.flush(0.05), "a peer that is behind")
            peer.sock.shutdown(socket.SHUT_WR)

            assert events.wait(SessionDown).reason == "Remote shutdown"


@pytest.mark.slow
def test_peer_that_does_not_read_costs_neither_memory_nor_the_other_peers_nor_close(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """200,000 routes flap three times while one peer takes nothing."""
    routes = to_prefixes(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(200_000))
    flapping = [dict.fromkeys(routes, rhi.PathAttributes(med=med)) for med in (0, 1)]
    with RawListener("127.0.0.2", receive_buffer=4096) as stuck, RawListener("127.0.0.3") as good:
        pool = rhi.Pool("192.0.2.10", {each.host: each.parameters() for each in (stuck, good)})
        stuck_peer, good_peer = stuck.accept(), good.accept()
        stuck_peer.establish()
        good_peer.establish()
        reader = threading.Thread(target=good_peer.drain)
        reader.start()
        pool.replace(flapping[0])
        wait_until(lambda: set(pool.flush(0.2).behind) == {"127.0.0.2"}, "the good peer")
        assert pool.flush(0).peers == {"127.0.0.2", "127.0.0.3"}

        before = resident_bytes()
        for turn in range(1, 4):
            pool.replace(flapping[turn % 2])
            pool.announce("203.0.113.1", rhi.PathAttributes(med=turn))
            assert pool.flush(0.2).behind.keys() >= {"127.0.0.2"}
            wait_until(lambda: "127.0.0.3" not in pool.flush(0).behind, "the good peer")
        grown = resident_bytes() - before

        status = pool.status()
        assert [status[each].state for each in status] == [rhi.State.ESTABLISHED] * 2
        assert status["127.0.0.3"].current_routes == 200_001
        monkeypatch.setattr("rhi.threaded.CLOSE_WAIT", 3600.0)
        pool.close()
        reader.join(PATIENCE)
        # a flap kept as messages is 1 MB, and 50 MB when it is kept as objects, for the stuck peer alone
        assert grown < 60 * MEGABYTE


def test_peer_that_reads_slowly_is_told_only_the_last_word() -> None:
    with RawListener(receive_buffer=4096) as listener:
        parameters = listener.parameters(extended_messages=False)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}) as pool:
            peer = listener.accept().establish()
            pool.replace([f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(100_000)])
            wait_until(lambda: not pool.flush(0.05), "a peer that is behind")
            for med in range(1000):
                pool.announce("203.0.113.1", rhi.PathAttributes(med=med))
            pool.flush(0)
            told = []

            def read() -> None:
                while (each := peer.receive())[0]:
                    told.append(each)

            reader = threading.Thread(target=read)
            reader.start()
            assert pool.flush(PATIENCE)
            pool.close()
            reader.join(PATIENCE)

    flaps = [body for kind, body in told if kind == UPDATE and body.endswith(b"\x20\xcb\x00\x71\x01")]
    assert 1 <= len(flaps) <= 3
    assert (999).to_bytes(4, "big") in flaps[-1]


def test_changes_while_a_peer_is_in_connect_take_no_time() -> None:
    """1,000 changes in less than 50 ms in all."""
    with blackhole() as (host, port), Collector() as collector:
        peers = {
            host: rhi.Parameters(as_number=65001, port=port, connect_timeout=3600),
            collector.host: rhi.Parameters(as_number=65001, port=collector.port),
        }
        with rhi.Pool("192.0.2.10", peers) as pool:
            wait_until(lambda: pool.status()[host].state is rhi.State.CONNECT, "connecting")

            turns = itertools.count()

            def is_quick() -> bool:
                began, med = time.perf_counter(), next(turns)
                for n in range(1000):
                    pool.announce(f"10.0.{n >> 8}.{n & 255}", rhi.PathAttributes(med=med))
                return time.perf_counter() - began < 0.050

            wait_until(is_quick, "a turn in which the machine did nothing else")
            last = next(turns) - 1
            assert pool.flush(PATIENCE)
            assert pool.status()[host].state is rhi.State.CONNECT
            assert collector.wait_for(
                lambda seen: sum(r["med"] == last for r in seen.values()) == 1000, PATIENCE
            )


def test_close_while_a_peer_is_in_connect_waits_for_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhi.threaded.CLOSE_WAIT", 3600.0)
    monkeypatch.setattr("rhi.net.pool.CLOSE_TIME", 3600.0)
    with blackhole() as (host, port):
        pool = rhi.Pool(
            "192.0.2.10", {host: rhi.Parameters(as_number=65001, port=port, connect_timeout=3600)}
        )
        wait_until(lambda: pool.status()[host].state is rhi.State.CONNECT, "connecting")

        pool.close()

        assert pool.status()[host].state is rhi.State.IDLE


@pytest.mark.slow
def test_error_of_ours_costs_one_session_its_connection_and_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever input or poll of a `Peer` goes wrong, the session comes back, and the others do not notice."""
    random.seed(1)
    names = [
        "data_received",
        "data_to_send",
        "handle_timeout",
        "connection_made",
        "connection_lost",
        "actions",
    ]
    with RawListener("127.0.0.2") as bad, Collector("127.0.0.3:0") as good:
        peers = {
            bad.host: bad.parameters(connect_retry_time=0.05, connect_timeout=0.2, hold_time=9),
            good.host: rhi.Parameters(as_number=65001, port=good.port),
        }
        with rhi.Pool("192.0.2.10", peers) as pool:
            peer = bad.accept().establish()
            wait_until(lambda: pool.status()[good.host].state is rhi.State.ESTABLISHED, "the other session")
            for name in names:
                works = getattr(Peer, name)
                broken = threading.Event()

                def fail_once(self: Peer, *arguments: object, name: str = name, works=works, broken=broken):  # type: ignore[no-untyped-def]
                    if self.name == bad.host and not broken.is_set():
                        broken.set()
                        raise ZeroDivisionError(name)
                    return works(self, *arguments)

                with monkeypatch.context() as patch:
                    patch.setattr(Peer, name, fail_once)
                    if name == "connection_lost":
                        peer.close()
                    elif name == "connection_made":
                        peer.reset()
                    else:
                        peer.sock.sendall(message(KEEPALIVE))
                        pool.announce("203.0.113.1", rhi.PathAttributes(med=random.randrange(10**6)))
                    assert broken.wait(PATIENCE), name
                wait_until(lambda: pool.status()[bad.host].state is not rhi.State.ESTABLISHED, name)

                def meet() -> RawPeer | None:
                    try:
                        return bad.accept().establish(hold_time=9)
                    except (ConnectionError, AssertionError):
                        return None

                met = wait_until(meet, f"a session after {name}")
                assert met is not None
                peer = met
                wait_until(lambda: pool.status()[bad.host].state is rhi.State.ESTABLISHED, name)

            assert pool.status()[good.host].established_sessions == 1
    assert sum("internal error" in text for text in caplog.messages) == len(names)
    caplog.clear()


def test_accepted_connection_that_must_go_before_it_is_there_is_closed() -> None:
    """The pool ends in the turn in which a peer connects."""

    async def main() -> None:
        passive = rhi.Parameters(as_number=65001, passive=True)
        pool = rhi.aio.Pool("192.0.2.10", {"127.0.0.1": passive}, listen=["127.0.0.1:0"])
        with RawPeer.connect(("127.0.0.1", pool.listen_addresses[0].port)) as peer:
            while pool.status()["127.0.0.1"].state is not rhi.State.OPEN_SENT:
                await asyncio.sleep(0)
            await pool.close()
            assert await asyncio.to_thread(peer.drain) in ([], [(NOTIFICATION, b"\x06\x02")])

    for _ in range(10):
        asyncio.run(main())
