"""When to connect to a peer: Idle, Connect and Active (RFC 4271 §8.2.2), and the pauses between attempts.

    Idle     not started, or pausing after an error; incoming connections are refused
    Connect  an attempt to connect is under way
    Active   waiting: for the next attempt, for the peer to connect, or for a connection to end

Pauses double from half a second after a failed attempt and from a second after an error, up to the peer's
`connect_retry_time`, less up to a quarter by chance so that many speakers do not return at once. A session
that has held for `STABLE_TIME` wipes the slate.
"""

import enum
from collections.abc import Callable
from typing import Final

from rhi.core.timers import Timer, TimerTable
from rhi.model.status import State

FIRST_RETRY: Final = 0.5
FIRST_IDLE_HOLD: Final = 1.0
JITTER: Final = 0.25
# A session that ends sooner counts as a failed attempt: a peer that takes us in only to throw us out again
# is met with growing pauses. BIRD forgets errors after 300 s, which is long for a default pause of 30 s.
STABLE_TIME: Final = 60.0


class DialEvent(enum.Enum):
    """What moves the dialer, with the events of RFC 4271 §8.1 that it stands for."""

    START = "start"  # 1, 3, 4, 5
    STOP = "stop"  # 2, 8
    RETRY_TIMER = "connect retry timer expired"  # 9, 13
    CONNECT_TIMER = "connecting took too long"
    CONNECTED = "connected"  # 16, 17
    FAILED = "connection attempt failed"  # 18
    ESTABLISHED = "a session is up"
    LOST = "the session was lost without an error"
    ERROR = "the session ended with a NOTIFICATION"


class Dialer:
    """Decides when to connect; the owner asks `take_wishes` after each event.

    Attributes:
        state: IDLE, CONNECT or ACTIVE.
        failures: attempts and sessions that failed since the last stable one.
        is_passive: never begin an attempt.
    """

    def __init__(
        self, ceiling: float, timeout: float, random: Callable[[], float], *, is_passive: bool
    ) -> None:
        """`ceiling` and `timeout` in seconds; `random` returns numbers in [0, 1)."""
        self.state = State.IDLE
        self.failures = 0
        self.timers = TimerTable()
        self.is_passive = is_passive
        self._wants_connection = False
        self._wants_abandon = False
        self._random = random
        self.tune(ceiling, timeout)

    def tune(self, ceiling: float, timeout: float) -> None:
        """Take other settings, from the next pause on."""
        self._ceiling = ceiling
        self._timeout = timeout

    def handle(self, event: DialEvent, now: float) -> None:
        """Act on `event`; one without a row changes nothing."""
        handler = DIAL_TRANSITIONS.get((self.state, event))
        if handler is not None:
            self.state = handler(self, now)

    def expire_timers(self, now: float) -> None:
        """Act on the timers that are due."""
        for timer in self.timers.expire(now):
            self.handle(_EVENT_OF_TIMER[timer], now)

    def take_wishes(self) -> tuple[bool, bool]:
        """Whether an attempt to connect should begin, and whether a running one should end; asked once."""
        wishes = self._wants_connection, self._wants_abandon
        self._wants_connection = self._wants_abandon = False
        return wishes

    def session_ended(self, held_for: float) -> None:
        """Forget or remember failures by how long a session had been up, in seconds."""
        if held_for >= STABLE_TIME:
            self.failures = 0

    def _begin(self, now: float) -> State:
        self.timers.clear()
        if self.is_passive:
            return State.ACTIVE
        self._wants_connection = True
        self.timers.set(Timer.CONNECT, now + self._timeout)
        return State.CONNECT

    def _pause(self, first: float, now: float) -> None:
        # past 2**16 the ceiling has long been reached
        length = min(self._ceiling, first * 2 ** min(self.failures, 16))
        self.failures += 1
        self.timers.clear()
        self.timers.set(Timer.CONNECT_RETRY, now + length * (1 - JITTER * self._random()))

    def _wait(self, now: float) -> State:
        self._pause(FIRST_RETRY, now)
        return State.ACTIVE

    def _abandon(self, now: float) -> State:
        self._wants_abandon = True
        return self._wait(now)

    def _lost(self, now: float) -> State:
        # a pause that already runs is kept: connections made to us must not put off our own attempts
        return State.ACTIVE if self._is_pausing() else self._wait(now)

    def _idle_hold(self, now: float) -> State:
        if self._is_pausing():
            return State.ACTIVE
        self._wants_abandon = True
        self._pause(FIRST_IDLE_HOLD, now)
        return State.IDLE

    def _is_pausing(self) -> bool:
        return self.timers.deadline(Timer.CONNECT_RETRY) is not None

    def _rest(self, now: float) -> State:
        self.timers.clear()
        return State.ACTIVE

    def _settle(self, now: float) -> State:
        self._wants_abandon = True
        return self._rest(now)

    def _stop(self, now: float) -> State:
        self.timers.clear()
        self._wants_connection = False
        self._wants_abandon = True
        self.failures = 0
        return State.IDLE


_EVENT_OF_TIMER: Final = {Timer.CONNECT_RETRY: DialEvent.RETRY_TIMER, Timer.CONNECT: DialEvent.CONNECT_TIMER}

DIAL_TRANSITIONS: Final[dict[tuple[State, DialEvent], Callable[[Dialer, float], State]]] = {
    (State.IDLE, DialEvent.START): Dialer._begin,
    (State.IDLE, DialEvent.STOP): Dialer._stop,
    (State.IDLE, DialEvent.RETRY_TIMER): Dialer._begin,
    (State.IDLE, DialEvent.ESTABLISHED): Dialer._settle,
    (State.CONNECT, DialEvent.STOP): Dialer._stop,
    (State.CONNECT, DialEvent.CONNECT_TIMER): Dialer._abandon,
    (State.CONNECT, DialEvent.CONNECTED): Dialer._rest,
    (State.CONNECT, DialEvent.FAILED): Dialer._wait,
    (State.CONNECT, DialEvent.ESTABLISHED): Dialer._settle,
    (State.CONNECT, DialEvent.ERROR): Dialer._idle_hold,
    (State.ACTIVE, DialEvent.STOP): Dialer._stop,
    (State.ACTIVE, DialEvent.RETRY_TIMER): Dialer._begin,
    (State.ACTIVE, DialEvent.CONNECTED): Dialer._rest,
    (State.ACTIVE, DialEvent.ESTABLISHED): Dialer._settle,
    (State.ACTIVE, DialEvent.LOST): Dialer._lost,
    (State.ACTIVE, DialEvent.ERROR): Dialer._idle_hold,
}
