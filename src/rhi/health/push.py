"""push: a program says of itself that it is alive, and is held dead when it falls silent.

The check sends nothing. `Runner.renew` is the program's word: it counts at once, and for `max_age` seconds.
Before the first word there is no verdict, until `max_age` has passed without one.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rhi.health.base import Check, Count, Interval, Result, Seconds
from rhi.health.context import Context


class PushCheck(Check):
    """A dead-man timer."""

    is_passive: ClassVar[bool] = True

    type: Literal["push"] = "push"
    max_age: Annotated[Seconds, Field(ge=0.05, le=30 * 86400)]
    """Seconds for which a renewal counts."""
    interval: Interval = 3600.0
    """Of no use here: each renewal is judged when it comes, and again when it ends."""
    rise: Count = 1
    """Renewals in a row that lead to up."""
    fall: Count = 1
    """Failures in a row that lead to down."""

    async def probe(self, context: Context) -> Result:
        """Judge the last renewal."""
        renewal = context.renewal
        if renewal is None:
            return Result(False, f"never renewed in {self.max_age:g} s")
        if not renewal.ok:
            return Result(False, renewal.detail or "reports that it is failing")
        age = context.tools.clock() - renewal.at
        if age >= self.max_age:
            return Result(False, f"not renewed for {age:.1f} s, more than {self.max_age:g}", {"age": age})
        return Result(True, renewal.detail or "renewed", {"age": age}, valid_for=self.max_age - age)

    def first_delay(self, spread: float) -> float:
        """Without a renewal, the first verdict comes after `max_age`."""
        return self.max_age
