"""What an operator has said about a service or an address, over whatever its checks say."""

import enum
from dataclasses import dataclass


class Action(enum.Enum):
    """What an override does."""

    ANNOUNCE = "announce"  # as if healthy
    WITHDRAW = "withdraw"
    DRAIN = "drain"  # mark as leaving (RFC 8326), withdraw after a while


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One operator's word.

    Attributes:
        action: what.
        reason, by: why and who, for those who read status.
        at: the instant it was said.
        until: the instant it ends by itself; None never.
        drain_time: seconds between mark and withdrawal.
        is_forced: also against guards.
        is_marked: mark as leaving too, whatever it does.
    """

    action: Action
    reason: str
    by: str
    at: float
    until: float | None = None
    drain_time: float = 0.0
    is_forced: bool = False
    is_marked: bool = False

    def is_over(self, now: float) -> bool:
        """It has expired."""
        return self.until is not None and now >= self.until

    def next_change(self, now: float) -> float | None:
        """The next instant at which it does something else, or None."""
        instants = [self.until] if self.until is not None else []
        if self.action is Action.DRAIN:
            instants.append(self.at + self.drain_time)
        return min((instant for instant in instants if instant > now), default=None)

    def withdraws(self, now: float) -> bool:
        """The routes have to leave now."""
        if self.action is Action.DRAIN:
            return now >= self.at + self.drain_time
        return self.action is Action.WITHDRAW

    def __str__(self) -> str:
        forced = ", forced" if self.is_forced else ""
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.action.value} by {self.by}{reason}{forced}"
