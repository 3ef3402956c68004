"""Listening sockets: accepts connections, and closes those of strangers without a word."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from rhi.errors import ListenError, SocketOptionError
from rhi.model.prefix import IPNetwork
from rhi.model.wording import os_error_text
from rhi.net.endpoint import ListenAddress, PeerAddress
from rhi.net.forks import keep_from_children
from rhi.net.keys import Secret, SocketKeys
from rhi.net.session import PeerSession
from rhi.net.sockopt import send_max_ttl

log = logging.getLogger("rhi")

# Connections that the kernel holds for us. When there are more it drops the next, whoever's it is, and that
# peer tries again a second later at the earliest: a burst of strangers must fit in.
BACKLOG: Final = 1024
# Connections accepted before other work of the event loop gets its turn.
ACCEPTS_PER_TURN: Final = 64
# How long to leave the backlog alone when accepting fails, as when file descriptors have run out.
ACCEPT_PAUSE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Security:
    """What the kernel sees to before a connection is accepted.

    Attributes:
        keys: of TCP MD5 (RFC 2385) and TCP-AO (RFC 5925), by where connections come from.
        max_ttl: answer with TTL 255, for peers with TTL security (RFC 5082).
    """

    keys: Mapping[IPNetwork, Secret] = field(default_factory=dict, repr=False)
    max_ttl: bool = False


class Listener:
    """One listening socket.

    Attributes:
        address: where it listens, with the port it got when it asked for any.
    """

    def __init__(
        self,
        address: ListenAddress,
        security: Security,
        find: Callable[[PeerAddress, int, Secret | None], PeerSession | None],
    ) -> None:
        """`find` returns the session that a connection belongs to, by its address, its port and our secret.

        Raises:
            ListenError: the address is in use, not ours, or the port is not permitted.
            SocketOptionError: the kernel refuses a key.
        """
        self._find = find
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._keys = SocketKeys(listens=True)
        self._socket = _bind(address)
        try:
            # before the first connection can come in
            self.secure(security)
            self._socket.listen(BACKLOG)
        except OSError as error:
            self._socket.close()
            raise _listen_error(address, error) from None
        self.address = replace(address, port=self._socket.getsockname()[1])
        self._loop.add_reader(self._socket, self._accept)

    def secure(self, security: Security) -> None:
        """Have the kernel see to `security` for connections from now on; those that exist go on as they are.

        Raises:
            SocketOptionError: the kernel refuses a key; the keys are those from before.
        """
        version = 4 if self._socket.family == socket.AF_INET else 6
        wanted = {peers: key for peers, key in security.keys.items() if peers.version == version}
        self._keys.set(self._socket, wanted)
        if security.max_ttl:
            send_max_ttl(self._socket)

    def close(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, name = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning(
                    "listen %s: %s; pausing for %s s", self.address, os_error_text(error), ACCEPT_PAUSE
                )
                self._loop.remove_reader(self._socket)
                self._loop.call_later(ACCEPT_PAUSE, self._resume)
                return
            keep_from_children(sock)
            self._take(sock, PeerAddress.of_socket(name), name[1])

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket, self._accept)

    def _take(self, sock: socket.socket, remote: PeerAddress, port: int) -> None:
        session = self._find(remote, port, self._keys.held_for(remote.address))
        if session is None:
            sock.close()
            return
        sock.setblocking(False)
        connection = session.accept(sock, PeerAddress.of_socket(sock.getsockname()))
        if connection is None:
            sock.close()
            return

        async def adopt() -> None:
            try:
                await self._loop.connect_accepted_socket(lambda: connection, sock=sock)
            except OSError as error:
                sock.close()
                session.connection_lost(connection, os_error_text(error))

        task = self._loop.create_task(adopt())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _bind(address: ListenAddress) -> socket.socket:
    try:
        sock = socket.socket(address.socket_family, socket.SOCK_STREAM)
    except OSError as error:
        raise _listen_error(address, error) from None
    keep_from_children(sock)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.socket_family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address.to_socket())
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise _listen_error(address, error) from None
    return sock


def _listen_error(address: ListenAddress, error: OSError) -> OSError:
    if isinstance(error, SocketOptionError):
        return error
    hint = "; ports below 1024 need root or CAP_NET_BIND_SERVICE" if error.errno == errno.EACCES else ""
    return ListenError(error.errno, f"cannot listen on {address}: {os_error_text(error)}{hint}")
