"""`Parameters`: everything that is set per peer, under the seed's names, with its JSON form.

Which fields take effect at once and which need a new session is data: `LIVE_FIELDS` and `SESSION_FIELDS`.
"""

import enum
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

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
from rhi.model.prefix import IPAddress, IPNetwork, to_address, to_ipv4, to_ipv6, to_network
from rhi.model.tcp_ao import AoKey, to_ao_keys, to_secret
from rhi.model.wording import listed, shown

AS_TRANS: Final = 23456  # RFC 6793 §9: stands for AS numbers that two octets cannot hold
DEFAULT_HOLD_TIME: Final = 10
# Linux: TCP_MD5SIG_MAXKEYLEN.
MAX_PASSWORD_BYTES: Final = 80

_ROUTE_FIELDS: Final = frozenset(
    {"next_hop_4", "next_hop_6", "med", "local_pref", "prepend", "communities", "large_communities"}
    | {"extended_communities", "graceful_shutdown", "accept", "reject"}
)
LIVE_FIELDS: Final = _ROUTE_FIELDS | frozenset(
    {"connect_retry_time", "connect_timeout", "send_hold_time", "password", "quarantine"}
)
# Never shown, neither by `repr` nor by `to_json`.
_SECRET_FIELDS: Final = frozenset({"password", "ao_keys"})


class Role(enum.Enum):
    """What we are to the peer (RFC 9234 §4); the values are the words of configuration."""

    PROVIDER = "provider"
    ROUTE_SERVER = "rs"
    ROUTE_SERVER_CLIENT = "rs-client"
    CUSTOMER = "customer"
    PEER = "peer"


# Twelve bits of the capability (RFC 4724 §3), and three octets of its long-lived sister (RFC 9494 §3.1).
MAX_RESTART_TIME: Final = 4095
MAX_STALE_TIME: Final = 0xFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Parameters:
    """How one peer is spoken to and what it is told. Names and defaults are the seed's where it has them.

    Needs a new session to take effect:
        as_number: our AS number, 1 to 4294967294 (RFC 6793).
        hold_time: proposed hold time in seconds, 0 (no timers) or 3 to 65535.
        multiprotocol: offer both IPv4 and IPv6 unicast; otherwise only the family of the TCP session.
        source_ip: local address to connect from and to accept on; None lets the kernel choose.
        port: the peer's TCP port.
        peer_as: AS number the peer must have; None accepts any.
        passive: never connect, wait for the peer to do so (needs a listener).
        ao_keys: keys of TCP-AO (RFC 5925), the one to begin with first; with a password there can be none.
        ttl_security: send with TTL 255 and accept nothing less (RFC 5082).
        extended_messages: offer messages of up to 65,535 bytes (RFC 8654).
        extended_next_hop: offer IPv4 routes with an IPv6 next hop (RFC 8950): those without an IPv4 next hop
            of their own or from `next_hop_4`, when the session runs over IPv6. Peers that are named by their
            interface have this and multiprotocol in any case.
        graceful_restart: seconds the peer shall keep our routes when the session breaks, 1 to 4095, for us to
            come back (RFC 4724, RFC 8538); None does not offer it. Only where traffic goes on without us.
        long_lived_stale_time: seconds it shall keep them after that as a last resort (RFC 9494); needs
            graceful_restart.
        role: what we are to an external peer (RFC 9234): a `Role`, or its word.
        role_strict: refuse a peer that does not tell its own role.
        maximum_prefixes: how many routes of each family the peer may announce at a time, 1 to 4294967295; one
            more ends the session (RFC 4486 §4). None: no limit, and nothing is kept of what it announces.

    Take effect at once and withdraw nothing that stays:
        next_hop_4, next_hop_6: next hop of each family; None takes the session's local address.
        med, local_pref, prepend, communities, large_communities, extended_communities: as in
            `PathAttributes`, for routes that have none of their own; local_pref None is 100.
        graceful_shutdown: all routes go out as with `PathAttributes.graceful_shutdown`.
        accept, reject: prefixes. A route inside any of `accept` passes, else one inside any of `reject` does
            not, else it passes.
        connect_retry_time: ceiling in seconds of the pause between attempts to connect.
        connect_timeout: seconds an attempt to connect may take.
        send_hold_time: seconds the peer may refuse to take bytes (RFC 9687); None is the larger of eight
            minutes and twice the hold time.
        password: TCP MD5 key, at most 80 bytes (RFC 2385); never printed. The session goes on when both ends
            change, add or drop it within the hold time.
        quarantine: when the peer ends the session with an UPDATE error, find the routes that it refuses, and
            keep them back; otherwise it is sent everything again.

    Raises:
        InvalidValueError: a value is out of range; the message names it.
    """

    as_number: int
    hold_time: int
    source_ip: IPAddress | None
    next_hop_4: IPv4Address | None
    next_hop_6: IPv6Address | None
    multiprotocol: bool
    med: int | None
    local_pref: int | None
    communities: tuple[Community, ...]
    accept: tuple[IPNetwork, ...]
    reject: tuple[IPNetwork, ...]
    large_communities: tuple[LargeCommunity, ...]
    extended_communities: tuple[ExtendedCommunity, ...]
    graceful_shutdown: bool
    prepend: int
    peer_as: int | None
    port: int
    passive: bool
    password: bytes | None
    ao_keys: tuple[AoKey, ...]
    ttl_security: bool
    extended_messages: bool
    extended_next_hop: bool
    graceful_restart: int | None
    long_lived_stale_time: int | None
    role: Role | None
    role_strict: bool
    maximum_prefixes: int | None
    connect_retry_time: float
    connect_timeout: float
    send_hold_time: float | None
    quarantine: bool

    def __init__(
        self,
        *,
        as_number: int,
        hold_time: int = DEFAULT_HOLD_TIME,
        source_ip: IPAddress | str | None = None,
        next_hop_4: IPv4Address | str | None = None,
        next_hop_6: IPv6Address | str | None = None,
        multiprotocol: bool = False,
        med: int | None = None,
        local_pref: int | None = None,
        communities: Iterable[Community | str | int] = (),
        accept: Iterable[IPNetwork | IPAddress | str] = (),
        reject: Iterable[IPNetwork | IPAddress | str] = (),
        large_communities: Iterable[LargeCommunity | str | tuple[int, int, int]] = (),
        extended_communities: Iterable[ExtendedCommunity | str | bytes] = (),
        graceful_shutdown: bool = False,
        prepend: int = 0,
        peer_as: int | None = None,
        port: int = 179,
        passive: bool = False,
        password: bytes | str | None = None,
        ao_keys: Iterable[AoKey | Mapping[str, Any]] = (),
        ttl_security: bool = False,
        extended_messages: bool = True,
        extended_next_hop: bool = False,
        graceful_restart: int | None = None,
        long_lived_stale_time: int | None = None,
        role: Role | str | None = None,
        role_strict: bool = False,
        maximum_prefixes: int | None = None,
        connect_retry_time: float = 30.0,
        connect_timeout: float = 10.0,
        send_hold_time: float | None = None,
        quarantine: bool = True,
    ) -> None:
        values: dict[str, object] = {
            "as_number": to_as_number(as_number, "as_number"),
            "hold_time": _hold_time(hold_time),
            "source_ip": _unless_unspecified(source_ip, "source_ip"),
            "next_hop_4": None
            if next_hop_4 is None
            else to_next_hop(to_ipv4(next_hop_4, "next_hop_4"), "next_hop_4"),
            "next_hop_6": None
            if next_hop_6 is None
            else to_next_hop(to_ipv6(next_hop_6, "next_hop_6"), "next_hop_6"),
            "multiprotocol": to_flag(multiprotocol, "multiprotocol"),
            "med": optional_uint32(med, "med"),
            "local_pref": optional_uint32(local_pref, "local_pref"),
            "communities": to_communities(communities),
            "accept": _networks(accept, "accept"),
            "reject": _networks(reject, "reject"),
            "large_communities": to_large_communities(large_communities),
            "extended_communities": to_extended_communities(extended_communities),
            "graceful_shutdown": to_flag(graceful_shutdown, "graceful_shutdown"),
            "prepend": to_prepend(prepend),
            "peer_as": None if peer_as is None else to_as_number(peer_as, "peer_as"),
            "port": to_port(port, "port"),
            "passive": to_flag(passive, "passive"),
            "password": None if password is None else to_secret(password, "password", MAX_PASSWORD_BYTES),
            "ao_keys": to_ao_keys(ao_keys),
            "ttl_security": to_flag(ttl_security, "ttl_security"),
            "extended_messages": to_flag(extended_messages, "extended_messages"),
            "extended_next_hop": to_flag(extended_next_hop, "extended_next_hop"),
            "graceful_restart": _whole_seconds(graceful_restart, "graceful_restart", MAX_RESTART_TIME),
            "long_lived_stale_time": _whole_seconds(
                long_lived_stale_time, "long_lived_stale_time", MAX_STALE_TIME
            ),
            "role": None if role is None else to_role(role),
            "role_strict": to_flag(role_strict, "role_strict"),
            "maximum_prefixes": None if maximum_prefixes is None else _prefix_limit(maximum_prefixes),
            "connect_retry_time": to_seconds(connect_retry_time, "connect_retry_time"),
            "connect_timeout": to_seconds(connect_timeout, "connect_timeout"),
            "send_hold_time": None
            if send_hold_time is None
            else to_seconds(send_hold_time, "send_hold_time"),
            "quarantine": to_flag(quarantine, "quarantine"),
        }
        if long_lived_stale_time is not None and graceful_restart is None:
            raise InvalidValueError("long_lived_stale_time: needs graceful_restart (RFC 9494)")
        if role_strict and role is None:
            raise InvalidValueError("role_strict: needs role (RFC 9234)")
        if values["ao_keys"] and password is not None:
            raise InvalidValueError("ao_keys: cannot go with password; a session has TCP-AO or TCP MD5")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """All that differs from the defaults; keys only as being there."""
        shown = [
            f"{field.name}={'...' if field.name in _SECRET_FIELDS else repr(getattr(self, field.name))}"
            for field in fields(self)
            if field.name == "as_number" or getattr(self, field.name) != getattr(_DEFAULTS, field.name)
        ]
        return f"Parameters({', '.join(shown)})"

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | str | bytes) -> "Parameters":
        """From the JSON object of the seed's `Parameters`, or of `to_json`: decoded, or as text.

        As in the seed: `0.0.0.0` and `::` mean unset, a hold time of 1 or 2 becomes 10. Unlike the seed's,
        an explicit 0 for med, local_pref or hold_time means 0.

        Raises:
            InvalidValueError: text that is no JSON, an unknown name or a value out of range.
        """
        if isinstance(value, str | bytes):
            value = _decoded(value)
        if not isinstance(value, Mapping):
            raise InvalidValueError(f"parameters: must be a JSON object, not {type(value).__name__}")
        known = {field.name for field in fields(cls)}
        for name in value:
            if name not in known:
                raise InvalidValueError(
                    f"parameters: unknown name {shown(name)}; known are {', '.join(sorted(known))}"
                )
        settings = {name: setting for name, setting in value.items() if setting is not None}
        for name in ("source_ip", "next_hop_4", "next_hop_6"):
            if settings.get(name) in ("", "0.0.0.0", "::"):
                del settings[name]
        hold_time = settings.get("hold_time")
        if hold_time in (1, 2) and not isinstance(hold_time, bool):
            settings["hold_time"] = DEFAULT_HOLD_TIME
        if "as_number" not in settings:
            raise InvalidValueError("parameters: as_number is missing; give our AS number")
        return cls(**settings)

    def to_json(self) -> dict[str, Any]:
        """A JSON object under the seed's names, then ours that differ from their defaults; no keys.

        `from_json` of it gives the same parameters, but for `password` and `ao_keys`.
        """
        result: dict[str, Any] = {
            "as_number": self.as_number,
            "hold_time": self.hold_time,
            "source_ip": "0.0.0.0" if self.source_ip is None else str(self.source_ip),
            "next_hop_4": "0.0.0.0" if self.next_hop_4 is None else str(self.next_hop_4),
            "next_hop_6": "::" if self.next_hop_6 is None else str(self.next_hop_6),
        }
        for field in fields(self):
            value = getattr(self, field.name)
            is_default = value == getattr(_DEFAULTS, field.name)
            if field.name in _SECRET_FIELDS or field.name in result or is_default:
                continue
            if isinstance(value, tuple):
                value = [str(item) for item in value]
            result[field.name] = value.value if isinstance(value, Role) else value
        return result

    def with_live_fields(self, other: "Parameters") -> "Parameters":
        """These parameters, with what takes effect at once of `other`.

        Between TCP-AO and TCP MD5 there is no way within a session: then the password waits too.
        """
        names = LIVE_FIELDS if self.ao_keys == other.ao_keys else LIVE_FIELDS - {"password"}
        return replace(self, **{name: getattr(other, name) for name in names})

    def diff(self, other: "Parameters") -> bool:
        """Whether `other` would send routes with other attributes or through another filter (seed `Diff`)."""
        return not _ROUTE_FIELDS.isdisjoint(self.changed_fields(other))

    def changed_fields(self, other: "Parameters") -> frozenset[str]:
        """Names of the fields that differ."""
        names = (field.name for field in fields(self))
        return frozenset(name for name in names if getattr(self, name) != getattr(other, name))


def _decoded(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        # the text itself may hold a password
        raise InvalidValueError(f"parameters: text is no JSON ({error})") from None


def to_as_number(value: int | str, what: str) -> int:
    """An AS number from a number or from text, `65000` or asdot `1.10` (RFC 5396).

    Raises:
        InvalidValueError: outside 1 to 4294967294, or 23456, which is reserved (RFC 6793 §9).
    """
    number = _parse_as_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 0xFFFFFFFE:
        raise InvalidValueError(f"{what} {shown(value)}: must be an AS number from 1 to 4294967294")
    if number == AS_TRANS:
        raise InvalidValueError(
            f"{what} {value}: 23456 is reserved (AS_TRANS, RFC 6793); give the real AS number"
        )
    return number


def _parse_as_number(text: str) -> int | None:
    match = re.fullmatch(r"(?:([0-9]{1,5})\.)?([0-9]{1,10})", text.strip())
    if match is None:
        return None
    high, low = int(match[1] or 0), int(match[2])
    if match[1] is not None and max(high, low) > 0xFFFF:
        return None
    return high << 16 | low if match[1] is not None else low


def to_role(value: Role | str) -> Role:
    """A role, also from its word.

    Raises:
        InvalidValueError: there is no such role.
    """
    if isinstance(value, Role):
        return value
    for role in Role:
        if value == role.value:
            return role
    raise InvalidValueError(f"role {shown(value)}: must be one of {', '.join(role.value for role in Role)}")


def to_seconds(value: float, what: str) -> float:
    """A duration that somebody waits for; InvalidValueError begins with `what`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86400:
        raise InvalidValueError(
            f"{what} {shown(value)}: must be a number of seconds, above 0 and at most 86400"
        )
    return float(value)


def to_router_id(value: IPv4Address | str) -> IPv4Address:
    """A BGP identifier: any 32 bits but 0, written as an IPv4 address (RFC 6286 §2.1).

    Raises:
        InvalidValueError: not an IPv4 address, or 0.0.0.0.
    """
    address = to_ipv4(value, "router id")
    if address.is_unspecified:
        raise InvalidValueError("router id 0.0.0.0: must not be zero; give an IPv4 address of this host")
    return address


def to_port(value: int, what: str) -> int:
    """A TCP port, 1 to 65535; InvalidValueError begins with `what`."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise InvalidValueError(f"{what} {shown(value)}: must be a port number from 1 to 65535")
    return value


def _hold_time(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not (value == 0 or 3 <= value <= 65535):
        raise InvalidValueError(f"hold_time {shown(value)}: must be 0 (no timers) or 3 to 65535 seconds")
    return value


def _unless_unspecified(value: IPAddress | str | None, what: str) -> IPAddress | None:
    if value is None:
        return None
    address = to_address(value, what)
    if address.is_multicast:
        raise InvalidValueError(f"{what} {address}: must be an address of this host")
    return None if address.is_unspecified else address


def _whole_seconds(value: int | None, what: str, highest: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= highest:
        raise InvalidValueError(f"{what} {shown(value)}: must be 1 to {highest} seconds")
    return value


def _prefix_limit(value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 0xFFFFFFFF:
        raise InvalidValueError(
            f"maximum_prefixes {shown(value)}: must be a number from 1 to 4294967295, or None for no limit"
        )
    return value


def _networks(values: Iterable[IPNetwork | IPAddress | str], what: str) -> tuple[IPNetwork, ...]:
    return tuple(to_network(value, what) for value in listed(values, what))


_DEFAULTS: Final = Parameters(as_number=1)
SESSION_FIELDS: Final = frozenset(field.name for field in fields(Parameters)) - LIVE_FIELDS
