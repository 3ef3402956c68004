"""Two peers, a fake wire and a virtual clock: hours of protocol time in milliseconds, no sockets.

    pair = Pair(Parameters(as_number=65001), Parameters(as_number=65002, passive=True))
    pair.left.table.announce(to_prefix("192.0.2.1"), PathAttributes())
    pair.run(1)
    assert to_prefix("192.0.2.1") in pair.right.routes

Each side is an `End`: a `Peer`, its route table, and what it has been told. The wire holds bytes in flight; a
side can be made to stop reading, and the wire then takes no more than `capacity` bytes towards it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random
from typing import Any

from rhi.core.actions import Connect
from rhi.core.peer import Peer
from rhi.core.route_table import RouteTable
from rhi.model.events import EndOfRibReceived, Event, RoutesReceived, SessionDown
from rhi.model.parameters import Parameters
from rhi.model.prefix import IPAddress, Prefix, to_address


class End:
    """One side of a `Pair`.

    Attributes:
        peer: the session machine.
        table: what this side announces.
        routes: what it has been told and holds, with the attributes by name.
        withdrawals: every route it was ever told to drop, in order.
        announcements: every route it was ever told, in order.
        end_of_rib: families whose End-of-RIB has come in this session.
        events: everything that happened.
        sent: every byte this side has put on the wire.
        is_reading: whether bytes are taken off the wire.
    """

    def __init__(
        self, name: str, router_id: str, address: IPAddress, parameters: Parameters, random: Random
    ) -> None:
        self.address = address
        self.table = RouteTable()
        self.peer = Peer(
            name,
            IPv4Address(router_id),
            parameters,
            self.table,
            now=0.0,
            random=random.random,
            reports_routes=True,
            restarted_at=0.0,
        )
        self.routes: dict[Prefix, Mapping[str, Any] | None] = {}
        self.withdrawals: list[Prefix] = []
        self.announcements: list[Prefix] = []
        self.end_of_rib: list[str] = []
        self.events: list[Event] = []
        self.sent = bytearray()
        self.is_reading = True

    def note(self, events: list[Event]) -> None:
        """Keep the Adj-RIB-In from events."""
        for event in events:
            self.events.append(event)
            if isinstance(event, RoutesReceived):
                for prefix in event.withdrawn:
                    self.routes.pop(prefix, None)
                self.withdrawals += event.withdrawn
                self.announcements += event.announced
                for prefix in event.announced:
                    self.routes[prefix] = event.attributes
            elif isinstance(event, EndOfRibReceived):
                self.end_of_rib.append(event.family)
            elif isinstance(event, SessionDown) and event.established:
                self.routes.clear()
                self.end_of_rib.clear()


@dataclass
class _Wire:
    """One TCP connection: its number at each end, and the bytes in flight towards each end."""

    numbers: dict[str, int]
    flying: dict[str, bytearray] = field(default_factory=lambda: {"left": bytearray(), "right": bytearray()})
    closing: set[str] = field(default_factory=set)


class Pair:
    """Two ends and what is between them.

    Attributes:
        left, right: the ends; both can be connected to.
        now: the clock, in seconds.
        capacity: bytes the wire takes towards an end that does not read.
        chunk: most bytes asked from a peer, and handed to one, at once.
        is_reachable: whether connections can be made.
    """

    def __init__(
        self,
        left: Parameters,
        right: Parameters,
        *,
        addresses: tuple[str, str] = ("192.0.2.1", "192.0.2.2"),
        router_ids: tuple[str, str] = ("192.0.2.1", "192.0.2.2"),
        seed: int = 0,
        capacity: int = 65536,
        chunk: int = 65536,
    ) -> None:
        random = Random(seed)
        local, remote = (to_address(address, "address") for address in addresses)
        self.left = End(str(remote), router_ids[0], local, left, random)
        self.right = End(str(local), router_ids[1], remote, right, random)
        self.now = 0.0
        self.capacity = capacity
        self.chunk = chunk
        self.is_reachable = True
        self._wires: list[_Wire] = []

    def start(self) -> "Pair":
        """Start both ends; returns the pair."""
        self.left.peer.start(self.now)
        self.right.peer.start(self.now)
        self.settle()
        return self

    def run(self, seconds: float) -> None:
        """Let time pass, from timer to timer, until `seconds` are over."""
        end = self.now + seconds
        self.settle()
        while True:
            due = min(self.left.peer.next_timeout(), self.right.peer.next_timeout())
            if due > end:
                break
            self.now = max(self.now, due)
            self.left.peer.handle_timeout(self.now)
            self.right.peer.handle_timeout(self.now)
            self.settle()
        self.now = end

    def settle(self) -> None:
        """Move bytes and perform actions until nothing moves any more; no time passes."""
        while self._step("left") | self._step("right"):
            pass

    def disconnect(self, reason: str = "connection reset") -> None:
        """Break all connections at once."""
        wires, self._wires = self._wires, []
        for wire in wires:
            for name, number in wire.numbers.items():
                self._end(name).peer.connection_lost(number, reason, self.now)
        self.settle()

    def edit(self, change: Callable[[RouteTable], object], side: str = "left") -> None:
        """Change one end's table, and let it be sent."""
        change(self._end(side).table)
        self.settle()

    def inject(self, data: bytes, side: str = "left") -> None:
        """Hand bytes to an end as if its peer had sent them, on its newest connection."""
        self._end(side).peer.data_received(self._wires[-1].numbers[side], data, self.now)
        self.settle()

    def _end(self, name: str) -> End:
        return self.left if name == "left" else self.right

    def _step(self, name: str) -> bool:
        end, other = self._end(name), "right" if name == "left" else "left"
        moved = False
        for action in end.peer.actions():
            moved = True
            if isinstance(action, Connect):
                self._connect(name, other, action.connection)
            else:
                self._close(name, action.connection)
        for wire in list(self._wires):
            moved |= self._send(wire, name, other)
            moved |= self._deliver(wire, name)
        end.note(end.peer.events())
        return moved

    def _connect(self, name: str, other: str, number: int) -> None:
        near, far = self._end(name), self._end(other)
        accepted = far.peer.accept(far.address, near.address, self.now) if self.is_reachable else None
        if accepted is None:
            near.peer.connect_failed(number, "connection refused", self.now)
            return
        self._wires.append(_Wire({name: number, other: accepted}))
        near.peer.connection_made(number, near.address, far.address, self.now)

    def _close(self, name: str, number: int) -> None:
        for wire in self._wires:
            if wire.numbers.get(name) == number:
                wire.closing.add(name)

    def _send(self, wire: _Wire, name: str, other: str) -> bool:
        number, flying = wire.numbers.get(name), wire.flying[other]
        if number is None or len(flying) >= self.capacity:
            return False
        end = self._end(name)
        data = end.peer.data_to_send(number, min(self.chunk, self.capacity - len(flying)), self.now)
        flying += data
        end.sent += data
        return bool(data) or end.peer.has_more(number)

    def _deliver(self, wire: _Wire, name: str) -> bool:
        """Bytes, or the other side's close once all its bytes have arrived."""
        end, flying = self._end(name), wire.flying[name]
        number = wire.numbers.get(name)
        if number is None or (flying and not end.is_reading):
            return False
        if flying:
            data = bytes(flying[: self.chunk])
            del flying[: len(data)]
            end.peer.data_received(number, data, self.now)
            return True
        other = "right" if name == "left" else "left"
        if other in wire.closing or name in wire.closing:
            del wire.numbers[name]
            end.peer.connection_lost(number, "", self.now)
            wire.closing.add(name)
            if not wire.numbers:
                self._wires.remove(wire)
            return True
        return False
