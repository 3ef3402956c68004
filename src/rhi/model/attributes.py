"""What a route carries besides its destination: `PathAttributes`, and `Route`, the two together."""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rhi.errors import InvalidValueError
from rhi.model.checks import (
    optional_uint32,
    to_communities,
    to_extended_communities,
    to_flag,
    to_large_communities,
    to_next_hop,
    to_prepend,
)
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.prefix import IPAddress, Prefix, PrefixLike, to_prefix
from rhi.model.wording import shown


class Origin(enum.IntEnum):
    """Where the route came from, as its ORIGIN attribute says (RFC 4271 §5.1.1)."""

    IGP = 0
    EGP = 1
    INCOMPLETE = 2


def _to_origin(value: object) -> Origin:
    # True and 1.0 are equal to 1, and no codes
    if type(value) in (int, Origin) and value in (0, 1, 2):
        return Origin(value)
    raise InvalidValueError(
        f"origin {shown(value)}: must be one of Origin.IGP, Origin.EGP, Origin.INCOMPLETE"
    )


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class PathAttributes:
    """Attributes of one route. What is None is taken from the peer's `Parameters`.

    Attributes:
        origin: ORIGIN.
        next_hop: used for routes of its own family.
        med: MULTI_EXIT_DISC, 0 to 4294967295; 0 is sent as 0.
        local_pref: LOCAL_PREF, 0 to 4294967295; sent to internal peers only.
        prepend: how many times more than once our AS number stands in AS_PATH (external peers only).
        communities, large_communities, extended_communities: replace the peer's, also when empty.
        graceful_shutdown: the route is about to go, and another should be preferred (RFC 8326 §4): it is sent
            with the community GRACEFUL_SHUTDOWN besides its others, and to internal peers with LOCAL_PREF 0.

    Raises:
        InvalidValueError: a value is out of range; the message names it.
    """

    origin: Origin
    next_hop: IPAddress | None
    med: int | None
    local_pref: int | None
    prepend: int | None
    communities: tuple[Community, ...] | None
    large_communities: tuple[LargeCommunity, ...] | None
    extended_communities: tuple[ExtendedCommunity, ...] | None
    graceful_shutdown: bool

    def __init__(
        self,
        *,
        origin: Origin = Origin.IGP,
        next_hop: IPAddress | str | None = None,
        med: int | None = None,
        local_pref: int | None = None,
        prepend: int | None = None,
        communities: "Iterable[Community | str | int] | None" = None,
        large_communities: "Iterable[LargeCommunity | str | tuple[int, int, int]] | None" = None,
        extended_communities: "Iterable[ExtendedCommunity | str | bytes] | None" = None,
        graceful_shutdown: bool = False,
    ) -> None:
        put = object.__setattr__
        put(self, "origin", _to_origin(origin))
        put(self, "next_hop", None if next_hop is None else to_next_hop(next_hop, "next hop"))
        put(self, "med", optional_uint32(med, "med"))
        put(self, "local_pref", optional_uint32(local_pref, "local_pref"))
        put(self, "prepend", None if prepend is None else to_prepend(prepend))
        put(self, "communities", None if communities is None else to_communities(communities))
        large, extended = large_communities, extended_communities
        put(self, "large_communities", None if large is None else to_large_communities(large))
        put(self, "extended_communities", None if extended is None else to_extended_communities(extended))
        put(self, "graceful_shutdown", to_flag(graceful_shutdown, "graceful_shutdown"))


NO_ATTRIBUTES: Final = PathAttributes()


@dataclass(frozen=True, slots=True)
class Route:
    """A destination and the attributes it is to be announced with.

    Raises:
        InvalidValueError: the next hop is of the other address family, or the prefix is no `Prefix`: text and
            `ipaddress` objects are for `of`.
    """

    prefix: Prefix
    attributes: PathAttributes = NO_ATTRIBUTES

    def __post_init__(self) -> None:
        if not isinstance(self.prefix, Prefix):
            raise InvalidValueError(
                f"route {shown(self.prefix)}: must be a Prefix; use Route.of for other forms"
            )
        to_prefix(self.prefix)
        if not isinstance(self.attributes, PathAttributes):
            raise InvalidValueError(
                f"route {self.prefix}: attributes {shown(self.attributes)} must be PathAttributes"
            )
        check_next_hop(self.prefix, self.attributes)

    @classmethod
    def of(cls, value: "PrefixLike | Route", attributes: PathAttributes = NO_ATTRIBUTES) -> "Route":
        """`value` itself when it is a Route already, else its prefix with `attributes`."""
        return value if isinstance(value, Route) else cls(to_prefix(value), attributes)


RouteLike = PrefixLike | Route


def check_next_hop(prefix: Prefix, attributes: PathAttributes) -> None:
    """Refuse a route whose own next hop is of the other family: it could never be sent."""
    next_hop = attributes.next_hop
    if next_hop is not None and len(next_hop.packed) != prefix.family.size:
        raise InvalidValueError(
            f"route {prefix}: next hop {next_hop} is of the other address family; "
            f"give an {'IPv4' if prefix.family.size == 4 else 'IPv6'} address"
        )
