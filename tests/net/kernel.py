"""Netlink messages as the kernel writes them, for tests of what reads them."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv6Address

UP, LOOPBACK, RUNNING = 0x1, 0x8, 0x40
TENTATIVE, DUPLICATE = 0x40, 0x08
REACHABLE, STALE, FAILED, INCOMPLETE = 0x02, 0x04, 0x20, 0x01
PROXY, ROUTER = 0x08, 0x80

ETH0 = 7
MAC = bytes.fromhex("020000000001")
OURS, THEIRS, OTHERS = IPv6Address("fe80::1"), IPv6Address("fe80::2"), IPv6Address("fe80::3")


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, body: bytes = b"", *, flags: int = 0) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body + bytes(-len(body) % 4)


def link(
    name: str = "eth0",
    *,
    index: int = ETH0,
    flags: int = UP | RUNNING,
    family: int = 0,
    is_gone: bool = False,
    mac: bytes = MAC,
) -> bytes:
    body = struct.pack("=BxHiII", family, 1, index, flags, 0)
    return message(16 + is_gone, body + attribute(3, name.encode() + b"\0") + attribute(1, mac))


def address(
    ours: IPv6Address = OURS,
    *,
    index: int = ETH0,
    flags: int = 0,
    is_gone: bool = False,
    theirs: IPv6Address | None = None,
) -> bytes:
    body = struct.pack("=BBBBi", socket.AF_INET6, 64, flags & 0xFF, 253, index)
    if theirs is not None:
        body += attribute(1, theirs.packed) + attribute(2, ours.packed)
    else:
        body += attribute(1, ours.packed)
    return message(20 + is_gone, body + attribute(8, struct.pack("=I", flags)))


def neighbour(
    theirs: IPv6Address = THEIRS,
    *,
    index: int = ETH0,
    state: int = REACHABLE,
    flags: int = 0,
    family: int = socket.AF_INET6,
    is_gone: bool = False,
) -> bytes:
    body = struct.pack("=BxxxiHBB", family, index, state, flags, 1)
    return message(28 + is_gone, body + attribute(1, theirs.packed) + attribute(2, MAC))


def done(*, flags: int = 2) -> bytes:
    return message(3, struct.pack("=i", 0), flags=flags)


def failed(number: int) -> bytes:
    return message(2, struct.pack("=i", -number) + bytes(16))
