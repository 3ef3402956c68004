"""One TCP connection to a peer: OpenSent, OpenConfirm, Established (RFC 4271 §8.2.2).

`TRANSITIONS` is the machine: state and event give a handler, which returns the next state; what is not in the
table is a finite state machine error. `Connection._handle` is the one place that assigns the state. Idle,
Connect and Active, in which there is no connection yet, are in `dialer`; two connections of one peer are kept
apart by `peer`.

Idle stands here for a connection that is over: `ending` then says why, and only `output` is of interest.

Deviation: a connection that the peer has opened has ACCEPTED_OPEN_TIME for its OPEN, not the four minutes of
RFC 4271 §8.2.2; and with a hold time of 0, both kinds have what is left of theirs for the first KEEPALIVE.
Deviation: a NOTIFICATION in OpenSent ends the connection in silence, whatever its code; RFC 4271 §8.2.2 would
answer some of them with a NOTIFICATION of our own, which nobody reads.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Final

from rhi.core.open_policy import Negotiated, build_open, judge_open
from rhi.core.timers import Timer, TimerTable
from rhi.errors import NotificationError
from rhi.model.parameters import Parameters
from rhi.model.prefix import FAMILY_OF_VERSION, IPAddress
from rhi.model.status import State
from rhi.wire.iana import ErrorCode, FsmError, MessageType
from rhi.wire.messages import (
    KEEPALIVE,
    MAX_EXTENDED_MESSAGE_SIZE,
    Framer,
    RouteRefreshMessage,
    encode_message,
)
from rhi.wire.notification import Notification
from rhi.wire.open import Open
from rhi.wire.update import Update

OPEN_HOLD_TIME: Final = 240.0  # RFC 4271 §8.2.2: "a large value", 4 minutes suggested
# A router that connects sends its OPEN at once; one that does not must not occupy a place for minutes.
ACCEPTED_OPEN_TIME: Final = 30.0
MIN_SEND_HOLD_TIME: Final = 480.0  # RFC 9687 §3.2: eight minutes, or twice the hold time
KEEPALIVE_JITTER: Final = 0.25  # RFC 4271 §10: between 0.75 and 1.0 of the interval

Random = Callable[[], float]


class Event(enum.Enum):
    """What can happen to a connection, with the events of RFC 4271 §8.1 that it stands for."""

    OPEN = "OPEN received"  # 19
    KEEPALIVE = "KEEPALIVE received"  # 26
    UPDATE = "UPDATE received"  # 27
    NOTIFICATION = "NOTIFICATION received"  # 24, 25
    ROUTE_REFRESH = "ROUTE-REFRESH received"
    BROKEN_MESSAGE = "message with an error"  # 21, 22, 28
    HOLD_TIMER = "hold timer expired"  # 10
    KEEPALIVE_TIMER = "keepalive timer expired"  # 11
    SEND_HOLD_TIMER = "send hold timer expired"  # RFC 9687: 29
    TCP_LOST = "TCP connection lost"  # 18
    CEASE = "told to end"  # 2, 8, 23


_EVENT_OF_MESSAGE: Final = {
    MessageType.OPEN: Event.OPEN,
    MessageType.UPDATE: Event.UPDATE,
    MessageType.NOTIFICATION: Event.NOTIFICATION,
    MessageType.KEEPALIVE: Event.KEEPALIVE,
    MessageType.ROUTE_REFRESH: Event.ROUTE_REFRESH,
}
_EVENT_OF_TIMER: Final = {
    Timer.HOLD: Event.HOLD_TIMER,
    Timer.KEEPALIVE: Event.KEEPALIVE_TIMER,
    Timer.SEND_HOLD: Event.SEND_HOLD_TIMER,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a connection is over.

    Attributes:
        reason: one sentence.
        local: somebody on our side asked for it.
        sent, received: the NOTIFICATION that ended it, if one did.
        is_closed: there is no TCP connection any more.
    """

    reason: str
    local: bool = False
    sent: Notification | None = None
    received: Notification | None = None
    is_closed: bool = False


class Connection:
    """One TCP connection, from the moment it is made.

    Attributes:
        is_outgoing: we opened it.
        state: OPEN_SENT, OPEN_CONFIRM, ESTABLISHED; IDLE once over.
        negotiated: what both sides agreed on; None before the peer's OPEN.
        output: OPEN, KEEPALIVE and NOTIFICATION bytes to be sent before anything else.
        received: UPDATE and ROUTE-REFRESH messages that the owner takes away.
        ending: why it is over.
    """

    def __init__(
        self,
        parameters: Parameters,
        router_id: IPv4Address,
        local: IPAddress,
        remote: IPAddress,
        now: float,
        random: Random,
        *,
        is_outgoing: bool,
        with_capabilities: bool = True,
        is_restarting: bool = False,
        forwarding_kept: bool = True,
    ) -> None:
        """`random` returns numbers in [0, 1); `local` and `remote` are the ends of the TCP connection."""
        self.parameters = parameters
        self.local = local
        self.remote = remote
        self.is_outgoing = is_outgoing
        self.state = State.OPEN_SENT
        self.negotiated: Negotiated | None = None
        self.output = bytearray()
        self.received: list[Update | RouteRefreshMessage] = []
        self.ending: Ending | None = None
        self.timers = TimerTable()
        self._random = random
        self._framer = Framer()
        if with_capabilities and parameters.extended_messages:
            # who offers it must take it, whatever the peer offers (RFC 8654 §4)
            self._framer.max_message_size = MAX_EXTENDED_MESSAGE_SIZE
        self._open = build_open(
            parameters,
            router_id,
            FAMILY_OF_VERSION[local.version],
            with_capabilities=with_capabilities,
            is_restarting=is_restarting,
            forwarding_kept=forwarding_kept,
        )
        self.output += encode_message(MessageType.OPEN, self._open.encode())
        self.timers.set(Timer.HOLD, now + (OPEN_HOLD_TIME if is_outgoing else ACCEPTED_OPEN_TIME))

    def receive(self, data: bytes, now: float) -> bool:
        """Bytes from the peer, acted on up to the first message that changes the state.

        Returns true after a change: draw the consequences, then call again without bytes for what is left.
        Once the connection is over, bytes are dropped.
        """
        before = self.state
        if before is State.IDLE:
            return False
        try:
            for kind, body in self._framer.feed(data):
                self._handle(_EVENT_OF_MESSAGE[MessageType(kind)], body, now)
                if self.state is not before:
                    break
        except NotificationError as error:
            self._handle(Event.BROKEN_MESSAGE, error, now)
        return self.state is not before

    def expire_timers(self, now: float) -> None:
        """Act on the timers that are due."""
        for timer in self.timers.expire(now):
            self._handle(_EVENT_OF_TIMER[timer], None, now)

    def lost(self, reason: str, now: float) -> None:
        """The TCP connection is gone; `reason` is the system's word for it, or empty."""
        self._handle(Event.TCP_LOST, reason, now)

    def end(self, notification: Notification, now: float, *, local: bool) -> None:
        """Send `notification` and be over; `local` when a user asked for it."""
        self._handle(Event.CEASE, (notification, local), now)

    def fail(self, error: NotificationError, now: float) -> None:
        """End for what the owner has found wrong with a received message."""
        self._handle(Event.BROKEN_MESSAGE, error, now)

    def drop(self, reason: str, *, local: bool) -> None:
        """Be over without a word: a peer that agreed to graceful restart keeps our routes (RFC 4724 §4.2)."""
        if self.state is not State.IDLE:
            self.output.clear()
            self.state = self._over(Ending(reason, local=local))

    def sent(self, now: float) -> None:
        """The socket took bytes: the peer is reading (RFC 9687 §3.1)."""
        if self.timers.deadline(Timer.SEND_HOLD) is not None:
            self._arm_send_hold(now)

    def _handle(self, event: Event, argument: Any, now: float) -> None:
        if self.state is State.IDLE:
            return
        handler = TRANSITIONS.get((self.state, event), _unexpected(event))
        try:
            self.state = handler(self, argument, now)
        except NotificationError as error:
            self.state = _send_error(self, error, now)

    def _over(self, ending: Ending) -> State:
        self.ending = ending
        self.timers.clear()
        return State.IDLE

    def _notify(self, notification: Notification, detail: str = "", *, local: bool = False) -> State:
        self.output += encode_message(MessageType.NOTIFICATION, notification.encode())
        reason = f"Sent notification[{notification.code}:{notification.subcode}]: {notification.text}"
        reason += f" ({detail})" if detail else ""
        if local:
            reason = f"Local shutdown ({reason})"
        return self._over(Ending(reason, local=local, sent=notification))

    def _arm_hold(self, now: float) -> None:
        assert self.negotiated is not None
        if self.negotiated.hold_time:
            self.timers.set(Timer.HOLD, now + self.negotiated.hold_time)
        else:
            self.timers.clear(Timer.HOLD)

    def _arm_keepalive(self, now: float) -> None:
        assert self.negotiated is not None
        if self.negotiated.hold_time:
            interval = self.negotiated.hold_time / 3 * (1 - KEEPALIVE_JITTER * self._random())
            self.timers.set(Timer.KEEPALIVE, now + interval)

    def _arm_send_hold(self, now: float) -> None:
        assert self.negotiated is not None
        if self.negotiated.hold_time:
            default = max(MIN_SEND_HOLD_TIME, 2.0 * self.negotiated.hold_time)
            self.timers.set(Timer.SEND_HOLD, now + (self.parameters.send_hold_time or default))


Handler = Callable[[Connection, Any, float], State]


def _receive_open(connection: Connection, body: bytes, now: float) -> State:
    theirs = Open.decode(body)
    connection.negotiated = judge_open(connection._open, theirs, connection.parameters)
    connection.output += KEEPALIVE
    if connection.negotiated.hold_time:
        connection._arm_hold(now)
    # without hold time the peer's OPEN must not be its last word: the time for the whole exchange goes on
    connection._arm_keepalive(now)
    connection._arm_send_hold(now)
    return State.OPEN_CONFIRM


def _establish(connection: Connection, body: bytes, now: float) -> State:
    connection._arm_hold(now)
    return State.ESTABLISHED


def _receive_keepalive(connection: Connection, body: bytes, now: float) -> State:
    connection._arm_hold(now)
    return connection.state


def _receive_update(connection: Connection, body: bytes, now: float) -> State:
    negotiated = connection.negotiated
    assert negotiated is not None
    connection._arm_hold(now)
    update = Update.decode(body, four_octet_as=negotiated.four_octet_as, internal=negotiated.is_internal)
    connection.received.append(update)
    return connection.state


def _receive_route_refresh(connection: Connection, body: bytes, now: float) -> State:
    connection._arm_hold(now)
    connection.received.append(RouteRefreshMessage.decode(body))
    return connection.state


def _receive_notification(connection: Connection, body: bytes, now: float) -> State:
    notification = Notification.decode(body)
    text = f"Received notification[{notification.code}:{notification.subcode}]: {notification.text}"
    return connection._over(Ending(text, received=notification))


def _send_keepalive(connection: Connection, _: None, now: float) -> State:
    # one that the socket has not taken yet is enough: a peer that does not read must not pile them up
    if not connection.output:
        connection.output += KEEPALIVE
    connection._arm_keepalive(now)
    return connection.state


def _hold_expired(connection: Connection, _: None, now: float) -> State:
    return connection._notify(Notification(ErrorCode.HOLD_TIMER_EXPIRED))


def _send_hold_expired(connection: Connection, _: None, now: float) -> State:
    return connection._notify(Notification(ErrorCode.SEND_HOLD_TIMER_EXPIRED), "the peer takes no bytes")


def _send_error(connection: Connection, error: NotificationError, now: float) -> State:
    return connection._notify(Notification.of(error), error.detail)


def _cease(connection: Connection, argument: tuple[Notification, bool], now: float) -> State:
    notification, local = argument
    return connection._notify(notification, local=local)


def _tcp_lost(connection: Connection, reason: str, now: float) -> State:
    text = f"Remote shutdown ({reason})" if reason else "Remote shutdown"
    return connection._over(Ending(text, is_closed=True))


_UNEXPECTED_SUBCODE: Final = {
    State.OPEN_SENT: FsmError.UNEXPECTED_IN_OPEN_SENT,
    State.OPEN_CONFIRM: FsmError.UNEXPECTED_IN_OPEN_CONFIRM,
    State.ESTABLISHED: FsmError.UNEXPECTED_IN_ESTABLISHED,
}
_TYPE_OF_EVENT: Final = {event: kind for kind, event in _EVENT_OF_MESSAGE.items()}


def _unexpected(event: Event) -> Handler:
    """Finite State Machine Error; its data is the type of the message (RFC 6608 §3)."""

    def handler(connection: Connection, _: Any, now: float) -> State:
        subcode = _UNEXPECTED_SUBCODE[connection.state]
        data = bytes((_TYPE_OF_EVENT[event],)) if event in _TYPE_OF_EVENT else b""
        return connection._notify(Notification(ErrorCode.FINITE_STATE_MACHINE, subcode, data), event.value)

    return handler


TRANSITIONS: Final[dict[tuple[State, Event], Handler]] = {
    (State.OPEN_SENT, Event.OPEN): _receive_open,
    (State.OPEN_SENT, Event.NOTIFICATION): _receive_notification,
    (State.OPEN_SENT, Event.BROKEN_MESSAGE): _send_error,
    (State.OPEN_SENT, Event.HOLD_TIMER): _hold_expired,
    (State.OPEN_SENT, Event.TCP_LOST): _tcp_lost,
    (State.OPEN_SENT, Event.CEASE): _cease,
    (State.OPEN_CONFIRM, Event.KEEPALIVE): _establish,
    (State.OPEN_CONFIRM, Event.NOTIFICATION): _receive_notification,
    (State.OPEN_CONFIRM, Event.BROKEN_MESSAGE): _send_error,
    (State.OPEN_CONFIRM, Event.HOLD_TIMER): _hold_expired,
    (State.OPEN_CONFIRM, Event.KEEPALIVE_TIMER): _send_keepalive,
    (State.OPEN_CONFIRM, Event.SEND_HOLD_TIMER): _send_hold_expired,
    (State.OPEN_CONFIRM, Event.TCP_LOST): _tcp_lost,
    (State.OPEN_CONFIRM, Event.CEASE): _cease,
    (State.ESTABLISHED, Event.KEEPALIVE): _receive_keepalive,
    (State.ESTABLISHED, Event.UPDATE): _receive_update,
    (State.ESTABLISHED, Event.ROUTE_REFRESH): _receive_route_refresh,
    (State.ESTABLISHED, Event.NOTIFICATION): _receive_notification,
    (State.ESTABLISHED, Event.BROKEN_MESSAGE): _send_error,
    (State.ESTABLISHED, Event.HOLD_TIMER): _hold_expired,
    (State.ESTABLISHED, Event.KEEPALIVE_TIMER): _send_keepalive,
    (State.ESTABLISHED, Event.SEND_HOLD_TIMER): _send_hold_expired,
    (State.ESTABLISHED, Event.TCP_LOST): _tcp_lost,
    (State.ESTABLISHED, Event.CEASE): _cease,
}
