"""A pool's peers and routes on real sockets: `configure`, `flush`, names."""

import asyncio
import itertools
import socket
import threading
import time
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest

import rhi
from rhi.model.events import PeerAdded, PeerRemoved, SessionDown, SessionUp
from rhi.net.peer_map import parse_peers
from rhi.net.pool import PoolDriver
from rhi.testing.collector import Collector
from tests.core.script import UPDATE, message
from tests.net.raw import PATIENCE, Events, RawListener, wait_until

# Encoded, more than all buffers between us and a peer that does not read.
TOO_MANY = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(120_000)]
MANY = [f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(50_000)]


def is_up(pool: rhi.Pool, peer: str, session: int = 1) -> bool:
    status = pool.status()[peer]
    return status.state is rhi.State.ESTABLISHED and status.established_sessions == session


def test_configure_changes_attributes_without_a_reset_and_without_a_withdraw() -> None:
    with (
        RawListener() as listener,
        rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}, ["203.0.113.1"]) as pool,
    ):
        peer = listener.accept().establish()
        peer.expect(UPDATE), peer.expect(UPDATE), peer.expect(UPDATE)  # the route, two End-of-RIB
        pool.configure({listener.host: listener.parameters(med=7)})

        assert pool.flush()
        body = peer.expect(UPDATE)
        assert body[:2] == b"\0\0"
        assert b"\x80\x04\x04\0\0\0\x07" in body
        assert is_up(pool, listener.host)


def test_configure_of_a_session_field_waits_and_is_listed() -> None:
    with (
        RawListener() as listener,
        rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}) as pool,
    ):
        first = listener.accept().establish()
        wait_until(lambda: is_up(pool, listener.host), "session")
        pool.configure({listener.host: listener.parameters(hold_time=30, as_number=65009)})

        wanted = ("as_number", "hold_time")
        wait_until(lambda: pool.status()[listener.host].pending_changes == wanted, "pending changes")
        assert is_up(pool, listener.host)
        assert pool.parameters() == {listener.host: listener.parameters()}
        first.close()
        listener.accept().establish()
        wait_until(lambda: is_up(pool, listener.host, 2), "second session")
        status = pool.status()[listener.host]
        assert (status.local_asn, status.hold_time, status.pending_changes) == (65009, 30, ())
        assert pool.parameters()[listener.host].hold_time == 30
    assert pool.parameters() == {}


def test_configure_with_allow_reset_ends_the_session_and_it_comes_back() -> None:
    with (
        RawListener() as listener,
        rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}) as pool,
    ):
        first = listener.accept().establish()
        wait_until(lambda: is_up(pool, listener.host), "session")
        pool.configure({listener.host: listener.parameters(hold_time=30)}, allow_reset=True)

        assert first.notification() == (6, 6)
        first.close()
        listener.accept().establish()
        wait_until(lambda: is_up(pool, listener.host, 2), "second session")
        assert pool.status()[listener.host].hold_time == 30


def test_configure_adds_and_removes_peers_and_leaves_the_others_alone() -> None:
    events = Events()
    with RawListener("127.0.0.2") as two, RawListener("127.0.0.3") as three, RawListener("127.0.0.4") as four:
        with rhi.Pool("192.0.2.10", {p.host: p.parameters() for p in (two, three)}, (), events) as pool:
            gone, stays = two.accept().establish(), three.accept().establish()
            wait_until(lambda: is_up(pool, two.host) and is_up(pool, three.host), "sessions")
            pool.configure({p.host: p.parameters() for p in (three, four)})

            assert gone.notification() == (6, 3)
            four.accept().establish()
            wait_until(lambda: is_up(pool, four.host), "the new session")
            assert list(pool.status()) == [three.host, four.host]
            assert is_up(pool, three.host)
            stays.sock.sendall(message(4))
        events.wait(PeerAdded, 3)
        assert [e.peer for e in events.of(PeerAdded)] == [two.host, three.host, four.host]
        assert [e.peer for e in events.of(PeerRemoved)] == [two.host]


def test_configure_removes_a_peer_and_adds_it_again() -> None:
    with RawListener() as listener:
        parameters = {listener.host: listener.parameters()}
        with rhi.Pool("192.0.2.10", parameters) as pool:
            first = listener.accept().establish()
            pool.configure({})
            pool.configure(parameters)

            assert first.notification() == (6, 3)
            listener.accept().establish()
            wait_until(lambda: is_up(pool, listener.host), "session")


def test_configure_keeps_the_session_and_takes_the_new_spelling() -> None:
    with Collector("[::1]:0") as collector:
        parameters = rhi.Parameters(as_number=65001, port=collector.port)
        with rhi.Pool("192.0.2.10", {"[0::1]": parameters}) as pool:
            wait_until(lambda: is_up(pool, "[0::1]"), "session")
            pool.configure({"::1": parameters})

            assert list(pool.status()) == ["::1"]
            assert is_up(pool, "::1")


def test_pool_takes_address_objects_for_names() -> None:
    with Collector("[::1]:0") as collector:
        parameters = rhi.Parameters(as_number=65001, port=collector.port)
        with rhi.Pool("192.0.2.10", {ip_address("::1"): parameters}) as pool:
            wait_until(lambda: is_up(pool, "::1"), "session")


@pytest.mark.parametrize(
    ("first", "second"), [("::1", "0:0::1"), ("::1", "[::1]"), ("fe80::1%lo", "fe80::1%1")]
)
def test_two_names_of_one_address_are_refused(first: str, second: str) -> None:
    parameters = rhi.Parameters(as_number=65001)
    with rhi.Pool("192.0.2.10") as pool:
        with pytest.raises(rhi.InvalidValueError, match="is the same as"):
            pool.configure({first: parameters, second: parameters})

        assert pool.status() == {}


def test_source_of_the_other_family_is_refused() -> None:
    with pytest.raises(rhi.InvalidValueError, match="other address family"):
        rhi.Pool("192.0.2.10", {"::1": rhi.Parameters(as_number=65001, source_ip="127.0.0.1")})


@pytest.mark.parametrize("peers", [["192.0.2.1"], "192.0.2.1", 1, {"192.0.2.1": {"as_number": 1}}])
def test_peers_of_another_type_are_refused(peers: object) -> None:
    with pytest.raises(rhi.InvalidValueError, match=r"rhi\.Parameters"):
        rhi.Pool("192.0.2.10", peers)  # type: ignore[arg-type]
    with pytest.raises(rhi.InvalidValueError, match=r"rhi\.Parameters"):
        rhi.Pool("192.0.2.10", dynamic_peers=peers)  # type: ignore[arg-type]


def test_listen_must_be_a_list() -> None:
    with pytest.raises(rhi.InvalidValueError, match="must be a list"):
        rhi.Pool("192.0.2.10", listen="127.0.0.1:0")


def test_flush_waits_for_the_acknowledgement_and_tells_who_is_behind() -> None:
    with RawListener("127.0.0.2", receive_buffer=4096) as slow, Collector("127.0.0.3:0") as quick:
        peers = {
            slow.host: slow.parameters(extended_messages=False),
            quick.host: rhi.Parameters(as_number=65001, port=quick.port),
        }
        with rhi.Pool("192.0.2.10", peers) as pool:
            peer = slow.accept().establish()
            wait_until(lambda: is_up(pool, slow.host) and is_up(pool, quick.host), "sessions")
            assert pool.flush()

            pool.replace(MANY[:20_000])
            wait_until(lambda: list(pool.flush(0.1).behind) == [slow.host], "only one is behind")
            began = time.perf_counter()
            answer = pool.flush(0.2)
            assert time.perf_counter() - began > 0.15
            assert not answer
            assert answer.behind[slow.host].startswith("has ")

            # all of it fits into the buffers of our side now, but the peer's TCP has not acknowledged it
            reader = threading.Thread(target=peer.drain)
            reader.start()
            assert pool.flush(PATIENCE)
            pool.close()
            reader.join(PATIENCE)


def test_flush_tells_bytes_that_wait_in_the_socket_from_those_acknowledged() -> None:
    with RawListener(receive_buffer=4096) as listener:
        parameters = listener.parameters(extended_messages=False)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}) as pool:
            listener.accept().establish()
            wait_until(lambda: is_up(pool, listener.host), "session")
            pool.replace(MANY[:6000])  # 30 kB: more than the peer takes, less than our socket does

            wait_until(lambda: "not acknowledged" in pool.flush(0.05).behind.get(listener.host, ""), "answer")
            assert not pool.status()[listener.host].pending_routes


def test_flush_of_a_new_session_does_not_count_what_the_last_one_was_told() -> None:
    with RawListener(receive_buffer=4096) as listener:
        parameters = listener.parameters(extended_messages=False, connect_retry_time=0.05)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}, TOO_MANY) as pool:
            first = listener.accept().establish()
            reader = threading.Thread(target=first.drain)
            reader.start()
            wait_until(lambda: is_up(pool, listener.host), "session")
            assert pool.flush(PATIENCE)
            first.sock.shutdown(2)
            reader.join(PATIENCE)

            listener.accept().establish()
            wait_until(lambda: is_up(pool, listener.host, 2), "second session")
            assert pool.flush(0.1).behind == {listener.host: "has yet to be told"}


def test_flush_after_configure_waits_until_the_routes_are_sent_again() -> None:
    with RawListener(receive_buffer=4096) as listener:
        parameters = listener.parameters(extended_messages=False)
        with rhi.Pool("192.0.2.10", {listener.host: parameters}, TOO_MANY) as pool:
            peer = listener.accept().establish()
            stop = threading.Event()

            def read() -> None:
                while not stop.is_set() and peer.receive()[0]:
                    pass

            reader = threading.Thread(target=read)
            reader.start()
            wait_until(lambda: is_up(pool, listener.host), "session")
            assert pool.flush(PATIENCE)
            stop.set()
            pool.announce("203.0.113.1")  # lets the reader see that it is to stop
            reader.join(PATIENCE)
            assert pool.flush(PATIENCE)

            pool.configure({listener.host: listener.parameters(extended_messages=False, med=1)})
            assert not pool.flush(0.1)


def test_flush_ends_while_another_thread_changes_routes_without_pause() -> None:
    stop = threading.Event()
    with Collector() as collector:
        peers = {collector.host: rhi.Parameters(as_number=65001, port=collector.port)}
        with rhi.Pool("192.0.2.10", peers) as pool:
            wait_until(lambda: is_up(pool, collector.host), "session")

            def churn() -> None:
                med = 0
                while not stop.is_set():
                    med += 1
                    pool.announce("203.0.113.1", rhi.PathAttributes(med=med))
                    pool.announce(MANY[med % 1000])
                    pool.withdraw(MANY[(med + 500) % 1000])

            thread = threading.Thread(target=churn)
            thread.start()
            try:
                for _ in range(5):
                    assert pool.flush(PATIENCE)
            finally:
                stop.set()
                thread.join()


def test_driver_that_is_stopped_takes_no_more_peers() -> None:
    """The I/O thread may find a `configure` behind a `close`."""

    async def main() -> None:
        driver = PoolDriver(
            IPv4Address("192.0.2.10"), lambda *_: None, dynamic_peers=[], reports_routes=False
        )
        driver.stop()
        driver.configure(parse_peers({"127.0.0.1": rhi.Parameters(as_number=65001)}))
        assert driver.status() == {}
        await driver.wait_closed()

    asyncio.run(main())


def test_session_that_is_not_up_is_not_behind() -> None:
    with (
        RawListener() as listener,
        rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}, ["203.0.113.1"]) as pool,
    ):
        listener.accept()
        assert pool.flush()


def test_change_costs_the_same_however_many_peers_there_are() -> None:
    """A pool with 100 peers, all up, takes 1,000 changes as quickly as one with none."""
    dynamic = {"127.0.0.0/8": rhi.Parameters(as_number=65001)}
    events = Events()
    with rhi.Pool("192.0.2.20", listen=["0.0.0.0:0"], dynamic_peers=dynamic) as server:
        parameters = rhi.Parameters(as_number=65002, port=server.listen_addresses[0].port)
        with rhi.Pool("192.0.2.10", {f"127.0.1.{n}": parameters for n in range(1, 101)}, (), events) as pool:
            events.wait(SessionUp, 100)
            turns = itertools.count()

            def is_quick() -> bool:
                began, attributes = time.perf_counter(), rhi.PathAttributes(med=next(turns))
                for route in MANY[:1000]:
                    pool.announce(route, attributes)
                return time.perf_counter() - began < 0.5

            wait_until(is_quick, "a turn in which the machine did nothing else")
            assert pool.flush(PATIENCE)
            assert not events.of(SessionDown)


def test_parameters_of_the_wrong_type_are_refused_without_showing_them() -> None:
    wrong: Any = {"127.0.0.9": {"as_number": 65001, "password": "sesame"}}

    for argument in ({"peers": wrong}, {"dynamic_peers": wrong}):
        with pytest.raises(rhi.InvalidValueError, match=r"not dict; rhi\.Parameters\.from_json") as caught:
            rhi.Pool("192.0.2.10", **argument)
        assert "sesame" not in str(caught.value)


def test_dynamic_peer_that_is_not_accepted_leaves_nothing_behind() -> None:
    elsewhere = rhi.Parameters(as_number=65001, source_ip="127.0.0.9")
    with rhi.Pool("192.0.2.10", listen=["127.0.0.1:0"], dynamic_peers={"127.0.0.0/8": elsewhere}) as pool:
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", pool.listen_addresses[0].port)) as stranger:
                stranger.settimeout(PATIENCE)
                assert stranger.recv(1) == b""

        wait_until(lambda: pool.status() == {}, "no session is left")
