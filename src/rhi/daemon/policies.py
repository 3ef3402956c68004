"""What becomes of a service's routes when the daemon is told to end, and when it dies."""

import enum


class OnExit(enum.Enum):
    """Told to end."""

    WITHDRAW = "withdraw"  # at once
    DRAIN = "drain"  # traffic is led away first
    KEEP = "keep"  # peers keep them for the next start, through graceful restart (RFC 4724)


class OnCrash(enum.Enum):
    """Died without being told."""

    WITHDRAW = "withdraw"  # peers drop them with the session
    FAIL_STATIC = "fail-static"  # peers keep them for a while, and until checks have decided anew
    WARM = "warm"  # that, and the next start announces at once what was announced last

    @property
    def keeps_routes(self) -> bool:
        """It takes graceful restart."""
        return self is not OnCrash.WITHDRAW
