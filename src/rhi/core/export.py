"""One route's attributes as one peer gets them: filter, next hop, encoded attributes.

`ExportPolicy` is made anew when a session comes up and when its live parameters change. Two attribute sets
that come out as equal `Exported` are the same to the peer, so that a change it could not see is never sent.

Deviation: RFC 4271 §5.1.3 forbids the peer's own address as next hop; that is not checked, see docs/rfc.md.
"""

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from ipaddress import IPv4Address
from typing import Final, NamedTuple, TypeVar

from rhi.core.open_policy import Negotiated
from rhi.model.attributes import PathAttributes
from rhi.model.communities import GRACEFUL_SHUTDOWN, Community
from rhi.model.parameters import Parameters, Role
from rhi.model.prefix import Family, IPAddress, IPNetwork
from rhi.wire.attributes import AsSegment, Attributes, encode_attributes
from rhi.wire.iana import AttributeCode, SegmentType
from rhi.wire.messages import HEADER_SIZE

T = TypeVar("T")

DEFAULT_LOCAL_PREF: Final = 100  # the seed's, and what routers take a missing one for

# Our roles towards a customer, a client of our route server and a peer.
_MARKED_ROLES: Final = (Role.PROVIDER, Role.ROUTE_SERVER, Role.PEER)

NO_NEXT_HOP: Final = "no_next_hop"
TOO_LARGE: Final = "attributes_too_large"
NOT_NEGOTIATED: Final = "family_not_negotiated"


UPDATE_OVERHEAD: Final = HEADER_SIZE + 4  # header and the two length fields
_MP_REACH_OVERHEAD: Final = 4 + 2 + 1 + 1 + 1  # attribute header, AFI, SAFI, next hop length, reserved


class Exported(NamedTuple):
    """Encoded attributes, cut where MP_REACH_NLRI goes so that all stand in ascending order of code.

    Deviation: RFC 7606 §5.1 would have MP_REACH_NLRI in front of all others; ascending order is RFC 4271 §5,
    and receivers take both.

    Attributes:
        before, after: attributes with lower and with higher codes than MP_REACH_NLRI.
        next_hop: for MP_REACH_NLRI; IPv4 routes have theirs in `before`.
    """

    before: bytes
    after: bytes
    next_hop: bytes

    def room(self, max_message_size: int) -> int:
        """Bytes for routes in an UPDATE of at most this size with these attributes."""
        room = max_message_size - UPDATE_OVERHEAD - len(self.before) - len(self.after)
        return room - _MP_REACH_OVERHEAD - len(self.next_hop) if self.next_hop else room


class HeldBack(NamedTuple):
    """A route that cannot be sent to this peer, and why."""

    reason: str


Match = Callable[[bytes, int], bool]


class ExportPolicy:
    """What one peer gets of a route.

    Attributes:
        passing: how many routes of a block pass, by attribute id, and the block's version it was counted at.
        passes: for each family, whether a route (address bytes, length) is for this peer; None passes all.
    """

    def __init__(
        self, parameters: Parameters, negotiated: Negotiated, local: IPAddress, router_id: IPv4Address
    ) -> None:
        """`local` is our end of the TCP connection."""
        self._parameters = parameters
        self._negotiated = negotiated
        self._local = local
        self._router_id = router_id
        self.passing: dict[object, tuple[int, Mapping[int, int]]] = {}
        self.passes: dict[Family, Match | None] = {
            family: compile_filter(parameters, family) for family in Family
        }

    def export(self, attributes: PathAttributes, family: Family) -> Exported | HeldBack:
        """What goes on the wire with a route of these attributes, or why it cannot."""
        next_hop = self._next_hop(attributes, family)
        if next_hop is None:
            return HeldBack(NO_NEXT_HOP)
        exported = self._encode(self._attributes(attributes), next_hop, family)
        if exported.room(self._negotiated.max_message_size) > family.size:
            return exported
        # a mark must not cost the route, which is needed until others have found another path
        values = self._attributes(attributes, with_mark=False)
        return self._encode(values, next_hop, family)

    def _encode(self, encoded: Attributes, next_hop: IPAddress, family: Family) -> Exported:
        is_classic = family is Family.IPV4_UNICAST and next_hop.version == 4
        if is_classic:
            encoded[AttributeCode.NEXT_HOP] = next_hop.packed
        low = {code: value for code, value in encoded.items() if code < AttributeCode.MP_REACH_NLRI}
        high = {code: value for code, value in encoded.items() if code > AttributeCode.MP_REACH_NLRI}
        four_octet_as = self._negotiated.four_octet_as
        return Exported(
            encode_attributes(low, four_octet_as=four_octet_as),
            encode_attributes(high, four_octet_as=four_octet_as),
            b"" if is_classic else self._mp_next_hop(next_hop),
        )

    def with_filters(self, filters: Mapping[Family, Match]) -> "ExportPolicy":
        """The same policy with these filters instead of its own for their families."""
        changed = copy(self)
        changed.passing = {}
        changed.passes = {**self.passes, **filters}
        return changed

    def _next_hop(self, attributes: PathAttributes, family: Family) -> IPAddress | None:
        """The route's own, the peer's, our end of the session, for IPv4 the router id; or None."""
        parameters = self._parameters
        is_extended = self._negotiated.extended_next_hop and self._local.version == 6
        # the global slot takes no IPv6 link-local address, but see _mp_next_hop (RFC 2545 §3)
        is_link_local = self._local.version == 6 and self._local.is_link_local
        local = self._local if parameters.extended_next_hop or not is_link_local else None
        candidates: list[IPAddress | None] = [
            attributes.next_hop,
            parameters.next_hop_4 if family is Family.IPV4_UNICAST else parameters.next_hop_6,
            local,
            self._router_id,
        ]
        sizes = {family.size}
        if family is Family.IPV4_UNICAST and is_extended:
            # better than the router id, which need not be an address of ours (RFC 8950 §3)
            candidates.insert(2, parameters.next_hop_6)
            sizes.add(16)
        for candidate in candidates:
            if candidate is not None and len(candidate.packed) in sizes and not candidate.is_unspecified:
                return candidate
        return None

    def _mp_next_hop(self, next_hop: IPAddress) -> bytes:
        """For MP_REACH_NLRI: with our link-local address behind it when that is all we have (RFC 2545 §3).

        Deviation: without a global address the link-local one stands in both places, as FRR does it, and only
        where we offer extended next hops; RFC 2545 knows no next hop without a global address.
        """
        is_own_link_local = next_hop == self._local and next_hop.version == 6 and next_hop.is_link_local
        return next_hop.packed * 2 if is_own_link_local else next_hop.packed

    def _attributes(self, attributes: PathAttributes, *, with_mark: bool = True) -> Attributes:
        """Attribute values by code, all but the next hop; perhaps without the community that marks."""
        parameters = self._parameters
        path = self._as_path(attributes)
        values: Attributes = {AttributeCode.ORIGIN: attributes.origin, AttributeCode.AS_PATH: path}
        med = _first(attributes.med, parameters.med)
        if med is not None:
            values[AttributeCode.MULTI_EXIT_DISC] = med
        if self._negotiated.is_internal:
            # never to external peers (RFC 4271 §5.1.5)
            values[AttributeCode.LOCAL_PREF] = self._local_pref(attributes)
        elif parameters.role in _MARKED_ROLES:
            # what goes down or sideways must not come up again (RFC 9234 §5)
            values[AttributeCode.ONLY_TO_CUSTOMER] = self._negotiated.local_as
        for code, communities in (
            (AttributeCode.COMMUNITIES, self._communities(attributes, with_mark)),
            (
                AttributeCode.EXTENDED_COMMUNITIES,
                _first(attributes.extended_communities, parameters.extended_communities),
            ),
            (
                AttributeCode.LARGE_COMMUNITY,
                _first(attributes.large_communities, parameters.large_communities),
            ),
        ):
            if communities:
                values[code] = communities
        if not self._negotiated.four_octet_as and any(
            n > 0xFFFF for segment in path for n in segment.as_numbers
        ):
            values[AttributeCode.AS4_PATH] = path  # RFC 6793 §4.2.2
        return values

    def _is_marked(self, attributes: PathAttributes) -> bool:
        return attributes.graceful_shutdown or self._parameters.graceful_shutdown

    def _local_pref(self, attributes: PathAttributes) -> int:
        if self._is_marked(attributes):
            # as routers are to give what they hear from outside (RFC 8326 §4); inside nobody else does
            return 0
        local_pref = _first(attributes.local_pref, self._parameters.local_pref)
        return DEFAULT_LOCAL_PREF if local_pref is None else local_pref

    def _communities(self, attributes: PathAttributes, with_mark: bool) -> tuple[Community, ...]:
        communities = _first(attributes.communities, self._parameters.communities)
        if not with_mark or not self._is_marked(attributes) or GRACEFUL_SHUTDOWN in communities:
            return communities
        return (*communities, GRACEFUL_SHUTDOWN)

    def _as_path(self, attributes: PathAttributes) -> tuple[AsSegment, ...]:
        if self._negotiated.is_internal:
            return ()  # RFC 4271 §5.1.2 b
        prepend = _first(attributes.prepend, self._parameters.prepend) or 0
        return (AsSegment(SegmentType.AS_SEQUENCE, (self._negotiated.local_as,) * (1 + prepend)),)


def _first(own: T | None, peers: T) -> T:
    return peers if own is None else own


def compile_filter(parameters: Parameters, family: Family) -> Match | None:
    """Accept beats Reject, else pass (seed); None when there is nothing to ask for this family."""
    accept, reject = _by_length(parameters.accept, family), _by_length(parameters.reject, family)
    if not reject:
        return None
    return lambda packed, length: _contains(accept, packed, length) or not _contains(reject, packed, length)


def _by_length(networks: Iterable[IPNetwork], family: Family) -> list[tuple[int, set[int]]]:
    """Networks of one family as numbers without their host bits, by prefix length."""
    found: dict[int, set[int]] = {}
    for network in networks:
        if network.max_prefixlen == family.bits:
            found.setdefault(network.prefixlen, set()).add(
                int(network.network_address) >> (family.bits - network.prefixlen)
            )
    return sorted(found.items())


def _contains(networks: list[tuple[int, set[int]]], packed: bytes, length: int) -> bool:
    """Whether the route lies inside any of the networks."""
    value, bits = int.from_bytes(packed, "big"), 8 * len(packed)
    return any(size <= length and value >> (bits - size) in numbers for size, numbers in networks)
