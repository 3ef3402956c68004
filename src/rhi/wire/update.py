"""UPDATE: routes withdrawn, path attributes, routes announced (RFC 4271 §4.3).

    withdrawn length (2), withdrawn NLRI    attributes length (2), attributes    NLRI

The messages rhi sends are put together in `core.adj_rib_out` from parts that are encoded here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rhi.errors import NotificationError
from rhi.model.prefix import FAMILY_OF_CODES, Family, Prefix
from rhi.wire.attributes import OPTIONAL, Attributes, attribute_header, decode_attributes, encode_attributes
from rhi.wire.iana import AttributeCode, ErrorCode, SegmentType, UpdateError
from rhi.wire.mp_nlri import MpReach, MpUnreach
from rhi.wire.prefix import Prefixes, encode_prefixes
from rhi.wire.reader import Reader

_MANDATORY: Final = (AttributeCode.ORIGIN, AttributeCode.AS_PATH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """An UPDATE message.

    Attributes:
        withdrawn, announced: IPv4 routes in the fields of RFC 4271; others are in MP attributes.
        attributes: value by attribute code.
    """

    withdrawn: Sequence[Prefix] = ()
    attributes: Attributes = field(default_factory=dict, hash=False)
    announced: Sequence[Prefix] = ()

    def encode(self, *, four_octet_as: bool) -> bytes:
        """The message body."""
        withdrawn = encode_prefixes(self.withdrawn)
        attributes = encode_attributes(self.attributes, four_octet_as=four_octet_as)
        return update_body(withdrawn, attributes, encode_prefixes(self.announced))

    @classmethod
    def decode(cls, body: bytes, *, four_octet_as: bool, internal: bool) -> "Update":
        """From a message body of at least four bytes.

        Args:
            four_octet_as: whether both sides have agreed on AS numbers of four octets.
            internal: whether the peer is in our AS; LOCAL_PREF is mandatory then.

        Raises:
            NotificationError: UPDATE Message Error with its subcode and data (RFC 4271 §6.3).
        """
        reader = Reader(body, ErrorCode.UPDATE_MESSAGE, UpdateError.MALFORMED_ATTRIBUTE_LIST)
        withdrawn_field = reader.take(reader.uint16())
        attributes_field = reader.block(reader.uint16())
        attributes = decode_attributes(attributes_field, four_octet_as=four_octet_as)
        announced_field = reader.rest()
        if not internal:
            _check_confederation(attributes)
        _check_mandatory(attributes, bool(announced_field), internal)
        return cls(
            withdrawn=_decode_ipv4(withdrawn_field),
            attributes=attributes,
            announced=_decode_ipv4(announced_field),
        )

    @property
    def end_of_rib(self) -> Family | None:
        """The family this message is the End-of-RIB of, or None (RFC 4724 §2)."""
        if not (self.withdrawn or self.attributes or self.announced):
            return Family.IPV4_UNICAST
        unreach = self.attributes.get(AttributeCode.MP_UNREACH_NLRI)
        if len(self.attributes) == 1 and unreach is not None and unreach.is_empty:
            return FAMILY_OF_CODES.get((unreach.afi, unreach.safi))
        return None

    @property
    def announced_count(self) -> int:
        """How many routes are announced, of all families; no object is made for it."""
        reach: MpReach | None = self.attributes.get(AttributeCode.MP_REACH_NLRI)
        return len(self.announced) + (0 if reach is None else len(reach.prefixes))

    @property
    def all_announced(self) -> tuple[Prefix, ...]:
        """Routes announced, of all families."""
        reach: MpReach | None = self.attributes.get(AttributeCode.MP_REACH_NLRI)
        return (*self.announced, *(() if reach is None else reach.prefixes))

    @property
    def all_withdrawn(self) -> tuple[Prefix, ...]:
        """Routes withdrawn, of all families."""
        unreach: MpUnreach | None = self.attributes.get(AttributeCode.MP_UNREACH_NLRI)
        return (*self.withdrawn, *(() if unreach is None else unreach.prefixes))


def update_body(withdrawn: bytes, attributes: bytes, announced: bytes) -> bytes:
    """An UPDATE's body from its three encoded fields."""
    return (
        len(withdrawn).to_bytes(2, "big")
        + withdrawn
        + len(attributes).to_bytes(2, "big")
        + attributes
        + announced
    )


def end_of_rib_body(family: Family) -> bytes:
    """The body of the End-of-RIB marker (RFC 4724 §2)."""
    if family is Family.IPV4_UNICAST:
        return update_body(b"", b"", b"")
    value = MpUnreach(family.afi, family.safi, ()).encode()
    return update_body(
        b"", attribute_header(AttributeCode.MP_UNREACH_NLRI, OPTIONAL, len(value)) + value, b""
    )


def _decode_ipv4(packed: bytes) -> Prefixes:
    reader = Reader(packed, ErrorCode.UPDATE_MESSAGE, UpdateError.INVALID_NETWORK_FIELD)
    return Prefixes.decode(reader, Family.IPV4_UNICAST)


def _check_confederation(attributes: Attributes) -> None:
    """A peer outside of our AS is in no confederation with us (RFC 5065 §5)."""
    for segment in attributes.get(AttributeCode.AS_PATH, ()):
        if segment.kind > SegmentType.AS_SEQUENCE:
            raise NotificationError(
                ErrorCode.UPDATE_MESSAGE,
                UpdateError.MALFORMED_AS_PATH,
                detail="AS_PATH has a confederation segment",
            )


def _check_mandatory(attributes: Attributes, announces_ipv4: bool, internal: bool) -> None:
    """Well-known mandatory attributes must be there when routes are announced (RFC 4271 §5, RFC 4760 §3)."""
    if not announces_ipv4 and AttributeCode.MP_REACH_NLRI not in attributes:
        return
    required = list(_MANDATORY)
    if announces_ipv4:
        required.append(AttributeCode.NEXT_HOP)
    if internal:
        required.append(AttributeCode.LOCAL_PREF)
    for code in required:
        if code not in attributes:
            raise NotificationError(
                ErrorCode.UPDATE_MESSAGE,
                UpdateError.MISSING_WELL_KNOWN_ATTRIBUTE,
                bytes((code,)),
                f"{code.name} is missing",
            )
