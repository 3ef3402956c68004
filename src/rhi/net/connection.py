"""One TCP connection as asyncio sees it. It knows bytes and backpressure, nothing of BGP."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol, cast

from rhi.model.wording import os_error_text
from rhi.net.endpoint import PeerAddress
from rhi.net.sockopt import unacknowledged_bytes

# Above the first, we stop making UPDATEs; below the second, we go on. What waits in here can no longer be
# taken back when a route changes, so it is kept small; it need only cover the time until the loop comes back.
HIGH_WATER: Final = 128 * 1024
LOW_WATER: Final = 32 * 1024
# The same for what the kernel holds.
UNSENT_BYTES: Final = 128 * 1024
# How long the last bytes of a connection may take to reach the peer, and its close to come back.
CLOSE_TIME: Final = 0.5


class Owner(Protocol):
    """Who is told what happens on a connection."""

    def connected(self, connection: "TcpConnection") -> None:
        """The connection is there; nothing has been read from it yet."""

    def data_received(self, connection: "TcpConnection", data: bytes) -> None:
        """Bytes have come in."""

    def connection_lost(self, connection: "TcpConnection", reason: str) -> None:
        """The connection is gone; called once."""

    def writable(self, connection: "TcpConnection") -> None:
        """There is room for bytes again."""


class TcpConnection(asyncio.BufferedProtocol):
    """A connected TCP socket.

    Attributes:
        number: the connection's number in its `Peer`.
        has_room: it is there, and bytes may be written.
        is_closing: `finish` was called.
        bytes_written: handed to `write` so far.
    """

    def __init__(self, number: int, owner: Owner, buffer: bytearray) -> None:
        """`buffer` is for receiving, and may be shared by all connections of one event loop."""
        self.number = number
        self.has_room = False
        self.is_closing = False
        self.bytes_written = 0
        self._owner = owner
        self._buffer = buffer
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def local(self) -> PeerAddress:
        """Our end."""
        return PeerAddress.of_socket(self._socket.getsockname())

    @contextmanager
    def borrowed_socket(self) -> Iterator[socket.socket]:
        """The socket, for its options; raises OSError when it is gone."""
        # uvloop's stand-in for a socket has no options to set
        with socket.socket(fileno=os.dup(self._socket.fileno())) as sock:
            yield sock

    @property
    def acknowledged_bytes(self) -> int:
        """How many of the bytes written the peer's TCP has acknowledged."""
        if self._transport is None or self._transport.is_closing():
            return self.bytes_written
        return (
            self.bytes_written - self._transport.get_write_buffer_size() - unacknowledged_bytes(self._socket)
        )

    def write(self, data: bytes) -> None:
        """Queue bytes; mind `has_room`. Dropped when the connection is not there yet, or no longer."""
        if self._transport is not None and not self._transport.is_closing():
            self.bytes_written += len(data)
            self._transport.write(data)

    def finish(self) -> None:
        """Close once all that was written has gone, or after CLOSE_TIME."""
        transport, was_closing = self._transport, self.is_closing
        self.is_closing = True
        if was_closing or transport is None:
            return
        # our half first: closing with bytes unread would be a reset, and could take our last message with it
        try:
            if not transport.is_closing() and transport.can_write_eof():
                transport.write_eof()
        except OSError:
            # the peer has reset the connection, and the loop has yet to hear of it
            transport.abort()
            return
        self._deadline = asyncio.get_running_loop().call_later(CLOSE_TIME, transport.abort)

    def abort(self) -> None:
        """Close at once."""
        self.is_closing = True
        if self._transport is not None:
            self._transport.abort()

    @property
    def _socket(self) -> socket.socket:
        assert self._transport is not None
        sock: socket.socket = self._transport.get_extra_info("socket")
        return sock

    # asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # one of uvloop's does all that asyncio.Transport does, without being derived from it
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        if self.is_closing:
            self._transport.abort()
            return
        self.has_room = True
        self._owner.connected(self)

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if not self.is_closing:
            self._owner.data_received(self, bytes(memoryview(self._buffer)[:nbytes]))

    def eof_received(self) -> bool:
        # the transport would first wait for its buffer to empty, which a peer that has left may never allow
        if not self.is_closing:
            self.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._owner.connection_lost(self, os_error_text(exc) if isinstance(exc, OSError) else "")

    def pause_writing(self) -> None:
        self.has_room = False

    def resume_writing(self) -> None:
        self.has_room = True
        self._owner.writable(self)
