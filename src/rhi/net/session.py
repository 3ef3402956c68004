"""Drives one `core.Peer`: dials, moves bytes, arms one timer, hands on events.

Whatever happens ends in `_drive`, which does what the peer asks until it asks nothing more. Bytes are pulled
from the peer only while the socket takes them, and no more than `TURN_BYTES` before other sessions get their
turn.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from rhi.core.actions import Connect
from rhi.core.peer import Peer
from rhi.core.route_table import RouteTable
from rhi.core.timers import NEVER
from rhi.errors import SocketOptionError
from rhi.model.events import Event
from rhi.model.parameters import Parameters
from rhi.model.status import State, Status
from rhi.model.wording import os_error_text
from rhi.net.connection import UNSENT_BYTES, TcpConnection
from rhi.net.endpoint import PeerAddress
from rhi.net.forks import keep_from_children
from rhi.net.key_drops import KeyDrops, key_hint
from rhi.net.keys import secret_of
from rhi.net.session_keys import SessionKeys
from rhi.net.sockopt import send_promptly, set_ttl_security
from rhi.wire.iana import CeaseError

log = logging.getLogger("rhi")

# Asked from a peer at once, and sent before the event loop may look after others: a few milliseconds at most.
CHUNK_BYTES: Final = 64 * 1024
TURN_BYTES: Final = 512 * 1024
TURN_TIME: Final = 0.005


class PeerSession:
    """One peer and its sockets.

    Attributes:
        address: where it is; that of an unnumbered peer changes.
        peer: the machine.
    """

    def __init__(
        self,
        address: PeerAddress,
        peer: Peer,
        table: RouteTable,
        buffer: bytearray,
        deliver: Callable[[list[Event]], None],
        closed: Callable[["PeerSession"], None],
    ) -> None:
        """`deliver` gets the events, `closed` is told of the last socket's end; `buffer` is shared."""
        self.address = address
        self.peer = peer
        # when there was last nothing left to tell: on which connection, what version, after how many bytes
        self._told_on: int | None = None
        self._told_version = 0
        self._told_bytes = 0
        self._table = table
        self._buffer = buffer
        self._deliver = deliver
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._dialing: dict[int, asyncio.Task[None]] = {}
        self._connections: dict[int, TcpConnection] = {}
        self._dialed: dict[int, socket.socket] = {}
        self._keys = SessionKeys()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = NEVER
        self._is_scheduled = False
        self._calculation_ms = 0.0
        peer.explain_silence = self._explain_silence

    @property
    def name(self) -> str:
        """The peer as its user wrote it."""
        return self.peer.name

    def start(self) -> None:
        """Begin to connect, or to wait."""
        with self._contained():
            self.peer.start(self._loop.time())
        self.wake()

    def stop(self, subcode: CeaseError, message: str = "", *, keep_routes: bool = False) -> None:
        """End the session; see `Peer.stop`."""
        with self._contained():
            self.peer.stop(self._loop.time(), subcode, message, keep_routes=keep_routes)
        self._drive()

    def configure(self, name: str, parameters: Parameters, *, allow_reset: bool) -> None:
        """Change parameters, and the name to how the peer is written now; see `Peer.configure`."""
        self.peer.name = name
        with self._contained():
            now = self.peer.parameters.with_live_fields(parameters)
            # before anything is sent that the peer may check with its new key
            if now.password != self.peer.parameters.password:
                self._change_keys(now)
            self.peer.configure(parameters, self._loop.time(), allow_reset=allow_reset)
        self._told_on = None
        self.wake()

    def mark(self, marked: bool) -> None:
        """Mark all routes for graceful shutdown, or no longer; see `Peer.mark`."""
        with self._contained():
            self.peer.mark(marked)
        self._told_on = None
        self.wake()

    def suspend(self, reason: str) -> None:
        """Nobody knows where the peer is; see `Peer.suspend`."""
        with self._contained():
            self.peer.suspend(reason, self._loop.time())
        self._drive()

    def point_at(self, address: PeerAddress) -> None:
        """The peer is there: connect to it at once, unless that is what is being done."""
        if address == self.address and not self.peer.is_suspended:
            return
        self.suspend("")
        self.address = address
        with self._contained():
            self.peer.resume(self._loop.time())
        self._drive()

    def release_quarantine(self) -> None:
        """Send quarantined routes again."""
        with self._contained():
            self.peer.release_quarantine(self._loop.time())
        self._told_on = None
        self.wake()

    def wake(self) -> None:
        """The route table has changed: look at it in the next turn of the loop."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._drive)

    def tell(self) -> None:
        """The same, at once."""
        self._drive()

    def accept(self, sock: socket.socket, local: PeerAddress) -> TcpConnection | None:
        """The peer has connected; None refuses it."""
        source = self.peer.parameters.source_ip
        if source is not None and source != local.address:
            return None
        number = None
        with self._contained():
            number = self.peer.accept(local.address, self.address.address, self._loop.time())
        if number is None:
            return None
        try:
            send_promptly(sock, UNSENT_BYTES)
            if self.peer.parameters.ttl_security:
                set_ttl_security(sock)
        except OSError as error:
            self._lost(number, error.strerror or str(error))
            return None
        self._keys.accepted(number, self.address, self.peer.parameters)
        connection = self._connections[number] = TcpConnection(number, self, self._buffer)
        return connection

    def status(self) -> Status:
        """A copy of the session's state."""
        now, time_of_day = self._loop.time(), datetime.now(UTC)

        def wall_clock(instant: float) -> datetime:
            return time_of_day - timedelta(seconds=now - instant)

        return self.peer.status(now, wall_clock, self._calculation_ms)

    def lag(self, version: int) -> str | None:
        """What an established peer lacks of `version` of the table; None when its TCP has acknowledged it."""
        number = self.peer.session_connection
        connection = None if number is None else self._connections.get(number)
        if connection is None:
            return None
        if self._told_on != number or self._told_version < version:
            return "has yet to be told"
        missing = self._told_bytes - connection.acknowledged_bytes
        return f"has not acknowledged {missing} bytes" if missing > 0 else None

    def note_key_drops(self, before: KeyDrops, drops: KeyDrops) -> bool:
        """Look at what the kernel has dropped over keys, by now and by the last look some seconds ago.

        True when it may have kept this peer out, for the first time since it was last heard of.
        """
        if self.is_open:
            self._keys.note_drops(drops)
        elif self.peer.parameters.passive and self.peer.state is State.ACTIVE:
            hint = key_hint(before, drops, has_key=secret_of(self.peer.parameters) is not None)
            return bool(hint) and self.peer.kept_out(hint)
        return False

    @property
    def is_open(self) -> bool:
        """There are sockets left."""
        return bool(self._connections or self._dialing)

    def abort(self) -> None:
        """Close all sockets at once."""
        for task in self._dialing.values():
            task.cancel()
        self._dialing.clear()
        for connection in list(self._connections.values()):
            connection.abort()

    # TcpConnection's calls

    def connected(self, connection: TcpConnection) -> None:
        number = connection.number
        if number not in self._connections:  # we opened it; an accepted one has been added already
            if self._dialing.pop(number, None) is None:  # given up in the meantime
                connection.abort()
                return
            self._connections[number] = connection
            with self._contained():
                local, remote = connection.local.address, self.address.address
                self.peer.connection_made(number, local, remote, self._loop.time())
        self._drive()

    def data_received(self, connection: TcpConnection, data: bytes) -> None:
        self._keys.has_heard = True
        with self._contained():
            self.peer.data_received(connection.number, data, self._loop.time())
        self._drive()

    def connection_lost(self, connection: TcpConnection, reason: str) -> None:
        self._connections.pop(connection.number, None)
        self._keys.forget(connection.number)
        self._lost(connection.number, reason)
        if not self.is_open:
            self._closed(self)

    def writable(self, connection: TcpConnection) -> None:
        self._drive()

    # What the peer asks for

    def _drive(self) -> None:
        # hot: bench B3
        self._is_scheduled = False
        try:
            self._perform_actions()
            budget = TURN_BYTES
            for connection in list(self._connections.values()):
                budget = self._pull(connection, budget)
            if budget <= 0 or self._table.tidy():
                self.wake()
        except Exception:
            self._contain()
        self._arm_timer()
        events = self.peer.events()
        if events:
            self._deliver(events)

    @contextmanager
    def _contained(self) -> Iterator[None]:
        """What is raised inside is a mistake of ours: it costs this session its sockets, and nobody else."""
        try:
            yield
        except Exception:
            self._contain()

    def _contain(self) -> None:
        log.exception("peer %s: internal error; its connections are closed", self.name)
        self.abort()

    def _perform_actions(self) -> None:
        while actions := self.peer.actions():
            for action in actions:
                if isinstance(action, Connect):
                    self._dialing[action.connection] = self._loop.create_task(self._dial(action.connection))
                else:
                    self._disconnect(action.connection)

    def _pull(self, connection: TcpConnection, budget: int) -> int:
        """Write what the peer has for a connection while there is room; returns what is left of `budget`."""
        while connection.has_room and not connection.is_closing and budget > 0:
            began = time.perf_counter()
            data = self.peer.data_to_send(connection.number, CHUNK_BYTES, self._loop.time())
            if not data and not self.peer.has_more(connection.number):
                break
            took = time.perf_counter() - began
            self._calculation_ms = took * 1000
            if data:
                connection.write(data)
            # comparing many routes takes time also when few bytes come of it
            budget -= max(len(data), int(TURN_BYTES * took / TURN_TIME), 1)
        if not self.peer.is_pending and connection.number == self.peer.session_connection:
            self._told_on, self._told_version = connection.number, self._table.version
            self._told_bytes = connection.bytes_written
        return budget

    def _disconnect(self, number: int) -> None:
        task = self._dialing.pop(number, None)
        if task is not None:
            task.cancel()
        connection = self._connections.get(number)
        if connection is not None:
            last_words = self.peer.data_to_send(number, CHUNK_BYTES, self._loop.time())
            if last_words:
                connection.write(last_words)
            connection.finish()

    def _arm_timer(self) -> None:
        at = self.peer.next_timeout()
        # a timer that rings too early is cheaper than one that is moved with every message
        if self._timer_at <= at < NEVER:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = None if at == NEVER else self._loop.call_at(at, self._timeout)

    def _timeout(self) -> None:
        self._timer, self._timer_at = None, NEVER
        with self._contained():
            self.peer.handle_timeout(self._loop.time())
        self._drive()

    def _lost(self, number: int, reason: str) -> None:
        with self._contained():
            self.peer.connection_lost(number, reason, self._loop.time())
        self._drive()

    async def _dial(self, number: int) -> None:
        connection = TcpConnection(number, self, self._buffer)
        try:
            sock = await self._connect(number)
            try:
                await self._loop.create_connection(lambda: connection, sock=sock)
            except OSError:
                sock.close()
                raise
        except SocketOptionError as error:
            self._dial_failed(number, error.strerror or str(error))
        except OSError as error:
            self._dial_failed(number, os_error_text(error))
        finally:
            self._dialed.pop(number, None)
            if number not in self._connections:
                self._keys.forget(number)

    def _dial_failed(self, number: int, reason: str) -> None:
        self._dialing.pop(number, None)
        with self._contained():
            self.peer.connect_failed(number, reason, self._loop.time())
        self._drive()

    async def _connect(self, number: int) -> socket.socket:
        parameters = self.peer.parameters
        self._keys.attempt_begins()
        sock = socket.socket(self.address.socket_family, socket.SOCK_STREAM)
        keep_from_children(sock)
        self._dialed[number] = sock
        try:
            sock.setblocking(False)
            send_promptly(sock, UNSENT_BYTES)
            self._keys.dials(number, sock, self.address, parameters)
            if parameters.ttl_security:
                set_ttl_security(sock)
            if parameters.source_ip is not None:
                sock.bind(PeerAddress(parameters.source_ip, self.address.zone).to_socket(0))
            await self._loop.sock_connect(sock, self.address.to_socket(parameters.port))
        except BaseException:
            # also when cancelled: the number of open sockets must not grow with attempts
            sock.close()
            raise
        return sock

    # Keys

    def _change_keys(self, parameters: Parameters) -> None:
        """Sign and check with another TCP MD5 key, or none, also on connections that exist."""
        for number, sock in list(self._dialed.items()):
            try:
                self._keys.change(number, sock, self.address, parameters)
            except OSError as error:
                task = self._dialing.get(number)
                if task is not None:
                    task.cancel()
                    self._dial_failed(number, error.strerror or str(error))
        for number, connection in self._connections.items():
            if connection.is_closing or number not in self._keys:
                continue
            try:
                with connection.borrowed_socket() as sock:
                    self._keys.change(number, sock, self.address, parameters)
            except OSError as error:
                # better no session than one without the key that was asked for
                log.warning("peer %s: %s; its connection is closed", self.name, error.strerror)
                connection.abort()

    def _explain_silence(self) -> str:
        return self._keys.explain_silence(self.peer.parameters, is_dialing=bool(self._dialing))
