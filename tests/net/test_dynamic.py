"""Limits of dynamic peers: in all, from one address, and never at the cost of a peer that has a name."""

import asyncio
import resource
import socket
from contextlib import ExitStack
from ipaddress import IPv4Address, ip_address, ip_network
from types import SimpleNamespace
from typing import Any, cast

import pytest

import rhi
from rhi.model.events import SessionUp
from rhi.net.dynamic import MAX_PER_SOURCE, DynamicLimits, DynamicSessions
from rhi.net.endpoint import PeerAddress
from rhi.net.pool import PoolDriver
from rhi.net.session import PeerSession
from rhi.wire.capabilities import GracefulRestart
from rhi.wire.open import Open
from tests.core.script import KEEPALIVE, NOTIFICATION, OPEN, message, open_body
from tests.net.raw import Events, RawPeer, wait_until

PASSIVE = rhi.Parameters(as_number=65001, passive=True, multiprotocol=True)
WHOLE_OPEN = message(OPEN, open_body())
ANYBODY = {"127.0.0.0/8": PASSIVE}


def pool_with(named: tuple[str, ...] = (), **settings: Any) -> tuple[rhi.Pool, tuple[str, int]]:
    pool = rhi.Pool(
        "192.0.2.10",
        dict.fromkeys(named, PASSIVE),
        listen=["127.0.0.1:0"],
        dynamic_peers=ANYBODY,
        **settings,
    )
    return pool, ("127.0.0.1", pool.listen_addresses[0].port)


def test_dynamic_peers_have_a_limit_in_all() -> None:
    pool, address = pool_with(max_dynamic_peers=2)
    with (
        pool,
        RawPeer.connect(address, "127.0.0.2") as first,
        RawPeer.connect(address, "127.0.0.3") as second,
    ):
        first.establish()
        second.establish()
        with RawPeer.connect(address, "127.0.0.4") as third:
            assert third.is_closed_silently()


def test_dynamic_peers_have_a_limit_for_each_source() -> None:
    pool, address = pool_with(max_dynamic_peers_per_source=2)
    with pool, ExitStack() as stack:
        for source in ("127.0.0.2", "127.0.0.2", "127.0.0.3"):
            stack.enter_context(RawPeer.connect(address, source)).establish()
        with RawPeer.connect(address, "127.0.0.2") as third:
            assert third.is_closed_silently()

        assert len(pool.status()) == 3


def test_dynamic_peers_that_come_too_fast_are_turned_away_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rhi.net.dynamic.ADMISSIONS_PER_SECOND", 0.001)
    pool, address = pool_with(max_dynamic_peers=3)

    def is_admitted() -> bool:
        with RawPeer.connect(address, "127.0.0.2") as peer:
            return not peer.is_closed_silently()

    with pool:
        for _ in range(3):
            assert is_admitted()
            wait_until(lambda: not pool.status(), "its end")
        assert not any(is_admitted() for _ in range(20))

        monkeypatch.setattr("rhi.net.dynamic.ADMISSIONS_PER_SECOND", 10.0)
        wait_until(is_admitted, "the next is admitted")


class Doors:
    """What admits dynamic peers, with a clock of its own and sessions that are over at once."""

    def __init__(self, **limits: int) -> None:
        self.now = 0.0
        network = ip_network("2001:db8::/32")
        self._sessions = DynamicSessions(
            [(network, PASSIVE)],
            DynamicLimits(**limits),
            self._make,
            lambda events: None,
            lambda session: None,
        )
        self._sessions._loop = cast(Any, SimpleNamespace(time=lambda: self.now, call_soon=lambda *call: None))
        self._sessions._counted_at = 0.0

    @property
    def remembered(self) -> int:
        return len(self._sessions._rested_at)

    def admit(self, host: int) -> bool:
        address = PeerAddress(ip_network("2001:db8::/32")[host])
        session = self._sessions.admit(address, 1, None)
        if session is None:
            return False
        del self._sessions.by_name[session.name]
        self._sessions.closed(session)
        return True

    def _make(self, address: PeerAddress, name: str, *others: object) -> PeerSession:
        return cast(PeerSession, _Over(name))


class _Over:
    is_open = True

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self) -> None:
        pass


def test_dynamic_peer_that_comes_and_goes_all_the_time_leaves_others_their_admissions() -> None:
    async def main() -> None:
        doors = Doors()
        of_one = refused = 0
        for millisecond in range(60_000):
            doors.now = millisecond / 1000
            of_one += doors.admit(9)
            if millisecond % 1000 == 500:
                refused += not doors.admit(1)

        assert of_one == pytest.approx(MAX_PER_SOURCE + 600, abs=2)
        assert refused == 0

    asyncio.run(main())


def test_dynamic_peer_may_take_all_places_of_its_address_at_once_again_after_a_pause() -> None:
    async def main() -> None:
        doors = Doors(per_source=20)
        assert [doors.admit(1) for _ in range(25)] == [True] * 20 + [False] * 5
        doors.now = 2.1

        again = [doors.admit(1) for _ in range(25)]

        assert again == [True] * 20 + [False] * 5

    asyncio.run(main())


def test_dynamic_peers_from_ever_new_addresses_are_not_remembered_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rhi.net.dynamic.MAX_REMEMBERED", 50)

    async def main() -> None:
        doors = Doors()
        assert sum(doors.admit(host) for host in range(200)) == 200
        assert doors.remembered == 50
        doors.now = 60.0
        doors.admit(1)

        assert doors.remembered == 1

    asyncio.run(main())


def test_rfc4724_4_1_dynamic_peer_that_comes_back_is_told_of_no_restart() -> None:
    lasting = {"127.0.0.0/8": rhi.Parameters(as_number=65001, graceful_restart=4000)}
    with rhi.Pool("192.0.2.10", listen=["127.0.0.1:0"], dynamic_peers=lasting) as pool:
        address = ("127.0.0.1", pool.listen_addresses[0].port)

        def is_restarting(source: str) -> list[bool]:
            with RawPeer.connect(address, source) as peer:
                found = Open.decode(peer.expect(OPEN)).capabilities
                peer.sock.sendall(WHOLE_OPEN + message(KEEPALIVE))
                peer.expect(KEEPALIVE)
                wait_until(lambda: any(each.families for each in pool.status().values()), "its session")
            wait_until(lambda: not pool.status(), "its end")
            return [each.is_restarting for each in found if isinstance(each, GracefulRestart)]

        seen = [is_restarting(source) for source in ("127.0.0.2", "127.0.0.2", "127.0.0.3")]

    assert seen == [[True], [False], [True]]


def test_rfc4724_4_1_what_is_remembered_of_former_peers_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhi.net.pool.MAX_FORMER_PEERS", 2)

    async def main() -> None:
        driver = PoolDriver(
            IPv4Address("192.0.2.10"), lambda *event: None, dynamic_peers=[], reports_routes=False
        )
        lasting = rhi.Parameters(as_number=65001, graceful_restart=4000, passive=True)
        addresses = [PeerAddress(ip_address(f"127.0.0.{n}")) for n in range(2, 6)]
        told = []
        for address in addresses:
            driver.configure({address: (str(address), lasting)})
            session = driver._sessions[address]
            told.append(session.peer._restarted_at is not None)
            session.peer._record._established = 1
            driver.configure({})

        assert told == [True, True, False, False]
        assert len(driver._former_peers) == 2
        driver.stop()

    asyncio.run(main())


def test_dynamic_peer_that_leaves_makes_room() -> None:
    pool, address = pool_with(max_dynamic_peers=1)
    with pool:
        for _ in range(5):
            with RawPeer.connect(address, "127.0.0.2") as peer:
                peer.establish()

            def has_room() -> bool:
                with RawPeer.connect(address, "127.0.0.3") as other:
                    return not other.is_closed_silently()

            wait_until(has_room, "room")
            wait_until(lambda: not pool.status(), "nobody is left")


def test_dynamic_peer_that_does_not_read_counts_until_its_socket_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A session that is over still has a socket, for as long as its last message may take."""
    monkeypatch.setattr("rhi.net.connection.CLOSE_TIME", 60.0)
    pool, address = pool_with(max_dynamic_peers=1)
    with pool, RawPeer.connect(address, "127.0.0.2") as first:
        first.expect(1)
        first.sock.sendall(b"\0" * 19)
        first.expect(NOTIFICATION)
        wait_until(lambda: not pool.status(), "the session is over")
        with RawPeer.connect(address, "127.0.0.3") as second:
            assert second.is_closed_silently()


def test_named_peer_gets_in_when_all_places_of_dynamic_peers_are_taken() -> None:
    events = Events()
    pool, address = pool_with(("127.0.0.9",), max_dynamic_peers=3, observer=events)
    with pool, ExitStack() as stack:
        for number in range(2, 8):
            stack.enter_context(RawPeer.connect(address, f"127.0.0.{number}"))
        with RawPeer.connect(address, "127.0.0.9") as peer:
            peer.establish()

            assert events.wait(SessionUp).peer == "127.0.0.9"


def test_named_peer_that_comes_and_goes_does_not_pile_up_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new connection replaces a silent one; then follow pauses in which the peer is refused."""
    monkeypatch.setattr("rhi.net.connection.CLOSE_TIME", 60.0)
    pool, address = pool_with(("127.0.0.9",))

    def held() -> int:
        """Sockets of the listener's connections that the pool has not closed."""
        with open("/proc/net/tcp") as file:
            fields = [line.split() for line in file]
        return sum(each[1].endswith(f":{address[1]:04X}") and each[9] != "0" for each in fields)

    with pool, ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(RawPeer.connect(address, "127.0.0.9"))

        wait_until(lambda: held() <= 10, "nearly all are closed")


def test_affordable_limit_leaves_file_descriptors_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1024, 4096))
    assert DynamicLimits(1000, 10).affordable == 512
    assert DynamicLimits(100, 10).affordable == 100
    monkeypatch.setattr(resource, "getrlimit", lambda what: (resource.RLIM_INFINITY,) * 2)
    assert DynamicLimits(1000, 10).affordable == 1000


@pytest.mark.parametrize("name", ["max_dynamic_peers", "max_dynamic_peers_per_source"])
@pytest.mark.parametrize("value", [0, -1, True, 1.5, "7", 10**7])
def test_limits_out_of_range_are_one_sentence(name: str, value: Any) -> None:
    with pytest.raises(rhi.InvalidValueError, match=rf"^{name} .*: must be a number from 1 to 1000000$"):
        rhi.Pool("192.0.2.10", **{name: value})


def test_dynamic_peer_that_sends_a_notification_at_once_is_forgotten() -> None:
    events = Events()
    pool, address = pool_with(observer=events)
    with pool:
        for _ in range(50):
            with socket.create_connection(address) as sock:
                sock.sendall(message(NOTIFICATION, b"\x06\x00"))
        wait_until(lambda: len(events.of(rhi.PeerRemoved)) == 50 and not pool.status(), "all are forgotten")


@pytest.mark.parametrize("part", [b"", WHOLE_OPEN[:20], WHOLE_OPEN[:-1]], ids=["nothing", "some", "most"])
def test_dynamic_peer_without_a_whole_open_is_shown_out(part: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhi.core.fsm.ACCEPTED_OPEN_TIME", 0.2)
    pool, address = pool_with()
    with pool, RawPeer.connect(address, "127.0.0.2") as peer:
        peer.sock.sendall(part)

        assert peer.notification() == (4, 0)
        wait_until(lambda: not pool.status(), "it is forgotten")


def test_dynamic_peer_that_never_reads_is_shown_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhi.core.fsm.ACCEPTED_OPEN_TIME", 0.2)
    events = Events()
    pool, address = pool_with(max_dynamic_peers=1, observer=events)
    with pool, RawPeer.connect(address, "127.0.0.2"):
        events.wait(rhi.PeerAdded)
        wait_until(lambda: not pool.status(), "its end")

        def has_room() -> bool:
            with RawPeer.connect(address, "127.0.0.3") as other:
                return not other.is_closed_silently()

        wait_until(has_room, "its socket is closed, read or not")
