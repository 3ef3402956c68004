"""What is configured of the addresses of services on this host."""

import enum
from dataclasses import dataclass
from typing import Final, NamedTuple

from rhi.model.prefix import Prefix

# Where an address is put that no operator has a place for.
DEFAULT_INTERFACE: Final = "lo"
# Seconds after the last acknowledgement of a withdrawal: routers take a moment to change their tables, and
# what is on its way arrives.
DEFAULT_LINGER: Final = 5.0


class Mode(enum.Enum):
    """Who puts an address on its interface."""

    CHECK = "check"  # an operator; it is announced only while it is there
    OWN = "own"  # the daemon


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSpec:
    """One address that is minded.

    Attributes:
        mode: who puts it there.
        interface: where; empty with CHECK: anywhere.
        linger: seconds that it stays after all peers have acknowledged its withdrawal.
        is_constant: with OWN: it is there while it is configured, not only while it is announced.
    """

    mode: Mode
    interface: str = ""
    linger: float = DEFAULT_LINGER
    is_constant: bool = False


class Spot(NamedTuple):
    """A place where an address can be: an interface by name, and the address."""

    interface: str
    prefix: Prefix

    def __str__(self) -> str:
        return f"{self.prefix} on {self.interface}"


def is_single(prefix: Prefix) -> bool:
    """Whether it is one address, not a range of them."""
    return prefix.length == prefix.family.bits
