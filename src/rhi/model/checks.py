"""Checks of single values that `PathAttributes` and `Parameters` share.

Each takes what a user may write and returns the value the engine works with, or raises InvalidValueError with
one sentence that names the field, the value and what would be right.
"""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeVar

from rhi.errors import InvalidValueError
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.prefix import IPAddress, to_address
from rhi.model.wording import listed, shown

T = TypeVar("T")
U = TypeVar("U")

# The path is written as one AS_SEQUENCE, whose length field is one octet (RFC 4271 §4.3).
MAX_PREPEND: Final = 254
# Above what networks use, and small enough that a full list of one kind leaves room for routes in 4096 bytes.
MAX_COMMUNITIES: Final = 250


def to_next_hop(value: IPAddress | str, what: str) -> IPAddress:
    """A unicast address that may stand in NEXT_HOP; InvalidValueError begins with `what`."""
    address = to_address(value, what)
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise InvalidValueError(
                f"{what} {address}: has a zone; give the address without %{address.scope_id}"
            )
        usable = not (address.is_unspecified or address.is_multicast)
    else:
        # from 224.0.0.0 on: multicast, and addresses that routers refuse as next hop
        usable = not address.is_unspecified and address < IPv4Address("224.0.0.0")
    if not usable:
        raise InvalidValueError(f"{what} {address}: cannot be a next hop; give a unicast address")
    return address


def optional_uint32(value: int | None, what: str) -> int | None:
    """None, or a number that fits into 32 bits; InvalidValueError begins with `what`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 0xFFFFFFFF:
        raise InvalidValueError(f"{what} {shown(value)}: must be a number from 0 to 4294967295")
    return value


def to_flag(value: bool, what: str) -> bool:
    """True or false; InvalidValueError begins with `what`."""
    if not isinstance(value, bool):
        raise InvalidValueError(f"{what} {shown(value)}: must be true or false")
    return value


def to_prepend(value: int) -> int:
    """A number of repetitions of our AS number."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_PREPEND:
        raise InvalidValueError(f"prepend {shown(value)}: must be a number from 0 to {MAX_PREPEND}")
    return value


def to_communities(values: Iterable[Community | str | int]) -> tuple[Community, ...]:
    """Communities in the order given, each once."""
    return _each_once(values, Community, "communities")


def to_large_communities(
    values: Iterable[LargeCommunity | str | tuple[int, int, int]],
) -> tuple[LargeCommunity, ...]:
    """Large communities in the order given, each once (RFC 8092 §5)."""
    return _each_once(values, LargeCommunity.parse, "large communities")


def to_extended_communities(
    values: Iterable[ExtendedCommunity | str | bytes],
) -> tuple[ExtendedCommunity, ...]:
    """Extended communities in the order given, each once."""
    return _each_once(values, ExtendedCommunity.parse, "extended communities")


def _each_once(values: Iterable[T], parse: Callable[[T], U], what: str) -> tuple[U, ...]:
    found: dict[U, None] = {}
    for value in listed(values, what):
        found[parse(value)] = None
        if len(found) > MAX_COMMUNITIES:
            raise InvalidValueError(f"{what}: too many; at most {MAX_COMMUNITIES} are possible")
    return tuple(found)
