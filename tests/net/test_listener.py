"""Listening sockets: who gets in, who is turned away, and what happens when the system will not have them."""

import asyncio
import errno
import logging
import os
import socket
from typing import Any

import pytest

import rhi
import rhi.aio
from rhi.model.events import SessionUp
from tests.core.script import OPEN, message, open_body
from tests.net.raw import Events, RawPeer, free_port, wait_until

PASSIVE = rhi.Parameters(as_number=65001, passive=True, multiprotocol=True)


def listening(*peers: str, host: str = "127.0.0.1", **settings: Any) -> tuple[rhi.Pool, int]:
    listen = f"[{host}]:0" if ":" in host else f"{host}:0"
    pool = rhi.Pool("192.0.2.10", dict.fromkeys(peers, PASSIVE), listen=[listen], **settings)
    return pool, pool.listen_addresses[0].port


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_listener_accepts_a_configured_peer(host: str) -> None:
    events = Events()
    pool, port = listening(host, host=host, observer=events)

    with pool, RawPeer.connect((host, port)) as peer:
        peer.establish()
        events.wait(SessionUp)

        assert pool.status()[host].state is rhi.State.ESTABLISHED
        assert pool.status()[host].local_ip == host


def test_listener_closes_strangers_without_a_word() -> None:
    pool, port = listening("127.0.0.9")

    with pool, RawPeer.connect(("127.0.0.1", port), source="127.0.0.8") as stranger:
        assert stranger.is_closed_silently()


def test_connection_is_kept_from_children_before_it_is_known_whose_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[socket.socket] = []
    monkeypatch.setattr("rhi.net.listener.keep_from_children", kept.append)
    pool, port = listening("127.0.0.9")

    with pool, RawPeer.connect(("127.0.0.1", port), source="127.0.0.8") as stranger:
        assert stranger.is_closed_silently()
    assert len(kept) == 2  # with the one that listens


def test_listener_closes_a_second_connection_of_a_peer_without_a_word() -> None:
    pool, port = listening("127.0.0.1")

    with pool, RawPeer.connect(("127.0.0.1", port)) as first:
        first.establish()
        with RawPeer.connect(("127.0.0.1", port)) as second:
            assert second.is_closed_silently()

        assert pool.status()["127.0.0.1"].state is rhi.State.ESTABLISHED


def test_listener_accepts_only_on_the_source_address_of_the_peer() -> None:
    parameters = rhi.Parameters(as_number=65001, passive=True, source_ip="127.0.0.2")
    with rhi.Pool("192.0.2.10", {"127.0.0.1": parameters}, listen=["0.0.0.0:0"]) as pool:
        port = pool.listen_addresses[0].port

        with RawPeer.connect(("127.0.0.3", port), source="127.0.0.1") as elsewhere:
            assert elsewhere.is_closed_silently()
        with RawPeer.connect(("127.0.0.2", port), source="127.0.0.1") as peer:
            peer.establish()


def test_listener_survives_strangers_that_stay_half_open() -> None:
    pool, port = listening("127.0.0.1")
    with pool:
        idle = [RawPeer.connect(("127.0.0.1", port), source=f"127.0.1.{n}") for n in range(1, 101)]
        with RawPeer.connect(("127.0.0.1", port)) as peer:
            peer.establish()

            wait_until(lambda: pool.status()["127.0.0.1"].state is rhi.State.ESTABLISHED, "session")
        for each in idle:
            each.close()


def test_listener_forgets_a_peer_that_vanished_before_it_was_accepted() -> None:
    pool, port = listening("127.0.0.1")
    with pool:
        for _ in range(20):
            RawPeer.connect(("127.0.0.1", port)).reset()

        def establish() -> bool:
            with RawPeer.connect(("127.0.0.1", port)) as peer:
                try:
                    peer.establish()
                except (ConnectionError, AssertionError):
                    return False
            return True

        wait_until(establish, "a session after twenty resets")


def test_listener_dynamic_peers_are_forgotten_when_they_leave() -> None:
    events = Events()
    with rhi.Pool(
        "192.0.2.10", listen=["127.0.0.1:0"], dynamic_peers={"127.0.0.0/8": PASSIVE}, observer=events
    ) as pool:
        port = pool.listen_addresses[0].port
        with RawPeer.connect(("127.0.0.1", port)) as first, RawPeer.connect(("127.0.0.1", port)) as second:
            first.establish()
            second.establish()
            wait_until(
                lambda: [s.state for s in pool.status().values()] == [rhi.State.ESTABLISHED] * 2,
                "two sessions",
            )

        wait_until(lambda: not pool.status(), "nobody is left")
        events.wait(rhi.PeerRemoved, 2)
        assert len(events.of(rhi.PeerAdded)) == len(events.of(rhi.PeerRemoved)) == 2


def test_listener_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"

        with pytest.raises(rhi.ListenError) as error:
            rhi.Pool("192.0.2.10", listen=[address])

    assert error.value.strerror == f"cannot listen on {address}: Address already in use"
    assert error.value.errno == errno.EADDRINUSE


def test_listener_that_cannot_be_had_keeps_none_of_the_others() -> None:
    free = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(rhi.ListenError):
            rhi.Pool("192.0.2.10", listen=[("127.0.0.1", free), taken.getsockname()])

    with rhi.Pool("192.0.2.10", listen=[("127.0.0.1", free)]) as pool:
        assert pool.listen_addresses[0].port == free


def test_listener_address_that_is_not_ours_is_one_sentence() -> None:
    with pytest.raises(rhi.ListenError) as error:
        rhi.Pool("192.0.2.10", listen=["192.0.2.200:0"])

    assert error.value.strerror == "cannot listen on 192.0.2.200:0: Cannot assign requested address"


def test_listener_zone_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(rhi.ListenError, match=r"cannot listen on \[fe80::1%not-there\]:0"):
        rhi.Pool("192.0.2.10", listen=["[fe80::1%not-there]:0"])


def test_listener_without_permission_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", refuse)

    with pytest.raises(rhi.ListenError) as error:
        rhi.Pool("192.0.2.10", listen=["127.0.0.1:179"])

    assert error.value.strerror == (
        "cannot listen on 127.0.0.1:179: Permission denied; "
        "ports below 1024 need root or CAP_NET_BIND_SERVICE"
    )


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EPROTO, errno.EPERM])
def test_listener_pauses_when_accepting_fails_and_goes_on(
    code: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rhi.net.listener.ACCEPT_PAUSE", 0.05)
    accept = socket.socket.accept
    failures = [OSError(code, os.strerror(code))] * 2

    def fail_twice(self: socket.socket) -> tuple[socket.socket, Any]:
        if failures:
            raise failures.pop()
        return accept(self)

    monkeypatch.setattr(socket.socket, "accept", fail_twice)
    pool, port = listening("127.0.0.1")

    with pool, caplog.at_level(logging.WARNING, "rhi"), RawPeer.connect(("127.0.0.1", port)) as peer:
        peer.establish()

    assert (
        caplog.messages
        == [
            f"listen 127.0.0.1:{port}: {os.strerror(code)}; pausing for 0.05 s",
        ]
        * 2
    )


def test_listener_pausing_while_the_pool_is_closed_stays_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(self: socket.socket) -> tuple[socket.socket, Any]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def main() -> None:
        loop = asyncio.get_running_loop()
        pool = rhi.aio.Pool("192.0.2.10", {"127.0.0.1": PASSIVE}, listen=["127.0.0.1:0"])
        with RawPeer.connect(("127.0.0.1", pool.listen_addresses[0].port)):
            while not caplog.records:
                await asyncio.sleep(0)
        await pool.close()
        pause_is_over = loop.create_future()
        loop.call_later(0.02, pause_is_over.set_result, None)
        await pause_is_over

    monkeypatch.setattr("rhi.net.listener.ACCEPT_PAUSE", 0.01)
    monkeypatch.setattr(socket.socket, "accept", fail)
    with caplog.at_level(logging.WARNING):
        asyncio.run(main())

    assert len(caplog.records) == 1


def test_listener_accepts_a_peer_that_sends_at_once() -> None:
    """Data that is there before the connection is handed over is not lost."""
    pool, port = listening("127.0.0.1")
    with pool, socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(message(OPEN, open_body()) + message(4))
        peer = RawPeer(sock)

        peer.expect(OPEN)
        wait_until(lambda: pool.status()["127.0.0.1"].state is rhi.State.ESTABLISHED, "session")


def test_listener_takes_the_same_port_of_both_families() -> None:
    free = free_port("::1")
    listen = [("127.0.0.1", free), ("127.0.0.2", free), ("::1", free)]
    with rhi.Pool("192.0.2.10", {"127.0.0.1": PASSIVE, "::1": PASSIVE}, listen=listen) as pool:
        for host in ("127.0.0.1", "::1"):
            with RawPeer.connect((host, free), source=host) as peer:
                peer.establish()
        wait_until(lambda: pool.status()["127.0.0.1"].state is rhi.State.ACTIVE, "the end of the first")
        with RawPeer.connect(("127.0.0.2", free), source="127.0.0.1") as peer:
            peer.establish()


def test_listener_on_all_addresses_takes_both_families_on_one_port() -> None:
    free = free_port("::1")
    with (
        rhi.Pool("192.0.2.10", {"::1": PASSIVE}, listen=[f"0.0.0.0:{free}", f"[::]:{free}"]),
        RawPeer.connect(("::1", free)) as peer,
    ):
        peer.establish()


def test_listener_can_be_had_again_at_once() -> None:
    """Connections of the last run that are not over yet do not keep the port (SO_REUSEADDR)."""
    pool, port = listening("127.0.0.1")
    with pool, RawPeer.connect(("127.0.0.1", port)) as peer:
        peer.establish()
        pool.close()

        rhi.Pool("192.0.2.10", listen=[("127.0.0.1", port)]).close()


def test_listener_names_the_one_of_several_addresses_that_cannot_be_had() -> None:
    with pytest.raises(
        rhi.ListenError, match=r"^\[Errno 99\] cannot listen on \[2001:db8::1\]:0: Cannot assign"
    ):
        rhi.Pool("192.0.2.10", listen=["127.0.0.1:0", "[2001:db8::1]:0", "[::1]:0"])
