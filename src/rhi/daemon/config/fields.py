"""Values of the configuration that have a form of their own: durations, quotas, addresses, adjustments.

Each reads what people write and raises ValueError with a sentence that says what would be right; the place is
added by whoever shows it.
"""

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Final, TypeVar

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from rhi.daemon.decision.spec import ALL, ANY, Quota
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.durations import to_duration
from rhi.model.prefix import Prefix, to_prefix

T = TypeVar("T")

_PERCENT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_AT_LEAST: Final = re.compile(r"(?:at least\s+)?(\d+)(\s*%)?")

# More than any service has, and few enough to be typed by mistake only.
MAX_ADDRESSES: Final = 65536
# Of what is wrong in one list.
_SHOWN: Final = 8


def to_quota(value: object) -> Quota:
    """From a count, `all`, `any`, `at least 2`, `at least 50 %` or `50 %`."""
    if isinstance(value, Quota):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return Quota(count=value)
    if isinstance(value, str):
        text = value.strip().lower()
        if text in ("all", "any"):
            return ALL if text == "all" else ANY
        percent = _PERCENT.fullmatch(text.removeprefix("at least").strip())
        if percent is not None:
            if float(percent[1]) > 100:
                raise ValueError("must be at most 100 %")
            return Quota(percent=Fraction(percent[1]))
        count = _AT_LEAST.fullmatch(text)
        if count is not None and not count[2]:
            return Quota(count=int(count[1]))
    raise ValueError('must be "all", "any", "at least N", "N %" or a number')


def to_addresses(value: object) -> tuple[Prefix, ...]:
    """Routes from an address, a prefix, a range `A-B`, or a list of them."""
    items = value if isinstance(value, list | tuple) else [value]
    found: dict[Prefix, None] = {}
    for routes in _of_each(items, _addresses):
        found.update(routes)
    if not found:
        raise ValueError("must name at least one address")
    return tuple(found)


def range_of(text: str) -> tuple[IPv4Address, IPv4Address] | tuple[IPv6Address, IPv6Address] | None:
    """The first and the last address of a range `A-B`; None for other text.

    Raises:
        ValueError: it is no right range.
    """
    first, is_range, last = (part.strip() for part in text.partition("-"))
    if not is_range:
        return None
    try:
        low, high = ip_address(first), ip_address(last)
    except ValueError:
        low, high = ip_address(1), ip_address(0)
    if isinstance(low, IPv4Address) and isinstance(high, IPv4Address) and low <= high:
        return low, high
    if isinstance(low, IPv6Address) and isinstance(high, IPv6Address) and low <= high:
        return low, high
    raise ValueError(
        f"range {text!r}: must be two addresses of one family, the lower one first, "
        "such as 192.0.2.1-192.0.2.9"
    )


def _of_each(items: Iterable[object], parse: Callable[[Any], T]) -> list[T]:
    """What `parse` makes of each; all that is wrong with them in one sentence."""
    found: list[T] = []
    wrong: dict[str, None] = {}
    for item in items:
        try:
            found.append(parse(item))
        except ValueError as error:  # InvalidValueError is one
            wrong[str(error)] = None
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise ValueError("; ".join(list(wrong)[:_SHOWN]) + more)
    return found


def _addresses(item: object) -> dict[Prefix, None]:
    if isinstance(item, Prefix):
        return {item: None}
    if not isinstance(item, str):
        raise ValueError(
            f"{item!r}: must be text: an address, a prefix, or a range such as 192.0.2.1-192.0.2.9"
        )
    text = item.strip()
    ends = range_of(text)
    if ends is None:
        prefix = to_prefix(text)
        _refuse_special(ip_network(str(prefix)), f"route {text!r}")
        return {prefix: None}
    low, high = ends
    count = int(high) - int(low) + 1
    if count > MAX_ADDRESSES:
        raise ValueError(f"range {text!r}: has {count} addresses; at most {MAX_ADDRESSES} are allowed")
    for end in ends:
        _refuse_special(ip_network(end), f"range {text!r}")
    return {to_prefix(type(low)(number)): None for number in range(int(low), int(high) + 1)}


def _refuse_special(network: IPv4Network | IPv6Network, what: str) -> None:
    """What no router takes as a unicast route, or what leads a host to itself."""
    first = network.network_address
    is_host = network.prefixlen == network.max_prefixlen
    kinds = {
        "multicast": network.is_multicast,
        "loopback": network.is_loopback,
        "link-local": network.version == 6 and network.is_link_local,
        "unspecified": is_host and first.is_unspecified,
        "broadcast": is_host and network.version == 4 and int(first) == 0xFFFFFFFF,
    }
    for kind, is_so in kinds.items():
        if is_so:
            raise ValueError(f"{what}: is {kind}; must be unicast, and reachable from other hosts")


def to_list(parse: Callable[[Any], T]) -> Callable[[object], tuple[T, ...]]:
    """A validator of lists whose items `parse` takes; its InvalidValueError becomes the sentence."""

    def convert(value: object) -> tuple[T, ...]:
        if not isinstance(value, list | tuple):
            raise ValueError("must be a list")
        return tuple(_of_each(value, parse))

    return convert


def _texts(values: tuple[object, ...]) -> list[str]:
    return [str(value) for value in values]


_LIST_SCHEMA: Final = WithJsonSchema({"type": "array", "items": {"type": ["string", "integer"]}})

Duration = Annotated[
    float,
    BeforeValidator(to_duration),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number", "minimum": 0}, {"type": "string"}],
            "description": "seconds, or text such as 30s",
        }
    ),
]
QuotaField = Annotated[
    Quota,
    PlainValidator(to_quota),
    PlainSerializer(str),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}),
]
Addresses = Annotated[
    tuple[Prefix, ...],
    PlainValidator(to_addresses),
    PlainSerializer(_texts),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Communities = Annotated[
    tuple[Community, ...], PlainValidator(to_list(Community)), PlainSerializer(_texts), _LIST_SCHEMA
]
LargeCommunities = Annotated[
    tuple[LargeCommunity, ...],
    PlainValidator(to_list(LargeCommunity.parse)),
    PlainSerializer(_texts),
    _LIST_SCHEMA,
]
ExtendedCommunities = Annotated[
    tuple[ExtendedCommunity, ...],
    PlainValidator(to_list(ExtendedCommunity.parse)),
    PlainSerializer(_texts),
    _LIST_SCHEMA,
]
