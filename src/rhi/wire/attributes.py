"""Path attributes: one table row each: flags, codec, treatment of errors (RFC 4271 §4.3, RFC 7606 §7).

An attribute list is a dict from code to value; `encode_attributes` writes it in ascending order of code, with
the extended length bit only where the value needs it. An attribute without a row is kept as `RawAttribute`;
one with a fault is left out.

Adding an attribute: a code in `iana`, a decode and an encode function here, and a row in `ATTRIBUTES`.
"""

import enum
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from rhi.errors import NotificationError
from rhi.model.attributes import Origin
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.parameters import AS_TRANS
from rhi.wire.faults import Fault, Faults, Treatment
from rhi.wire.iana import AttributeCode, AttributeFlag, ErrorCode, SegmentType, UpdateError
from rhi.wire.mp_nlri import MpReach, MpUnreach
from rhi.wire.reader import Reader

OPTIONAL: Final = int(AttributeFlag.OPTIONAL)
TRANSITIVE: Final = int(AttributeFlag.TRANSITIVE)
PARTIAL: Final = int(AttributeFlag.PARTIAL)
EXTENDED_LENGTH: Final = int(AttributeFlag.EXTENDED_LENGTH)

DISCARD: Final = Treatment.ATTRIBUTE_DISCARD
WITHDRAW: Final = Treatment.TREAT_AS_WITHDRAW
RESET: Final = Treatment.SESSION_RESET

# Attributes up to this size that were seen lately are not decoded again: most UPDATEs differ in few of them.
REMEMBERED_BYTES: Final = 64
REMEMBERED_VALUES: Final = 1024


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


class Sender(enum.Enum):
    """Who may send an attribute; from others it is discarded."""

    ANY = "any peer"
    INTERNAL = "internal peers only"
    OLD = "peers with two-octet AS numbers only"


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """What is fixed for one attribute code.

    Attributes:
        flags: the Optional and Transitive bits it must have.
        decode: value from a reader bounded to the attribute; the flag tells whether AS numbers have four
            octets. The reader's error is that of a wrong length.
        encode: the inverse.
        malformed: what is done when `decode` fails (RFC 7606 §7).
        sender: who may send it.
    """

    flags: int
    decode: Callable[[Reader, bool], Any]
    encode: Callable[[Any, bool], bytes]
    malformed: Treatment = WITHDRAW
    sender: Sender = Sender.ANY


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


def decode_attributes(data: bytes, *, four_octet_as: bool, internal: bool) -> tuple[Attributes, Faults]:
    """The path attributes field: the values that are sound, and what is wrong with others (RFC 7606 §3, §4).

    Args:
        data: the field, without its length.
        four_octet_as: AS numbers have four octets, as both sides have agreed.
        internal: the peer is in our AS.

    Raises:
        NotificationError: UPDATE Message Error, for a fault that ends the session.
    """
    # hot: bench/receive.py
    at, end = 0, len(data)
    attributes: Attributes = {}
    faults = Faults()
    seen: set[int] = set()
    while at < end:
        value_at = at + (4 if data[at] & EXTENDED_LENGTH else 3)
        stop = value_at + int.from_bytes(data[at + 2 : value_at], "big")
        if value_at > end or stop > end:
            # the end of the list is known all the same (RFC 7606 §4)
            faults.note(_overrun(data[at + 1 : at + 2]))
            break
        code, whole = data[at + 1], data[at:stop]
        at = stop
        if code in seen:
            faults.note(_repeated(code))
            continue
        seen.add(code)
        read = _read_short if len(whole) <= REMEMBERED_BYTES else _read_attribute
        found = read(whole, four_octet_as, internal)
        if isinstance(found, Fault):
            faults.note(found)
            if code in _WITH_ROUTES:
                # all that is wrong with it is its flags
                attributes[code] = _read_value(whole, four_octet_as)
        else:
            attributes[code] = found
    return attributes, faults


def _read_attribute(whole: bytes, four_octet_as: bool, internal: bool) -> Any:
    """The value of an attribute given with its header, or its Fault."""
    flags, code = whole[0], whole[1]
    row = ATTRIBUTES.get(code)
    if row is None:
        if flags & OPTIONAL:
            return RawAttribute(flags, _value_of(whole))
        detail = f"attribute {code} is not known"
        return Fault(code, RESET, UpdateError.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, whole, detail)
    if (row.sender is Sender.INTERNAL and not internal) or (row.sender is Sender.OLD and four_octet_as):
        detail = f"{_name(code)} is for {row.sender.value}"
        return Fault(code, DISCARD, UpdateError.OPTIONAL_ATTRIBUTE, whole, detail)
    # the Partial bit is no reason to refuse an attribute (RFC 7606 §3 c)
    if (flags ^ row.flags) & (OPTIONAL | TRANSITIVE):
        detail = f"{_name(code)} has flags {flags:#04x}"
        has_lost_routes = code in _WITH_ROUTES and isinstance(_read_value(whole, four_octet_as), Fault)
        treatment = RESET if has_lost_routes else WITHDRAW  # RFC 7606 §3 c, j
        return Fault(code, treatment, UpdateError.ATTRIBUTE_FLAGS, whole, detail)
    return _read_value(whole, four_octet_as)


def _read_value(whole: bytes, four_octet_as: bool) -> Any:
    """The same of a known attribute, whatever its flags and its sender."""
    code = whole[1]
    row = ATTRIBUTES[code]
    reader = Reader(_value_of(whole), ErrorCode.UPDATE_MESSAGE, UpdateError.ATTRIBUTE_LENGTH, whole)
    try:
        decoded = row.decode(reader, four_octet_as)
        reader.finish()
    except NotificationError as error:
        return Fault(code, row.malformed, error.subcode, error.data, f"{_name(code)}: {error.detail}")
    return decoded


def _value_of(whole: bytes) -> bytes:
    return whole[4 if whole[0] & EXTENDED_LENGTH else 3 :]


_read_short = lru_cache(maxsize=REMEMBERED_VALUES)(_read_attribute)


def _overrun(code: bytes) -> Fault:
    """An attribute that is longer than the list; `code` is empty where not even that is there."""
    treatment = RESET if code and code[0] in _WITH_ROUTES else WITHDRAW
    number = code[0] if code else 0
    detail = f"{_name(number) if code else 'an attribute'} runs over the end of the list"
    return Fault(number, treatment, UpdateError.MALFORMED_ATTRIBUTE_LIST, b"", detail)


def _repeated(code: int) -> Fault:
    """An attribute that has been there already: the first one counts (RFC 7606 §3 g)."""
    treatment = RESET if code in _WITH_ROUTES else DISCARD
    detail = f"{_name(code)} appears twice"
    return Fault(code, treatment, UpdateError.MALFORMED_ATTRIBUTE_LIST, b"", detail)


def _name(code: int) -> str:
    return AttributeCode(code).name if code in ATTRIBUTES else f"attribute {code}"


def _malformed(subcode: UpdateError, data: bytes, detail: str) -> NotificationError:
    return NotificationError(ErrorCode.UPDATE_MESSAGE, subcode, data, detail)


def _decode_origin(reader: Reader, _: bool) -> Origin:
    value = reader.uint8()
    if value > Origin.INCOMPLETE:
        raise _malformed(UpdateError.INVALID_ORIGIN, reader.error_data, f"{value} is not defined")
    return Origin(value)


def _decode_as_path(reader: Reader, four_octet_as: bool) -> AsPath:
    size = 4 if four_octet_as else 2
    segments = []
    path = Reader(reader.rest(), ErrorCode.UPDATE_MESSAGE, UpdateError.MALFORMED_AS_PATH)
    while path.remaining:
        kind, count = path.uint8(), path.uint8()
        if not SegmentType.AS_SET <= kind <= SegmentType.AS_CONFED_SET or count == 0:
            raise path.fail(f"segment of type {kind} with {count} AS numbers")
        numbers = struct.unpack(f">{count}{'I' if size == 4 else 'H'}", path.take(count * size))
        if 0 in numbers:
            raise path.fail("AS 0 is in it")  # RFC 7607 §2
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
        detail = f"{'.'.join(map(str, value))} is not a host address"
        raise _malformed(UpdateError.INVALID_NEXT_HOP, reader.error_data, detail)
    return value


def _decode_aggregator(reader: Reader, four_octet_as: bool) -> Aggregator:
    number, router_id = reader.uint32() if four_octet_as else reader.uint16(), reader.take(4)
    if number == 0:
        raise reader.fail("AS 0 is in it")  # RFC 7607 §2
    return Aggregator(number, router_id)


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


def _decode_as4_path(reader: Reader, _: bool) -> AsPath:
    path = _decode_as_path(reader, True)
    # segments of a confederation are dropped, and what is left empty is malformed (RFC 6793 §6)
    path = tuple(segment for segment in path if segment.kind <= SegmentType.AS_SEQUENCE)
    if not path:
        raise reader.fail("has no segments")
    return path


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
    AttributeCode.LOCAL_PREF: AttributeRow(
        TRANSITIVE, lambda reader, _: reader.uint32(), _uint32, sender=Sender.INTERNAL
    ),
    AttributeCode.ATOMIC_AGGREGATE: AttributeRow(
        TRANSITIVE, lambda reader, _: True, lambda value, _: b"", malformed=DISCARD
    ),
    AttributeCode.AGGREGATOR: AttributeRow(
        OPTIONAL | TRANSITIVE, _decode_aggregator, _encode_aggregator, malformed=DISCARD
    ),
    AttributeCode.COMMUNITIES: AttributeRow(
        OPTIONAL | TRANSITIVE,
        _decode_communities,
        lambda values, _: b"".join([value.to_bytes(4, "big") for value in values]),
    ),
    AttributeCode.ORIGINATOR_ID: AttributeRow(
        OPTIONAL, lambda reader, _: reader.take(4), _as_is, sender=Sender.INTERNAL
    ),
    AttributeCode.CLUSTER_LIST: AttributeRow(
        OPTIONAL, lambda reader, _: tuple(_records(reader, 4)), _joined, sender=Sender.INTERNAL
    ),
    AttributeCode.MP_REACH_NLRI: AttributeRow(
        OPTIONAL,
        _optional(MpReach.decode),
        lambda value, _: value.encode(),
        malformed=RESET,
    ),
    AttributeCode.MP_UNREACH_NLRI: AttributeRow(
        OPTIONAL,
        _optional(MpUnreach.decode),
        lambda value, _: value.encode(),
        malformed=RESET,
    ),
    AttributeCode.EXTENDED_COMMUNITIES: AttributeRow(
        OPTIONAL | TRANSITIVE,
        _decode_extended,
        lambda values, _: b"".join([value.packed for value in values]),
    ),
    AttributeCode.AS4_PATH: AttributeRow(
        OPTIONAL | TRANSITIVE,
        _decode_as4_path,
        lambda path, _: _encode_as_path(path, True),
        malformed=DISCARD,
        sender=Sender.OLD,
    ),
    AttributeCode.AS4_AGGREGATOR: AttributeRow(
        OPTIONAL | TRANSITIVE,
        lambda reader, _: _decode_aggregator(reader, True),
        lambda value, _: _encode_aggregator(value, True),
        malformed=DISCARD,
        sender=Sender.OLD,
    ),
    AttributeCode.ONLY_TO_CUSTOMER: AttributeRow(
        OPTIONAL | TRANSITIVE, lambda reader, _: reader.uint32(), _uint32
    ),
    AttributeCode.LARGE_COMMUNITY: AttributeRow(
        OPTIONAL | TRANSITIVE, _decode_large, lambda values, _: b"".join([value.pack() for value in values])
    ),
}
# Their routes have to be found for any treatment but a session reset (RFC 7606 §3 j and §5.3).
_WITH_ROUTES: Final = (AttributeCode.MP_REACH_NLRI, AttributeCode.MP_UNREACH_NLRI)
