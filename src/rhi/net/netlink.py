"""What Linux tells of links, addresses and neighbours: its rtnetlink messages, as values.

`parse` takes what one `recv` of a netlink socket returned. Only what unnumbered peers need comes out: links,
IPv6 link-local addresses of ours, IPv6 link-local neighbours. Whatever else there is, or is too short to be
what it says, is left out; nothing is raised. `dump_request` asks for all there is of one kind.

The layouts are those of <linux/netlink.h>, <linux/rtnetlink.h>, <linux/if_link.h> and <linux/neighbour.h>.
"""

import enum
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final

NETLINK_ROUTE: Final = 0
# RTMGRP_LINK, RTMGRP_NEIGH and RTMGRP_IPV6_IFADDR: news of these come without asking.
GROUPS: Final = 0x1 | 0x4 | 0x100

_HEADER: Final = struct.Struct("=IHHII")
_LINK: Final = struct.Struct("=BxHiII")
_ADDRESS: Final = struct.Struct("=BBBBi")
_NEIGHBOUR: Final = struct.Struct("=BxxxiHBB")
_ATTRIBUTE: Final = struct.Struct("=HH")

_NLMSG_ERROR, _NLMSG_DONE, _NLMSG_OVERRUN = 2, 3, 4
_NLM_F_DUMP_REQUEST: Final = 0x301  # NLM_F_REQUEST, NLM_F_ROOT, NLM_F_MATCH
_NLM_F_DUMP_INTR: Final = 0x10
_NLA_TYPE_MASK: Final = 0x3FFF

_IFF_UP, _IFF_LOOPBACK, _IFF_RUNNING = 0x1, 0x8, 0x40
_IFLA_ADDRESS, _IFLA_IFNAME = 1, 3
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_IFA_F_DADFAILED, _IFA_F_TENTATIVE = 0x08, 0x40
_NDA_DST: Final = 1
_NUD_ALIVE: Final = 0x02 | 0x04 | 0x08 | 0x10 | 0x80  # reachable, stale, delay, probe, permanent
_NUD_FAILED: Final = 0x20
_NTF_PROXY, _NTF_ROUTER = 0x08, 0x80


class Kind(enum.IntEnum):
    """What can be asked for (RTM_GETLINK, RTM_GETADDR, RTM_GETNEIGH)."""

    LINKS = 18
    ADDRESSES = 22
    NEIGHBOURS = 30


@dataclass(frozen=True, slots=True)
class Link:
    """An interface is there.

    Attributes:
        is_up: it has been told to be up.
        is_running: and there is something at the other end of the cable.
        hardware_address: empty where it has none.
    """

    index: int
    name: str
    is_up: bool
    is_running: bool
    is_loopback: bool
    hardware_address: bytes


@dataclass(frozen=True, slots=True)
class LinkGone:
    """An interface is there no more."""

    index: int


class Standing(enum.Enum):
    """Whether an address of ours can be used (RFC 4862 §5.4)."""

    USABLE = "usable"
    TENTATIVE = "tentative"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Address:
    """A link-local address of ours; `standing` is None when it is there no more."""

    index: int
    address: IPv6Address
    standing: Standing | None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The kernel knows a link-local neighbour.

    Attributes:
        is_alive: it has answered, lately or some time ago; otherwise the kernel has dropped it.
        has_failed: it does not answer.
        is_router: it says that it is a router.
    """

    index: int
    address: IPv6Address
    is_alive: bool
    has_failed: bool
    is_router: bool


@dataclass(frozen=True, slots=True)
class Done:
    """The end of what was asked for; `is_complete` is false when it has to be asked for again."""

    is_complete: bool


Message = Link | LinkGone | Address | Neighbour | Done


def dump_request(kind: Kind) -> bytes:
    """Ask for all that there is of one kind; one request at a time, the answer ends with `Done`."""
    family = socket.AF_UNSPEC if kind is Kind.LINKS else socket.AF_INET6
    body = {
        Kind.LINKS: _LINK.pack(family, 0, 0, 0, 0),
        Kind.ADDRESSES: _ADDRESS.pack(family, 0, 0, 0, 0),
        Kind.NEIGHBOURS: _NEIGHBOUR.pack(family, 0, 0, 0, 0),
    }[kind]
    return _HEADER.pack(_HEADER.size + len(body), kind, _NLM_F_DUMP_REQUEST, 1, 0) + body


def parse(data: bytes) -> list[Message]:
    """The messages of one datagram, in order."""
    found: list[Message] = []
    is_interrupted = False
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size or at + length > len(data):
            break
        is_interrupted |= bool(flags & _NLM_F_DUMP_INTR)
        if kind in (_NLMSG_ERROR, _NLMSG_DONE, _NLMSG_OVERRUN):
            found.append(Done(kind == _NLMSG_DONE and not is_interrupted))
        else:
            message = _parse_message(kind, data[at + _HEADER.size : at + length])
            if message is not None:
                found.append(message)
        at += _aligned(length)
    return found


def _parse_message(kind: int, body: bytes) -> Message | None:
    # each kind has three numbers: new, gone, and the request that is 2 above the first
    if kind in (Kind.LINKS - 2, Kind.LINKS - 1) and len(body) >= _LINK.size:
        return _parse_link(body, is_gone=kind == Kind.LINKS - 1)
    if kind in (Kind.ADDRESSES - 2, Kind.ADDRESSES - 1) and len(body) >= _ADDRESS.size:
        return _parse_address(body, is_gone=kind == Kind.ADDRESSES - 1)
    if kind in (Kind.NEIGHBOURS - 2, Kind.NEIGHBOURS - 1) and len(body) >= _NEIGHBOUR.size:
        return _parse_neighbour(body, is_gone=kind == Kind.NEIGHBOURS - 1)
    return None


def _parse_link(body: bytes, *, is_gone: bool) -> Link | LinkGone | None:
    family, _, index, flags, _ = _LINK.unpack_from(body)
    if family != socket.AF_UNSPEC:
        return None  # a bridge tells of its ports in the same words
    if is_gone:
        return LinkGone(index)
    attributes = dict(_attributes(body, _LINK.size))
    name = attributes.get(_IFLA_IFNAME, b"").rstrip(b"\0")
    return Link(
        index,
        name.decode(errors="backslashreplace"),
        bool(flags & _IFF_UP),
        bool(flags & _IFF_UP and flags & _IFF_RUNNING),
        bool(flags & _IFF_LOOPBACK),
        attributes.get(_IFLA_ADDRESS, b""),
    )


def _parse_address(body: bytes, *, is_gone: bool) -> Address | None:
    family, _, flags, _, index = _ADDRESS.unpack_from(body)
    attributes = dict(_attributes(body, _ADDRESS.size))
    # towards a peer of a point-to-point link, the one is ours and the other is theirs
    address = _link_local(family, attributes.get(_IFA_LOCAL, attributes.get(_IFA_ADDRESS, b"")))
    if address is None:
        return None
    if is_gone:
        return Address(index, address, None)
    all_flags = attributes.get(_IFA_FLAGS, b"")
    if len(all_flags) == 4:
        flags = int(struct.unpack("=I", all_flags)[0])
    standing = Standing.TENTATIVE if flags & _IFA_F_TENTATIVE else Standing.USABLE
    return Address(index, address, Standing.DUPLICATE if flags & _IFA_F_DADFAILED else standing)


def _parse_neighbour(body: bytes, *, is_gone: bool) -> Neighbour | None:
    family, index, state, flags, _ = _NEIGHBOUR.unpack_from(body)
    address = _link_local(family, dict(_attributes(body, _NEIGHBOUR.size)).get(_NDA_DST, b""))
    if address is None or flags & _NTF_PROXY:
        return None
    return Neighbour(
        index,
        address,
        is_alive=not is_gone and bool(state & _NUD_ALIVE),
        has_failed=bool(state & _NUD_FAILED),
        is_router=bool(flags & _NTF_ROUTER),
    )


def _link_local(family: int, packed: bytes) -> IPv6Address | None:
    if family != socket.AF_INET6 or len(packed) != 16:
        return None
    address = IPv6Address(packed)
    return address if address.is_link_local else None


def _attributes(body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if length < _ATTRIBUTE.size or at + length > len(body):
            return
        yield kind & _NLA_TYPE_MASK, body[at + _ATTRIBUTE.size : at + length]
        at += _aligned(length)


def _aligned(length: int) -> int:
    return (length + 3) & ~3
