"""Address families, and routes between text and packed bytes.

The engine knows a route as `Prefix`: family, length and the address bytes that the length covers, which are
the very bytes of its NLRI field (RFC 4271 §4.3). Text is read with the C library's `inet_pton`: strict
dotted decimal (no octal, no leading zeros) and RFC 4291 for IPv6, without zones.
"""

import enum
import re
from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_network,
)
from itertools import repeat
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import NamedTuple, cast

from rhi.errors import InvalidValueError
from rhi.model.wording import listed, shown

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


class Family(enum.Enum):
    """An address family that rhi originates routes of (RFC 4760 §3: AFI and SAFI)."""

    IPV4_UNICAST = (1, 1, 32, int(AF_INET))
    IPV6_UNICAST = (2, 1, 128, int(AF_INET6))

    def __init__(self, afi: int, safi: int, bits: int, socket_family: int) -> None:
        self.afi = afi
        self.safi = safi
        self.bits = bits
        self.size = bits // 8
        self.socket_family = socket_family

    # members are compared by identity anyway; enum's own hash is that of the name, and ten times slower
    __hash__ = object.__hash__

    @property
    def label(self) -> str:
        """The family's name in output and configuration: `ipv4` or `ipv6`."""
        return "ipv4" if self is Family.IPV4_UNICAST else "ipv6"


FAMILY_OF_CODES = {(family.afi, family.safi): family for family in Family}
FAMILY_OF_VERSION = {4: Family.IPV4_UNICAST, 6: Family.IPV6_UNICAST}


class Prefix(NamedTuple):
    """A route's destination.

    `packed` holds the ceil(length / 8) address bytes that go on the wire; bits past `length` are zero. Made
    by `to_prefix`; one made by hand is checked when it is announced.
    """

    family: Family
    length: int
    packed: bytes

    @property
    def network(self) -> IPNetwork:
        """The same as an `ipaddress` network."""
        return ip_network((self.packed.ljust(self.family.size, b"\0"), self.length))

    def __str__(self) -> str:
        """The address alone for a host route, as the seed prints it; `address/length` for others."""
        address = inet_ntop(self.family.socket_family, self.packed.ljust(self.family.size, b"\0"))
        return address if self.length == self.family.bits else f"{address}/{self.length}"

    def __repr__(self) -> str:
        return f"Prefix({str(self)!r})"


PrefixLike = str | IPv4Address | IPv6Address | IPv4Network | IPv6Network | Prefix


def to_prefix(value: PrefixLike) -> Prefix:
    """The route `value` names; an address without a length is a host route.

    Raises:
        InvalidValueError: not an address or prefix, or bits are set past the prefix length.
    """
    if isinstance(value, str):
        return _parse(value)
    if isinstance(value, Prefix):
        return _checked(value)
    if isinstance(value, IPv4Interface | IPv6Interface):
        return _parse(str(value))
    if isinstance(value, IPv4Address | IPv6Address):
        if isinstance(value, IPv6Address) and value.scope_id is not None:
            raise InvalidValueError(
                f"route {value}: a route has no zone; give the address without %{value.scope_id}"
            )
        family = FAMILY_OF_VERSION[value.version]
        return Prefix(family, family.bits, value.packed)
    if isinstance(value, IPv4Network | IPv6Network):
        family = FAMILY_OF_VERSION[value.version]
        return Prefix(family, value.prefixlen, value.network_address.packed[: (value.prefixlen + 7) // 8])
    raise InvalidValueError(
        f"route {shown(value)}: give an address or prefix as text or as an ipaddress object"
    )


def _checked(prefix: Prefix) -> Prefix:
    """A prefix that a user may have made: what does not fit its block would damage all other routes there."""
    family, length, packed = prefix
    if isinstance(family, Family) and isinstance(packed, bytes) and type(length) is int:
        size = (length + 7) // 8
        is_clear = not int.from_bytes(packed[-1:], "big") & ((1 << -length % 8) - 1)
        if 0 <= length <= family.bits and len(packed) == size and is_clear:
            return prefix
    raise InvalidValueError(
        f"route {shown(tuple(prefix))}: is no Prefix; make it with rhi.Route.of and text such as 192.0.2.10"
    )


def to_prefixes(values: Iterable[PrefixLike]) -> list[Prefix]:
    """`to_prefix` of each; nothing is returned when one is wrong."""
    return [to_prefix(value) for value in listed(values, "routes")]


# hot: bench B2, B8
def pack_hosts(values: Sequence[object]) -> tuple[Family, bytes] | None:
    """Family and NLRI records (RFC 4271 §4.3) of addresses as text, all of one family; None for all else."""
    is_ipv6 = isinstance(values[0], str) and ":" in values[0]
    family = Family.IPV6_UNICAST if is_ipv6 else Family.IPV4_UNICAST
    length = bytes((family.bits,))
    texts = cast("Sequence[str]", values)
    try:
        return family, length + length.join(map(inet_pton, repeat(family.socket_family), texts))
    except (OSError, ValueError, TypeError):
        return None


def _parse(text: str) -> Prefix:
    address, slash, length_text = text.strip().partition("/")
    family = Family.IPV6_UNICAST if ":" in address else Family.IPV4_UNICAST
    try:
        packed = inet_pton(family.socket_family, address)
    except (OSError, ValueError):
        raise InvalidValueError(f"route {shown(text)}: {_why_no_address(address)}") from None
    if not slash:
        return Prefix(family, family.bits, packed)
    # \d would let other scripts' digits through
    if not re.fullmatch(r"[0-9]{1,3}", length_text) or int(length_text) > family.bits:
        raise InvalidValueError(
            f"route {shown(text)}: the prefix length must be a number from 0 to {family.bits}"
        )
    length = int(length_text)
    value = int.from_bytes(packed, "big")
    host_bits = value & ((1 << (family.bits - length)) - 1)
    if host_bits:
        network = inet_ntop(family.socket_family, (value ^ host_bits).to_bytes(family.size, "big"))
        raise InvalidValueError(
            f"route {shown(text)}: bits are set past the length; write {network}/{length} or drop it"
        )
    return Prefix(family, length, packed[: (length + 7) // 8])


def _why_no_address(text: str) -> str:
    if "%" in text:
        return "a route has no zone; give the address without %"
    octets = text.split(".")
    if len(octets) == 4 and all(octet.isascii() and octet.isdecimal() for octet in octets):
        if any(len(octet) > 1 and octet[0] == "0" for octet in octets):
            return "octets must not have leading zeros"
        return "octets must be 0 to 255"
    return "not an IPv4 or IPv6 address, such as 192.0.2.10 or 2001:db8::10"


def to_address(value: str | IPAddress, what: str) -> IPAddress:
    """An address from text or as it is.

    Raises:
        InvalidValueError: not an address; the message begins with `what`.
    """
    address = _try_address(value)
    if address is None:
        raise InvalidValueError(
            f"{what} {shown(value)}: not an IPv4 or IPv6 address, such as 192.0.2.1 or 2001:db8::1"
        )
    return address


def _try_address(value: str | IPAddress) -> IPAddress | None:
    # an interface is an address too, and prints with its prefix length
    if isinstance(value, IPv4Address | IPv6Address) and not isinstance(value, IPv4Interface | IPv6Interface):
        return value
    # ip_address takes numbers and bytes, which are no text that means an address
    if not isinstance(value, str):
        return None
    try:
        return ip_address(value.strip())
    except ValueError:
        return None


def to_ipv4(value: str | IPv4Address, what: str) -> IPv4Address:
    """An IPv4 address, or InvalidValueError that begins with `what`."""
    address = _try_address(value)
    if not isinstance(address, IPv4Address):
        raise InvalidValueError(f"{what} {shown(value)}: must be an IPv4 address, such as 192.0.2.1")
    return address


def to_ipv6(value: str | IPv6Address, what: str) -> IPv6Address:
    """An IPv6 address, or InvalidValueError that begins with `what`."""
    address = _try_address(value)
    if not isinstance(address, IPv6Address):
        raise InvalidValueError(f"{what} {shown(value)}: must be an IPv6 address, such as 2001:db8::1")
    return address


def to_network(value: str | IPNetwork | IPAddress, what: str) -> IPNetwork:
    """A prefix for filters; a bare address is its host prefix.

    Raises:
        InvalidValueError: not a prefix, or bits are set past its length.
    """
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        return to_prefix(value).network
    except InvalidValueError as error:
        raise InvalidValueError(str(error).replace("route", what, 1)) from None
