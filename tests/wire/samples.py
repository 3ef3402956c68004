"""One message of each shape that rhi can send, with what an independent decoder has to find in it."""

from dataclasses import dataclass, field
from typing import Final

from rhi.model.attributes import Origin
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.prefix import Family, to_prefix, to_prefixes
from rhi.wire.attributes import AsSegment, Attributes
from rhi.wire.capabilities import (
    Capability,
    ExtendedMessage,
    FourOctetAs,
    Multiprotocol,
    RouteRefresh,
    UnknownCapability,
)
from rhi.wire.iana import AttributeCode, CeaseError, ErrorCode, MessageType, OpenError, SegmentType
from rhi.wire.messages import KEEPALIVE, RouteRefreshMessage, encode_message
from rhi.wire.mp_nlri import MpReach, MpUnreach
from rhi.wire.notification import Notification
from rhi.wire.open import Open
from rhi.wire.update import Update, end_of_rib_body

GLOBAL: Final = bytes.fromhex("20010db8000000000000000000000001")
LINK_LOCAL: Final = bytes.fromhex("fe800000000000000000000000000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A message on the wire.

    Attributes:
        kind: message type.
        four_octet_as: how its AS numbers are written.
        announced, withdrawn: routes in it, as text with their length.
        as_numbers: of AS_PATH.
        communities: as text.
        capabilities: codes, in order.
    """

    name: str
    kind: int
    message: bytes
    four_octet_as: bool = True
    announced: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    as_numbers: tuple[int, ...] = ()
    communities: tuple[str, ...] = ()
    capabilities: tuple[int, ...] = field(default=())


def path(*numbers: int) -> tuple[AsSegment, ...]:
    return (AsSegment(SegmentType.AS_SEQUENCE, numbers),) if numbers else ()


def opening(name: str, as_number: int, *capabilities: Capability) -> Sample:
    body = Open(
        as_number=as_number, hold_time=10, router_id=b"\xc0\x00\x02\x0a", capabilities=capabilities
    ).encode()
    codes = tuple(int(capability.code) for capability in capabilities)
    return Sample(name=name, kind=1, message=encode_message(MessageType.OPEN, body), capabilities=codes)


def update(
    name: str,
    attributes: Attributes,
    announced: tuple[str, ...] = (),
    withdrawn: tuple[str, ...] = (),
    *,
    four_octet_as: bool = True,
) -> Sample:
    value = Update(
        withdrawn=tuple(to_prefixes(withdrawn)),
        attributes=attributes,
        announced=tuple(to_prefixes(announced)),
    )
    numbers = (n for segment in attributes.get(AttributeCode.AS_PATH, ()) for n in segment.as_numbers)
    return Sample(
        name=name,
        kind=2,
        message=encode_message(MessageType.UPDATE, value.encode(four_octet_as=four_octet_as)),
        four_octet_as=four_octet_as,
        announced=tuple(str(prefix.network) for prefix in value.all_announced),
        withdrawn=tuple(str(prefix.network) for prefix in value.all_withdrawn),
        as_numbers=tuple(n if four_octet_as or n <= 0xFFFF else 23456 for n in numbers),
        communities=tuple(str(item) for item in attributes.get(AttributeCode.COMMUNITIES, ())),
    )


def other(name: str, kind: MessageType, body: bytes) -> Sample:
    return Sample(name=name, kind=int(kind), message=encode_message(kind, body))


EXTERNAL: Final[Attributes] = {
    AttributeCode.ORIGIN: Origin.IGP,
    AttributeCode.AS_PATH: path(4200000000, 4200000000, 65000),
    AttributeCode.NEXT_HOP: b"\xc0\x00\x02\x0a",
}
INTERNAL: Final[Attributes] = {
    AttributeCode.ORIGIN: Origin.INCOMPLETE,
    AttributeCode.AS_PATH: (),
    AttributeCode.NEXT_HOP: b"\xc0\x00\x02\x0a",
    AttributeCode.LOCAL_PREF: 123456789,
}
EVERYTHING: Final[Attributes] = {
    **EXTERNAL,
    AttributeCode.MULTI_EXIT_DISC: 0,
    AttributeCode.COMMUNITIES: (
        Community("65000:100"),
        Community("no-export"),
        Community("graceful-shutdown"),
    ),
    AttributeCode.EXTENDED_COMMUNITIES: (
        ExtendedCommunity.parse("rt:65000:100"),
        ExtendedCommunity.parse("ro:192.0.2.1:7"),
        ExtendedCommunity.parse("rt:4200000000:9"),
    ),
    AttributeCode.LARGE_COMMUNITY: (LargeCommunity(4200000000, 1, 2),),
}
IPV6: Final[Attributes] = {
    AttributeCode.ORIGIN: Origin.EGP,
    AttributeCode.AS_PATH: path(65000),
    AttributeCode.MP_REACH_NLRI: MpReach(
        2, 1, GLOBAL, tuple(to_prefixes(["2001:db8::10", "2001:db8:1::/48"]))
    ),
}

SAMPLES: Final[tuple[Sample, ...]] = (
    opening("open without capabilities", 65000),
    opening(
        "open with capabilities",
        4200000000,
        Multiprotocol.of(Family.IPV4_UNICAST),
        Multiprotocol.of(Family.IPV6_UNICAST),
        RouteRefresh(),
        ExtendedMessage(),
        FourOctetAs(4200000000),
    ),
    opening("open with an unknown capability", 65000, UnknownCapability(240, b"abc")),
    Sample(name="keepalive", kind=4, message=KEEPALIVE),
    other("notification", MessageType.NOTIFICATION, Notification(ErrorCode.HOLD_TIMER_EXPIRED).encode()),
    other(
        "notification with data",
        MessageType.NOTIFICATION,
        Notification(ErrorCode.OPEN_MESSAGE, OpenError.UNSUPPORTED_VERSION_NUMBER, b"\0\4").encode(),
    ),
    other(
        "shutdown with a message",
        MessageType.NOTIFICATION,
        Notification.shutdown(CeaseError.ADMINISTRATIVE_SHUTDOWN, "back at 9").encode(),
    ),
    other("route refresh", MessageType.ROUTE_REFRESH, RouteRefreshMessage(2, 1).encode()),
    update("external", EXTERNAL, ("203.0.113.10", "198.51.100.0/25", "10.0.0.0/8", "0.0.0.0/0")),
    update("internal", INTERNAL, ("203.0.113.10",)),
    update("every attribute", EVERYTHING, ("203.0.113.10",)),
    update(
        "two-octet AS numbers",
        {**EXTERNAL, AttributeCode.AS4_PATH: EXTERNAL[AttributeCode.AS_PATH]},
        ("203.0.113.10",),
        four_octet_as=False,
    ),
    update("withdrawal", {}, (), ("203.0.113.10", "198.51.100.0/25", "0.0.0.0/0")),
    update("withdrawal and announcement", EXTERNAL, ("203.0.113.10",), ("203.0.113.11",)),
    update("ipv6", IPV6),
    update(
        "ipv6 with a link-local next hop",
        {
            **IPV6,
            AttributeCode.MP_REACH_NLRI: MpReach(2, 1, GLOBAL + LINK_LOCAL, (to_prefix("2001:db8::10"),)),
        },
    ),
    update(
        "ipv6 withdrawal",
        {
            AttributeCode.MP_UNREACH_NLRI: MpUnreach(
                2, 1, tuple(to_prefixes(["2001:db8::10", "2001:db8:1::/48"]))
            )
        },
    ),
    other("end-of-rib ipv4", MessageType.UPDATE, end_of_rib_body(Family.IPV4_UNICAST)),
    other("end-of-rib ipv6", MessageType.UPDATE, end_of_rib_body(Family.IPV6_UNICAST)),
    update(
        "extended length",
        {**EXTERNAL, AttributeCode.COMMUNITIES: tuple(Community(65000 << 16 | n) for n in range(250))},
        ("203.0.113.10",),
    ),
    update("full message", EXTERNAL, tuple(f"10.0.{n >> 8}.{n & 255}" for n in range(800))),
    update("longest path", {**EXTERNAL, AttributeCode.AS_PATH: path(*[4200000000] * 255)}, ("203.0.113.10",)),
)
