"""Capabilities: what each side of a session can do, one class and one table row each (RFC 5492).

A capability without a row is kept as `UnknownCapability` and encodes to the same bytes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

from rhi.model.prefix import Family
from rhi.wire.iana import CapabilityCode
from rhi.wire.reader import Reader


class Capability(Protocol):
    """One capability: its code and its value field."""

    @property
    def code(self) -> int:
        """Capability code."""

    def value(self) -> bytes:
        """The value field."""


@dataclass(frozen=True, slots=True)
class Multiprotocol:
    """Routes of one address family (RFC 4760 §8)."""

    afi: int
    safi: int
    code: ClassVar[int] = CapabilityCode.MULTIPROTOCOL

    @classmethod
    def of(cls, family: Family) -> "Multiprotocol":
        """The capability for `family`."""
        return cls(family.afi, family.safi)

    @classmethod
    def decode(cls, reader: Reader) -> "Multiprotocol":
        """From the value field; the reserved octet is ignored."""
        afi = reader.uint16()
        reader.uint8()
        return cls(afi, reader.uint8())

    def value(self) -> bytes:
        return self.afi.to_bytes(2, "big") + bytes((0, self.safi))


@dataclass(frozen=True, slots=True)
class RouteRefresh:
    """The sender answers ROUTE-REFRESH (RFC 2918 §2)."""

    code: ClassVar[int] = CapabilityCode.ROUTE_REFRESH

    @classmethod
    def decode(cls, reader: Reader) -> "RouteRefresh":
        """From an empty value field."""
        return cls()

    def value(self) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class ExtendedNextHop:
    """Next hops of another family than the route's are understood (RFC 8950 §4).

    Attributes:
        encodings: AFI and SAFI of the routes, AFI of the next hop.
    """

    encodings: tuple[tuple[int, int, int], ...]
    code: ClassVar[int] = CapabilityCode.EXTENDED_NEXT_HOP

    @classmethod
    def decode(cls, reader: Reader) -> "ExtendedNextHop":
        """From the value field."""
        encodings = []
        while reader.remaining:
            encodings.append((reader.uint16(), reader.uint16(), reader.uint16()))
        return cls(tuple(encodings))

    def value(self) -> bytes:
        return b"".join([number.to_bytes(2, "big") for encoding in self.encodings for number in encoding])


@dataclass(frozen=True, slots=True)
class ExtendedMessage:
    """Messages of up to 65,535 octets are understood (RFC 8654 §3)."""

    code: ClassVar[int] = CapabilityCode.EXTENDED_MESSAGE

    @classmethod
    def decode(cls, reader: Reader) -> "ExtendedMessage":
        """From an empty value field."""
        return cls()

    def value(self) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class FourOctetAs:
    """AS numbers of four octets, and the sender's own (RFC 6793 §3)."""

    as_number: int
    code: ClassVar[int] = CapabilityCode.FOUR_OCTET_AS

    @classmethod
    def decode(cls, reader: Reader) -> "FourOctetAs":
        """From the value field."""
        return cls(reader.uint32())

    def value(self) -> bytes:
        return self.as_number.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class EnhancedRouteRefresh:
    """The start and the end of the answer to a ROUTE-REFRESH are marked (RFC 7313 §3)."""

    code: ClassVar[int] = CapabilityCode.ENHANCED_ROUTE_REFRESH

    @classmethod
    def decode(cls, reader: Reader) -> "EnhancedRouteRefresh":
        """From an empty value field."""
        return cls()

    def value(self) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class GracefulRestart:
    """Routes may be kept while the sender restarts (RFC 4724 §3).

    Attributes:
        restart_time: seconds until the sender will be back, 0 to 4095.
        families: AFI, SAFI, and whether forwarding went on during the last restart (the F bit).
        is_restarting: the sender has just restarted (the R bit).
        keeps_on_notification: a NOTIFICATION or the hold timer keeps routes too (the N bit, RFC 8538 §2).
    """

    restart_time: int
    families: tuple[tuple[int, int, bool], ...] = ()
    is_restarting: bool = False
    keeps_on_notification: bool = False
    code: ClassVar[int] = CapabilityCode.GRACEFUL_RESTART

    @classmethod
    def decode(cls, reader: Reader) -> "GracefulRestart":
        """From the value field; reserved bits are ignored."""
        head = reader.uint16()
        families = []
        while reader.remaining:
            families.append((reader.uint16(), reader.uint8(), bool(reader.uint8() & 0x80)))
        return cls(head & 0xFFF, tuple(families), bool(head & 0x8000), bool(head & 0x4000))

    def value(self) -> bytes:
        head = self.restart_time | self.is_restarting << 15 | self.keeps_on_notification << 14
        parts = [head.to_bytes(2, "big")]
        parts += [afi.to_bytes(2, "big") + bytes((safi, kept << 7)) for afi, safi, kept in self.families]
        return b"".join(parts)


@dataclass(frozen=True, slots=True)
class LongLivedGracefulRestart:
    """Routes may be kept, as a last resort, for long after a restart has failed (RFC 9494 §3.1).

    Attributes:
        families: AFI, SAFI, whether forwarding went on (the F bit), and the stale time in seconds.
    """

    families: tuple[tuple[int, int, bool, int], ...]
    code: ClassVar[int] = CapabilityCode.LONG_LIVED_GRACEFUL_RESTART

    @classmethod
    def decode(cls, reader: Reader) -> "LongLivedGracefulRestart":
        """From the value field; reserved bits are ignored."""
        families = []
        while reader.remaining:
            afi, safi, flags = reader.uint16(), reader.uint8(), reader.uint8()
            families.append((afi, safi, bool(flags & 0x80), int.from_bytes(reader.take(3), "big")))
        return cls(tuple(families))

    def value(self) -> bytes:
        return b"".join(
            [
                afi.to_bytes(2, "big") + bytes((safi, kept << 7)) + stale_time.to_bytes(3, "big")
                for afi, safi, kept, stale_time in self.families
            ]
        )


@dataclass(frozen=True, slots=True)
class BgpRole:
    """What the sender is to its peer (RFC 9234 §4.1); the value is that of `model.parameters.Role`."""

    role: int
    code: ClassVar[int] = CapabilityCode.BGP_ROLE

    @classmethod
    def decode(cls, reader: Reader) -> "BgpRole":
        """From the value field."""
        return cls(reader.uint8())

    def value(self) -> bytes:
        return bytes((self.role,))


@dataclass(frozen=True, slots=True)
class UnknownCapability:
    """A capability rhi has no row for."""

    code: int
    packed: bytes

    def value(self) -> bytes:
        return self.packed


CAPABILITIES: Final[dict[int, Callable[[Reader], Capability]]] = {
    CapabilityCode.MULTIPROTOCOL: Multiprotocol.decode,
    CapabilityCode.ROUTE_REFRESH: RouteRefresh.decode,
    CapabilityCode.EXTENDED_NEXT_HOP: ExtendedNextHop.decode,
    CapabilityCode.EXTENDED_MESSAGE: ExtendedMessage.decode,
    CapabilityCode.BGP_ROLE: BgpRole.decode,
    CapabilityCode.GRACEFUL_RESTART: GracefulRestart.decode,
    CapabilityCode.FOUR_OCTET_AS: FourOctetAs.decode,
    CapabilityCode.ENHANCED_ROUTE_REFRESH: EnhancedRouteRefresh.decode,
    CapabilityCode.LONG_LIVED_GRACEFUL_RESTART: LongLivedGracefulRestart.decode,
}


def encode_capabilities(capabilities: Iterable[Capability]) -> bytes:
    """Code, length and value of each, as inside a Capabilities optional parameter (RFC 5492 §4)."""
    parts = []
    for capability in capabilities:
        value = capability.value()
        parts.append(bytes((capability.code, len(value))) + value)
    return b"".join(parts)


def decode_capabilities(reader: Reader) -> list[Capability]:
    """All capabilities of one optional parameter, in order.

    Raises:
        NotificationError: the reader's error, where lengths do not fit.
    """
    capabilities: list[Capability] = []
    while reader.remaining:
        code = reader.uint8()
        value = reader.block(reader.uint8())
        decode = CAPABILITIES.get(code)
        if decode is None:
            capabilities.append(UnknownCapability(code, value.rest()))
        else:
            capabilities.append(decode(value))
            value.finish()
    return capabilities
