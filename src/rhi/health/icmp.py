"""icmp: a host answers echo requests (RFC 792, RFC 4443 §4).

A ping socket does it without rights where `net.ipv4.ping_group_range` holds our group; otherwise a raw
socket does, which needs CAP_NET_RAW. An answer counts when it comes from the address that was asked and
carries the bytes that nobody could guess: answers to other programs, old answers, and our own request heard
on loopback do not.
"""

import asyncio
import socket
import struct
from typing import Annotated, Final, Literal

from pydantic import Field

from rhi.health.base import CannotTellError, Result, failed
from rhi.health.context import Context
from rhi.health.target import Address, Connecting

_ECHO_REQUEST: Final = {4: 8, 6: 128}
_ECHO_REPLY: Final = {4: 0, 6: 129}
_NONCE: Final = 16
_HEADER: Final = 8
_MAX_STRAY: Final = 256
# <linux/in.h>, <linux/in6.h>, <linux/icmp.h>, <linux/icmpv6.h>; Python has no names for these.
_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
_SOL_RAW: Final = 255
_ICMP_FILTER: Final = 1
_ICMP6_FILTER: Final = 1


class IcmpCheck(Connecting):
    """Sends one echo request."""

    type: Literal["icmp"] = "icmp"
    address: Address
    """The host to ask, for link-local addresses with its interface (`fe80::1%eth0`)."""
    size: Annotated[int, Field(ge=_NONCE, le=1400)] = 56
    """Bytes of data in the request."""

    @property
    def far_address(self) -> str:
        """Where it sends to."""
        return self.address

    @property
    def _version(self) -> int:
        return 6 if ":" in self.address else 4

    async def probe(self, context: Context) -> Result:
        """One request, and the wait for its answer."""
        loop = asyncio.get_running_loop()
        nonce = context.tools.nonce(_NONCE)
        request = _echo_request(self._version, nonce.ljust(self.size, b"\0"))
        try:
            with await self._socket() as sock:
                began = context.tools.clock()
                await loop.sock_sendall(sock, request)
                for _ in range(_MAX_STRAY):
                    if self._is_answer(await loop.sock_recv(sock, 65535), nonce, sock.type):
                        took = context.tools.clock() - began
                        return Result(True, f"answered in {took * 1000:.1f} ms", {"round_trip": took})
                    await asyncio.sleep(0)  # others have their turn too
        except OSError as error:
            return failed(f"icmp {self.address}", error)
        return Result(False, f"icmp {self.address}: {_MAX_STRAY} packets came, none of them the answer")

    async def _socket(self) -> socket.socket:
        protocol = socket.IPPROTO_ICMP if self._version == 4 else socket.IPPROTO_ICMPV6
        try:
            sock = await self.connect(0, socket.SOCK_DGRAM, protocol)
        except PermissionError:
            try:
                sock = await self.connect(0, socket.SOCK_RAW, protocol)
            except PermissionError:
                raise CannotTellError(
                    "icmp: not permitted; it needs CAP_NET_RAW, or our group in net.ipv4.ping_group_range"
                ) from None
            self._let_replies_through_only(sock)
        # An error that a router reports is then the error of the socket.
        if self._version == 4:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        return sock

    def _let_replies_through_only(self, sock: socket.socket) -> None:
        """Bits that are set are dropped by the kernel, so that a busy host does not fill our queue."""
        if self._version == 4:
            sock.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", ~(1 << _ECHO_REPLY[4]) & 0xFFFFFFFF))
            return
        words = [0xFFFFFFFF] * 8
        words[_ECHO_REPLY[6] // 32] &= ~(1 << _ECHO_REPLY[6] % 32) & 0xFFFFFFFF
        sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))

    def _is_answer(self, packet: bytes, nonce: bytes, kind: int) -> bool:
        if self._version == 4 and kind == socket.SOCK_RAW and packet:
            packet = packet[(packet[0] & 0x0F) * 4 :]  # raw IPv4 sockets see the IP header
        return (
            packet[:2] == bytes([_ECHO_REPLY[self._version], 0])
            and packet[_HEADER : _HEADER + _NONCE] == nonce
        )


def _echo_request(version: int, data: bytes) -> bytes:
    """Identifier and sequence number are 0: the data tells requests apart, and ping sockets set their own."""
    head = struct.pack("!BBHHH", _ECHO_REQUEST[version], 0, 0, 0, 0)
    if version == 6:
        return head + data  # the kernel does the checksum (RFC 3542 §3.1)
    return struct.pack("!BBHHH", _ECHO_REQUEST[4], 0, _checksum(head + data), 0, 0) + data


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
