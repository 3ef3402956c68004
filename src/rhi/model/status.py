"""What a session tells of itself: `State` and `Status`, under the seed's JSON names."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rhi.model.sent import NOTHING_SENT, SentRoutes

# Tells the time of day, with its time zone, of a monotonic instant.
WallClock = Callable[[float], datetime]


class State(enum.Enum):
    """Session state (RFC 4271 §8.2.2); the values are the seed's words."""

    IDLE = "IDLE"
    CONNECT = "CONNECT"
    ACTIVE = "ACTIVE"
    OPEN_SENT = "OPEN_SENT"
    OPEN_CONFIRM = "OPEN_CONFIRM"
    ESTABLISHED = "ESTABLISHED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A copy of one session's state at one moment. What it shows as sent is what was encoded.

    Attributes:
        state: session state.
        when: wall-clock time of the last change of state, with its time zone; shown in UTC and whole seconds.
        duration_s: whole seconds since then.
        update_calculation_ms: milliseconds spent on the last computation of UPDATEs.
        advertised_routes, withdrawn_routes: routes put into UPDATEs since the session began.
        current_routes: size of the Adj-RIB-Out: what the peer holds from us.
        connection_attempts, successful_connections, established_sessions: since the peer was configured.
        last_error: why the last attempt or session ended; empty once established.
        hold_time: seconds, configured until negotiated.
        local_asn, remote_asn: AS numbers; remote 0 until its OPEN.
        local_ip, remote_ip: addresses of the TCP session, empty without one.
        remote_router_id: the peer's BGP identifier, empty until its OPEN.
        families: address families agreed on, as `ipv4` and `ipv6`.
        end_of_rib: families whose End-of-RIB has been sent.
        pending_routes: whether the peer has yet to be told something.
        held_back: routes that cannot or must not be sent to this peer, by reason.
        pending_changes: names of parameters that wait for the next session.
        retry_in_s: seconds until the next attempt to connect; None when none is waiting.
        received_routes: routes the peer sent, which are parsed and dropped, since the session began.
        malformed_updates: UPDATEs with an error that the session survived (RFC 7606), since it began.
        quarantined: routes that the peer has answered with an UPDATE error, as text in address order, the
            first 100; `held_back` has their number.
        sent: what the peer was sent, route by route.
    """

    state: State = State.IDLE
    when: datetime
    duration_s: int = 0
    update_calculation_ms: float = 0.0
    advertised_routes: int = 0
    withdrawn_routes: int = 0
    current_routes: int = 0
    connection_attempts: int = 0
    successful_connections: int = 0
    established_sessions: int = 0
    last_error: str = ""
    hold_time: int = 0
    local_asn: int = 0
    remote_asn: int = 0
    local_ip: str = ""
    remote_ip: str = ""
    remote_router_id: str = ""
    families: tuple[str, ...] = ()
    end_of_rib: tuple[str, ...] = ()
    pending_routes: bool = False
    held_back: Mapping[str, int] = field(default_factory=dict, hash=False)
    pending_changes: tuple[str, ...] = ()
    retry_in_s: float | None = None
    received_routes: int = 0
    malformed_updates: int = 0
    quarantined: tuple[str, ...] = ()
    sent: SentRoutes = field(default=NOTHING_SENT, repr=False, compare=False)
    read_adj_rib_out: Callable[[], list[str]] = field(default=list, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "held_back", dict(self.held_back))

    @property
    def adj_rib_out(self) -> list[str]:
        """The routes the peer holds from us, as text in address order; made anew at each call."""
        return self.read_adj_rib_out()

    def to_json(self) -> dict[str, Any]:
        """A JSON object under the seed's names, followed by ours."""
        return {
            "state": self.state.value,
            "when": self.when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "duration_s": self.duration_s,
            "update_calculation_ms": round(self.update_calculation_ms),
            "advertised_routes": self.advertised_routes,
            "withdrawn_routes": self.withdrawn_routes,
            "current_routes": self.current_routes,
            "connection_attempts": self.connection_attempts,
            "successful_connections": self.successful_connections,
            "established_sessions": self.established_sessions,
            "last_error": self.last_error,
            "hold_time": self.hold_time,
            "local_asn": self.local_asn,
            "remote_asn": self.remote_asn,
            "adj_rib_out": self.adj_rib_out,
            "local_ip": self.local_ip,
            "remote_ip": self.remote_ip,
            "remote_router_id": self.remote_router_id,
            "families": list(self.families),
            "end_of_rib": list(self.end_of_rib),
            "pending_routes": self.pending_routes,
            "held_back": dict(self.held_back),
            "pending_changes": list(self.pending_changes),
            "retry_in_s": None if self.retry_in_s is None else round(self.retry_in_s, 3),
            "received_routes": self.received_routes,
            "malformed_updates": self.malformed_updates,
            "quarantined": list(self.quarantined),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Flushed:
    """Answer of `flush`: true when nobody is behind.

    Attributes:
        behind: established peers whose TCP has not acknowledged everything, and what they wait for.
        peers: all established peers, which were asked.
    """

    behind: Mapping[str, str] = field(default_factory=dict, hash=False)
    peers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return not self.behind
