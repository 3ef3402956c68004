"""The targets, and their seeds: valid input that mutation starts from."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import product
from typing import Final

from fuzz.on_link import ICMPV6_SEEDS, NETLINK_SEEDS, hear, search
from rhi.cli.lines import parse_command, parse_routes
from rhi.core.peer import Peer
from rhi.core.route_table import RouteTable
from rhi.errors import InvalidValueError, NotificationError
from rhi.model.attributes import PathAttributes
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.parameters import Parameters, to_router_id
from rhi.model.prefix import Family, to_prefix
from rhi.net import netlink
from rhi.wire.attributes import AsSegment, decode_attributes, encode_attributes
from rhi.wire.capabilities import (
    ExtendedMessage,
    FourOctetAs,
    Multiprotocol,
    RouteRefresh,
    UnknownCapability,
    decode_capabilities,
)
from rhi.wire.faults import MAX_FAULTS, Treatment
from rhi.wire.iana import AttributeCode, MessageType, SegmentType
from rhi.wire.messages import KEEPALIVE, Framer, RouteRefreshMessage, encode_message
from rhi.wire.mp_nlri import MpReach, MpUnreach
from rhi.wire.notification import Notification
from rhi.wire.open import Open
from rhi.wire.prefix import Prefixes, encode_prefixes
from rhi.wire.reader import Reader
from rhi.wire.update import Update, end_of_rib_body

_ROUTE4, _ROUTE6 = to_prefix("192.0.2.1"), to_prefix("2001:db8::1")
_OPEN = Open(
    as_number=65002,
    hold_time=90,
    router_id=b"\x0a\x00\x00\x02",
    capabilities=(
        Multiprotocol.of(Family.IPV4_UNICAST),
        Multiprotocol.of(Family.IPV6_UNICAST),
        RouteRefresh(),
        ExtendedMessage(),
        FourOctetAs(65002),
        UnknownCapability(71, b"\0\1\1\0\0\0\0"),
    ),
)
_LONG_OPEN = Open(
    as_number=65002,
    hold_time=0,
    router_id=b"\x0a\x00\x00\x02",
    capabilities=(FourOctetAs(4200000000), *(UnknownCapability(200, bytes(200)) for _ in range(3))),
)
_ATTRIBUTES = {
    AttributeCode.ORIGIN: 0,
    AttributeCode.AS_PATH: (AsSegment(SegmentType.AS_SEQUENCE, (65002, 4200000000)),),
    AttributeCode.NEXT_HOP: b"\xc0\x00\x02\x02",
    AttributeCode.MULTI_EXIT_DISC: 10,
    AttributeCode.LOCAL_PREF: 100,
    AttributeCode.COMMUNITIES: (Community("65000:1"), Community("no-export")),
    AttributeCode.MP_REACH_NLRI: MpReach(2, 1, bytes(15) + b"\1", (_ROUTE6,)),
    AttributeCode.MP_UNREACH_NLRI: MpUnreach(2, 1, (_ROUTE6,)),
    AttributeCode.EXTENDED_COMMUNITIES: (ExtendedCommunity.parse("rt:65000:1"),),
    AttributeCode.LARGE_COMMUNITY: (LargeCommunity(1, 2, 3),),
}
_UPDATE = Update(
    withdrawn=(to_prefix("198.51.100.0/24"),),
    attributes={int(code): value for code, value in _ATTRIBUTES.items()},
    announced=(_ROUTE4, to_prefix("203.0.113.128/25")),
)


@dataclass(frozen=True)
class Target:
    """What is fed, the exceptions it documents, and where mutation starts."""

    feed: Callable[[bytes], object]
    documented: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]


def _reader(data: bytes) -> Reader:
    return Reader(data, 3, 1)


def _frame(data: bytes) -> None:
    list(Framer().feed(data))


def _decode_prefixes(data: bytes) -> None:
    for family in Family:
        found = Prefixes.decode(_reader(data), family)
        assert len(found) == len([str(prefix) for prefix in found])
        again = Prefixes.decode(_reader(encode_prefixes(found)), family)
        assert again == found, again


def _decode_attributes(data: bytes) -> None:
    for internal in (True, False):
        attributes, faults = decode_attributes(data, four_octet_as=True, internal=internal)
        assert len(faults) <= MAX_FAULTS
        again = encode_attributes(attributes, four_octet_as=True)
        _, remaining = decode_attributes(again, four_octet_as=True, internal=internal)
        assert remaining == [], remaining


def _decode_update(data: bytes) -> None:
    if len(data) >= 4:  # the framer hands out nothing shorter
        for internal, four_octet_as in product((True, False), repeat=2):
            update = Update.decode(data, four_octet_as=four_octet_as, internal=internal)
            update.encode(four_octet_as=four_octet_as)
            assert update.treatment is not Treatment.SESSION_RESET
            assert update.treatment is not Treatment.TREAT_AS_WITHDRAW or not update.all_announced
            assert not (update.end_of_rib and (update.all_announced or update.all_withdrawn or update.faults))


def _decode_notification(data: bytes) -> None:
    if len(data) >= 2:
        text = Notification.decode(data).text
        assert text.isprintable(), text


def _session(data: bytes) -> None:
    """A whole session: the first byte says in what state, the second in what pieces the rest is received."""
    if len(data) < 2:
        return
    table = RouteTable()
    table.announce(_ROUTE4, PathAttributes(med=1))
    limit = 2 if data[0] % 6 > 2 else None
    parameters = Parameters(
        as_number=65001, multiprotocol=True, next_hop_6="2001:db8::9", maximum_prefixes=limit
    )
    router_id = to_router_id("10.0.0.1")
    peer = Peer("192.0.2.2", router_id, parameters, table, now=0.0, random=lambda: 0.5, reports_routes=True)
    peer.start(0.0)
    peer.actions()
    peer.connection_made(1, ip_address("192.0.2.1"), ip_address("192.0.2.2"), 0.0)
    opening = (b"", encode_message(MessageType.OPEN, _OPEN.encode()))[data[0] % 3 > 0]
    peer.data_received(1, opening + (KEEPALIVE if data[0] % 3 > 1 else b""), 0.0)
    size = data[1] + 1
    now = 0.0
    for start in range(2, len(data), size):
        now += 0.5
        peer.data_received(1, data[start : start + size], now)
        peer.handle_timeout(now)
        peer.data_to_send(1, 65536, now)
        peer.actions()
        for event in peer.events():
            event.to_json()
    peer.handle_timeout(now + 1000)
    peer.next_timeout()


def _lines(data: bytes) -> None:
    text = data.decode(errors="replace")
    sentences = [_refusal(line) for line in text.splitlines()]
    assert not any("\n" in sentence for sentence in sentences), sentences
    parse_routes(text.splitlines(), "routes")


def _refusal(line: str) -> str:
    try:
        parse_command(line)
    except InvalidValueError as error:
        return str(error)
    return ""


def _texts(data: bytes) -> None:
    text = data.decode(errors="replace")
    for parse in (to_prefix, Community, LargeCommunity.parse, ExtendedCommunity.parse):
        try:
            str(parse(text))
        except InvalidValueError:
            continue


_ENCODED = encode_attributes(_UPDATE.attributes, four_octet_as=True)
_STREAM = encode_message(MessageType.UPDATE, _UPDATE.encode(four_octet_as=True)) + KEEPALIVE

TARGETS: Final[dict[str, Target]] = {
    "framer": Target(
        _frame, (NotificationError,), (_STREAM, encode_message(MessageType.OPEN, _OPEN.encode()))
    ),
    "open": Target(
        lambda data: Open.decode(data).encode() if len(data) >= 10 else None,
        (NotificationError,),
        (_OPEN.encode(), _LONG_OPEN.encode()),
    ),
    "capabilities": Target(
        lambda data: decode_capabilities(_reader(data)), (NotificationError,), (_OPEN.encode()[12:],)
    ),
    "update": Target(
        _decode_update,
        (NotificationError,),
        (_UPDATE.encode(four_octet_as=True), end_of_rib_body(Family.IPV6_UNICAST)),
    ),
    "attributes": Target(_decode_attributes, (NotificationError,), (_ENCODED,)),
    "mp-reach": Target(
        lambda data: MpReach.decode(_reader(data)),
        (NotificationError,),
        (MpReach(2, 1, bytes(32), (_ROUTE6,)).encode(), MpReach(1, 1, bytes(4), (_ROUTE4,)).encode()),
    ),
    "mp-unreach": Target(
        lambda data: MpUnreach.decode(_reader(data)),
        (NotificationError,),
        (MpUnreach(2, 1, (_ROUTE6,)).encode(),),
    ),
    "prefixes": Target(
        _decode_prefixes,
        (NotificationError,),
        (b"\x20\xc0\x00\x02\x01\x18\xc6\x33\x64\x00",),
    ),
    "notification": Target(
        _decode_notification, (), (Notification(6, 2, b"\x05hello").encode(), Notification(2, 2).encode())
    ),
    "route-refresh": Target(
        RouteRefreshMessage.decode, (NotificationError,), (RouteRefreshMessage(1, 1).encode(),)
    ),
    "session": Target(
        _session,
        (),
        (
            b"\2\xff" + _STREAM * 3,
            b"\5\xff" + _STREAM * 3,
            b"\0\x07" + encode_message(1, _OPEN.encode()) + KEEPALIVE,
            b"\1\0" + KEEPALIVE,
        ),
    ),
    "netlink": Target(netlink.parse, (), NETLINK_SEEDS),
    "icmpv6": Target(hear, (), ICMPV6_SEEDS),
    "neighbour-search": Target(search, (), (b"".join(NETLINK_SEEDS), *ICMPV6_SEEDS)),
    "lines": Target(
        _lines,
        (InvalidValueError,),
        (
            b"announce 192.0.2.1 med 5 community 65000:1 next-hop 192.0.2.9\n",
            b"withdraw ::1/128 # gone\n",
            b"clear\n",
        ),
    ),
    "texts": Target(
        _texts, (), (b"192.0.2.0/24", b"2001:db8::1", b"65000:1", b"65000:1:2", b"rt:65000:1", b"no-export")
    ),
}


def check(target: Target, data: bytes) -> None:
    """Feed one input; what is raised is a finding."""
    try:
        target.feed(data)
    except target.documented:
        return
