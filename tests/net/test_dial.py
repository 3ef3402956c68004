"""Connecting to peers: every way in which it can fail, and what the peer's status and events say of it."""

import asyncio
import errno
import os
import socket
from types import SimpleNamespace
from typing import Any

import pytest

import rhi
import rhi.aio
from rhi.errors import SocketOptionError
from rhi.model.events import SessionDown, SessionUp
from rhi.testing.collector import Collector
from tests.net.raw import Events, RawListener, RawPeer, blackhole, free_port, wait_until


def failure(peer: str, parameters: rhi.Parameters) -> SessionDown:
    """How the first attempt ends."""
    events = Events()
    with rhi.Pool("192.0.2.10", {peer: parameters}, observer=events) as pool:
        down = events.wait(SessionDown)
        assert pool.status()[peer].last_error == down.reason
    return down


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_dial_to_a_port_where_nobody_listens_is_refused(host: str) -> None:
    down = failure(host, rhi.Parameters(as_number=65001, port=free_port(host)))

    assert down.reason == "Connection failed (Connection refused)"
    assert not down.local
    assert not down.established


def test_dial_from_an_address_that_is_not_ours_fails_with_the_system_word() -> None:
    with RawListener() as listener:
        down = failure(listener.host, listener.parameters(source_ip="192.0.2.200"))

    assert down.reason == "Connection failed (Cannot assign requested address)"


def test_dial_in_a_zone_that_is_not_there_fails_with_the_system_word() -> None:
    down = failure("fe80::1%not-there", rhi.Parameters(as_number=65001))

    assert down.reason == "Connection failed (no interface with this name)"


def test_dial_without_an_answer_times_out() -> None:
    with blackhole() as (host, port):
        down = failure(host, rhi.Parameters(as_number=65001, port=port, connect_timeout=0.2))

    assert down.reason == "Connection failed (timed out)"


def test_dial_without_file_descriptors_fails_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [OSError(errno.EMFILE, os.strerror(errno.EMFILE))]
    events = Events()

    def exhausted_once(family: int, kind: int) -> socket.socket:
        if failures:
            raise failures.pop()
        return socket.socket(family, kind)

    system = SimpleNamespace(socket=exhausted_once, SOCK_STREAM=socket.SOCK_STREAM)
    monkeypatch.setattr("rhi.net.session.socket", system)
    with Collector() as collector:
        parameters = rhi.Parameters(as_number=65001, port=collector.port, connect_retry_time=0.05)
        with rhi.Pool("192.0.2.10", {collector.host: parameters}, observer=events):
            assert events.wait(SessionDown).reason == "Connection failed (Too many open files)"
            events.wait(SessionUp)


def test_dial_says_what_the_kernel_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise SocketOptionError(errno.ENOPROTOOPT, "TTL security: not possible on this system (x)")

    monkeypatch.setattr("rhi.net.session.set_ttl_security", refuse)
    with RawListener() as listener:
        down = failure(listener.host, listener.parameters(ttl_security=True))

    assert down.reason == "Connection failed (TTL security: not possible on this system (x))"


@pytest.mark.parametrize(("host", "source"), [("127.0.0.1", "127.0.0.7"), ("::1", "::1")])
def test_dial_comes_from_the_source_address(host: str, source: str) -> None:
    with (
        RawListener(host) as listener,
        rhi.Pool("192.0.2.10", {host: listener.parameters(source_ip=source)}) as pool,
    ):
        peer = listener.accept().establish()

        assert peer.sock.getpeername()[0] == source
        wait_until(lambda: pool.status()[host].local_ip == source, "local address in status")


def test_dial_that_is_given_up_leaves_no_socket_behind() -> None:
    with blackhole() as (host, port):
        before = len(os.listdir("/proc/self/fd"))
        parameters = rhi.Parameters(as_number=65001, port=port, connect_timeout=0.02, connect_retry_time=0.01)
        with rhi.Pool("192.0.2.10", {host: parameters}) as pool:
            in_use = len(os.listdir("/proc/self/fd"))
            wait_until(lambda: pool.status()[host].connection_attempts >= 20, "twenty attempts")

            assert len(os.listdir("/proc/self/fd")) <= in_use + 1
        wait_until(lambda: len(os.listdir("/proc/self/fd")) <= before, "no more files than before")


def test_dial_that_succeeds_in_the_turn_in_which_it_is_given_up_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The peer is removed between the connection and asyncio's word of it."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        connected = loop.create_connection
        pool = rhi.aio.Pool("192.0.2.10", {listener.host: listener.parameters()})

        async def and_remove(*arguments: Any, **named: Any) -> object:
            loop.call_soon(pool.configure, {})
            return await connected(*arguments, **named)

        loop.create_connection = and_remove  # type: ignore[method-assign,assignment]
        peer = await asyncio.to_thread(listener.accept)
        assert await asyncio.to_thread(peer.is_closed_silently)
        await pool.close()

    with RawListener() as listener:
        asyncio.run(main())

    assert not caplog.records


def test_both_sides_dialing_at_once_end_with_one_session() -> None:
    events, ports = Events(), {"127.0.0.21": free_port("127.0.0.21"), "127.0.0.22": free_port("127.0.0.22")}
    names = list(ports)

    def side(own: str, other: str, observer: Events) -> rhi.Pool:
        parameters = rhi.Parameters(
            as_number=65001, source_ip=own, port=ports[other], connect_retry_time=0.1, hold_time=9
        )
        return rhi.Pool(own, {other: parameters}, [own], observer, listen=[(own, ports[own])])

    for _ in range(5):
        with side(names[0], names[1], Events()) as left, side(names[1], names[0], events) as right:

            def are_up() -> bool:
                states = [left.status()[names[1]], right.status()[names[0]]]
                return all(s.state is rhi.State.ESTABLISHED and not s.pending_routes for s in states)

            wait_until(are_up, "both are up")
            assert left.flush()
            assert right.flush()
            assert are_up()


def test_collision_with_a_connection_of_the_peer_is_resolved_on_real_sockets() -> None:
    port = free_port("127.0.0.1")
    with (
        RawListener("127.0.0.31") as listener,
        rhi.Pool("192.0.2.10", {listener.host: listener.parameters()}, listen=[("127.0.0.1", port)]) as pool,
    ):
        ours = listener.accept()
        with RawPeer.connect(("127.0.0.1", port), source=listener.host) as theirs:
            theirs.establish(router_id="192.0.2.99")  # the higher identifier: its connection stays

            assert ours.drain()[-1][0] in (1, 3)
            wait_until(lambda: pool.status()[listener.host].state is rhi.State.ESTABLISHED, "session")
            assert pool.flush()
