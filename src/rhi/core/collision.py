"""Which of two connections with one peer goes, when each side has opened one (RFC 4271 §6.8).

An Established connection stays, else the one that the side with the higher identifier opened. Ends that
decide by the first rule here and by the second there would close both.

Deviation: so a connection that the identifiers are against is no session before its rival has ended, or the
peer has shown which one it took; COLLISION_WAIT at the most.

A peer that can restart may have done so unnoticed: there a new connection wins over the session that is left
(RFC 4724 §5).
"""

from collections.abc import Collection
from ipaddress import IPv4Address
from typing import Final

from rhi.core.fsm import Connection, Ending
from rhi.core.open_policy import Negotiated
from rhi.core.timers import NEVER
from rhi.model.status import State
from rhi.wire.iana import CeaseError, ErrorCode
from rhi.wire.notification import Notification

COLLISION_LOST: Final = Notification(ErrorCode.CEASE, CeaseError.CONNECTION_COLLISION_RESOLUTION)
# Longest that a connection yields, in seconds: round trips between neighbours are shorter by far.
COLLISION_WAIT: Final = 1.0


class Referee:
    """Judges the connections of one peer, and knows until when one of them yields.

    `session` is always the one of `connections` that is the established session.
    """

    def __init__(self, router_id: IPv4Address) -> None:
        """`router_id` is ours."""
        self._router_id = router_id
        self._decide_at: float | None = None

    def resolve(self, connections: Collection[Connection], session: Connection | None, now: float) -> None:
        """End those that must not stay beside another one."""
        for connection in list(connections):
            _resolve_collision(
                connection,
                connections,
                session,
                self._router_id,
                now,
                is_yielding=self.is_yielding(connection, connections, session, now),
            )

    def is_yielding(
        self,
        connection: Connection,
        connections: Collection[Connection],
        session: Connection | None,
        now: float,
    ) -> bool:
        """Whether an Established connection still waits for a rival; see `_should_yield`."""
        if not _should_yield(connection, connections, session, self._router_id):
            return False
        if self._decide_at is None:
            self._decide_at = now + COLLISION_WAIT
        return now < self._decide_at

    def decided(self) -> None:
        """There is a session, or no rival any more: nothing yields."""
        self._decide_at = None

    def next_timeout(self) -> float:
        """When to judge again although nothing has happened."""
        return NEVER if self._decide_at is None else self._decide_at


def make_room(connections: Collection[Connection], session: Connection | None, now: float) -> bool:
    """Whether the peer may open one more connection; ends those on which it has not said a word."""
    incoming = [connection for connection in connections if not connection.is_outgoing]
    silent = [connection for connection in incoming if connection.state is State.OPEN_SENT]
    # beside a session of a peer that can restart, since that may be what has happened (RFC 4724 §5)
    if any(each not in silent and not (each is session and can_restart(each)) for each in incoming):
        return False
    for each in silent:
        # it has not said a word: the peer may have lost it, and would be kept out until it times out
        each.end(COLLISION_LOST, now, local=False)
    return True


def can_restart(connection: Connection) -> bool:
    """Graceful restart was agreed on."""
    return connection.negotiated is not None and connection.negotiated.graceful_restart


def lost_collision(ending: Ending) -> bool:
    """The peer closed it in favour of another connection."""
    found = ending.received
    return found is not None and (found.code, found.subcode) == (COLLISION_LOST.code, COLLISION_LOST.subcode)


def _resolve_collision(
    connection: Connection,
    connections: Collection[Connection],
    session: Connection | None,
    router_id: IPv4Address,
    now: float,
    *,
    is_yielding: bool,
) -> None:
    """End those that must not stay beside `connection`, or itself, once it knows who the peer is."""
    if connection.state not in (State.OPEN_CONFIRM, State.ESTABLISHED):
        return
    for rival in connections:
        if rival is connection or rival.ending is not None:
            continue
        if connection is session and can_restart(connection):
            continue  # the peer may have restarted unnoticed; its OPEN will tell
        if rival is session and can_restart(rival):
            # a new connection of a peer that can restart means that it has (RFC 4724 §5)
            rival.drop("Remote shutdown (the peer has restarted)", local=False)
            continue
        if is_yielding:
            continue
        if connection.state is State.ESTABLISHED:
            loser = rival
        elif rival.state is State.OPEN_CONFIRM:
            stays = connection.is_outgoing == _opener_wins(router_id, connection.negotiated)
            loser = rival if stays else connection
        else:
            continue
        loser.end(COLLISION_LOST, now, local=False)


def _should_yield(
    connection: Connection,
    connections: Collection[Connection],
    session: Connection | None,
    router_id: IPv4Address,
) -> bool:
    """Whether an Established connection is to wait for the end of one that the identifiers prefer.

    The peer may have decided for that one before it was Established there. It tells by closing one of them,
    by sending an UPDATE on this one, or by a KEEPALIVE on the other.
    """
    if connection.state is not State.ESTABLISHED or session is not None or connection.received:
        return False
    if connection.is_outgoing == _opener_wins(router_id, connection.negotiated):
        return False
    return any(other.ending is None and other.is_outgoing != connection.is_outgoing for other in connections)


def _opener_wins(router_id: IPv4Address, negotiated: Negotiated | None) -> bool:
    """Whether connections that we opened stay: ours is the higher identifier, or AS (RFC 6286 §2.3)."""
    assert negotiated is not None
    ours, theirs = int(router_id), int(negotiated.remote_router_id)
    return (ours, negotiated.local_as) > (theirs, negotiated.remote_as)
