"""MP_REACH_NLRI and MP_UNREACH_NLRI: routes of any family inside an attribute (RFC 4760 §3 and §4).

MP_REACH_NLRI                    MP_UNREACH_NLRI
AFI (2)  SAFI (1)                AFI (2)  SAFI (1)
next hop length (1), next hop    withdrawn NLRI
reserved (1)
NLRI
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rhi.model.prefix import FAMILY_OF_CODES, Prefix
from rhi.wire.prefix import Prefixes, encode_prefixes
from rhi.wire.reader import Reader


@dataclass(frozen=True, slots=True)
class MpReach:
    """Routes announced with their next hop.

    `next_hop` is as on the wire: 4 or 16 bytes, or 32 with a link-local address behind the global one (RFC
    2545 §3). Routes of a family unknown to rhi are not decoded: `prefixes` is empty.
    """

    afi: int
    safi: int
    next_hop: bytes
    prefixes: Sequence[Prefix]

    def encode(self) -> bytes:
        """The attribute's value."""
        return (
            self.afi.to_bytes(2, "big")
            + bytes((self.safi, len(self.next_hop)))
            + self.next_hop
            + b"\0"
            + encode_prefixes(self.prefixes)
        )

    @classmethod
    def decode(cls, reader: Reader) -> "MpReach":
        """Raises the reader's NotificationError when fields do not fit."""
        afi, safi = reader.uint16(), reader.uint8()
        next_hop = reader.take(reader.uint8())
        reader.uint8()  # reserved, ignored on receipt
        family = FAMILY_OF_CODES.get((afi, safi))
        if family is None:
            reader.rest()
            return cls(afi, safi, next_hop, ())
        if len(next_hop) not in (family.size, 16, 32):
            raise reader.fail(f"next hop of {len(next_hop)} octets")
        return cls(afi, safi, next_hop, Prefixes.decode(reader, family))


@dataclass(frozen=True, slots=True)
class MpUnreach:
    """Routes withdrawn; none of them is the End-of-RIB of this family (RFC 4724 §2)."""

    afi: int
    safi: int
    prefixes: Sequence[Prefix]
    is_empty: bool = False

    def encode(self) -> bytes:
        """The attribute's value."""
        return self.afi.to_bytes(2, "big") + bytes((self.safi,)) + encode_prefixes(self.prefixes)

    @classmethod
    def decode(cls, reader: Reader) -> "MpUnreach":
        """Raises the reader's NotificationError when fields do not fit."""
        afi, safi = reader.uint16(), reader.uint8()
        family = FAMILY_OF_CODES.get((afi, safi))
        is_empty = reader.remaining == 0
        if family is None:
            reader.rest()
            return cls(afi, safi, (), is_empty)
        return cls(afi, safi, Prefixes.decode(reader, family), is_empty)
