"""Peers written by hand on blocking sockets: they do exactly what a test says, also what no router would do.

with RawListener("127.0.0.2") as listener:
    pool = rhi.Pool("192.0.2.10", {listener.host: parameters(listener)})
    peer = listener.accept().establish()
"""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from threading import Condition
from types import TracebackType
from typing import Any, Self, TypeVar

from rhi.model.events import Event
from rhi.model.observer import Observer
from rhi.model.parameters import Parameters
from tests.core.script import IPV4, IPV6, KEEPALIVE, NOTIFICATION, OPEN, four_octet_as, message, open_body

T = TypeVar("T")

# Until something that ought to happen at once has happened on a machine that may stand still for ten seconds.
PATIENCE = 30.0
RAW_AS = 65010


def wait_until(condition: Callable[[], T], what: str, deadline: float = PATIENCE) -> T:
    """Ask `condition` until its answer is true, and return that; the last time when the deadline is over."""
    end = time.monotonic() + deadline
    while True:
        is_last = time.monotonic() >= end
        answer = condition()
        if answer:
            return answer
        assert not is_last, f"not within {deadline:g} s: {what}; last answer {answer!r}"
        time.sleep(0.001)


class Events(Observer):
    """Remembers all events; other threads may wait for one."""

    def __init__(self) -> None:
        self.all: list[Event] = []
        self.calls: list[tuple[Any, ...]] = []
        self._changed = Condition()

    def on_peer(self, peer: str, parameters: Parameters, added: bool) -> None:
        self.calls.append(("peer", peer, added))

    def on_session(self, peer: str, local: bool, reason: str) -> None:
        self.calls.append(("session", peer, local, reason))

    def on_event(self, event: Event) -> None:
        with self._changed:
            self.all.append(event)
            self._changed.notify_all()

    def of(self, kind: type[T], peer: str | None = None) -> list[T]:
        """Events of one kind so far."""
        return [e for e in list(self.all) if isinstance(e, kind) and peer in (None, getattr(e, "peer", None))]

    def wait(self, kind: type[T], count: int = 1, deadline: float = PATIENCE) -> T:
        """The event that makes `count` of its kind."""
        with self._changed:
            done = self._changed.wait_for(lambda: len(self.of(kind)) >= count, deadline)
        assert done, f"no {kind.__name__} number {count} within {deadline:g} s: {self.all}"
        return self.of(kind)[count - 1]


class RawPeer:
    """One connection of a peer.

    Attributes:
        sock: its socket; blocking, with a time-out.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.settimeout(PATIENCE)
        self._received = b""

    @classmethod
    def connect(cls, address: tuple[Any, ...], source: str | None = None) -> "RawPeer":
        """Open a connection, from `source` when given."""
        sock = socket.socket(socket.AF_INET6 if ":" in str(address[0]) else socket.AF_INET)
        sock.settimeout(PATIENCE)
        try:
            if source is not None:
                sock.bind((source, 0))
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
        return cls(sock)

    def establish(
        self, as_number: int = RAW_AS, *, hold_time: int = 90, router_id: str = "192.0.2.99"
    ) -> "RawPeer":
        """Exchange OPEN and KEEPALIVE."""
        offers = IPV4 + IPV6 + four_octet_as(as_number)
        body = open_body(as_number=as_number, hold_time=hold_time, router_id=router_id, capabilities=offers)
        self.sock.sendall(message(OPEN, body) + message(KEEPALIVE))
        self.expect(OPEN)
        self.expect(KEEPALIVE)
        return self

    def expect(self, kind: int) -> bytes:
        """The body of the next message that is no KEEPALIVE too many, which must be of `kind`."""
        while True:
            found, body = self.receive()
            if found == kind or found != KEEPALIVE:
                assert found == kind, (found, body)
                return body

    def receive(self) -> tuple[int, bytes]:
        """Type and body of the next message; type 0 at the end of the connection."""
        size = self._fill(19) and int.from_bytes(self._received[16:18], "big")
        if not size or not self._fill(size):
            return 0, b""
        found, self._received = self._received[:size], self._received[size:]
        return found[18], found[19:]

    def drain(self) -> list[tuple[int, bytes]]:
        """All messages up to the end of the connection."""
        found = []
        with contextlib.suppress(ConnectionError):
            while (each := self.receive())[0]:
                found.append(each)
        return found

    def notification(self) -> tuple[int, int]:
        """Code and subcode of the NOTIFICATION that ends the connection."""
        last = self.drain()[-1]
        assert last[0] == NOTIFICATION, last
        return last[1][0], last[1][1]

    def is_closed_silently(self) -> bool:
        """The other side closes without having sent a byte."""
        try:
            return self.sock.recv(1) == b""
        except ConnectionResetError:
            return True

    def reset(self) -> None:
        """Close with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    def close(self) -> None:
        self.sock.close()

    def _fill(self, size: int) -> bool:
        while len(self._received) < size:
            data = self.sock.recv(65536)
            if not data:
                return False
            self._received += data
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class RawListener:
    """Where a pool's connections arrive; connections are closed with it.

    Attributes:
        host, port: where it listens.
    """

    def __init__(
        self, host: str = "127.0.0.1", *, receive_buffer: int | None = None, backlog: int = 16, port: int = 0
    ) -> None:
        """`receive_buffer` keeps TCP from taking in more than a few kilobytes that nobody reads."""
        self.host = host
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.bind((host, port))
        self.sock.listen(backlog)
        self.port: int = self.sock.getsockname()[1]
        self._peers: list[RawPeer] = []

    def accept(self) -> RawPeer:
        """The next connection."""
        peer = RawPeer(self.sock.accept()[0])
        self._peers.append(peer)
        return peer

    def parameters(self, **settings: Any) -> Parameters:
        """For a peer that is dialled here."""
        return Parameters(**{"as_number": 65001, "port": self.port, "multiprotocol": True, **settings})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for peer in self._peers:
            peer.close()
        self.sock.close()


@contextlib.contextmanager
def blackhole(host: str = "127.0.0.66") -> Iterator[tuple[str, int]]:
    """Host and port where connecting gets no answer: a listener whose backlog is full drops every SYN."""
    with RawListener(host, backlog=0) as listener:
        fillers = []
        try:
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex((host, listener.port))
                fillers.append(filler)
            yield host, listener.port
        finally:
            for filler in fillers:
                filler.close()


def free_port(host: str = "127.0.0.1") -> int:
    """A port where nobody listens."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as sock:
        sock.bind((host, 0))
        port: int = sock.getsockname()[1]
        return port
