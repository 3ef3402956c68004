"""Flap damping: a penalty that grows with each flap and halves with time (RFC 2439 §4)."""

import math
from dataclasses import dataclass
from typing import Final

from rhi.daemon.decision.spec import Damping

# A sum that has decayed to the limit counts as below it, whatever the last bits of the arithmetic say.
_ROUNDING: Final = 1 + 1e-9


@dataclass(frozen=True, slots=True)
class Penalty:
    """What a service has on its account.

    Attributes:
        value: at the instant `at`.
        at: monotonic seconds.
        is_suppressed: the service is held.
        worst: worst level since the account was last empty enough.
    """

    value: float = 0.0
    at: float = 0.0
    is_suppressed: bool = False
    worst: int = 0

    def after(self, level: int, before: int | None, damping: Damping, now: float) -> "Penalty":
        """The account at `now`, when the level was `before` and is `level`.

        Without a change for the worse the sum is what it was, to decay from the same instant: looking at it
        more or less often makes no difference.
        """
        value = self.decayed(damping, now)
        is_calm = value <= damping.reuse * _ROUNDING
        is_suppressed = self.is_suppressed and not is_calm
        worst = level if is_calm else max(self.worst, level)
        if before is None or level <= before:
            return Penalty(value=self.value, at=self.at, is_suppressed=is_suppressed, worst=worst)
        # RFC 2439 §4.2: a ceiling, so that nothing is held longer than max_suppress
        ceiling = damping.reuse * 2 ** (damping.max_suppress / damping.half_life)
        value = min(value + damping.penalty, ceiling)
        return Penalty(
            value=value, at=now, is_suppressed=is_suppressed or value >= damping.suppress, worst=worst
        )

    def decayed(self, damping: Damping, now: float) -> float:
        """What is left of the penalty at `now`."""
        return float(self.value * 2 ** (-max(0.0, now - self.at) / damping.half_life))

    def reuse_at(self, damping: Damping) -> float:
        """The instant at which a suppressed service is let go."""
        return self.at + damping.half_life * max(0.0, math.log2(self.value / damping.reuse))


NO_PENALTY: Final = Penalty()
