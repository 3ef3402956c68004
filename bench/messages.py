"""The few BGP messages that sink and trivial sender need; nothing of rhi, only the standard library."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Final

OPEN: Final = 1
UPDATE: Final = 2
NOTIFICATION: Final = 3
KEEPALIVE: Final = 4

MARKER: Final = b"\xff" * 16
HEADER_SIZE: Final = 19
MAX_SIZE: Final = 4096
MAX_EXTENDED_SIZE: Final = 65535  # RFC 8654

ORIGIN_IGP: Final = b"\x40\x01\x01\x00"
_HOST_ROUTE_SIZE: Final = 5  # length octet and four octets of address

_EXTENDED_MESSAGES: Final = 6
_CAPABILITY_PARAMETER: Final = 2


def message(kind: int, body: bytes = b"") -> bytes:
    """A message with its header (RFC 4271 §4.1)."""
    return MARKER + struct.pack("!HB", HEADER_SIZE + len(body), kind) + body


def open_message(as_number: int, router_id: str, hold_time: int, *, extended: bool) -> bytes:
    """An OPEN that offers IPv4 and IPv6 unicast, route refresh, AS numbers of four octets, and `extended`."""
    capabilities = [b"\x01\x04\x00\x01\x00\x01", b"\x01\x04\x00\x02\x00\x01", b"\x02\x00"]
    capabilities.append(b"\x41\x04" + as_number.to_bytes(4, "big"))
    if extended:
        capabilities.append(bytes((_EXTENDED_MESSAGES, 0)))
    packed = b"".join(capabilities)
    my_as = min(as_number, 0xFFFF)
    fixed = struct.pack("!BHH4s", 4, my_as, hold_time, IPv4Address(router_id).packed)
    return message(OPEN, fixed + bytes((len(packed) + 2, _CAPABILITY_PARAMETER, len(packed))) + packed)


def offers_extended(open_body: bytes) -> bool:
    """Whether an OPEN has the capability of extended messages."""
    at, end = 10, len(open_body)
    while at + 2 <= end:
        kind, length = open_body[at], open_body[at + 1]
        inner, stop = at + 2, at + 2 + length
        while kind == _CAPABILITY_PARAMETER and inner + 2 <= stop:
            if open_body[inner] == _EXTENDED_MESSAGES:
                return True
            inner += 2 + open_body[inner + 1]
        at = stop
    return False


def attributes(as_number: int, next_hop: str, med: int | None = None) -> bytes:
    """What an external peer says of a route of its own: ORIGIN, AS_PATH, NEXT_HOP, and MED if given."""
    path = b"\x02\x01" + as_number.to_bytes(4, "big")
    packed = ORIGIN_IGP + bytes((0x40, 2, len(path))) + path + b"\x40\x03\x04" + IPv4Address(next_hop).packed
    return packed if med is None else packed + b"\x80\x04\x04" + med.to_bytes(4, "big")


def announcements(nlri: bytes, attribute_bytes: bytes, max_size: int) -> Iterator[bytes]:
    """UPDATEs that announce IPv4 host routes, as full as can be."""
    room = max_size - HEADER_SIZE - 4 - len(attribute_bytes)
    head = b"\0\0" + len(attribute_bytes).to_bytes(2, "big") + attribute_bytes
    for part in _slices(nlri, room):
        yield message(UPDATE, head + part)


def withdrawals(nlri: bytes, max_size: int) -> Iterator[bytes]:
    """UPDATEs that withdraw IPv4 host routes, as full as can be."""
    for part in _slices(nlri, max_size - HEADER_SIZE - 4):
        yield message(UPDATE, len(part).to_bytes(2, "big") + part + b"\0\0")


def _slices(nlri: bytes, room: int) -> Iterator[bytes]:
    step = room // _HOST_ROUTE_SIZE * _HOST_ROUTE_SIZE
    return (nlri[start : start + step] for start in range(0, len(nlri), step))
