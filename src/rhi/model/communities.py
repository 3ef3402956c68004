"""Communities: standard (RFC 1997), large (RFC 8092) and extended (RFC 4360), between text and bytes.

All three are immutable values that compare and hash by content and print the way routers print them. None of
them knows attributes or messages.
"""

import re
import struct
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Final, NamedTuple, Self

from rhi.errors import InvalidValueError
from rhi.model.wording import shown

# IANA "BGP Well-known Communities", by the names that routers use for them.
WELL_KNOWN: Final[dict[str, int]] = {
    "graceful-shutdown": 0xFFFF0000,  # RFC 8326
    "accept-own": 0xFFFF0001,  # RFC 7611
    "llgr-stale": 0xFFFF0006,  # RFC 9494
    "no-llgr": 0xFFFF0007,  # RFC 9494
    "blackhole": 0xFFFF029A,  # RFC 7999
    "no-export": 0xFFFFFF01,  # RFC 1997
    "no-advertise": 0xFFFFFF02,  # RFC 1997
    "no-export-subconfed": 0xFFFFFF03,  # RFC 1997
    "no-peer": 0xFFFFFF04,  # RFC 3765
}
_NAMES = {value: name for name, value in WELL_KNOWN.items()}
_ALIASES = {"gshut": "graceful-shutdown", "local-as": "no-export-subconfed", "nopeer": "no-peer"}


class Community(int):
    """A standard community: 32 bits, written `asn:value` or by its well-known name (RFC 1997)."""

    __slots__ = ()

    def __new__(cls, value: int | str) -> Self:
        """From the 32-bit number, `"65000:100"` or a well-known name such as `"no-export"`.

        Raises:
            InvalidValueError: none of these.
        """
        if isinstance(value, str):
            value = _parse_community(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0xFFFFFFFF:
            raise InvalidValueError(
                f"community {shown(value)}: must be 0 to 4294967295, or text such as 65000:100"
            )
        return super().__new__(cls, value)

    @property
    def well_known_name(self) -> str | None:
        """The name registered for this value, such as `no-export`; None for all others."""
        return _NAMES.get(self)

    def __str__(self) -> str:
        return f"{self >> 16}:{self & 0xFFFF}"

    def __repr__(self) -> str:
        return f"Community({str(self)!r})"


GRACEFUL_SHUTDOWN: Final = Community(WELL_KNOWN["graceful-shutdown"])


def _parse_community(text: str) -> int:
    name = text.strip().lower().replace("_", "-")
    name = _ALIASES.get(name, name)
    if name in WELL_KNOWN:
        return WELL_KNOWN[name]
    numbers = _numbers(text, 2, 0xFFFF)
    if numbers is None:
        raise InvalidValueError(
            f"community {shown(text)}: write two numbers from 0 to 65535, such as 65000:100, "
            f"or one of {', '.join(sorted(WELL_KNOWN))}"
        )
    return numbers[0] << 16 | numbers[1]


def _numbers(text: str, count: int, highest: int) -> list[int] | None:
    """The decimal numbers of `a:b:...`, or None when there are not `count` of them up to `highest`."""
    parts = text.strip().split(":")
    if len(parts) != count or not all(re.fullmatch(r"[0-9]{1,10}", part) for part in parts):
        return None
    numbers = [int(part) for part in parts]
    return numbers if max(numbers) <= highest else None


class _LargeFields(NamedTuple):
    global_administrator: int
    local_data_1: int
    local_data_2: int


class LargeCommunity(_LargeFields):
    """A large community: three 32-bit numbers, written `asn:data1:data2` (RFC 8092)."""

    __slots__ = ()

    def __new__(
        cls, global_administrator: int, local_data_1: int | None = None, local_data_2: int | None = None
    ) -> Self:
        """From all three numbers; text is for `parse`.

        Raises:
            InvalidValueError: not three numbers from 0 to 4294967295.
        """
        numbers = (global_administrator, local_data_1, local_data_2)
        if not all(_is_uint32(number) for number in numbers):
            given = numbers if local_data_1 is not None else global_administrator
            raise InvalidValueError(
                f"large community {shown(given)}: give three numbers from 0 to 4294967295; text is for parse"
            )
        return super().__new__(cls, *numbers)  # type: ignore[arg-type]  # no None is left

    @classmethod
    def parse(cls, value: "str | tuple[int, int, int] | LargeCommunity") -> "LargeCommunity":
        """From `"65000:1:2"` or three numbers.

        Raises:
            InvalidValueError: not three numbers from 0 to 4294967295.
        """
        numbers: object = _numbers(value, 3, 0xFFFFFFFF) if isinstance(value, str) else value
        # of other types, bytes and dicts among them, three items would pass for three numbers
        if (
            not isinstance(numbers, tuple | list)
            or len(numbers) != 3
            or not all(_is_uint32(number) for number in numbers)
        ):
            raise InvalidValueError(
                f"large community {shown(value)}: write three numbers from 0 to 4294967295, such as 65000:1:2"
            )
        return cls(*numbers)

    def pack(self) -> bytes:
        """The twelve bytes of RFC 8092 §3."""
        return b"".join(number.to_bytes(4, "big") for number in self)

    def __str__(self) -> str:
        return ":".join(map(str, self))


def _is_uint32(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= 0xFFFFFFFF


# Sub-types of the transitive AS-specific and IPv4-specific types (RFC 4360 §4 and §5, RFC 5668 §2).
_SUBTYPES = {"rt": 0x02, "ro": 0x03}
_SUBTYPE_NAMES = {code: name for name, code in _SUBTYPES.items()}
_TWO_OCTET_AS, _IPV4_ADDRESS, _FOUR_OCTET_AS = 0x00, 0x01, 0x02

# Link bandwidth (draft-ietf-idr-link-bandwidth): an AS number of two octets, then bytes per second as an IEEE
# 754 single. Bit 0x40 says that it is not to leave the AS (RFC 4360 §2).
_LINK_BANDWIDTHS = {"lb": b"\x40\x04", "lb-transitive": b"\x00\x04"}
_LINK_BANDWIDTH_NAMES = {code: name for name, code in _LINK_BANDWIDTHS.items()}
_AS_TRANS = 23456  # RFC 6793 §9
# Digits that tell any two singles apart.
_SINGLE_DIGITS = 9


class _ExtendedFields(NamedTuple):
    packed: bytes


class ExtendedCommunity(_ExtendedFields):
    """An extended community: eight bytes (RFC 4360).

    Written `rt:65000:100` (route target) or `ro:192.0.2.1:7` (route origin, also `soo`), with a 2-octet or
    4-octet AS number or an IPv4 address; `lb:65000:125000000` is a link bandwidth in bytes per second, to
    the nearest value that a 32-bit float can hold, and `lb-transitive:65000:125000000` one that may leave the
    AS. These have room for two octets of the AS number: a larger one becomes 23456 (AS_TRANS), as the draft
    has it. Any other is sixteen hexadecimal digits behind `0x`.
    """

    __slots__ = ()

    def __new__(cls, packed: bytes) -> Self:
        """From its eight bytes; text is for `parse`.

        Raises:
            InvalidValueError: not eight bytes.
        """
        if not isinstance(packed, bytes) or len(packed) != 8:
            raise InvalidValueError(
                f"extended community {shown(packed)}: give eight bytes; text is for parse"
            )
        return super().__new__(cls, packed)

    @classmethod
    def parse(cls, value: "str | bytes | ExtendedCommunity") -> "ExtendedCommunity":
        """From text as above, or from its eight bytes.

        Raises:
            InvalidValueError: neither.
        """
        packed: object = value.packed if isinstance(value, ExtendedCommunity) else value
        if isinstance(packed, str):
            packed = _parse_extended(packed)
        if not isinstance(packed, bytes) or len(packed) != 8:
            raise InvalidValueError(
                f"extended community {shown(value)}: write rt:65000:100, ro:192.0.2.1:7, "
                "lb:65000:125000000 (bytes per second) or 0x and sixteen hexadecimal digits"
            )
        return cls(packed)

    def __str__(self) -> str:
        if self.packed[:2] in _LINK_BANDWIDTH_NAMES:
            return _link_bandwidth_text(self.packed) or "0x" + self.packed.hex()
        kind, subtype, value = self.packed[0], self.packed[1], self.packed[2:]
        name = _SUBTYPE_NAMES.get(subtype)
        if name is None or kind > _FOUR_OCTET_AS:
            return "0x" + self.packed.hex()
        if kind == _TWO_OCTET_AS:
            return f"{name}:{int.from_bytes(value[:2], 'big')}:{int.from_bytes(value[2:], 'big')}"
        number = int.from_bytes(value[4:], "big")
        if kind == _IPV4_ADDRESS:
            return f"{name}:{IPv4Address(value[:4])}:{number}"
        as_number = int.from_bytes(value[:4], "big")
        # with a number that two octets can hold, the text would be read as the two-octet type
        return f"{name}:{as_number}:{number}" if as_number > 0xFFFF else "0x" + self.packed.hex()


def _parse_extended(text: str) -> bytes | None:
    text = text.strip().lower()
    if re.fullmatch(r"0x[0-9a-f]{16}", text):
        return bytes.fromhex(text[2:])
    if text.startswith("lb"):
        return _parse_link_bandwidth(text)
    match = re.fullmatch(r"(rt|ro|soo):([0-9.]{1,15}):([0-9]{1,10})", text)
    if match is None:
        return None
    subtype = _SUBTYPES["ro" if match[1] == "soo" else match[1]]
    number = int(match[3])
    if "." in match[2]:
        try:
            administrator = IPv4Address(match[2]).packed
        except ValueError:
            return None
        return _pack_extended(_IPV4_ADDRESS, subtype, administrator, number)
    as_number = int(match[2])
    if as_number > 0xFFFFFFFF:
        return None
    if as_number > 0xFFFF:
        return _pack_extended(_FOUR_OCTET_AS, subtype, as_number.to_bytes(4, "big"), number)
    return _pack_extended(_TWO_OCTET_AS, subtype, as_number.to_bytes(2, "big"), number)


def _pack_extended(kind: int, subtype: int, administrator: bytes, number: int) -> bytes | None:
    """None when the number does not fit into what the administrator leaves of six bytes."""
    room = 6 - len(administrator)
    if number >> (8 * room):
        return None
    return bytes([kind, subtype]) + administrator + number.to_bytes(room, "big")


def _parse_link_bandwidth(text: str) -> bytes | None:
    match = re.fullmatch(r"(lb|lb-transitive):([0-9]{1,10}):([0-9]{1,40}(?:\.[0-9]{1,60})?)", text)
    if match is None or int(match[2]) > 0xFFFFFFFF:
        return None
    as_number = int(match[2])
    try:
        speed = struct.pack(">f", float(match[3]))
    except OverflowError:
        return None
    two_octets = as_number if as_number <= 0xFFFF else _AS_TRANS
    return _LINK_BANDWIDTHS[match[1]] + two_octets.to_bytes(2, "big") + speed


def _link_bandwidth_text(packed: bytes) -> str | None:
    """With as few digits as lead back to the same bytes; None where there is no such number."""
    (speed,) = struct.unpack(">f", packed[4:])
    for digits in range(1, _SINGLE_DIGITS + 1):
        shortest = Decimal(f"{speed:.{digits}g}")
        text = f"{_LINK_BANDWIDTH_NAMES[packed[:2]]}:{int.from_bytes(packed[2:4], 'big')}:{shortest:f}"
        if _parse_link_bandwidth(text) == packed:
            return text
    return None
