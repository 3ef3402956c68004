"""What hosts on a link and the kernel can tell of an unnumbered peer: feeds, and seeds for mutation."""

import struct
from ipaddress import IPv6Address
from typing import Final

from rhi.net import netlink
from rhi.net.interfaces import InterfaceTable
from rhi.net.neighbour_search import MAX_CANDIDATES, NeighbourSearch
from rhi.net.router_discovery import (
    Advertisement,
    EchoReply,
    NeighbourAdvertisement,
    advertisement,
    echo_request,
    neighbour_solicitation,
    parse,
    solicitation,
)

_COOKIE: Final = b"12345678"
_OURS, _THEIRS = IPv6Address("fe80::1"), IPv6Address("fe80::2")
_MAC: Final = bytes.fromhex("020000000001")

# An interface, its address, a neighbour, the end of the answer.
_LINK: Final = struct.pack("=IHHIIBxHiIIHH5s3x", 44, 16, 0, 1, 0, 0, 1, 7, 0x41, 0, 9, 3, b"eth0\0")
_ADDRESS: Final = struct.pack("=IHHIIBBBBiHH16s", 44, 20, 0, 1, 0, 10, 64, 0, 253, 7, 20, 1, _OURS.packed)
_NEIGHBOUR: Final = struct.pack(
    "=IHHIIBxxxiHBBHH16s", 48, 28, 0, 1, 0, 10, 7, 2, 128, 1, 20, 1, _THEIRS.packed
)
_DONE: Final = struct.pack("=IHHIIi", 20, 3, 2, 1, 0, 0)
NETLINK_SEEDS: Final = (_LINK, _ADDRESS, _NEIGHBOUR, _LINK + _ADDRESS + _NEIGHBOUR + _DONE)

_REPLY: Final = b"\x81" + echo_request(2, _COOKIE)[1:]
_ANSWER: Final = b"\x88" + neighbour_solicitation(_THEIRS, _MAC)[1:]
ICMPV6_SEEDS: Final = tuple(
    b"\xff\x02" + packet for packet in (advertisement(_MAC), solicitation(b""), _REPLY, _ANSWER)
)


def hear(data: bytes) -> None:
    """Received on the link: a byte for the hop limit, one for the source, then the message."""
    if len(data) >= 2:
        parse(
            data[2:], IPv6Address("fe80::" if data[1] % 2 == 0 else "2001:db8::") + data[1], data[0], _COOKIE
        )


def search(data: bytes) -> None:
    """A whole search: what comes alternates between the kernel's news, messages on the link, and time."""
    machine = NeighbourSearch("eth0", lambda: 0.5)
    table = InterfaceTable()
    now = 0.0
    for message in netlink.parse(_LINK + _ADDRESS):
        table.apply(message)
    machine.interface_changed(table.find("eth0"), now)
    for at in range(0, len(data), 48):
        piece = data[at : at + 48]
        now += piece[0] / 64
        for news in netlink.parse(piece):
            table.apply(news)
            machine.interface_changed(table.find("eth0"), now)
            if isinstance(news, netlink.Neighbour) and news.is_alive:
                machine.seen(news.address, now, is_router=news.is_router, in_kernel=True)
            elif isinstance(news, netlink.Neighbour):
                machine.silent(news.address, now, has_failed=news.has_failed)
        heard = parse(piece[1:], _THEIRS + piece[0], 255, _COOKIE)
        if isinstance(heard, Advertisement | EchoReply | NeighbourAdvertisement):
            machine.seen(heard.source, now, is_router=isinstance(heard, Advertisement))
        machine.handle_timeout(now)
        machine.actions()
        machine.next_timeout()
        assert len(machine.candidates) <= MAX_CANDIDATES
