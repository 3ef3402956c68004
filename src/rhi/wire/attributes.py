"""Path attributes: one table row each, with flags and codec (RFC 4271 §4.3 and §5).

An attribute list is a dict from code to value; `encode_attributes` writes it in ascending order of code, with
the extended length bit only where the value needs it. An attribute without a row is kept as `RawAttribute`.

Adding an attribute: a code in `iana`, a decode and an encode function here, and a row in `ATTRIBUTES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from rhi.errors import NotificationError
from rhi.model.attributes import Origin
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.parameters import AS_TRANS
from rhi.wire.iana import AttributeCode, AttributeFlag, ErrorCode, SegmentType, UpdateError
from rhi.wire.mp_nlri import MpReach, MpUnreach
from rhi.wire.reader import Reader

OPTIONAL: Final = int(AttributeFlag.OPTIONAL)
TRANSITIVE: Final = int(AttributeFlag.TRANSITIVE)
PARTIAL: Final = int(AttributeFlag.PARTIAL)
EXTENDED_LENGTH: Final = int(AttributeFlag.EXTENDED_LENGTH)


class RawAttribute(NamedTuple):
    """An attribute rhi has no row for, as it came."""

    flags: int
    value: bytes


class AsSegment(NamedTuple):
    """One segment of AS_PATH."""

    kind: int
    as_numbers: tuple[int, ...]


class Aggregator(NamedTuple):
    """AGGREGATOR and AS4_AGGREGATOR (RFC 4271 §5.1.7)."""

    as_number: int
    router_id: bytes


AsPath = tuple[AsSegment, ...]
Attributes = dict[int, Any]


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """What is fixed for one attribute code.

    Attributes:
        flags: the Optional and Transitive bits it must have.
        decode: value from a reader bounded to the attribute, or None to discard it; the flag tells whether AS
            numbers have four octets. The reader's error is that of a wrong length.
        encode: the inverse.
    """

    flags: int
    decode: Callable[[Reader, bool], Any]
    encode: Callable[[Any, bool], bytes]


def encode_attributes(attributes: Attributes, *, four_octet_as: bool) -> bytes:
    """The path attributes field, in ascending order of code (RFC 4271 §5)."""
    return b"".join(
        [encode_attribute(code, attributes[code], four_octet_as=four_octet_as) for code in sorted(attributes)]
    )


def encode_attribute(code: int, value: Any, *, four_octet_as: bool) -> bytes:
    """One attribute with its header."""
    if isinstance(value, RawAttribute):
        return attribute_header(code, value.flags & ~EXTENDED_LENGTH, len(value.value)) + value.value
    row = ATTRIBUTES[code]
    packed = row.encode(value, four_octet_as)
    return attribute_header(code, row.flags, len(packed)) + packed


def attribute_header(code: int, flags: int, length: int) -> bytes:
    """Flags, code and length of an attribute (RFC 4271 §4.3)."""
    if length > 0xFF:
        return bytes((flags | EXTENDED_LENGTH, code)) + length.to_bytes(2, "big")
    return bytes((flags, code, length))


def decode_attributes(reader: Reader, *, four_octet_as: bool) -> Attributes:
    """The path attributes field, checked one attribute at a time (RFC 4271 §6.3).

    Raises:
        NotificationError: UPDATE Message Error with the subcode and data the RFC gives.
    """
    attributes: Attributes = {}
    seen: set[int] = set()
    while reader.remaining:
        flags, code = reader.uint8(), reader.uint8()
        length_field = reader.take(2 if flags & EXTENDED_LENGTH else 1)
        value = reader.take(int.from_bytes(length_field, "big"))
        if code in seen:
            raise _malformed(UpdateError.MALFORMED_ATTRIBUTE_LIST, b"", f"attribute {code} appears twice")
        seen.add(code)
        whole = bytes((flags, code)) + length_field + value
        decoded = _decode_attribute(flags, code, value, whole, four_octet_as)
        if decoded is not None:
            attributes[code] = decoded
    return attributes


def _decode_attribute(flags: int, code: int, value: bytes, whole: bytes, four_octet_as: bool) -> Any:
    row = ATTRIBUTES.get(code)
    if row is None:
        if not flags & OPTIONAL:
            detail = f"attribute {code} is not known"
            raise _malformed(UpdateError.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, whole, detail)
        return RawAttribute(flags, value)
    # the Partial bit is no reason to refuse an attribute (RFC 7606 §3 c)
    if (flags ^ row.flags) & (OPTIONAL | TRANSITIVE):
        raise _malformed(UpdateError.ATTRIBUTE_FLAGS, whole, f"attribute {code} has flags {flags:#04x}")
    reader = Reader(value, ErrorCode.UPDATE_MESSAGE, UpdateError.ATTRIBUTE_LENGTH, whole)
    decoded = row.decode(reader, four_octet_as)
    reader.finish()
    return decoded


def _malformed(subcode: UpdateError, data: bytes, detail: str) -> NotificationError:
    return NotificationError(ErrorCode.UPDATE_MESSAGE, subcode, data, detail)


def _decode_origin(reader: Reader, _: bool) -> Origin:
    value = reader.uint8()
    if value > Origin.INCOMPLETE:
        raise _malformed(UpdateError.INVALID_ORIGIN, reader.error_data, f"ORIGIN {value}")
    return Origin(value)


def _decode_as_path(reader: Reader, four_octet_as: bool) -> AsPath:
    size = 4 if four_octet_as else 2
    segments = []
    path = Reader(reader.rest(), ErrorCode.UPDATE_MESSAGE, UpdateError.MALFORMED_AS_PATH)
    while path.remaining:
        kind, count = path.uint8(), path.uint8()
        if not SegmentType.AS_SET <= kind <= SegmentType.AS_CONFED_SET or count == 0:
            raise path.fail(f"AS_PATH segment of type {kind} with {count} AS numbers")
        packed = path.take(count * size)
        numbers = tuple(int.from_bytes(packed[i : i + size], "big") for i in range(0, len(packed), size))
        segments.append(AsSegment(kind, numbers))
    return tuple(segments)


def _encode_as_path(path: AsPath, four_octet_as: bool) -> bytes:
    # an AS number that two octets cannot hold is written as AS_TRANS there (RFC 6793 §4.2.2)
    size, highest = (4, 0xFFFFFFFF) if four_octet_as else (2, 0xFFFF)
    parts = []
    for segment in path:
        parts.append(bytes((segment.kind, len(segment.as_numbers))))
        parts += [(n if n <= highest else AS_TRANS).to_bytes(size, "big") for n in segment.as_numbers]
    return b"".join(parts)


def _decode_next_hop(reader: Reader, _: bool) -> bytes:
    value = reader.take(4)
    # not an IP host address: unspecified, or multicast and above (RFC 4271 §6.3)
    if value == b"\0\0\0\0" or value[0] >= 224:
        detail = f"NEXT_HOP {'.'.join(map(str, value))} is not a host address"
        raise _malformed(UpdateError.INVALID_NEXT_HOP, reader.error_data, detail)
    return value


def _decode_aggregator(reader: Reader, four_octet_as: bool) -> Aggregator:
    return Aggregator(reader.uint32() if four_octet_as else reader.uint16(), reader.take(4))


def _encode_aggregator(value: Aggregator, four_octet_as: bool) -> bytes:
    if four_octet_as:
        return value.as_number.to_bytes(4, "big") + value.router_id
    return (value.as_number if value.as_number <= 0xFFFF else AS_TRANS).to_bytes(2, "big") + value.router_id


def _records(reader: Reader, size: int) -> list[bytes]:
    """The reader's bytes cut into records; an incomplete or missing record is the length error."""
    packed = reader.rest()
    if not packed or len(packed) % size:
        raise reader.fail(f"{len(packed)} octets are no multiple of {size}")
    return [packed[i : i + size] for i in range(0, len(packed), size)]


def _decode_communities(reader: Reader, _: bool) -> tuple[Community, ...]:
    return tuple(Community(int.from_bytes(record, "big")) for record in _records(reader, 4))


def _decode_extended(reader: Reader, _: bool) -> tuple[ExtendedCommunity, ...]:
    return tuple(ExtendedCommunity(record) for record in _records(reader, 8))


def _decode_large(reader: Reader, _: bool) -> tuple[LargeCommunity, ...]:
    def number(record: bytes, at: int) -> int:
        return int.from_bytes(record[at : at + 4], "big")

    return tuple(LargeCommunity(number(r, 0), number(r, 4), number(r, 8)) for r in _records(reader, 12))


def _optional(decode: Callable[[Reader], Any]) -> Callable[[Reader, bool], Any]:
    """A decoder of an optional attribute whose faults are Optional Attribute Errors (RFC 4271 §6.3)."""

    def decode_optional(reader: Reader, _: bool) -> Any:
        try:
            return decode(reader)
        except NotificationError as error:
            raise _malformed(UpdateError.OPTIONAL_ATTRIBUTE, error.data, error.detail) from None

    return decode_optional


def _from_old_speaker(decode: Callable[[Reader], Any]) -> Callable[[Reader, bool], Any]:
    """A decoder of what speakers of two-octet AS numbers send.

    From others it is discarded, and so is what is malformed (RFC 6793 §6).
    """

    def decode_or_discard(reader: Reader, four_octet_as: bool) -> Any:
        packed = reader.rest()
        if four_octet_as:
            return None
        try:
            value = Reader(packed, ErrorCode.UPDATE_MESSAGE, UpdateError.OPTIONAL_ATTRIBUTE)
            decoded = decode(value)
            value.finish()
        except NotificationError:
            return None
        return decoded

    return decode_or_discard


def _decode_as4_path(reader: Reader) -> AsPath | None:
    path = _decode_as_path(reader, True)
    # segments of a confederation are dropped, and what is left empty is malformed (RFC 6793 §6)
    return tuple(segment for segment in path if segment.kind <= SegmentType.AS_SEQUENCE) or None


def _uint32(value: int, _: bool) -> bytes:
    return value.to_bytes(4, "big")


def _as_is(value: bytes, _: bool) -> bytes:
    return value


def _joined(values: tuple[bytes, ...], _: bool) -> bytes:
    return b"".join(values)


ATTRIBUTES: Final[dict[int, AttributeRow]] = {
    AttributeCode.ORIGIN: AttributeRow(TRANSITIVE, _decode_origin, lambda value, _: bytes((value,))),
    AttributeCode.AS_PATH: AttributeRow(TRANSITIVE, _decode_as_path, _encode_as_path),
    AttributeCode.NEXT_HOP: AttributeRow(TRANSITIVE, _decode_next_hop, _as_is),
    AttributeCode.MULTI_EXIT_DISC: AttributeRow(OPTIONAL, lambda reader, _: reader.uint32(), _uint32),
    AttributeCode.LOCAL_PREF: AttributeRow(TRANSITIVE, lambda reader, _: reader.uint32(), _uint32),
    AttributeCode.ATOMIC_AGGREGATE: AttributeRow(TRANSITIVE, lambda reader, _: True, lambda value, _: b""),
    AttributeCode.AGGREGATOR: AttributeRow(OPTIONAL | TRANSITIVE, _decode_aggregator, _encode_aggregator),
    AttributeCode.COMMUNITIES: AttributeRow(
        OPTIONAL | TRANSITIVE,
        _decode_communities,
        lambda values, _: b"".join([value.to_bytes(4, "big") for value in values]),
    ),
    AttributeCode.ORIGINATOR_ID: AttributeRow(OPTIONAL, lambda reader, _: reader.take(4), _as_is),
    AttributeCode.CLUSTER_LIST: AttributeRow(OPTIONAL, lambda reader, _: tuple(_records(reader, 4)), _joined),
    AttributeCode.MP_REACH_NLRI: AttributeRow(
        OPTIONAL, _optional(MpReach.decode), lambda value, _: value.encode()
    ),
    AttributeCode.MP_UNREACH_NLRI: AttributeRow(
        OPTIONAL, _optional(MpUnreach.decode), lambda value, _: value.encode()
    ),
    AttributeCode.EXTENDED_COMMUNITIES: AttributeRow(
        OPTIONAL | TRANSITIVE,
        _decode_extended,
        lambda values, _: b"".join([value.packed for value in values]),
    ),
    AttributeCode.AS4_PATH: AttributeRow(
        OPTIONAL | TRANSITIVE,
        _from_old_speaker(_decode_as4_path),
        lambda path, _: _encode_as_path(path, True),
    ),
    AttributeCode.AS4_AGGREGATOR: AttributeRow(
        OPTIONAL | TRANSITIVE,
        _from_old_speaker(lambda reader: _decode_aggregator(reader, True)),
        lambda value, _: _encode_aggregator(value, True),
    ),
    AttributeCode.ONLY_TO_CUSTOMER: AttributeRow(
        OPTIONAL | TRANSITIVE, lambda reader, _: reader.uint32(), _uint32
    ),
    AttributeCode.LARGE_COMMUNITY: AttributeRow(
        OPTIONAL | TRANSITIVE, _decode_large, lambda values, _: b"".join([value.pack() for value in values])
    ),
}
