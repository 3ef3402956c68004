"""Router discovery on one interface (RFC 4861): hear routers, ask for them, and advertise that we are here.

Reading and writing the messages are pure functions; `AdvertisementSchedule` says when to advertise;
`DiscoverySocket` is the raw ICMPv6 socket, or, without the right to have one, one that can only send echo
requests. The kernel computes and checks the checksums of both kinds (RFC 3542 §3.1).

Unnumbered neighbours such as FRR learn our address from router advertisements and from nothing else. So we
send them, with a router lifetime of 0 and without prefixes: no host takes a default route or an address from
that.

Deviation: RFC 4861 §6.2 leaves advertisements to routers, and we are none; a lifetime of 0 says so. And
RFC 4861 §6.3.7 has a host wait up to a second before it first asks, for crowds that a link to one neighbour
does not have.
"""

import asyncio
import errno
import logging
import os
import socket
import struct
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Any, Final, NamedTuple

log = logging.getLogger("rhi")

ALL_NODES: Final = IPv6Address("ff02::1")
ALL_ROUTERS: Final = IPv6Address("ff02::2")

ECHO_REQUEST, ECHO_REPLY, ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT = 128, 129, 133, 134
NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT = 135, 136
HOP_LIMIT: Final = 255  # a message with less has passed a router (RFC 4861 §6.1)
SOURCE_LINK_LAYER_ADDRESS: Final = 1

# RFC 4861 §10, in seconds.
MAX_INITIAL_INTERVAL: Final = 16.0
MAX_INITIAL_ADVERTISEMENTS: Final = 3
MIN_DELAY_BETWEEN: Final = 3.0
MAX_ANSWER_DELAY: Final = 0.5
# MinRtrAdvInterval and MaxRtrAdvInterval (§6.2.1): its defaults with a session, and without one as often as
# FRR does for its own unnumbered neighbours, so that a router that has just started need not wait.
CALM_INTERVAL: Final = (200.0, 600.0)
EAGER_INTERVAL: Final = (3.3, 10.0)

# <linux/icmpv6.h>; Python has no names for these.
_ICMP6_FILTER: Final = 1
_PACKET_BYTES: Final = 2048
READS_PER_TURN: Final = 32

# Sequence numbers of our echo requests tell their answers apart.
TO_ONE, TO_ROUTERS, TO_NODES = 1, 2, 3


class Advertisement(NamedTuple):
    """Somebody on the link sends router advertisements."""

    source: IPv6Address


class Solicitation(NamedTuple):
    """Somebody on the link asks for routers."""


class EchoReply(NamedTuple):
    """Somebody on the link answers; `sequence` is that of the question."""

    source: IPv6Address
    sequence: int


class NeighbourAdvertisement(NamedTuple):
    """Somebody on the link says that it is there, and whether it is a router."""

    source: IPv6Address
    is_router: bool


Heard = Advertisement | Solicitation | EchoReply | NeighbourAdvertisement


def parse(
    data: bytes, source: IPv6Address, hop_limit: int, cookie: bytes, *, is_raw: bool = True
) -> Heard | None:
    """What an ICMPv6 message from `source` says; None when it is none of ours to hear, or not valid.

    Validity is that of RFC 4861 §6.1.1, §6.1.2 and §7.1.2. `cookie` is that of our echo requests. Where the
    socket is not raw the kernel has put another identifier into them, and passes on only their answers.
    """
    if len(data) < 8 or data[1] != 0:
        return None
    if data[0] == ECHO_REPLY:
        is_ours = (data[4:6] == cookie[:2] or not is_raw) and data[8:] == cookie
        return EchoReply(source, data[7]) if is_ours and source.is_link_local else None
    if hop_limit != HOP_LIMIT:
        return None
    if data[0] == ROUTER_SOLICITATION and _has_valid_options(data, 8):
        is_from_someone = source.is_link_local or source.is_global or source.is_unspecified
        return Solicitation() if is_from_someone else None
    if data[0] == ROUTER_ADVERTISEMENT and source.is_link_local and _has_valid_options(data, 16):
        return Advertisement(source)
    if data[0] == NEIGHBOUR_ADVERTISEMENT and _has_valid_options(data, 24):
        target = IPv6Address(data[8:24])
        return NeighbourAdvertisement(target, bool(data[4] & 0x80)) if target.is_link_local else None
    return None


def advertisement(hardware_address: bytes) -> bytes:
    """A router advertisement that offers nothing: no lifetime, no prefix, nothing about the link."""
    return struct.pack("!BBHBBHII", ROUTER_ADVERTISEMENT, 0, 0, 0, 0, 0, 0, 0) + _source_option(
        hardware_address
    )


def solicitation(hardware_address: bytes) -> bytes:
    """A router solicitation (RFC 4861 §4.1)."""
    return struct.pack("!BBHI", ROUTER_SOLICITATION, 0, 0, 0) + _source_option(hardware_address)


def neighbour_solicitation(target: IPv6Address, hardware_address: bytes) -> bytes:
    """Ask a neighbour whether it is there (RFC 4861 §4.3)."""
    return (
        struct.pack("!BBHI", NEIGHBOUR_SOLICITATION, 0, 0, 0)
        + target.packed
        + _source_option(hardware_address)
    )


def echo_request(sequence: int, cookie: bytes) -> bytes:
    """An echo request (RFC 4443 §4.1) that `parse` knows the answer of; `cookie` has 2 bytes at least."""
    return struct.pack("!BBH2sH", ECHO_REQUEST, 0, 0, cookie[:2], sequence) + cookie


class AdvertisementSchedule:
    """When the next advertisement is due (RFC 4861 §6.2.4 and §6.2.6).

    Attributes:
        next_at: the instant; None when there is none to send.
    """

    def __init__(self, random: Callable[[], float]) -> None:
        """`random` returns numbers in [0, 1)."""
        self.next_at: float | None = None
        self._random = random
        self._count = 0
        self._last_at: float | None = None

    def start(self, now: float) -> None:
        """Begin: the interface can be used."""
        self._count = 0
        self.next_at = now

    def stop(self) -> None:
        """Send no more."""
        self.next_at = None

    def solicited(self, now: float) -> None:
        """Somebody has asked: answer soon, but not more often than every three seconds."""
        if self.next_at is None:
            return
        at = now + MAX_ANSWER_DELAY * self._random()
        if self._last_at is not None:
            at = max(at, self._last_at + MIN_DELAY_BETWEEN)
        self.next_at = min(self.next_at, at)

    def sent(self, now: float, *, is_calm: bool) -> None:
        """One has been sent; `is_calm`: there is a session, and nobody waits for the next one."""
        self._count += 1
        self._last_at = now
        shortest, longest = CALM_INTERVAL if is_calm else EAGER_INTERVAL
        interval = shortest + (longest - shortest) * self._random()
        if self._count < MAX_INITIAL_ADVERTISEMENTS:
            interval = min(interval, MAX_INITIAL_INTERVAL)
        self.next_at = now + interval

    def hurry(self, now: float) -> None:
        """There is no session any more: do not wait for what was planned while there was one."""
        if self.next_at is not None:
            self.next_at = min(self.next_at, now + EAGER_INTERVAL[1] * self._random())


class DiscoverySocket:
    """The socket of one interface.

    Attributes:
        can_advertise: it hears and sends router advertisements; otherwise only echo requests.
    """

    def __init__(
        self,
        interface: str,
        index: int,
        heard: Callable[[Heard], None],
        *,
        open_socket: "Callable[[str], tuple[socket.socket, bool]] | None" = None,
    ) -> None:
        """`heard` is called with each valid message.

        Raises:
            OSError: no kind of ICMPv6 socket is permitted, or the interface has gone.
        """
        self._index = index
        self._heard = heard
        self._cookie = os.urandom(8)
        self._loop = asyncio.get_running_loop()
        self._socket, self.can_advertise = (open_socket or open_icmpv6)(interface)
        self._loop.add_reader(self._socket, self._read)

    def send(self, data: bytes, destination: IPv6Address, source: IPv6Address | None = None) -> None:
        """Send a message; it is lost where the kernel does not take it, as on any link.

        `source` is an address of ours; None leaves it to the kernel.
        """
        origin = bytes(16) if source is None else source.packed
        control = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, origin + struct.pack("=I", self._index))]
        try:
            self._socket.sendmsg([data], control, 0, (str(destination), 0, 0, self._index))
        except OSError as error:
            log.debug("router discovery: %s not sent: %s", data[0], error)

    def ask(self, destination: IPv6Address, sequence: int) -> None:
        """Send an echo request."""
        self.send(echo_request(sequence, self._cookie), destination)

    def close(self) -> None:
        """Hear and send no more."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        for _ in range(READS_PER_TURN):
            if self._socket.fileno() < 0:
                return  # what was heard has closed it
            try:
                data, control, _, sender = self._socket.recvmsg(_PACKET_BYTES, socket.CMSG_SPACE(4))
            except OSError as error:
                # an error of the interface, such as going down, is told once and then over
                if error.errno in (errno.EAGAIN, errno.EINTR):
                    return
                continue
            source, hop_limit = _address(sender), _hop_limit(control)
            heard = parse(data, source, hop_limit, self._cookie, is_raw=self.can_advertise)
            if heard is not None:
                self._heard(heard)


def open_icmpv6(interface: str) -> tuple[socket.socket, bool]:
    """A socket bound to `interface`, and whether it is a raw one, with which one can advertise.

    Raises:
        OSError: neither kind is permitted (CAP_NET_RAW, net.ipv4.ping_group_range), or it has gone.
    """
    try:
        sock, is_raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6), True
    except PermissionError:
        sock, is_raw = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6), False
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, HOP_LIMIT)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, HOP_LIMIT)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        if is_raw:
            _hear_only(sock, ECHO_REPLY, ROUTER_SOLICITATION, ROUTER_ADVERTISEMENT, NEIGHBOUR_ADVERTISEMENT)
            group = ALL_ROUTERS.packed + struct.pack("=I", socket.if_nametoindex(interface))
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    except OSError:
        sock.close()
        raise
    return sock, is_raw


def _hear_only(sock: socket.socket, *types: int) -> None:
    blocked = bytearray(b"\xff" * 32)
    for kind in types:
        word, bit = divmod(kind, 32)
        value = int(struct.unpack_from("=I", blocked, 4 * word)[0]) & ~(1 << bit)
        struct.pack_into("=I", blocked, 4 * word, value)
    sock.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, bytes(blocked))


def _has_valid_options(data: bytes, at: int) -> bool:
    """Options fill the rest, and none has length 0 (RFC 4861 §6.1 and §7.1)."""
    if len(data) < at:
        return False
    while at < len(data):
        if at + 2 > len(data) or data[at + 1] == 0:
            return False
        at += 8 * data[at + 1]
    return at == len(data)


def _source_option(hardware_address: bytes) -> bytes:
    # the only form that Ethernet has (RFC 2464 §6); other links have theirs, and can do without
    if len(hardware_address) != 6:
        return b""
    return bytes([SOURCE_LINK_LAYER_ADDRESS, 1]) + hardware_address


def _address(sender: tuple[Any, ...]) -> IPv6Address:
    return IPv6Address(str(sender[0]).partition("%")[0])


def _hop_limit(control: list[tuple[int, int, bytes]]) -> int:
    for level, kind, value in control:
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_HOPLIMIT and len(value) >= 4:
            return int(struct.unpack_from("=i", value)[0])
    return -1
