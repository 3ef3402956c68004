"""A neighbour in virtual time that answers routes it does not like with an UPDATE error.

    neighbour = Refusing(lambda prefix, attributes: str(prefix) == "192.0.2.66")
    neighbour.announce("192.0.2.1", "192.0.2.66")
    neighbour.run(60)
    assert neighbour.routes == {...}

It keeps what it is told, sends its keepalives, and takes each new connection at once.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from typing import Any

from rhi.core.actions import Connect
from rhi.core.peer import Peer
from rhi.core.route_table import RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.events import Event
from rhi.model.parameters import Parameters
from rhi.model.prefix import Prefix, to_prefix
from rhi.model.status import State, Status
from rhi.wire.attributes import RawAttribute
from rhi.wire.update import Update
from tests.core.script import (
    IPV4,
    IPV6,
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    OUR_AS,
    OURS,
    THEIR_AS,
    THEIRS,
    UPDATE,
    cut,
    four_octet_as,
    message,
    open_body,
)

Refuses = Callable[[Prefix, Mapping[int, Any]], bool]

PARAMETERS = Parameters(as_number=OUR_AS, hold_time=9, multiprotocol=True, next_hop_6="2001:db8::1")


def routes(count: int, *, first: int = 0) -> list[Prefix]:
    """Host routes in order."""
    start = int(IPv4Address("10.0.0.0")) + first
    return [to_prefix(str(IPv4Address(start + number))) for number in range(count)]


class Refusing:
    """The neighbour, and the peer that talks to it.

    Attributes:
        refuses: tells which routes it does not like.
        takes_end_of_rib: whether it likes a session at all.
        delay: seconds it takes to answer with an error.
        routes: what it holds.
        sessions: how many came up.
        refusals: how many it ended.
        withdrawals: routes it was told to drop while it held them.
        repeats: routes announced to it that it held with the same attributes.
        events: what the peer has told.
    """

    def __init__(
        self,
        refuses: Refuses = lambda prefix, attributes: False,
        parameters: Parameters = PARAMETERS,
        *,
        delay: float = 0.05,
    ) -> None:
        self.now = 0.0
        self.refuses = refuses
        self.takes_end_of_rib = True
        self.delay = delay
        self.table = RouteTable()
        self.peer = Peer(THEIRS, IPv4Address(OURS), parameters, self.table, now=0.0, random=lambda: 0.0)
        self.routes: dict[Prefix, Mapping[int, Any]] = {}
        self.sessions = self.refusals = self.repeats = 0
        self.withdrawals: list[Prefix] = []
        self.events: list[Event] = []
        self._connection: int | None = None
        self._keepalive_at = self._refuse_at = float("inf")

    @property
    def status(self) -> Status:
        """The peer's status."""
        return self.peer.status(self.now, lambda _: datetime(2026, 1, 1, tzinfo=UTC))

    @property
    def is_quiet(self) -> bool:
        """A session is up, and nothing is left to be told or tried."""
        return self.peer.is_established and not self.peer.is_pending and not self.is_searching

    @property
    def is_searching(self) -> bool:
        """Routes are under suspicion."""
        return self.peer._routes.quarantine._search is not None

    @property
    def parked(self) -> set[Prefix]:
        """Routes in quarantine."""
        return {to_prefix(text) for text in self.status.quarantined}

    def start(self) -> "Refusing":
        """Start the peer."""
        self.peer.start(self.now)
        return self.pump()

    def announce(self, *prefixes: Prefix | str, attributes: PathAttributes | None = None) -> "Refusing":
        """Want routes."""
        for prefix in prefixes:
            self.table.announce(to_prefix(prefix), attributes or PathAttributes())
        return self.pump()

    def withdraw(self, *prefixes: Prefix | str) -> "Refusing":
        """Want routes no longer."""
        for prefix in prefixes:
            self.table.withdraw(to_prefix(prefix))
        return self.pump()

    def run(self, seconds: float) -> "Refusing":
        """Let time pass, from one thing that is due to the next."""
        end = self.now + seconds
        turns, before = 0, self.now
        while (due := min(self.peer.next_timeout(), self._keepalive_at, self._refuse_at)) <= end:
            self.now = max(self.now, due)
            turns = turns + 1 if self.now == before else 0
            before = self.now
            assert turns < 100, "timers that are due again and again"
            if self._refuse_at <= self.now:
                self._refuse()
            elif self._keepalive_at <= self.now:
                self._keepalive_at = self.now + 3
                self._send(message(KEEPALIVE))
            self.peer.handle_timeout(self.now)
            self.pump()
        self.now = end
        return self

    def run_until_quiet(self, limit: float = 7200.0) -> "Refusing":
        """Let time pass until nothing is left to be told or tried."""
        end = self.now + limit
        while not self.is_quiet or self._refuse_at < float("inf"):
            assert self.now < end, "the search does not end"
            self.run(0.5)
        return self

    def drop(self) -> "Refusing":
        """TCP breaks."""
        number = self._connection
        if number is not None:
            self._forget()
            self.peer.connection_lost(number, "connection reset", self.now)
        return self.pump()

    def pump(self) -> "Refusing":
        """What a driver does after each input."""
        moved = True
        while moved:
            moved = False
            for action in self.peer.actions():
                moved = True
                if isinstance(action, Connect):
                    self._connect(action.connection)
                else:
                    self.peer.data_to_send(action.connection, 65536, self.now)
                    self.peer.connection_lost(action.connection, "", self.now)
                    if action.connection == self._connection:
                        self._forget()
            if self._connection is not None:
                data = self.peer.data_to_send(self._connection, 65536, self.now)
                moved |= bool(data) or self.peer.is_pending
                self._take(data)
        self.events += self.peer.events()
        return self

    def _connect(self, number: int) -> None:
        self._connection = number
        self.peer.connection_made(number, ip_address(OURS), ip_address(THEIRS), self.now)
        capabilities = IPV4 + IPV6 + four_octet_as(THEIR_AS)
        self._send(message(OPEN, open_body(hold_time=9, capabilities=capabilities)))
        self._send(message(KEEPALIVE))
        self._keepalive_at = self.now + 3

    def _send(self, data: bytes) -> None:
        if self._connection is not None:
            before = self.peer.state
            self.peer.data_received(self._connection, data, self.now)
            if self.peer.state is State.ESTABLISHED and before is not State.ESTABLISHED:
                self.sessions += 1

    def _refuse(self) -> None:
        self.refusals += 1
        self._keepalive_at = self._refuse_at = float("inf")
        self._send(message(NOTIFICATION, b"\x03\x01"))

    def _take(self, data: bytes) -> None:
        for kind, body in cut(data):
            if kind == UPDATE and self._refuse_at == float("inf"):
                self._take_update(Update.decode(body, four_octet_as=True, internal=False))

    def _take_update(self, update: Update) -> None:
        is_bad = any(self.refuses(prefix, update.attributes) for prefix in update.all_announced)
        if is_bad or (update.end_of_rib is not None and not self.takes_end_of_rib):
            # the rest of the session is not looked at any more
            self._refuse_at = self.now + self.delay
            return
        for prefix in update.all_withdrawn:
            if self.routes.pop(prefix, None) is not None:
                self.withdrawals.append(prefix)
        attributes = {code: value for code, value in update.attributes.items() if code != 14}
        for prefix in update.all_announced:
            self.repeats += self.routes.get(prefix) == attributes
            self.routes[prefix] = attributes

    def _forget(self) -> None:
        self._connection = None
        self._keepalive_at = self._refuse_at = float("inf")
        self.routes.clear()


def among(bad: Iterable[Prefix | str]) -> Refuses:
    """Refuse these prefixes, whatever their attributes."""
    found = {to_prefix(prefix) for prefix in bad}
    return lambda prefix, attributes: prefix in found


def with_community(*texts: str) -> Refuses:
    """Refuse every route with one of these communities."""

    def refuses(prefix: Prefix, attributes: Mapping[int, Any]) -> bool:
        value = attributes.get(8, ())
        assert not isinstance(value, RawAttribute)
        return any(str(community) in texts for community in value)

    return refuses
