"""OPEN: building ours, judging theirs, and what both agree on (RFC 4271 §4.2 and §6.2)."""

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from rhi.errors import NotificationError
from rhi.model.parameters import AS_TRANS, Parameters, Role
from rhi.model.prefix import Family
from rhi.wire.capabilities import (
    BgpRole,
    Capability,
    EnhancedRouteRefresh,
    ExtendedMessage,
    ExtendedNextHop,
    FourOctetAs,
    GracefulRestart,
    LongLivedGracefulRestart,
    Multiprotocol,
    RouteRefresh,
)
from rhi.wire.iana import ErrorCode, OpenError
from rhi.wire.messages import MAX_EXTENDED_MESSAGE_SIZE, MAX_MESSAGE_SIZE
from rhi.wire.open import Open


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiated:
    """What both OPENs of a session agree on.

    Attributes:
        hold_time: seconds; 0 means neither timer runs.
        families: address families both sides offered.
        four_octet_as: AS numbers have four octets in UPDATEs (RFC 6793).
        route_refresh: the peer understands ROUTE-REFRESH.
        enhanced_refresh: the answer to a ROUTE-REFRESH is marked (RFC 7313).
        extended_next_hop: IPv4 routes may have an IPv6 next hop (RFC 8950).
        graceful_restart: both sides keep routes when the session breaks (RFC 4724).
        hard_reset: both sides also keep them on a NOTIFICATION, unless it is a Hard Reset (RFC 8538).
        max_message_size: of UPDATEs to the peer (RFC 8654).
        capabilities: all that the peer offered.
    """

    local_as: int
    remote_as: int
    remote_router_id: IPv4Address
    hold_time: int
    families: tuple[Family, ...]
    four_octet_as: bool
    route_refresh: bool
    enhanced_refresh: bool = False
    extended_next_hop: bool = False
    graceful_restart: bool = False
    hard_reset: bool = False
    max_message_size: int
    capabilities: tuple[Capability, ...] = ()

    @property
    def is_internal(self) -> bool:
        """Both sides are in the same AS."""
        return self.local_as == self.remote_as


def offered_families(parameters: Parameters, transport: Family) -> tuple[Family, ...]:
    """Families we offer: both with multiprotocol, otherwise that of the TCP session."""
    return tuple(Family) if parameters.multiprotocol else (transport,)


# IPv4 unicast routes with an IPv6 next hop (RFC 8950 §4).
_IPV4_OVER_IPV6: Final = (1, 1, 2)

# The value field of the role capability (RFC 9234 §4.1), and who may face whom (§4.2).
ROLE_VALUES: Final = {
    Role.PROVIDER: 0,
    Role.ROUTE_SERVER: 1,
    Role.ROUTE_SERVER_CLIENT: 2,
    Role.CUSTOMER: 3,
    Role.PEER: 4,
}
_COUNTERPART: Final = {
    Role.PROVIDER: Role.CUSTOMER,
    Role.CUSTOMER: Role.PROVIDER,
    Role.ROUTE_SERVER: Role.ROUTE_SERVER_CLIENT,
    Role.ROUTE_SERVER_CLIENT: Role.ROUTE_SERVER,
    Role.PEER: Role.PEER,
}


def build_open(
    parameters: Parameters,
    router_id: IPv4Address,
    transport: Family,
    *,
    with_capabilities: bool = True,
    is_restarting: bool = False,
    forwarding_kept: bool = True,
) -> Open:
    """Our OPEN. Without capabilities it is for peers that refuse optional parameters (RFC 5492 §3).

    `is_restarting` tells that the peer may hold routes from before we started (the R bit, RFC 4724 §4.1), and
    `forwarding_kept` that it is right to use them (the F bit).
    """
    capabilities: list[Capability] = []
    if with_capabilities:
        families = offered_families(parameters, transport)
        capabilities += [Multiprotocol.of(family) for family in families]
        capabilities.append(RouteRefresh())
        if parameters.extended_messages:
            capabilities.append(ExtendedMessage())
        if parameters.extended_next_hop:
            capabilities.append(ExtendedNextHop((_IPV4_OVER_IPV6,)))
        if parameters.role is not None:
            capabilities.append(BgpRole(ROLE_VALUES[parameters.role]))
        capabilities += _restart_capabilities(parameters, families, is_restarting, forwarding_kept)
        capabilities.append(FourOctetAs(parameters.as_number))
        capabilities.append(EnhancedRouteRefresh())
    return Open(
        as_number=parameters.as_number if parameters.as_number <= 0xFFFF else AS_TRANS,
        hold_time=parameters.hold_time,
        router_id=router_id.packed,
        capabilities=tuple(capabilities),
    )


def _restart_capabilities(
    parameters: Parameters, families: tuple[Family, ...], is_restarting: bool, forwarding_kept: bool
) -> list[Capability]:
    """Graceful restart, with the F bit: it is offered only where forwarding goes on without us.

    That bit is about the last restart: not after one over which it did not go on.
    """
    if parameters.graceful_restart is None:
        return []
    kept = tuple((family.afi, family.safi, forwarding_kept or not is_restarting) for family in families)
    capabilities: list[Capability] = [
        GracefulRestart(parameters.graceful_restart, kept, is_restarting, keeps_on_notification=True)
    ]
    stale_time = parameters.long_lived_stale_time
    if stale_time is not None:
        capabilities.append(
            LongLivedGracefulRestart(tuple((afi, safi, is_kept, stale_time) for afi, safi, is_kept in kept))
        )
    return capabilities


def judge_open(ours: Open, theirs: Open, parameters: Parameters) -> Negotiated:
    """What a session on these two OPENs has agreed on.

    Raises:
        NotificationError: their OPEN is not acceptable (RFC 4271 §6.2).
    """
    four_octet_as = _has(ours, FourOctetAs) and _has(theirs, FourOctetAs)
    remote_as = _judge_as_number(theirs, parameters.peer_as)
    hold_time = negotiate_hold_time(ours.hold_time, theirs.hold_time)
    if remote_as != parameters.as_number:
        _judge_role(ours, theirs, parameters)
    _judge_router_id(ours, theirs, is_internal=remote_as == parameters.as_number)
    extended = _has(ours, ExtendedMessage) and _has(theirs, ExtendedMessage)
    return Negotiated(
        local_as=parameters.as_number,
        remote_as=remote_as,
        remote_router_id=IPv4Address(theirs.router_id),
        hold_time=hold_time,
        families=tuple(family for family in _families(ours) if family in _families(theirs)),
        four_octet_as=four_octet_as,
        route_refresh=_has(theirs, RouteRefresh),
        enhanced_refresh=_has(ours, EnhancedRouteRefresh) and _has(theirs, EnhancedRouteRefresh),
        extended_next_hop=all(
            any(
                isinstance(item, ExtendedNextHop) and _IPV4_OVER_IPV6 in item.encodings
                for item in message.capabilities
            )
            for message in (ours, theirs)
        ),
        graceful_restart=_has(ours, GracefulRestart) and _has(theirs, GracefulRestart),
        hard_reset=all(
            any(
                isinstance(item, GracefulRestart) and item.keeps_on_notification
                for item in message.capabilities
            )
            for message in (ours, theirs)
        ),
        max_message_size=MAX_EXTENDED_MESSAGE_SIZE if extended else MAX_MESSAGE_SIZE,
        capabilities=theirs.capabilities,
    )


def negotiate_hold_time(local: int, remote: int) -> int:
    """Hold time both sides use, in seconds; 0 means neither timer runs.

    The smaller of the two proposals (RFC 4271 §4.2).

    Raises:
        NotificationError: remote is 1 or 2 (Unacceptable Hold Time, RFC 4271 §6.2).
    """
    if remote in (1, 2):
        raise _refused(OpenError.UNACCEPTABLE_HOLD_TIME, f"hold time {remote}")
    return min(local, remote)


def _judge_as_number(theirs: Open, wanted: int | None) -> int:
    number = theirs.as_number
    for capability in theirs.capabilities:
        if isinstance(capability, FourOctetAs):
            # the two-octet field holds the same number, or AS_TRANS (RFC 6793 §4.1)
            if number not in (capability.as_number, AS_TRANS):
                raise _refused(
                    OpenError.BAD_PEER_AS, f"AS {number} in OPEN, {capability.as_number} in its capability"
                )
            number = capability.as_number
    # 0 is never an AS number (RFC 7607 §2); AS_TRANS alone does not tell the real one
    if number in (0, AS_TRANS) or (wanted is not None and number != wanted):
        raise _refused(OpenError.BAD_PEER_AS, f"peer is AS {number}" + (f", not {wanted}" if wanted else ""))
    return number


def _judge_role(ours: Open, theirs: Open, parameters: Parameters) -> None:
    """Roles must be counterparts; one that is not told passes unless we are strict (RFC 9234 §4.2)."""
    if parameters.role is None or not _has(ours, BgpRole):
        return
    told = {item.role for item in theirs.capabilities if isinstance(item, BgpRole)}
    wanted = _COUNTERPART[parameters.role]
    if not told and not parameters.role_strict:
        return
    if told != {ROLE_VALUES[wanted]}:
        names = {value: role.value for role, value in ROLE_VALUES.items()}
        theirs_told = ", ".join(names.get(value, str(value)) for value in sorted(told)) or "not told"
        raise _refused(OpenError.ROLE_MISMATCH, f"peer's role is {theirs_told}, not {wanted.value}")


def _judge_router_id(ours: Open, theirs: Open, *, is_internal: bool) -> None:
    # any non-zero identifier will do, unique only within the AS (RFC 6286 §2.1 and §2.2)
    if theirs.router_id == b"\0\0\0\0":
        raise _refused(OpenError.BAD_BGP_IDENTIFIER, "router id is 0.0.0.0")
    if is_internal and theirs.router_id == ours.router_id:
        raise _refused(OpenError.BAD_BGP_IDENTIFIER, f"router id {IPv4Address(theirs.router_id)} is ours too")


def _families(message: Open) -> tuple[Family, ...]:
    """Families of an OPEN; IPv4 unicast when it names none (RFC 4760 §8)."""
    offers = [item for item in message.capabilities if isinstance(item, Multiprotocol)]
    if not offers:
        return (Family.IPV4_UNICAST,)
    return tuple(family for family in Family if Multiprotocol.of(family) in offers)


def _has(message: Open, kind: type) -> bool:
    return any(isinstance(capability, kind) for capability in message.capabilities)


def _refused(subcode: OpenError, detail: str) -> NotificationError:
    return NotificationError(ErrorCode.OPEN_MESSAGE, subcode, detail=detail)
