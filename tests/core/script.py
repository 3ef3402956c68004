"""One `Peer` and a neighbour written by hand: messages in, messages out, a clock moved by hand.

    script = Script().establish()
    script.send(message(UPDATE, ...))
    assert script.take() == [(NOTIFICATION, b"\\x03\\x06...")]

Messages are built and cut here byte by byte, without the code under test.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address

from rhi.core.actions import Connect
from rhi.core.peer import Peer
from rhi.core.route_table import RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.events import Event, SessionDown, SessionUp
from rhi.model.parameters import Parameters
from rhi.model.prefix import PrefixLike, to_prefix
from rhi.model.status import State, Status

OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH = 1, 2, 3, 4, 5

OUR_AS, THEIR_AS = 65001, 65002
OURS, THEIRS = "192.0.2.1", "192.0.2.2"

IPV4, IPV6 = b"\x01\x04\x00\x01\x00\x01", b"\x01\x04\x00\x02\x00\x01"
REFRESH = b"\x02\x00"
EXTENDED = b"\x06\x00"


def four_octet_as(number: int) -> bytes:
    """The capability of RFC 6793."""
    return b"\x41\x04" + number.to_bytes(4, "big")


def message(kind: int, body: bytes = b"", *, marker: bytes = b"\xff" * 16, size: int | None = None) -> bytes:
    """A message; `size` replaces the length field."""
    return marker + (19 + len(body) if size is None else size).to_bytes(2, "big") + bytes((kind,)) + body


def open_body(
    *,
    version: int = 4,
    as_number: int = THEIR_AS,
    hold_time: int = 90,
    router_id: str = THEIRS,
    capabilities: bytes | None = None,
    parameters: bytes | None = None,
) -> bytes:
    """The neighbour's OPEN; `parameters` replaces the whole optional parameters field with its length."""
    if parameters is None:
        if capabilities is None:
            capabilities = IPV4 + REFRESH + four_octet_as(as_number)
        parameters = b"\x02" + bytes((len(capabilities),)) + capabilities if capabilities else b""
        parameters = bytes((len(parameters),)) + parameters
    two_octets = as_number if as_number <= 0xFFFF else 23456
    return (
        bytes((version,))
        + two_octets.to_bytes(2, "big")
        + hold_time.to_bytes(2, "big")
        + IPv4Address(router_id).packed
        + parameters
    )


def update_body(withdrawn: bytes = b"", attributes: bytes = b"", announced: bytes = b"") -> bytes:
    """An UPDATE's three fields with their lengths."""
    return (
        len(withdrawn).to_bytes(2, "big")
        + withdrawn
        + len(attributes).to_bytes(2, "big")
        + attributes
        + announced
    )


def cut(data: bytes) -> list[tuple[int, bytes]]:
    """A stream as (type, body) pairs."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at + 16 : at + 18], "big")
        assert data[at : at + 16] == b"\xff" * 16
        assert 19 <= size <= len(data) - at
        found.append((data[at + 18], data[at + 19 : at + size]))
        at += size
    return found


class Script:
    """A peer, its table, and what it does.

    Attributes:
        answer: what an attempt to connect meets: "accept", "refuse" or "silence".
        is_taking: whether the socket has room for bytes.
        attempts: when the peer asked for a connection.
        open, closed: numbers of the connections there are and were.
    """

    def __init__(
        self,
        parameters: Parameters | None = None,
        *,
        router_id: str = OURS,
        local: str = OURS,
        remote: str = THEIRS,
        random: Callable[[], float] = lambda: 0.0,
        answer: str = "accept",
    ) -> None:
        self.now = 0.0
        self.table = RouteTable()
        self.peer = Peer(
            remote,
            IPv4Address(router_id),
            parameters or Parameters(as_number=OUR_AS, hold_time=90),
            self.table,
            now=0.0,
            random=random,
            reports_routes=True,
        )
        self.local, self.remote = ip_address(local), ip_address(remote)
        self.answer = answer
        self.is_taking = True
        self.attempts: list[float] = []
        self.abandoned: list[int] = []
        self.open: list[int] = []
        self.closed: list[int] = []
        self.events: list[Event] = []
        self._sent: dict[int, bytearray] = {}

    @property
    def state(self) -> State:
        """The peer's state."""
        return self.peer.state

    @property
    def status(self) -> Status:
        """The peer's status."""
        return self.peer.status(self.now, lambda _: datetime(2026, 1, 1, tzinfo=UTC))

    @property
    def downs(self) -> list[SessionDown]:
        """Ends of sessions and attempts so far."""
        return [event for event in self.events if isinstance(event, SessionDown)]

    @property
    def ups(self) -> list[SessionUp]:
        """Sessions that came up so far."""
        return [event for event in self.events if isinstance(event, SessionUp)]

    def start(self) -> "Script":
        """Start the peer."""
        self.peer.start(self.now)
        return self.pump()

    def establish(self, **their_open: object) -> "Script":
        """Start unless started, and answer as a neighbour does until the session is up."""
        if not self.open:
            self.start()
        self.send(message(OPEN, open_body(**their_open)))  # type: ignore[arg-type]
        self.send(message(KEEPALIVE))
        assert self.state is State.ESTABLISHED
        self.take()
        return self

    def accept(self) -> int | None:
        """The neighbour connects to us."""
        number = self.peer.accept(self.local, self.remote, self.now)
        if number is not None:
            self.open.append(number)
            self._sent[number] = bytearray()
        self.pump()
        return number

    def send(self, data: bytes, connection: int | None = None) -> "Script":
        """Bytes from the neighbour, on its newest connection unless told otherwise."""
        self.peer.data_received(self.open[-1] if connection is None else connection, data, self.now)
        return self.pump()

    def hang_up(self, reason: str = "", connection: int | None = None) -> "Script":
        """The neighbour closes."""
        number = self.open[-1] if connection is None else connection
        self._gone(number)
        self.peer.connection_lost(number, reason, self.now)
        return self.pump()

    def announce(self, *routes: PrefixLike, attributes: PathAttributes | None = None) -> "Script":
        """Want routes."""
        for route in routes:
            self.table.announce(to_prefix(route), attributes or PathAttributes())
        return self.pump()

    def configure(self, parameters: Parameters, *, allow_reset: bool = False) -> "Script":
        """Change the peer's parameters."""
        self.peer.configure(parameters, self.now, allow_reset=allow_reset)
        return self.pump()

    def stop(self) -> "Script":
        """Stop the peer."""
        self.peer.stop(self.now)
        return self.pump()

    def run(self, seconds: float) -> "Script":
        """Let time pass, from timer to timer."""
        end = self.now + seconds
        while (due := self.peer.next_timeout()) <= end:
            self.now = max(self.now, due)
            self.peer.handle_timeout(self.now)
            self.pump()
        self.now = end
        return self

    def run_to_timer(self) -> float:
        """Let time pass up to the next timer; returns how long that took."""
        before, self.now = self.now, self.peer.next_timeout()
        self.peer.handle_timeout(self.now)
        self.pump()
        return self.now - before

    def take(self, connection: int | None = None) -> list[tuple[int, bytes]]:
        """Messages sent since the last call, of all connections in turn unless told which."""
        numbers = sorted(self._sent) if connection is None else [connection]
        found = []
        for number in numbers:
            found += cut(bytes(self._sent[number]))
            self._sent[number].clear()
        return found

    def pump(self) -> "Script":
        """What a driver does after each input."""
        while self._act() or self._write():
            pass
        self.events += self.peer.events()
        return self

    def _act(self) -> bool:
        actions = self.peer.actions()
        for action in actions:
            if isinstance(action, Connect):
                self._connect(action.connection)
            elif action.connection in self.open:
                self._gone(action.connection)
                self._sent[action.connection] += self.peer.data_to_send(action.connection, 65536, self.now)
                self.peer.connection_lost(action.connection, "", self.now)
            else:
                self.abandoned.append(action.connection)
        return bool(actions)

    def _connect(self, number: int) -> None:
        self.attempts.append(self.now)
        if self.answer == "accept":
            self.open.append(number)
            self._sent[number] = bytearray()
            self.peer.connection_made(number, self.local, self.remote, self.now)
        elif self.answer == "refuse":
            self.peer.connect_failed(number, "connection refused", self.now)

    def _write(self) -> bool:
        moved = False
        for number in list(self.open) if self.is_taking else ():
            data = self.peer.data_to_send(number, 65536, self.now)
            self._sent[number] += data
            moved |= bool(data)
        return moved

    def _gone(self, number: int) -> None:
        self.open.remove(number)
        self.closed.append(number)


def notifications(messages: Sequence[tuple[int, bytes]]) -> list[bytes]:
    """Bodies of the NOTIFICATIONs among messages."""
    return [body for kind, body in messages if kind == NOTIFICATION]
