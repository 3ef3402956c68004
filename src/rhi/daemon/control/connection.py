"""One client's connection: one request, within limits of time and size.

`Guarded` stands between the transport and aiohttp's protocol and passes everything on, so that what a client
may cost is decided here, whatever aiohttp does:

    it has HEAD_TIME to send its request, and may send REQUEST_BYTES in all
    it has ANSWER_TIME to read the answer; streams of events are watched by whoever writes them
    at most MAX_CLIENTS are connected; one more takes the place of the oldest that has not asked anything yet
"""

import asyncio
from collections.abc import Callable
from typing import Final

HEAD_TIME: Final = 5.0
ANSWER_TIME: Final = 30.0
REQUEST_BYTES: Final = 160 * 1024
MAX_CLIENTS: Final = 64
# Bytes that wait for a client in the transport; aiohttp has as much again.
WRITE_BUFFER_BYTES: Final = 64 * 1024

_FULL: Final = b'{"error": "too many clients are connected; try again later"}'
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_FULL), _FULL)
)


class Clients:
    """All connections, in the order they came.

    Attributes:
        refused: how many there was no place for, and how many were thrown out for being slow or too large.
        is_closed: nobody is served any more.
    """

    def __init__(self) -> None:
        self._connected: dict[Guarded, None] = {}
        self.refused = 0
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._connected)

    def enter(self, connection: "Guarded") -> bool:
        """Have a place; false when there is none."""
        if len(self._connected) >= MAX_CLIENTS:
            idle = next((each for each in self._connected if not each.has_asked), None)
            self.refused += 1
            if idle is None:
                return False
            del self._connected[idle]
            idle.abort()
        self._connected[connection] = None
        return True

    def leave(self, connection: "Guarded") -> None:
        """Give the place back."""
        self._connected.pop(connection, None)

    def close(self) -> None:
        """End all connections now, and those that were being accepted as soon as they are."""
        self.is_closed = True
        for connection in list(self._connected):
            connection.abort()


class Guarded(asyncio.Protocol):
    """See the module.

    Attributes:
        token: what the client has to know; None when the file permissions of a Unix socket say enough.
        has_asked: its request is complete.
    """

    def __init__(
        self, make: Callable[[], asyncio.BaseProtocol], clients: Clients, token: bytes | None
    ) -> None:
        self.token = token
        self.has_asked = False
        self._make = make
        self._inner: asyncio.Protocol | None = None
        self._clients = clients
        self._received = 0
        self._is_stream = False
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def asked(self) -> None:
        """The request is complete: now the client has to read."""
        self.has_asked = True
        self._limit(ANSWER_TIME)

    def streams(self) -> None:
        """The answer has no end: whoever writes it watches the client."""
        self.has_asked = self._is_stream = True
        self._stop_timer()

    def abort(self) -> None:
        """Be rid of the client at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._clients.is_closed:
            transport.abort()
            return
        if not self._clients.enter(self):
            transport.write(_REFUSAL)
            transport.close()
            return
        transport.set_write_buffer_limits(WRITE_BUFFER_BYTES)
        self._limit(HEAD_TIME)
        inner = self._make()
        assert isinstance(inner, asyncio.Protocol)
        self._inner = inner
        inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        if self._received > REQUEST_BYTES:
            self._throw_out()
        elif self._inner is not None:
            self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        # who half-closes after its request still wants the answer; who has left a stream does not
        return self._received > 0 and not self._is_stream

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._clients.leave(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def _limit(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._throw_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _throw_out(self) -> None:
        self._clients.refused += 1
        self.abort()
