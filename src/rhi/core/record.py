"""What has happened with one neighbour: counts, the last error, since when it is in its state.

The events of a peer and the part of `Status` that is not about routes are made here. Nothing is decided:
`Peer` says what has happened.
"""

from rhi.core.events import EventLog
from rhi.core.fsm import Connection, Ending
from rhi.core.open_policy import Negotiated
from rhi.model.events import SessionDown, SessionUp, StateChanged
from rhi.model.parameters import Parameters
from rhi.model.status import State, Status, WallClock


class PeerRecord:
    """The record of one neighbour.

    Attributes:
        log: its events, for all that tell of it.
        state, changed_at: as noted last, and the instant of the change.
    """

    def __init__(self, name: str, now: float) -> None:
        self.log = EventLog(name)
        self.state = State.IDLE
        self.changed_at = now
        self._attempts = self._made = self._established = 0
        self._last_error = ""
        self._hint = ""

    @property
    def has_been_up(self) -> bool:
        """There has been a session."""
        return self._established > 0

    def note_state(self, state: State, now: float) -> None:
        """This is the state now; an event if it was another."""
        before, self.state = self.state, state
        if before is not state:
            self.changed_at = now
            self.log.add(StateChanged(peer=self.log.peer, before=before, after=state))

    def attempt_begun(self) -> None:
        """We connect."""
        self._attempts += 1

    def attempt_failed(self, reason: str) -> None:
        """There is no connection."""
        self._last_error = reason
        self.log.add(SessionDown(peer=self.log.peer, local=False, reason=reason, established=False))

    def connected(self) -> None:
        """There is a connection, whoever opened it."""
        self._made += 1

    def session_up(self, connection: Connection, negotiated: Negotiated) -> None:
        """A connection has become the session."""
        self._established += 1
        self._last_error = self._hint = ""
        self.log.add(
            SessionUp(
                peer=self.log.peer,
                local_ip=str(connection.local),
                remote_ip=str(connection.remote),
                remote_asn=negotiated.remote_as,
                remote_router_id=str(negotiated.remote_router_id),
                hold_time=negotiated.hold_time,
                families=tuple(family.label for family in negotiated.families),
            )
        )

    def session_down(self, ending: Ending, reason: str, *, established: bool) -> None:
        """The session, or a connection that was to become it, is over."""
        notification = ending.sent or ending.received
        self._last_error = reason
        self.log.add(
            SessionDown(
                peer=self.log.peer,
                local=ending.local,
                reason=reason,
                established=established,
                code=None if notification is None else int(notification.code),
                subcode=None if notification is None else int(notification.subcode),
            )
        )

    def kept_out(self, reason: str) -> bool:
        """The system turns away what may be this peer; true when that is news."""
        is_news, self._hint = not self._hint, reason
        return is_news

    def status(
        self,
        now: float,
        wall_clock: WallClock,
        parameters: Parameters,
        connection: Connection | None,
        *,
        update_calculation_ms: float,
        pending_changes: tuple[str, ...],
        retry_at: float | None,
    ) -> Status:
        """All but what is about routes; `connection` is the session, or the newest one without a session."""
        negotiated = connection.negotiated if connection is not None else None
        return Status(
            state=self.state,
            when=wall_clock(self.changed_at),
            duration_s=int(max(0.0, now - self.changed_at)),
            update_calculation_ms=update_calculation_ms,
            connection_attempts=self._attempts,
            successful_connections=self._made,
            established_sessions=self._established,
            last_error=joined(self._last_error, self._hint) if self._last_error else _waiting(self._hint),
            hold_time=parameters.hold_time if negotiated is None else negotiated.hold_time,
            local_asn=parameters.as_number,
            remote_asn=0 if negotiated is None else negotiated.remote_as,
            local_ip="" if connection is None else str(connection.local),
            remote_ip="" if connection is None else str(connection.remote),
            remote_router_id="" if negotiated is None else str(negotiated.remote_router_id),
            pending_changes=pending_changes,
            retry_in_s=None if retry_at is None else max(0.0, retry_at - now),
        )


def joined(reason: str, explanation: str) -> str:
    """A reason with what else is known of it."""
    return f"{reason}; {explanation}" if explanation else reason


def _waiting(hint: str) -> str:
    return f"Waiting for the peer ({hint})" if hint else ""
