"""What is to be drained, and with how much patience: the arguments of `drain`, checked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rhi.errors import InvalidValueError
from rhi.model.prefix import Prefix, PrefixLike, to_prefix
from rhi.model.wording import listed, shown

# Seconds between marks and withdrawals: as long as routers may hold back news (RFC 4271 §10).
DEFAULT_WAIT: Final = 30.0
DEFAULT_FLUSH_TIMEOUT: Final = 5.0
MAX_WAIT: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainPlan:
    """The arguments of a drain, checked; `routes` None is everything."""

    routes: frozenset[Prefix] | None
    wait: float
    flush_timeout: float
    message: str
    close: bool

    @classmethod
    def check(
        cls,
        routes: Iterable[PrefixLike] | None,
        wait: float,
        flush_timeout: float,
        message: str,
        close: bool,
    ) -> "DrainPlan":
        """Raises InvalidValueError when an argument is wrong."""
        if not isinstance(message, str):
            raise InvalidValueError(f"message {shown(message)}: must be text")
        if not isinstance(close, bool):
            raise InvalidValueError(f"close {shown(close)}: must be true or false")
        if close and routes is not None:
            raise InvalidValueError(
                "close: ends the sessions of all routes; drain everything, without routes"
            )
        if message and not close:
            raise InvalidValueError("message: goes with the end of the sessions; give close=True too")
        return cls(
            routes=None if routes is None else frozenset(map(to_prefix, listed(routes, "routes"))),
            wait=_to_wait(wait, "wait"),
            flush_timeout=_to_wait(flush_timeout, "flush_timeout"),
            message=message,
            close=close,
        )


def _to_wait(value: float, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_WAIT:
        raise InvalidValueError(f"{what} {shown(value)}: must be a number of seconds from 0 to 86400")
    return float(value)
