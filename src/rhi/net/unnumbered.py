"""Peers that are named by their interface: finds the neighbour there, and points its session at it.

    InterfaceMonitor ---> NeighbourSearch ---> PeerSession
    DiscoverySocket  --->   (one each)

One monitor serves all such peers of a pool, and is there only while there are any. What the operating system
does not permit is told in the peer's `last_error`, and what is left is used: the kernel's neighbour table
needs no right.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address
from typing import Final

from rhi.core.timers import NEVER
from rhi.model.parameters import Parameters
from rhi.model.status import State
from rhi.model.wording import os_error_text
from rhi.net.endpoint import PeerAddress, PeerInterface
from rhi.net.interfaces import Interface, InterfaceMonitor
from rhi.net.neighbour_search import (
    FIRST_INTERVAL,
    LAST_INTERVAL,
    Advertise,
    Ask,
    Attend,
    Connect,
    NeighbourSearch,
    Verify,
    Wait,
)
from rhi.net.netlink import Neighbour
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
    advertisement,
    neighbour_solicitation,
    solicitation,
)
from rhi.net.session import PeerSession

log = logging.getLogger("rhi")

# Where a session is until its neighbour has been found.
NOWHERE: Final = IPv6Address("::")
NO_RIGHT: Final = "router advertisements are neither heard nor sent without the right CAP_NET_RAW"
_CONNECTED: Final = (State.OPEN_SENT, State.OPEN_CONFIRM, State.ESTABLISHED)


def for_interface(parameters: Parameters) -> Parameters:
    """What a session over link-local addresses needs: both families, IPv4 with IPv6 next hops (RFC 8950)."""
    return replace(parameters, multiprotocol=True, extended_next_hop=True)


@dataclass(frozen=True, slots=True)
class System:
    """What of the operating system is used; others for tests."""

    monitor: Callable[[Callable[[], None], Callable[[Neighbour], None]], InterfaceMonitor] = field(
        default=InterfaceMonitor
    )
    discovery: Callable[[str, int, Callable[[Heard], None]], DiscoverySocket] = field(default=DiscoverySocket)


class UnnumberedPeers:
    """All peers of a pool that are named by their interface."""

    def __init__(self, random: Callable[[], float], system: System | None = None) -> None:
        """`random` returns numbers in [0, 1)."""
        self._random = random
        self._system = system or System()
        self._peers: dict[str, _UnnumberedPeer] = {}
        self._monitor: InterfaceMonitor | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._interval = FIRST_INTERVAL

    def add(self, interface: PeerInterface, session: PeerSession) -> None:
        """Look for the neighbour of a session that has not begun yet."""
        peer = _UnnumberedPeer(interface.name, session, self._random, self._system)
        self._peers[interface.name] = peer
        if self._monitor is None:
            self._watch()
        elif self._monitor.table is not None:
            # asks for neighbours too, which this peer has not been told of
            self._monitor.ask_again()

    def remove(self, interface: PeerInterface) -> None:
        """Look no more."""
        self._peers.pop(interface.name).close()
        if not self._peers:
            self.close()

    def close(self) -> None:
        """Look no more for anybody."""
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._interval = FIRST_INTERVAL
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None

    def session_changed(self, interface: PeerInterface) -> None:
        """Something has happened to the session of `interface`."""
        peer = self._peers.get(interface.name)
        if peer is not None:
            peer.session_changed()

    def find(self, address: PeerAddress) -> PeerSession | None:
        """The session for a connection that has come in from `address`; None when it is none of theirs."""
        peer = self._peers.get(address.zone) if address.zone is not None else None
        return peer.session if peer is not None and peer.let_in(address) else None

    def _watch(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        try:
            self._monitor = self._system.monitor(self._changed, self._neighbour_seen)
        except OSError as error:
            for peer in self._peers.values():
                peer.cannot_watch(os_error_text(error))
            # as when file descriptors have run out
            self._retry = asyncio.get_running_loop().call_later(self._interval, self._watch)
            self._interval = min(LAST_INTERVAL, 2 * self._interval)

    def _changed(self) -> None:
        table = None if self._monitor is None else self._monitor.table
        if table is not None:
            for name, peer in self._peers.items():
                peer.interface_changed(table.find(name))

    def _neighbour_seen(self, neighbour: Neighbour) -> None:
        for peer in self._peers.values():
            peer.neighbour_seen(neighbour)


class _UnnumberedPeer:
    """One of them: carries out what its search asks for."""

    def __init__(self, name: str, session: PeerSession, random: Callable[[], float], system: System) -> None:
        self.session = session
        self._name = name
        self._system = system
        self._search = NeighbourSearch(name, random)
        self._interface: Interface | None = None
        self._discovery: DiscoverySocket | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_unwatched = False
        session.suspend("")

    # What is heard and told

    def cannot_watch(self, error: str) -> None:
        """There is no way to look for the neighbour yet; it may still connect to us."""
        if self._is_unwatched:
            return
        self._is_unwatched = True
        reason = (
            f"Interface {self._name} cannot be watched ({error}); "
            "allow netlink sockets (AF_NETLINK), or name the peer by its address"
        )
        log.warning("peer %s: %s", self.session.name, reason)
        self.session.suspend(reason)

    def close(self) -> None:
        """Advertise for the last time (RFC 4861 §6.2.5), and look no more."""
        if self._search.is_advertising:
            self._advertise()
        self._attend(False)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def interface_changed(self, interface: Interface | None) -> None:
        """See `NeighbourSearch`."""
        if interface != self._interface or interface is None:
            self._interface = interface
            self._search.interface_changed(interface, self._loop.time())
            self._obey()

    def neighbour_seen(self, neighbour: Neighbour) -> None:
        """The kernel tells of a neighbour, on whatever interface."""
        if self._interface is None or neighbour.index != self._interface.link.index:
            return
        now = self._loop.time()
        if neighbour.is_alive:
            self._search.seen(neighbour.address, now, is_router=neighbour.is_router, in_kernel=True)
        else:
            self._search.silent(neighbour.address, now, has_failed=neighbour.has_failed)
        self._obey()

    def session_changed(self) -> None:
        """The session has come to another state."""
        peer = self.session.peer
        self._search.session_changed(
            self._loop.time(), is_connected=self._is_connected, is_established=peer.is_established
        )
        self._obey()

    def let_in(self, address: PeerAddress) -> bool:
        """Whether a connection from there may be the neighbour's; the session is where it comes from then."""
        if not isinstance(address.address, IPv6Address):
            return False
        if self._is_connected or not self._search.is_open_to(address.address):
            return address == self.session.address
        self.session.address = address
        self._search.accepted(address.address, self._loop.time())
        self._obey()
        return True

    @property
    def _is_connected(self) -> bool:
        return self.session.peer.state in _CONNECTED

    def _obey(self) -> None:
        while actions := self._search.actions():
            for action in actions:
                match action:
                    case Connect(address):
                        self.session.point_at(PeerAddress(address, self._name))
                    case Wait(reason):
                        self.session.suspend(reason)
                    case Attend(is_open):
                        self._attend(is_open)
                    case Ask(solicits):
                        self._ask(solicits=solicits)
                    case Verify(doubtful):
                        self._verify(doubtful)
                    case Advertise():
                        self._advertise()
        self._arm_timer()

    def _attend(self, is_open: bool) -> None:
        if self._discovery is not None:
            self._discovery.close()
            self._discovery = None
        if not is_open or self._interface is None:
            return
        try:
            self._discovery = self._system.discovery(self._name, self._interface.link.index, self._heard)
        except PermissionError:
            lack = NO_RIGHT
        except OSError as error:
            lack = f"router advertisements are neither heard nor sent ({os_error_text(error)})"
        else:
            lack = "" if self._discovery.can_advertise else NO_RIGHT
        self._search.lacks(lack, self._loop.time())

    def _heard(self, heard: Heard) -> None:
        now = self._loop.time()
        match heard:
            case Advertisement(source) if self._is_ours(source):
                if self._search.advertises_elsewhere(now):
                    log.warning(
                        "peer %s: another program on this host advertises on %s; leaving that to it",
                        self.session.name,
                        self._name,
                    )
            case Advertisement(source):
                self._search.seen(source, now, is_router=True)
            case EchoReply(source, sequence):
                self._search.seen(source, now, is_router=sequence == TO_ROUTERS)
            case NeighbourAdvertisement(source, is_router):
                self._search.seen(source, now, is_router=is_router)
            case _:
                self._search.solicited(now)
        self._obey()

    def _is_ours(self, address: IPv6Address) -> bool:
        return self._interface is not None and address in self._interface.addresses

    def _ask(self, *, solicits: bool) -> None:
        if self._discovery is None:
            self._attend(True)  # what was in the way may have passed
        if self._discovery is None or self._interface is None:
            return
        if solicits and self._discovery.can_advertise:
            self._discovery.send(solicitation(self._interface.link.hardware_address), ALL_ROUTERS)
        self._discovery.ask(ALL_ROUTERS, TO_ROUTERS)
        self._discovery.ask(ALL_NODES, TO_NODES)

    def _verify(self, doubtful: tuple[IPv6Address, ...]) -> None:
        if self._discovery is None or self._interface is None:
            return
        for address in doubtful:
            if self._discovery.can_advertise:
                question = neighbour_solicitation(address, self._interface.link.hardware_address)
                self._discovery.send(question, address)
            else:
                # the kernel will ask, some time, whether who is spoken to is still there
                self._discovery.ask(address, TO_ONE)

    def _advertise(self) -> None:
        if self._discovery is not None and self._interface is not None and self._discovery.can_advertise:
            source = self.session.peer.parameters.source_ip
            self._discovery.send(
                advertisement(self._interface.link.hardware_address),
                ALL_NODES,
                source if isinstance(source, IPv6Address) and source.is_link_local else None,
            )

    def _arm_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        at = self._search.next_timeout()
        self._timer = None if at == NEVER else self._loop.call_at(at, self._timeout)

    def _timeout(self) -> None:
        self._timer = None
        self._search.handle_timeout(self._loop.time())
        self._obey()
