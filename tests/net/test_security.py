"""TCP MD5 and TTL security on real sockets: who has the key gets in, who has not never does."""

import errno
import socket
from typing import Any

import pytest

import rhi
from rhi.errors import SocketOptionError
from rhi.model.events import SessionUp
from rhi.model.prefix import to_address, to_network
from rhi.net.sockopt import (
    send_max_ttl,
    send_promptly,
    set_md5_key,
    set_ttl_security,
    unacknowledged_bytes,
)
from rhi.testing.collector import Collector
from tests.net.raw import PATIENCE, Events, RawListener, RawPeer, free_port, wait_until

KEY = "correct horse battery staple"
WRONG = "incorrect horse"


def kernel_has_md5() -> bool:
    with socket.socket() as sock:
        try:
            set_md5_key(sock, to_address("127.0.0.1", "peer"), b"key")
        except SocketOptionError:
            return False
    return True


needs_md5 = pytest.mark.skipif(not kernel_has_md5(), reason="this kernel has no TCP MD5")


def established(pool: rhi.Pool, peer: str) -> bool:
    return pool.status()[peer].state is rhi.State.ESTABLISHED


def active(port: int, **settings: Any) -> rhi.Parameters:
    return rhi.Parameters(
        **{"as_number": 65001, "port": port, "connect_retry_time": 0.1, "connect_timeout": 0.2, **settings}
    )


def passive(**settings: Any) -> rhi.Parameters:
    return rhi.Parameters(**{"as_number": 65002, "passive": True, **settings})


@needs_md5
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_md5_with_the_same_key_on_both_sides_establishes(host: str) -> None:
    with (
        rhi.Pool("192.0.2.2", {host: passive(password=KEY)}, listen=[(host, 0)]) as server,
        rhi.Pool("192.0.2.1", {host: active(server.listen_addresses[0].port, password=KEY)}) as client,
    ):
        wait_until(lambda: established(client, host) and established(server, host), "session")
        client.announce("203.0.113.1")

        assert client.flush()


@needs_md5
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(("ours", "theirs"), [(KEY, WRONG), (KEY, None), (None, KEY)])
def test_md5_with_different_keys_never_establishes(host: str, ours: str | None, theirs: str | None) -> None:
    with (
        rhi.Pool("192.0.2.2", {host: passive(password=theirs)}, listen=[(host, 0)]) as server,
        rhi.Pool("192.0.2.1", {host: active(server.listen_addresses[0].port, password=ours)}) as client,
    ):
        wait_until(lambda: client.status()[host].connection_attempts >= 3, "three attempts")

        # what is behind it depends on what else goes on in this network: see test_key_drops
        assert client.status()[host].last_error.startswith("Connection failed (timed out")
        assert client.status()[host].successful_connections == 0
        assert server.status()[host].successful_connections == 0


@needs_md5
def test_md5_key_of_one_peer_does_not_touch_another() -> None:
    peers = {"127.0.0.1": passive(password=KEY), "127.0.0.2": passive()}
    with (
        rhi.Pool("192.0.2.2", peers, listen=["127.0.0.1:0"]) as server,
        RawPeer.connect(("127.0.0.1", server.listen_addresses[0].port), source="127.0.0.2") as peer,
    ):
        peer.establish()

        wait_until(lambda: established(server, "127.0.0.2"), "session without a key")


@needs_md5
def test_md5_key_holds_for_dynamic_peers() -> None:
    dynamic = {"127.0.0.0/8": passive(password=KEY), "::1/128": passive(password=KEY)}
    with rhi.Pool("192.0.2.2", listen=["127.0.0.1:0", "[::1]:0"], dynamic_peers=dynamic) as server:
        port_4, port_6 = (address.port for address in server.listen_addresses)
        peers = {"127.0.0.1": active(port_4, password=KEY), "::1": active(port_6, password=KEY)}
        stranger = active(port_4, password=WRONG)
        with rhi.Pool("192.0.2.1", peers) as client, rhi.Pool("192.0.2.3", {"127.0.0.1": stranger}) as other:
            wait_until(lambda: established(client, "127.0.0.1") and established(client, "::1"), "sessions")
            wait_until(lambda: other.status()["127.0.0.1"].connection_attempts >= 2, "attempts")

            assert other.status()["127.0.0.1"].successful_connections == 0


@needs_md5
def test_md5_key_of_a_prefix_does_not_let_in_a_peer_inside_that_has_none() -> None:
    dynamic = {"127.0.0.0/8": passive(password=KEY)}
    with (
        rhi.Pool(
            "192.0.2.2", {"127.0.0.1": passive()}, listen=["127.0.0.1:0"], dynamic_peers=dynamic
        ) as server,
        socket.socket() as sock,
    ):
        set_md5_key(sock, to_address("127.0.0.1", "peer"), KEY.encode())
        sock.settimeout(10)
        sock.connect(("127.0.0.1", server.listen_addresses[0].port))

        assert RawPeer(sock).is_closed_silently()


@needs_md5
def test_md5_key_of_a_new_peer_is_asked_for_at_once() -> None:
    with rhi.Pool("192.0.2.2", listen=["127.0.0.1:0"]) as server:
        server.configure({"127.0.0.1": passive(password=KEY)})
        assert server.status()  # so the key is there: configure itself does not wait
        port = server.listen_addresses[0].port
        with rhi.Pool("192.0.2.1", {"127.0.0.1": active(port)}) as client:
            wait_until(lambda: client.status()["127.0.0.1"].connection_attempts >= 2, "attempts")
            assert client.status()["127.0.0.1"].successful_connections == 0

            client.configure({"127.0.0.1": active(port, password=KEY)})
            wait_until(lambda: established(client, "127.0.0.1"), "session")


@needs_md5
def test_md5_key_that_is_dropped_is_asked_for_no_more() -> None:
    host = "127.0.0.1"
    with rhi.Pool("192.0.2.2", {host: passive(password=KEY)}, listen=[(host, 0)]) as server:
        server.configure({host: passive()})
        assert server.flush()
        with RawPeer.connect((host, server.listen_addresses[0].port)) as peer:
            peer.establish()


def refuse_md5(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise SocketOptionError(errno.ENOPROTOOPT, "TCP MD5 for 127.0.0.1: not possible on this system (x)")

    monkeypatch.setattr("rhi.net.keys.set_md5_key", refuse)


def test_peers_without_a_password_are_removed_on_a_kernel_without_md5(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refuse_md5(monkeypatch)
    with rhi.Pool("192.0.2.2", {"127.0.0.1": passive()}, listen=["127.0.0.1:0"]) as pool:
        pool.configure({})

        assert pool.status() == {}


@pytest.mark.parametrize("makes", ["passive", "active", "dynamic"])
def test_pool_with_a_password_does_not_begin_on_a_kernel_without_md5(
    makes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_md5(monkeypatch)
    port = free_port()
    parameters = active(port, password=KEY) if makes == "active" else passive(password=KEY)
    named = {} if makes == "dynamic" else {"127.0.0.1": parameters}
    dynamic = {"127.0.0.0/8": parameters} if makes == "dynamic" else {}

    with pytest.raises(SocketOptionError, match="not possible"):
        rhi.Pool("192.0.2.2", named, listen=[("127.0.0.1", port)], dynamic_peers=dynamic)

    rhi.Pool("192.0.2.2", listen=[("127.0.0.1", port)]).close()


def test_configure_with_a_password_on_a_kernel_without_md5_changes_nothing_and_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    refuse_md5(monkeypatch)
    events = Events()
    with rhi.Pool("192.0.2.2", listen=["127.0.0.1:0"], observer=events) as pool:
        pool.configure({"127.0.0.1": passive(password=KEY)})

        failed = events.wait(rhi.CallFailed)
        assert failed.reason == "TCP MD5 for 127.0.0.1: not possible on this system (x)"
        assert pool.status() == {}
    assert caplog.messages == [
        "configure: TCP MD5 for 127.0.0.1: not possible on this system (x); nothing is changed"
    ]


@needs_md5
def test_set_md5_key_removes_with_an_empty_key_and_refuses_to_remove_none() -> None:
    with socket.socket(socket.AF_INET6) as sock:
        network = to_network("2001:db8::/32", "peers")
        set_md5_key(sock, network, b"key")
        set_md5_key(sock, network, b"")

        with pytest.raises(SocketOptionError, match=r"TCP MD5 for 2001:db8::/32: .*No such file"):
            set_md5_key(sock, network, b"")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ttl_security_on_both_sides_establishes(host: str) -> None:
    with (
        rhi.Pool("192.0.2.2", {host: passive(ttl_security=True)}, listen=[(host, 0)]) as server,
        rhi.Pool("192.0.2.1", {host: active(server.listen_addresses[0].port, ttl_security=True)}) as client,
    ):
        wait_until(lambda: established(client, host) and established(server, host), "session")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_ttl_security_takes_nothing_from_a_peer_that_sends_less(host: str) -> None:
    """The peer's SYN-ACK has TTL 64: the connection is not even made."""
    with RawListener(host) as listener:
        parameters = listener.parameters(ttl_security=True, connect_timeout=0.2, connect_retry_time=0.1)
        with rhi.Pool("192.0.2.1", {host: parameters}) as pool:
            wait_until(lambda: pool.status()[host].connection_attempts >= 2, "attempts")

            assert pool.status()[host].successful_connections == 0
            assert pool.status()[host].last_error == "Connection failed (timed out)"


def test_ttl_security_of_the_listener_takes_nothing_from_a_peer_that_sends_less() -> None:
    """The kernel checks the TTL once the connection is accepted: what the peer sends then is not heard."""
    with (
        rhi.Pool("192.0.2.2", {"127.0.0.1": passive(ttl_security=True)}, listen=["127.0.0.1:0"]) as pool,
        RawPeer.connect(("127.0.0.1", pool.listen_addresses[0].port)) as peer,
    ):
        peer.expect(1)
        peer.sock.sendall(b"\0" * 19)  # would be answered by a NOTIFICATION
        peer.sock.settimeout(0.1)

        with pytest.raises(TimeoutError):
            peer.receive()


def test_ttl_security_that_the_kernel_refuses_costs_the_peer_its_connection_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(sock: socket.socket) -> None:
        raise SocketOptionError(errno.ENOPROTOOPT, "TTL security: not possible on this system (x)")

    monkeypatch.setattr("rhi.net.session.set_ttl_security", refuse)
    with rhi.Pool("192.0.2.2", {"127.0.0.1": passive(ttl_security=True)}, listen=["127.0.0.1:0"]) as pool:
        port = pool.listen_addresses[0].port
        for _ in range(2):  # the first must not keep the second out
            with RawPeer.connect(("127.0.0.1", port)) as peer:
                assert peer.is_closed_silently()

        assert pool.status()["127.0.0.1"].last_error == (
            "Remote shutdown (TTL security: not possible on this system (x))"
        )
        assert pool.status()["127.0.0.1"].successful_connections == 2


@pytest.mark.parametrize("option", [set_md5_key, set_ttl_security])
def test_socket_options_say_that_a_system_does_not_have_them(
    option: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "freebsd14")
    arguments = (to_address("127.0.0.1", "peer"), b"key") if option is set_md5_key else ()

    with socket.socket() as sock, pytest.raises(SocketOptionError, match="not possible on this system"):
        option(sock, *arguments)


def test_unacknowledged_bytes_is_nothing_where_the_system_cannot_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        assert unacknowledged_bytes(sock) == 0
        monkeypatch.setattr("sys.platform", "darwin")
        assert unacknowledged_bytes(sock) == 0


def test_send_max_ttl_sets_the_hop_limit_of_the_family() -> None:
    with socket.socket() as four, socket.socket(socket.AF_INET6) as six:
        send_max_ttl(four)
        send_max_ttl(six)

        assert four.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == 255
        assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) == 255


@needs_md5
def test_collector_with_a_password_takes_only_peers_that_have_it() -> None:
    events = Events()
    with Collector(password=KEY) as collector:
        peers = {collector.host: active(collector.port, password=KEY)}
        with rhi.Pool("192.0.2.1", peers, ["203.0.113.1"], events):
            events.wait(SessionUp)
            assert collector.wait_for(
                lambda routes: "203.0.113.1/32" in routes or "203.0.113.1" in routes, PATIENCE
            )


def test_sockets_of_sessions_send_small_messages_at_once() -> None:
    with socket.socket() as sock:
        send_promptly(sock, 4096)

        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 4096
