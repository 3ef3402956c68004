"""Where a check connects to, from which address and interface, and a stream of bytes with an end in sight.

Only addresses, no names: a name may lead to another host or another family than was meant, and a check must
not fail because some name server does. A stream is closed with a reset: the check has its answer, and
thousands of connections a second must leave no ports in TIME_WAIT.
"""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import ssl
import struct
from abc import abstractmethod
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, model_validator

from rhi.errors import InvalidValueError
from rhi.health.base import Check

_MAX_INTERFACE_NAME: Final = 15  # Linux: IFNAMSIZ less the closing zero
_IP_BIND_ADDRESS_NO_PORT: Final = 24  # <linux/in.h>
_LINGER_NONE: Final = struct.pack("ii", 1, 0)
# What a stream takes from the kernel at once, and what it holds of an encrypted one.
_CHUNK: Final = 16 * 1024


@lru_cache(maxsize=16384)  # hot: bench/health.py
def to_address(text: str) -> str:
    """One host's address, as IPv4, IPv6, or IPv6 with a zone, in its usual form.

    Raises:
        InvalidValueError: it is something else.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidValueError(
            "must be an IP address such as 192.0.2.1 or 2001:db8::1; a name may lead elsewhere"
        ) from None
    if address.is_unspecified or address.is_multicast:
        raise InvalidValueError("must be the address of one host, such as 192.0.2.1")
    if address.version == 6 and address.ipv4_mapped is not None:
        raise InvalidValueError(f"is an IPv4 address in IPv6 form; write {address.ipv4_mapped}")
    return str(address)


def to_interface(name: str) -> str:
    """A name that an interface may have.

    Raises:
        InvalidValueError: Linux allows no such name.
    """
    if not 1 <= len(name.encode()) <= _MAX_INTERFACE_NAME or not name.isprintable() or set(name) & set("/: "):
        raise InvalidValueError("must be the name of a network interface, such as eth0")
    return name


Address = Annotated[str, AfterValidator(to_address)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Connecting(Check):
    """A check that sends something to another address."""

    source: Address | None = None
    """Our address to send from; the system's choice if not given."""
    interface: Annotated[str, AfterValidator(to_interface)] | None = None
    """Network interface (or VRF) to send by, whatever the routing table says (SO_BINDTODEVICE)."""

    @property
    @abstractmethod
    def far_address(self) -> str:
        """Where it sends to."""

    @model_validator(mode="after")
    def _addresses_fit(self) -> Self:
        far = ipaddress.ip_address(self.far_address)
        if self.source is not None and ipaddress.ip_address(self.source).version != far.version:
            raise InvalidValueError(f"source {self.source}: must be IPv{far.version}, as {far} is")
        if isinstance(far, ipaddress.IPv6Address) and far.is_link_local and not far.scope_id:
            raise InvalidValueError(f"{far}: a link-local address needs its interface: {far}%eth0")
        return self

    def new_socket(self, kind: int, protocol: int = 0) -> socket.socket:
        """A socket of the right family that sends from where it should.

        Raises:
            OSError: there is no such address or interface.
        """
        family = socket.AF_INET6 if ":" in self.far_address else socket.AF_INET
        sock = socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
        try:
            if self.interface is not None:
                name = self.interface.encode() + b"\0"
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
            if self.source is not None:
                # Without it the kernel would pick a port for all destinations together.
                sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind(_socket_name(self.source, 0))
        except BaseException:
            sock.close()
            raise
        return sock

    async def connect(self, port: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> socket.socket:
        """A connected socket; the caller closes it.

        Raises:
            OSError: the far side is not there, or the near side is not as configured.
        """
        sock = self.new_socket(kind, protocol)
        try:
            name = _socket_name(self.far_address, port)
            if kind != socket.SOCK_STREAM:
                sock.connect(name)  # returns at once; asyncio's would not take an ICMP socket
                return sock
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
            await asyncio.get_running_loop().sock_connect(sock, name)
            if sock.getsockname() == sock.getpeername():
                # A port of ours that nobody listens on, taken by chance for this very connection.
                raise OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        except BaseException:
            sock.close()
            raise
        return sock

    @contextlib.asynccontextmanager
    async def open(
        self, port: int, encryption: ssl.SSLContext | None = None, server_name: str | None = None
    ) -> "AsyncIterator[Stream]":
        """A stream of bytes, encrypted if asked for; reset at the end.

        Raises:
            OSError: see `connect`; ssl.SSLError: the other side's TLS is not as it should be.
        """
        sock = await self.connect(port)
        stream: Stream = Stream(sock)
        try:
            if encryption is not None:
                stream = await EncryptedStream.start(sock, encryption, server_name)
            yield stream
        finally:
            stream.close()


class Target(Connecting):
    """A check of one port of one address."""

    address: Address
    """Where to connect to: an IP address, for link-local ones with its interface (`fe80::1%eth0`)."""
    port: Port
    """Port to connect to."""

    @property
    def far_address(self) -> str:
        """Where it sends to."""
        return self.address

    @property
    def where(self) -> str:
        """Address and port, for people."""
        return place(self.address, self.port)


class Stream:
    """Bytes to and from a connected socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        await self._loop.sock_sendall(self._sock, data)

    async def receive(self) -> bytes:
        """What has come, at most 16 KiB; empty when the other side has finished."""
        return await self._loop.sock_recv(self._sock, _CHUNK)

    def close(self) -> None:
        """Reset the connection."""
        self._sock.close()


class EncryptedStream(Stream):
    """Bytes to and from the other side of TLS. Made by `start`."""

    def __init__(
        self, sock: socket.socket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(sock)
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, sock: socket.socket, encryption: ssl.SSLContext, name: str | None) -> Self:
        """Shake hands over a connected socket, which belongs to the stream from here on."""
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=encryption, server_hostname=name or "", limit=_CHUNK
        )
        return cls(sock, reader, writer)

    @property
    def certificate(self) -> dict[str, Any]:
        """The other side's, as `ssl.SSLSocket.getpeercert` has it; empty when it was not verified."""
        return dict(self._writer.get_extra_info("peercert") or {})

    @property
    def agreed_protocol(self) -> str | None:
        """What both sides chose by ALPN."""
        session: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        return session.selected_alpn_protocol()

    async def send(self, data: bytes) -> None:
        """Send all of it."""
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        """What has come, at most 16 KiB; empty when the other side has finished."""
        return await self._reader.read(_CHUNK)

    def close(self) -> None:
        """Reset the connection."""
        self._writer.transport.abort()


def place(address: str, port: int) -> str:
    """Address and port as one word."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _socket_name(address: str, port: int) -> tuple[Any, ...]:
    host, _, zone = address.partition("%")
    if ":" not in host:
        return (host, port)
    return (host, port, 0, socket.if_nametoindex(zone) if zone else 0)
