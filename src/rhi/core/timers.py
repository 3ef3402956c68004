"""Timers as numbers in a table: one deadline for each kind, one question out."""

import enum
from typing import Final


class Timer(enum.Enum):
    """Kinds of timers, under the names of RFC 4271 §10 and RFC 9687."""

    CONNECT_RETRY = "connect retry"  # also the pause of Idle (IdleHoldTimer)
    CONNECT = "connect"  # how long one attempt to connect may take
    HOLD = "hold"
    KEEPALIVE = "keepalive"
    SEND_HOLD = "send hold"


NEVER: Final = float("inf")


class TimerTable:
    """Deadlines in monotonic seconds."""

    __slots__ = ("_deadlines",)

    def __init__(self) -> None:
        self._deadlines: dict[Timer, float] = {}

    def set(self, timer: Timer, deadline: float) -> None:
        """Arm `timer`, or move it."""
        self._deadlines[timer] = deadline

    def clear(self, *timers: Timer) -> None:
        """Disarm these; without arguments, all."""
        for timer in timers or list(self._deadlines):
            self._deadlines.pop(timer, None)

    def deadline(self, timer: Timer) -> float | None:
        """When `timer` expires; None when it is not armed."""
        return self._deadlines.get(timer)

    def next(self) -> float:
        """The earliest deadline; NEVER without one."""
        return min(self._deadlines.values(), default=NEVER)

    def expire(self, now: float) -> list[Timer]:
        """Disarm and return the timers whose deadline has come, earliest first."""
        due = sorted((at, timer.value, timer) for timer, at in self._deadlines.items() if at <= now)
        for _, _, timer in due:
            del self._deadlines[timer]
        return [timer for _, _, timer in due]
