"""Peers named by their interface: what is heard, what is sent, whom the session is pointed at."""

import asyncio
import errno
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Any, cast

import pytest

from rhi.model.parameters import Parameters
from rhi.model.status import State
from rhi.net.endpoint import PeerAddress, PeerInterface
from rhi.net.interfaces import InterfaceMonitor, InterfaceTable
from rhi.net.netlink import Neighbour, parse
from rhi.net.router_discovery import (
    ALL_NODES,
    ALL_ROUTERS,
    TO_NODES,
    TO_ONE,
    TO_ROUTERS,
    Advertisement,
    DiscoverySocket,
    EchoReply,
    Heard,
    NeighbourAdvertisement,
    Solicitation,
    advertisement,
    neighbour_solicitation,
    solicitation,
)
from rhi.net.session import PeerSession
from rhi.net.unnumbered import System, UnnumberedPeers, for_interface
from tests.net import kernel
from tests.net.kernel import ETH0, MAC, OTHERS, OURS, THEIRS

ETH = PeerInterface("eth0")


@dataclass
class Monitor:
    """A monitor whose table the test writes."""

    changed: Callable[[], None]
    neighbour_seen: Callable[[Neighbour], None]
    table: InterfaceTable | None = None
    is_closed: bool = False
    questions: int = 0

    def tell(self, *messages: bytes) -> None:
        self.table = self.table or InterfaceTable()
        for message in parse(b"".join(messages)):
            if isinstance(message, Neighbour):
                self.neighbour_seen(message)
            else:
                self.table.apply(message)
        self.changed()

    def ask_again(self) -> None:
        self.questions += 1

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Discovery:
    """A discovery socket that notes what is sent."""

    name: str
    index: int
    heard: Callable[[Heard], None]
    can_advertise: bool = True
    sent: list[tuple[bytes, IPv6Address, IPv6Address | None]] = field(default_factory=list)
    asked: list[tuple[IPv6Address, int]] = field(default_factory=list)
    is_closed: bool = False

    def send(self, data: bytes, destination: IPv6Address, source: IPv6Address | None = None) -> None:
        self.sent.append((data, destination, source))

    def ask(self, destination: IPv6Address, sequence: int) -> None:
        self.asked.append((destination, sequence))

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Core:
    state: State = State.ACTIVE
    is_established: bool = False
    parameters: Parameters = field(default_factory=lambda: Parameters(as_number=65001))


@dataclass
class Session:
    """A session that notes where it is pointed at, and why it waits."""

    name: str = "eth0"
    address: PeerAddress = field(default_factory=lambda: PeerAddress(IPv6Address("::"), "eth0"))
    peer: Core = field(default_factory=Core)
    waits: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)

    def suspend(self, reason: str) -> None:
        self.waits.append(reason)

    def point_at(self, address: PeerAddress) -> None:
        self.address = address
        self.points.append(str(address))


class Lab:
    """One unnumbered peer on a machine made up by the test."""

    def __init__(self) -> None:
        self.monitor_error: OSError | None = None
        self.discovery_error: OSError | None = None
        self.can_advertise = True
        self.monitors: list[Monitor] = []
        self.sockets: list[Discovery] = []
        self.session = Session()
        self.peers = UnnumberedPeers(lambda: 0.5, System(self._monitor, self._discovery))

    def _monitor(self, changed: Any, neighbour_seen: Any) -> InterfaceMonitor:
        if self.monitor_error is not None:
            raise self.monitor_error
        self.monitors.append(Monitor(changed, neighbour_seen))
        return cast(InterfaceMonitor, self.monitors[-1])

    def _discovery(self, name: str, index: int, heard: Callable[[Heard], None]) -> DiscoverySocket:
        if self.discovery_error is not None:
            raise self.discovery_error
        self.sockets.append(Discovery(name, index, heard, self.can_advertise))
        return cast(DiscoverySocket, self.sockets[-1])

    def add(self, interface: PeerInterface = ETH, session: Session | None = None) -> "Lab":
        self.peers.add(interface, cast(PeerSession, session or self.session))
        return self

    def begin(self, *messages: bytes) -> "Lab":
        """The interface can be used."""
        self.add().monitors[-1].tell(kernel.link(), kernel.address(), *messages)
        return self

    def hear(self, heard: Heard) -> None:
        self.sockets[-1].heard(heard)

    def incoming(self, address: IPv6Address, zone: str | None = "eth0") -> bool:
        return self.peers.find(PeerAddress(address, zone)) is not None

    def session_is(self, state: State) -> None:
        self.session.peer.state = state
        self.session.peer.is_established = state is State.ESTABLISHED
        self.peers.session_changed(ETH)


def in_lab(test: Callable[[Lab], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        lab = Lab()
        try:
            await test(lab)
        finally:
            lab.peers.close()

    asyncio.run(run())


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def test_unnumbered_peer_is_found_by_its_advertisement() -> None:
    async def test(lab: Lab) -> None:
        lab.begin()
        lab.hear(Advertisement(THEIRS))
        await settled()

        assert lab.session.points == ["fe80::2%eth0"]
        assert (lab.sockets[0].name, lab.sockets[0].index) == ("eth0", ETH0)

    in_lab(test)


def test_unnumbered_peer_is_found_in_the_table_of_the_kernel() -> None:
    async def test(lab: Lab) -> None:
        lab.begin()
        lab.monitors[0].tell(kernel.neighbour(OTHERS, index=ETH0 + 1, flags=kernel.ROUTER))
        lab.monitors[0].tell(kernel.neighbour(flags=kernel.ROUTER))
        await settled()

        assert lab.session.points == ["fe80::2%eth0"]

    in_lab(test)


def test_unnumbered_peer_is_found_by_what_only_routers_answer() -> None:
    async def test(lab: Lab) -> None:
        lab.begin()
        await settled()
        assert lab.sockets[0].asked == [(ALL_ROUTERS, TO_ROUTERS), (ALL_NODES, TO_NODES)]
        assert (solicitation(MAC), ALL_ROUTERS, None) in lab.sockets[0].sent

        lab.hear(EchoReply(THEIRS, TO_ROUTERS))
        await settled()
        assert lab.session.points == ["fe80::2%eth0"]

    in_lab(test)


@pytest.mark.parametrize("can_advertise", [True, False])
def test_unnumbered_peer_asks_those_that_it_cannot_choose_from(can_advertise: bool) -> None:
    async def test(lab: Lab) -> None:
        lab.can_advertise = can_advertise
        lab.begin()
        lab.hear(Advertisement(THEIRS))
        lab.hear(NeighbourAdvertisement(OTHERS, True))
        while not any(address == THEIRS for _, address, _ in lab.sockets[0].sent) and (
            not any(address == THEIRS for address, _ in lab.sockets[0].asked)
        ):
            await asyncio.sleep(0)

        asked = [(neighbour_solicitation(each, MAC), each, None) for each in (THEIRS, OTHERS)]
        assert all(question in lab.sockets[0].sent for question in asked) == can_advertise
        assert ((THEIRS, TO_ONE) in lab.sockets[0].asked) != can_advertise

    in_lab(test)


def test_unnumbered_peer_waits_for_its_interface_and_says_so() -> None:
    async def test(lab: Lab) -> None:
        lab.add().monitors[0].tell(kernel.link("lo", index=1))
        lab.monitors[0].tell(kernel.link(flags=kernel.UP))
        lab.monitors[0].tell(kernel.link())

        assert lab.session.waits == [
            "",
            "Interface eth0 does not exist",
            "Interface eth0 is up, but has no carrier",
            "Interface eth0 has no IPv6 link-local address",
        ]
        assert lab.sockets == []

    in_lab(test)


def test_unnumbered_peer_leaves_the_link_when_the_interface_goes() -> None:
    async def test(lab: Lab) -> None:
        lab.begin().monitors[0].tell(kernel.link(is_gone=True))

        assert lab.sockets[0].is_closed
        assert lab.session.waits[-1] == "Interface eth0 does not exist"

    in_lab(test)


def test_unnumbered_peer_advertises_at_once_and_for_the_last_time_at_the_end() -> None:
    async def test(lab: Lab) -> None:
        lab.begin()
        await settled()
        ours = (advertisement(MAC), ALL_NODES, None)
        assert lab.sockets[0].sent.count(ours) == 1

        lab.peers.remove(ETH)
        assert lab.sockets[0].sent.count(ours) == 2
        assert lab.sockets[0].is_closed
        assert lab.monitors[0].is_closed

    in_lab(test)


def test_unnumbered_peer_advertises_from_its_source_address() -> None:
    async def test(lab: Lab) -> None:
        lab.session.peer.parameters = Parameters(as_number=65001, source_ip=OURS)
        lab.begin()
        await settled()

        assert (advertisement(MAC), ALL_NODES, OURS) in lab.sockets[0].sent

    in_lab(test)


def test_unnumbered_peer_leaves_advertising_to_another_program(caplog: pytest.LogCaptureFixture) -> None:
    async def test(lab: Lab) -> None:
        lab.begin()
        for _ in range(3):
            lab.hear(Advertisement(OURS))
        lab.hear(Solicitation())
        await settled()
        lab.peers.remove(ETH)

        assert not any(data == advertisement(MAC) for data, _, _ in lab.sockets[0].sent)
        assert caplog.text.count("another program on this host advertises on eth0") == 1

    with caplog.at_level(logging.WARNING):
        in_lab(test)


@pytest.mark.parametrize("can_open", [True, False])
def test_unnumbered_peer_without_the_right_looks_on_and_does_not_advertise(can_open: bool) -> None:
    async def test(lab: Lab) -> None:
        lab.can_advertise = False
        lab.discovery_error = None if can_open else PermissionError(errno.EPERM, "no")
        lab.begin()
        await settled()
        for socket in lab.sockets:
            assert socket.sent == []
            assert socket.asked != []
        # why it waits, once it has had to wait
        lab.monitors[0].tell(kernel.link(flags=kernel.UP))
        lab.monitors[0].tell(kernel.link())
        assert "no neighbour yet; router advertisements are" in lab.session.waits[-1]
        assert lab.session.waits[-1].endswith("without the right CAP_NET_RAW")

        lab.monitors[0].tell(kernel.neighbour(flags=kernel.ROUTER))
        await settled()
        assert lab.session.points == ["fe80::2%eth0"]
        lab.peers.remove(ETH)
        assert all(socket.sent == [] for socket in lab.sockets)

    in_lab(test)


def test_unnumbered_peer_without_netlink_says_what_would_help() -> None:
    async def test(lab: Lab) -> None:
        lab.monitor_error = OSError(errno.EAFNOSUPPORT, "no")
        lab.add()

        assert lab.session.waits[-1] == (
            "Interface eth0 cannot be watched (Address family not supported by protocol); "
            "allow netlink sockets (AF_NETLINK), or name the peer by its address"
        )
        assert lab.incoming(THEIRS)

    in_lab(test)


def test_unnumbered_peer_watches_the_interface_once_that_is_possible(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rhi.net.unnumbered.FIRST_INTERVAL", 0.001)

    async def test(lab: Lab) -> None:
        lab.monitor_error = OSError(errno.EMFILE, "no")
        lab.add()
        await asyncio.sleep(0.01)
        lab.monitor_error = None
        while not lab.monitors:
            await asyncio.sleep(0.001)
        lab.monitors[-1].tell(kernel.link(), kernel.address())
        lab.monitors[-1].tell(kernel.neighbour(flags=kernel.ROUTER))
        while not lab.session.points:
            await asyncio.sleep(0.001)

        assert lab.session.points == ["fe80::2%eth0"]
        assert caplog.text.count("cannot be watched") == 1

    in_lab(test)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENODEV])
def test_unnumbered_peer_that_could_not_listen_tries_again_when_it_asks(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhi.net.neighbour_search.FIRST_INTERVAL", 0.001)

    async def test(lab: Lab) -> None:
        lab.discovery_error = OSError(number, "no")
        lab.begin()
        await settled()
        assert lab.sockets == []
        lab.discovery_error = None
        while not (lab.sockets and lab.sockets[0].sent):
            await asyncio.sleep(0.001)

        assert len(lab.sockets) == 1
        while (advertisement(MAC), ALL_NODES, None) not in lab.sockets[0].sent:
            await asyncio.sleep(0.001)

    in_lab(test)


def test_unnumbered_connection_from_the_link_is_its_peers() -> None:
    async def test(lab: Lab) -> None:
        lab.begin()

        assert not lab.incoming(THEIRS, "eth1")
        assert not lab.incoming(IPv6Address("2001:db8::2"), None)
        assert lab.incoming(THEIRS)
        assert str(lab.session.address) == "fe80::2%eth0"

    in_lab(test)


def test_unnumbered_connection_of_another_host_is_refused_when_the_neighbour_is_known() -> None:
    async def test(lab: Lab) -> None:
        lab.begin()
        lab.hear(Advertisement(THEIRS))
        await settled()

        assert lab.incoming(THEIRS)
        assert not lab.incoming(OTHERS)

    in_lab(test)


def test_unnumbered_connection_of_another_host_is_refused_beside_a_session() -> None:
    async def test(lab: Lab) -> None:
        lab.begin()
        assert lab.incoming(OTHERS)
        lab.session_is(State.OPEN_SENT)

        assert not lab.incoming(THEIRS)
        assert lab.incoming(OTHERS)

    in_lab(test)


def test_unnumbered_peer_is_pointed_at_who_connected_when_that_session_ends() -> None:
    async def test(lab: Lab) -> None:
        lab.begin()
        lab.incoming(THEIRS)
        lab.session_is(State.ESTABLISHED)
        lab.hear(Advertisement(OTHERS))
        lab.monitors[0].tell(kernel.neighbour(OTHERS, state=kernel.FAILED))
        lab.session_is(State.ACTIVE)
        await settled()

        assert lab.session.points == ["fe80::2%eth0"]

    in_lab(test)


def test_unnumbered_peers_share_a_monitor_which_tells_a_late_one_everything() -> None:
    async def test(lab: Lab) -> None:
        lab.begin()
        other = Session("eth1")
        lab.add(PeerInterface("eth1"), other)

        assert len(lab.monitors) == 1
        assert lab.monitors[0].questions == 1
        lab.monitors[0].tell(kernel.link("eth1", index=9))
        assert other.waits[-1] == "Interface eth1 has no IPv6 link-local address"
        lab.peers.remove(PeerInterface("eth1"))
        assert not lab.monitors[0].is_closed

    in_lab(test)


def test_unnumbered_peer_that_is_gone_hears_of_its_session_no_more() -> None:
    async def test(lab: Lab) -> None:
        lab.begin().peers.remove(ETH)
        lab.peers.session_changed(ETH)

        assert not lab.incoming(THEIRS)

    in_lab(test)


def test_unnumbered_parameters_have_both_families_and_extended_next_hops() -> None:
    found = for_interface(Parameters(as_number=65001, med=5, password="secret"))

    assert (found.multiprotocol, found.extended_next_hop) == (True, True)
    assert (found.med, found.password) == (5, b"secret")
