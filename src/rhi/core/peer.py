"""One neighbour: its connections, what it is told, and what a driver has to do.

`Peer` is a value-in, value-out machine. Its methods are of four kinds:

    commands   start, stop, configure, mark, suspend, resume, release_quarantine
    inputs     connection_made, connect_failed, accept, data_received, connection_lost, handle_timeout
    polls      actions, data_to_send, next_timeout, events
    getters    state, status, ...

After any command or input the driver performs `actions()`, calls `data_to_send()` for each connection whose
socket has room until it returns nothing, arms one timer for `next_timeout()` and delivers `events()`. A
change of the route table is an input too: call `data_to_send()`. Nothing a peer can send makes an input
raise: it becomes a NOTIFICATION, a Disconnect and a SessionDown with its reason.

A peer may have two connections for a moment, one opened by each side; `collision` is the referee (RFC 4271
§6.8).
"""

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import Final

from rhi.core.actions import Action, Connect, Disconnect
from rhi.core.collision import Referee, can_restart, lost_collision, make_room
from rhi.core.dialer import Dialer, DialEvent
from rhi.core.exchange import RouteExchange
from rhi.core.fsm import Connection, Ending
from rhi.core.record import PeerRecord, joined
from rhi.core.route_table import RouteTable
from rhi.core.timers import Timer
from rhi.model.events import Event
from rhi.model.parameters import Parameters
from rhi.model.prefix import IPAddress
from rhi.model.status import State, Status, WallClock
from rhi.wire.iana import CeaseError, ErrorCode, OpenError
from rhi.wire.notification import Notification

_ORDER: Final = {state: position for position, state in enumerate(State)}


class Peer:
    """A session with one neighbour, without sockets.

    Attributes:
        parameters: as in force; see `configure` for those that wait.
        explain_silence: asked when an attempt or the hold timer has run out; what the driver knows of the
            reason, or empty.
    """

    def __init__(
        self,
        name: str,
        router_id: IPv4Address,
        parameters: Parameters,
        table: RouteTable,
        *,
        now: float,
        random: Callable[[], float],
        reports_routes: bool = False,
        restarted_at: float | None = None,
        forwarding_kept: bool = True,
    ) -> None:
        """`random` returns numbers in [0, 1); `reports_routes` makes events of received routes.

        `restarted_at` is when this program began, if the peer may hold routes of the one before;
        `forwarding_kept`: what they lead to went on meanwhile.
        """
        self.parameters = parameters
        self.explain_silence: Callable[[], str] = lambda: ""
        self._wanted = parameters
        self._router_id = router_id
        self._random = random
        self._restarted_at = restarted_at
        self._forwarding_kept = forwarding_kept
        self._dialer = Dialer(
            parameters.connect_retry_time, parameters.connect_timeout, random, is_passive=parameters.passive
        )
        self._referee = Referee(router_id)
        self._record = PeerRecord(name, now)
        self._routes = RouteExchange(router_id, table, self._record.log, reports_routes=reports_routes)
        self._connections: dict[int, Connection] = {}
        self._session: Connection | None = None
        self._last_words: dict[int, bytes] = {}
        self._last_connection = 0
        self._dialing: int | None = None
        self._actions: list[Action] = []
        self._with_capabilities = True
        self._stopped = True
        self._is_suspended = False

    # Commands

    def start(self, now: float) -> None:
        """Begin to connect, or to wait for the peer when passive (RFC 4271 §8.1.2: ManualStart)."""
        self._stopped = False
        self._dialer.handle(DialEvent.START, now)
        self._settle(now)

    def stop(
        self,
        now: float,
        subcode: CeaseError = CeaseError.ADMINISTRATIVE_SHUTDOWN,
        message: str = "",
        *,
        keep_routes: bool = False,
    ) -> None:
        """End all connections with a Cease and stay Idle (ManualStop); `message` is for people there.

        The routes leave at once, by a Hard Reset where it takes one (RFC 8538 §4); with `keep_routes`, where
        graceful restart was agreed on, the session is dropped without a word and the peer keeps them.
        """
        self._stopped = True
        self._dialer.handle(DialEvent.STOP, now)
        notification = Notification.shutdown(subcode, message)
        for connection in list(self._connections.values()):
            negotiated = connection.negotiated
            if keep_routes and can_restart(connection):
                connection.drop("Local shutdown (routes are kept: graceful restart)", local=True)
            elif negotiated is not None and negotiated.hard_reset:
                connection.end(notification.hard_reset(), now, local=True)
            else:
                connection.end(notification, now, local=True)
        self._settle(now)

    def configure(self, parameters: Parameters, now: float, *, allow_reset: bool = False) -> None:
        """Change parameters: live ones at once; the others now if there is no session, or if `allow_reset`.

        What has to wait is in `pending_changes`, and takes effect when the session next ends by itself.
        """
        self._wanted = parameters
        before, self.parameters = self.parameters, self.parameters.with_live_fields(parameters)
        if not parameters.quarantine:
            self._routes.quarantine.release()
        self._dialer.tune(parameters.connect_retry_time, parameters.connect_timeout)
        if self._session is not None and self.parameters != before:
            self._session.parameters = self.parameters
            self._routes.configure(self.parameters)
        if self.pending_changes and (allow_reset or self._session is None):
            for connection in self._connections.values():
                connection.end(
                    Notification(ErrorCode.CEASE, CeaseError.OTHER_CONFIGURATION_CHANGE), now, local=True
                )
        if self.pending_changes and not self._connections:
            self._take_wanted()
            self._redial(now)
        self._settle(now)

    def suspend(self, reason: str, now: float) -> None:
        """End what there is and do not connect before `resume`: nobody knows where the peer is.

        Connections that the peer opens are taken. `reason` is told as that of a failed attempt, unless empty.
        """
        self._is_suspended = self._dialer.is_passive = True
        had_connection = bool(self._connections)
        for connection in list(self._connections.values()):
            connection.drop(reason, local=False)
        self._settle(now)
        if reason and not had_connection:
            self._record.attempt_failed(reason)
        self._redial(now)
        self._settle(now)

    def resume(self, now: float) -> None:
        """Connect again, at once."""
        self._is_suspended = False
        self._dialer.is_passive = self.parameters.passive
        self._redial(now)
        self._settle(now)

    def mark(self, marked: bool) -> None:
        """Send all routes as `graceful_shutdown` has it, whatever the parameters say; or no longer."""
        self._routes.mark(self.parameters, marked)

    def release_quarantine(self, now: float) -> None:
        """Send quarantined routes again."""
        self._routes.release_quarantine()
        self._settle(now)

    # Inputs

    def connection_made(self, connection: int, local: IPAddress, remote: IPAddress, now: float) -> None:
        """The TCP connection asked for by `Connect` is there."""
        if connection != self._dialing:
            self._actions.append(Disconnect(connection))
            return
        self._dialing = None
        self._dialer.handle(DialEvent.CONNECTED, now)
        self._open(connection, local, remote, now, is_outgoing=True)
        self._settle(now)

    def connect_failed(self, connection: int, reason: str, now: float) -> None:
        """The TCP connection asked for by `Connect` could not be made."""
        if connection != self._dialing:
            return
        self._dialing = None
        self._record.attempt_failed(f"Connection failed ({reason})")
        self._dialer.handle(DialEvent.FAILED, now)
        self._settle(now)

    def accept(self, local: IPAddress, remote: IPAddress, now: float) -> int | None:
        """The peer has connected to us. Returns the connection's number, or None: close it without a word."""
        if self._stopped or self._dialer.state is State.IDLE:
            return None
        if not make_room(self._connections.values(), self._session, now):
            return None
        self._last_connection += 1
        self._open(self._last_connection, local, remote, now, is_outgoing=False)
        self._settle(now)
        return self._last_connection

    def data_received(self, connection: int, data: bytes, now: float) -> None:
        """Bytes have come in; those of connections that are over are dropped."""
        found = self._connections.get(connection)
        if found is not None:
            # collisions are decided message by message, however the bytes come in
            while found.receive(data, now):
                data = b""
                self._settle(now)
            self._settle(now)
            if found is self._session and self._routes.outgoing is not None:
                self._routes.outgoing.heard(now)

    def connection_lost(self, connection: int, reason: str, now: float) -> None:
        """The TCP connection was closed or broke; `reason` is the system's word for it, or empty."""
        self._last_words.pop(connection, None)
        found = self._connections.get(connection)
        if found is not None:
            found.lost(reason, now)
            self._settle(now)

    def handle_timeout(self, now: float) -> None:
        """Act on all timers that are due. Harmless when none is."""
        for connection in list(self._connections.values()):
            connection.expire_timers(now)
        was_dialing = self._dialing
        self._dialer.expire_timers(now)
        if self._routes.outgoing is not None:
            self._routes.outgoing.handle_timeout(now)
        if was_dialing is not None and self._dialer.state is State.ACTIVE:
            self._record.attempt_failed(f"Connection failed ({joined('timed out', self.explain_silence())})")
        self._settle(now)

    def kept_out(self, reason: str) -> bool:
        """The system turns away what may be this peer, for which we wait; true when that is news.

        It may as well be somebody else, so it is no event, and stands behind what really happened last.
        """
        return self._record.kept_out(reason)

    # Polls

    def actions(self) -> list[Action]:
        """What the driver has to do now, in order; asked once."""
        actions, self._actions = self._actions, []
        return actions

    def data_to_send(self, connection: int, limit: int, now: float) -> bytes:
        """Bytes for a connection whose socket has room: about `limit`, more where a message would be cut.

        Empty when there is nothing to say. NOTIFICATION, OPEN and KEEPALIVE go before UPDATE.
        """
        found = self._connections.get(connection)
        if found is None:
            return self._last_words.pop(connection, b"")
        parts = [bytes(found.output)] if found.output else []
        found.output.clear()
        if found is self._session and self._routes.outgoing is not None:
            parts += self._routes.outgoing.pull(limit, now)
        if parts:
            found.sent(now)
        return b"".join(parts)

    def next_timeout(self) -> float:
        """The monotonic instant at which to call `handle_timeout`; infinity when nothing is due."""
        deadlines = [connection.timers.next() for connection in self._connections.values()]
        if self._routes.outgoing is not None:
            deadlines.append(self._routes.outgoing.next_timeout())
        return min([self._dialer.timers.next(), self._referee.next_timeout(), *deadlines])

    def events(self) -> list[Event]:
        """What has happened since the last call."""
        return self._record.log.take()

    # Getters

    @property
    def name(self) -> str:
        """The peer as events and status call it; may be changed."""
        return self._record.log.peer

    @name.setter
    def name(self, name: str) -> None:
        self._record.log.peer = name

    @property
    def state(self) -> State:
        """The state of the connection that has come furthest, or of the attempts to make one."""
        states = [
            State.OPEN_CONFIRM
            if each.state is State.ESTABLISHED and each is not self._session
            else each.state
            for each in self._connections.values()
        ]
        return max([*states, self._dialer.state], key=_ORDER.__getitem__)

    @property
    def is_established(self) -> bool:
        """A session is up."""
        return self._session is not None

    @property
    def has_been_up(self) -> bool:
        """There has been a session."""
        return self._record.has_been_up

    @property
    def is_stopped(self) -> bool:
        """It has been told to stop, or not to start yet."""
        return self._stopped

    @property
    def is_suspended(self) -> bool:
        """Nobody knows where the peer is."""
        return self._is_suspended

    @property
    def is_pending(self) -> bool:
        """The peer of an established session has yet to be told something."""
        outgoing = self._routes.outgoing
        if self._session is None or outgoing is None:
            return False
        return bool(self._session.output) or outgoing.is_pending

    def has_more(self, connection: int) -> bool:
        """Whether `data_to_send` goes on for this connection, also when it has just given nothing.

        Only the established session's has UPDATEs; another one next to it must not be asked for them again
        and again while the session's own takes no bytes.
        """
        return self._connections.get(connection) is self._session and self.is_pending

    @property
    def session_connection(self) -> int | None:
        """The number of the connection that is the established session."""
        return next((n for n, connection in self._connections.items() if connection is self._session), None)

    @property
    def pending_changes(self) -> tuple[str, ...]:
        """Names of parameters that wait for the session to end."""
        return tuple(sorted(self.parameters.changed_fields(self._wanted)))

    def status(self, now: float, wall_clock: WallClock, update_calculation_ms: float = 0.0) -> Status:
        """A copy of all there is to know."""
        status = self._record.status(
            now,
            wall_clock,
            self.parameters,
            self._session or next(reversed(self._connections.values()), None),
            update_calculation_ms=update_calculation_ms,
            pending_changes=self.pending_changes,
            retry_at=self._dialer.timers.deadline(Timer.CONNECT_RETRY),
        )
        return self._routes.describe(status, is_pending=self.is_pending)

    # How things hang together

    def _settle(self, now: float) -> None:
        """Draw the consequences of what has just happened."""
        connections = self._connections.values()
        self._referee.resolve(connections, self._session, now)
        for number, connection in list(self._connections.items()):
            if (
                connection.state is State.ESTABLISHED
                and self._session is None
                and not self._referee.is_yielding(connection, connections, self._session, now)
            ):
                self._session_up(connection, now)
            self._routes.take(connection, now)
            if connection.ending is not None:
                self._connection_over(number, connection, connection.ending, now)
        if self._session is not None or len(self._connections) < 2:
            self._referee.decided()
        self._obey_dialer()
        self._record.note_state(self.state, now)

    def _open(
        self, number: int, local: IPAddress, remote: IPAddress, now: float, *, is_outgoing: bool
    ) -> None:
        self._record.connected()
        self._connections[number] = Connection(
            self.parameters,
            self._router_id,
            local,
            remote,
            now,
            self._random,
            is_outgoing=is_outgoing,
            with_capabilities=self._with_capabilities,
            is_restarting=self._is_restarting(now),
            forwarding_kept=self._forwarding_kept,
        )

    def _is_restarting(self, now: float) -> bool:
        """The peer may hold routes of ours that are older than this program (RFC 4724 §4.1)."""
        restart_time = self.parameters.graceful_restart
        if self._restarted_at is None or self.has_been_up or restart_time is None:
            return False
        return now - self._restarted_at <= restart_time

    def _session_up(self, connection: Connection, now: float) -> None:
        negotiated = connection.negotiated
        assert negotiated is not None
        self._session = connection
        self._routes.session_up(self.parameters, negotiated, connection.local, now)
        self._dialer.handle(DialEvent.ESTABLISHED, now)
        self._record.note_state(self.state, now)
        self._record.session_up(connection, negotiated)

    def _connection_over(self, number: int, connection: Connection, ending: Ending, now: float) -> None:
        del self._connections[number]
        if not ending.is_closed:
            self._last_words[number] = bytes(connection.output)
            self._actions.append(Disconnect(number))
        was_session = connection is self._session
        if was_session:
            self._routes.session_down()
            self._session = None
            self._dialer.session_ended(now - self._record.changed_at)
        elif any(not _is_silent(other) or lost_collision(ending) for other in self._connections.values()):
            return  # the loser of a collision, or a stray; the other connection goes on
        notification = ending.sent or ending.received
        reason = ending.reason
        if ending.sent is not None and ending.sent.code == ErrorCode.HOLD_TIMER_EXPIRED:
            reason = joined(reason, self.explain_silence())
        if ending.received is not None and _is_capability_refusal(ending.received):
            self._with_capabilities = not self._with_capabilities
        self._record.session_down(ending, reason, established=was_session)
        if was_session and self._routes.is_reason_known(ending.received, self.parameters, now):
            self._dialer.failures = 0  # the next session will be told something else: no growing pause
        if self.pending_changes and not self._connections:
            self._take_wanted()
        if self._stopped:
            return
        if ending.local:  # to take new parameters: at once, whatever failed before
            self._redial(now)
        else:
            self._dialer.handle(DialEvent.LOST if notification is None else DialEvent.ERROR, now)

    def _redial(self, now: float) -> None:
        """Begin anew, whatever failed before."""
        if not self._stopped:
            self._dialer.handle(DialEvent.STOP, now)
            self._dialer.handle(DialEvent.START, now)

    def _obey_dialer(self) -> None:
        should_connect, should_abandon = self._dialer.take_wishes()
        if should_abandon and self._dialing is not None:
            self._actions.append(Disconnect(self._dialing))
            self._dialing = None
        if should_connect:
            self._last_connection += 1
            self._dialing = self._last_connection
            self._record.attempt_begun()
            self._routes.forget_counts()
            self._actions.append(Connect(self._dialing))

    def _take_wanted(self) -> None:
        """Take the parameters that a session was in the way of."""
        self.parameters = self._wanted
        self._with_capabilities = True
        self._dialer.is_passive = self.parameters.passive or self._is_suspended
        self._routes.quarantine.release()


def _is_silent(connection: Connection) -> bool:
    """The peer opened it and has said nothing on it yet; it may never."""
    return not connection.is_outgoing and connection.state is State.OPEN_SENT


def _is_capability_refusal(notification: Notification) -> bool:
    """The peer knows no optional parameters: try without (RFC 5492 §3)."""
    return (notification.code, notification.subcode) == (
        ErrorCode.OPEN_MESSAGE,
        OpenError.UNSUPPORTED_OPTIONAL_PARAMETER,
    )
