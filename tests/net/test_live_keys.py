"""TCP MD5 keys that change under a session: it goes on when both ends change within the hold time."""

import errno
import logging
import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

import rhi
from rhi.errors import SocketOptionError
from rhi.model.events import SessionDown, SessionUp
from rhi.model.tcp_ao import AoKey
from rhi.net.keys import SocketKeys
from rhi.net.sockopt import set_md5_key
from rhi.net.tcp_ao import add_ao_key
from tests.net.raw import PATIENCE, Events, RawListener, RawPeer, wait_until
from tests.net.test_security import KEY, WRONG, active, established, needs_md5, passive

HOST = "127.0.0.1"
CHANGES = [(KEY, WRONG), (KEY, None), (None, KEY)]


@pytest.fixture
def listening() -> Iterator[RawListener]:
    with RawListener(HOST) as listener:
        yield listener


def give(sock: socket.socket, key: str | None) -> None:
    """Our raw end gets another key, or none."""
    set_md5_key(sock, ip_address(HOST), (key or "").encode())


@needs_md5
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_live_key_that_both_ends_change_keeps_the_session(
    host: str, before: str | None, after: str | None
) -> None:
    """A pool that dials and one that listens: keys of dialed, accepted and listening sockets."""
    events = Events()
    hold = {"hold_time": 60}
    with rhi.Pool("192.0.2.2", {host: passive(password=before, **hold)}, listen=[(host, 0)]) as server:
        port = server.listen_addresses[0].port
        peers = {host: active(port, password=before, **hold)}
        with rhi.Pool("192.0.2.1", peers, observer=events) as client:
            wait_until(lambda: established(client, host) and established(server, host), "session")
            server.configure({host: passive(password=after, **hold)})
            client.configure({host: active(port, password=after, **hold)})
            client.announce("2001:db8::1" if ":" in host else "203.0.113.1")

            wait_until(lambda: server.status()[host].received_routes == 1, "the route over the new key")
            assert client.flush(PATIENCE)
            assert client.status()[host].pending_changes == ()
            assert client.status()[host].established_sessions == 1
            # and the listener has the new key for the next one
            client.configure({host: active(port, password=after, hold_time=30)}, allow_reset=True)
            events.wait(SessionUp, 2)


@needs_md5
@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_live_key_reaches_a_peer_of_another_make(
    listening: RawListener, before: str | None, after: str | None
) -> None:
    if before is not None:
        give(listening.sock, before)
    with rhi.Pool("192.0.2.1", {HOST: listening.parameters(password=before, hold_time=60)}) as pool:
        peer = listening.accept().establish()
        wait_until(lambda: established(pool, HOST), "session")
        pool.configure({HOST: listening.parameters(password=after, hold_time=60)})
        pool.announce("203.0.113.1")
        wait_until(lambda: not pool.flush(0.2), "segments that the old key drops")

        give(peer.sock, after)

        assert pool.flush(PATIENCE)
        assert pool.status()[HOST].established_sessions == 1


@needs_md5
def test_live_key_that_only_we_change_ends_the_session_by_the_hold_timer(listening: RawListener) -> None:
    events = Events()
    give(listening.sock, KEY)
    parameters = {"hold_time": 3, "connect_timeout": 0.2}
    peers = {HOST: listening.parameters(password=KEY, **parameters)}
    with rhi.Pool("192.0.2.1", peers, observer=events) as pool:
        listening.accept().establish()
        events.wait(SessionUp)
        pool.configure({HOST: listening.parameters(password=WRONG, **parameters)})

        assert events.wait(SessionDown).reason.startswith("Sent notification[4:0]: Hold timer expired")


@needs_md5
def test_live_key_counts_for_an_attempt_under_way() -> None:
    """The first SYN has the wrong key; the kernel's next one, a second later, has the right one."""
    with RawListener(HOST) as listener:
        give(listener.sock, KEY)
        slow = {"connect_timeout": 3600}
        with rhi.Pool("192.0.2.1", {HOST: listener.parameters(password=WRONG, **slow)}) as pool:
            wait_until(lambda: pool.status()[HOST].state is rhi.State.CONNECT, "an attempt")
            pool.configure({HOST: listener.parameters(password=KEY, **slow)})

            listener.accept().establish()
            wait_until(lambda: established(pool, HOST), "session")
            assert pool.status()[HOST].connection_attempts == 1


@needs_md5
def test_live_key_that_the_kernel_refuses_costs_the_session_its_connection(
    listening: RawListener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    give(listening.sock, KEY)
    with rhi.Pool("192.0.2.1", {HOST: listening.parameters(password=KEY)}) as pool:
        peer = listening.accept().establish()
        wait_until(lambda: established(pool, HOST), "session")

        def refuse(*arguments: Any) -> None:
            raise SocketOptionError(errno.ENOMEM, "TCP MD5 for 127.0.0.1: out of memory")

        monkeypatch.setattr("rhi.net.keys.require_keys", lambda peers: None)
        monkeypatch.setattr("rhi.net.listeners.require_keys", lambda peers: None)
        monkeypatch.setattr("rhi.net.keys.set_md5_key", refuse)
        with caplog.at_level(logging.WARNING, "rhi"):
            pool.configure({HOST: listening.parameters(password=WRONG)})
            peer.drain()

    assert "peer 127.0.0.1: TCP MD5 for 127.0.0.1: out of memory; its connection is closed" in caplog.messages


@needs_md5
def test_password_in_place_of_tcp_ao_waits_for_the_next_session(listening: RawListener) -> None:
    """There is no session with TCP-AO here; the rule is the same for one that is about to have it."""
    plain = listening.parameters()
    with_ao = listening.parameters(ao_keys=[AoKey(KEY, 1, 1)])

    changed = with_ao.with_live_fields(listening.parameters(password=KEY, med=7))

    assert (changed.password, changed.ao_keys, changed.med) == (None, with_ao.ao_keys, 7)
    assert plain.with_live_fields(listening.parameters(password=KEY)).password == KEY.encode()


@needs_md5
def test_socket_keys_sets_only_what_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, bytes]] = []
    monkeypatch.setattr("rhi.net.keys.set_md5_key", lambda sock, net, key: calls.append((str(net), key)))
    one, two = ip_network("192.0.2.1"), ip_network("192.0.2.0/24")
    keys = SocketKeys({one: b"a"})
    with socket.socket() as sock:
        keys.set(sock, {one: b"a", two: b"b"})
        keys.set(sock, {two: b"c"})

    assert calls == [("192.0.2.0/24", b"b"), ("192.0.2.0/24", b"c"), ("192.0.2.1/32", b"")]


@pytest.mark.parametrize("refused", ["192.0.2.2/32", "192.0.2.1/32"])
def test_socket_keys_are_those_from_before_when_the_kernel_refuses_one(
    refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel: dict[str, bytes] = {}

    def set_key(sock: object, network: object, key: bytes) -> None:
        if str(network) == refused and key != b"a":
            raise SocketOptionError(errno.ENOMEM, "no room")
        kernel[str(network)] = key

    monkeypatch.setattr("rhi.net.keys.set_md5_key", set_key)
    gone, changed, new = ip_network("192.0.2.1"), ip_network("192.0.2.0/24"), ip_network("192.0.2.2")
    with socket.socket() as sock:
        keys = SocketKeys()
        keys.set(sock, {gone: b"a", changed: b"a"})
        with pytest.raises(SocketOptionError):
            keys.set(sock, {changed: b"b", new: b"b"})

    assert {network: key for network, key in kernel.items() if key} == {
        "192.0.2.1/32": b"a",
        "192.0.2.0/24": b"a",
    }
    assert [keys.held_for(ip_address(host)) for host in ("192.0.2.1", "192.0.2.2")] == [b"a", b"a"]


def test_socket_keys_tells_the_secret_of_the_longest_match() -> None:
    keys = SocketKeys(
        {
            ip_network("192.0.2.0/24"): b"all",
            ip_network("192.0.2.1"): b"one",
            ip_network("fe80::/10"): b"links",
        }
    )

    held = {
        host: keys.held_for(ip_address(host))
        for host in ("192.0.2.1", "192.0.2.9", "fe80::1", "192.0.3.1", "::")
    }
    assert held == {
        "192.0.2.1": b"one",
        "192.0.2.9": b"all",
        "fe80::1": b"links",
        "192.0.3.1": None,
        "::": None,
    }


@needs_md5
def test_configure_that_the_kernel_has_no_room_for_leaves_all_listeners_their_keys(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The first listener takes the new key, the second one does not; the key of the peer was to go."""
    other, calls = "127.0.0.2", []

    def set_key(sock: socket.socket, network: Any, key: bytes) -> None:
        if str(network) == f"{other}/32" and key:
            calls.append(key)
            if len(calls) == 2:
                raise SocketOptionError(errno.ENOMEM, "no room")
        set_md5_key(sock, network, key)

    with rhi.Pool("192.0.2.2", {HOST: passive(password=KEY)}, listen=[(HOST, 0), (HOST, 0)]) as pool:
        monkeypatch.setattr("rhi.net.keys.set_md5_key", set_key)
        pool.configure({other: passive(password=KEY)})
        wait_until(lambda: "configure: no room; nothing is changed" in caplog.messages, "the refusal")

        assert list(pool.status()) == [HOST]
        for address in pool.listen_addresses:
            with socket.socket() as sock:
                sock.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    sock.connect((HOST, address.port))
            with socket.socket() as sock:
                sock.bind((other, 0))
                sock.settimeout(10)
                sock.connect((HOST, address.port))


@pytest.mark.parametrize("option", [set_md5_key, add_ao_key])
def test_key_that_the_kernel_has_no_room_for_says_what_to_raise(option: Any) -> None:
    class Full:
        def setsockopt(self, *arguments: object) -> None:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")

    key = b"key" if option is set_md5_key else AoKey("key", 1, 1)

    with pytest.raises(SocketOptionError, match=r"no room for more keys .* net\.core\.optmem_max"):
        option(Full(), ip_address(HOST), key)


@needs_md5
def test_live_key_that_the_kernel_refuses_to_an_attempt_keeps_the_new_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with RawListener(HOST) as listener:
        give(listener.sock, KEY)
        slow = {"connect_timeout": 30, "connect_retry_time": 30}
        with rhi.Pool("192.0.2.1", {HOST: listener.parameters(password=WRONG, **slow)}) as pool:
            wait_until(lambda: pool.status()[HOST].connection_attempts == 1, "an attempt")
            refused = threading.Event()

            def refuse_once(sock: socket.socket, network: Any, key: bytes) -> None:
                if key and sock.fileno() >= 0 and not refused.is_set() and sock.getsockname()[1]:
                    refused.set()
                    raise SocketOptionError(errno.ENOMEM, "no room")
                set_md5_key(sock, network, key)

            monkeypatch.setattr("rhi.net.keys.set_md5_key", refuse_once)
            retry = {"connect_timeout": 30, "connect_retry_time": 0.1}
            pool.configure({HOST: listener.parameters(password=KEY, **retry)})

            listener.accept().establish()
            wait_until(lambda: established(pool, HOST), "session")
            assert refused.is_set()


@needs_md5
def test_socket_keys_takes_away_what_the_kernel_no_longer_has() -> None:
    network = ip_network("192.0.2.1")
    with socket.socket() as sock:
        SocketKeys({network: b"never set"}).set(sock, {})


@needs_md5
def test_raw_peer_without_the_key_is_not_heard_by_a_listener() -> None:
    with rhi.Pool("192.0.2.2", {HOST: passive(password=KEY)}, listen=[(HOST, 0)]) as pool:
        with socket.socket() as sock:
            sock.settimeout(0.3)
            with pytest.raises(TimeoutError):
                sock.connect((HOST, pool.listen_addresses[0].port))
        with socket.socket() as sock:
            give(sock, KEY)
            sock.settimeout(10)
            sock.connect((HOST, pool.listen_addresses[0].port))
            RawPeer(sock).establish()
