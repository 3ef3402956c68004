"""A TCP connection on a transport that is made up, for what real ones do only by chance."""

import asyncio
import errno
import os
from collections.abc import Callable

from rhi.net.connection import TcpConnection


class Owner:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, object]] = []

    def connected(self, connection: TcpConnection) -> None:
        self.calls.append(("connected", connection.number))

    def data_received(self, connection: TcpConnection, data: bytes) -> None:
        self.calls.append(("data", data))

    def connection_lost(self, connection: TcpConnection, reason: str) -> None:
        self.calls.append(("lost", reason))

    def writable(self, connection: TcpConnection) -> None:
        self.calls.append(("writable", connection.has_room))


class Transport(asyncio.Transport):
    """Takes everything; `write_eof` fails when told to."""

    def __init__(self, *, is_reset: bool = False) -> None:
        super().__init__()
        self.calls: list[object] = []
        self._is_reset = is_reset

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.calls.append((high, low))

    def is_closing(self) -> bool:
        return "abort" in self.calls

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.calls.append(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.calls.append("eof")
        if self._is_reset:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))

    def abort(self) -> None:
        self.calls.append("abort")


def with_connection(test: Callable[[TcpConnection, Owner], None]) -> None:
    """Run `test` in an event loop."""

    async def main() -> None:
        owner = Owner()
        test(TcpConnection(7, owner, bytearray(100)), owner)

    asyncio.run(main())


def test_finish_closes_our_half_and_waits_for_the_other() -> None:
    def check(connection: TcpConnection, owner: Owner) -> None:
        transport = Transport()
        connection.connection_made(transport)
        connection.write(b"last words")
        connection.finish()
        connection.finish()
        connection.buffer_updated(3)

        assert transport.calls[1:] == [b"last words", "eof"]
        assert owner.calls == [("connected", 7)]
        assert connection.eof_received() is False
        connection.connection_lost(None)
        assert owner.calls[-1] == ("lost", "")

    with_connection(check)


def test_finish_of_a_connection_that_was_reset_unnoticed_aborts_it() -> None:
    """The peer's reset can come between our last words and our half of the close."""

    def check(connection: TcpConnection, owner: Owner) -> None:
        transport = Transport(is_reset=True)
        connection.connection_made(transport)
        connection.finish()

        assert transport.calls[1:] == ["eof", "abort"]

    with_connection(check)


def test_end_of_the_peers_half_ends_the_connection_at_once() -> None:
    def check(connection: TcpConnection, owner: Owner) -> None:
        transport = Transport()
        connection.connection_made(transport)
        connection.eof_received()
        connection.write(b"too late")

        assert transport.calls[1:] == ["abort"]
        assert connection.acknowledged_bytes == connection.bytes_written == 0

    with_connection(check)


def test_connection_that_is_over_before_it_is_there_is_aborted() -> None:
    def check(connection: TcpConnection, owner: Owner) -> None:
        transport = Transport()
        connection.write(b"dropped")
        connection.finish()
        connection.connection_made(transport)

        assert transport.calls[1:] == ["abort"]
        assert owner.calls == []

    with_connection(check)


def test_room_is_that_of_the_transport() -> None:
    def check(connection: TcpConnection, owner: Owner) -> None:
        assert not connection.has_room
        connection.connection_made(Transport())
        assert connection.has_room
        connection.pause_writing()
        assert not connection.has_room
        connection.resume_writing()
        assert owner.calls[-1] == ("writable", True)

    with_connection(check)


def test_loss_has_the_systems_word_for_it() -> None:
    def check(connection: TcpConnection, owner: Owner) -> None:
        connection.connection_made(Transport())
        connection.connection_lost(ConnectionResetError(errno.ECONNRESET, "x"))

        assert owner.calls[-1] == ("lost", "Connection reset by peer")

    with_connection(check)
