"""What the keeper of addresses works with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rhi.daemon.addresses.picture import Picture
from rhi.daemon.addresses.plan import Judgement, Order, Trouble
from rhi.daemon.addresses.spec import DEFAULT_LINGER, AddressSpec, Spot
from rhi.daemon.decision.spec import Presence
from rhi.model.prefix import Prefix


class Kernel(Protocol):
    """The part of `kernel.Kernel` that is used."""

    @property
    def table(self) -> Picture | None:
        """Which addresses there are."""

    @property
    def keeps_marks(self) -> bool:
        """It shows who has added an address."""

    def carry_out(self, orders: Sequence[Order]) -> None:
        """Have orders done."""

    def close(self) -> None:
        """Follow no more."""


OpenKernel = Callable[[Callable[[], None], Callable[[list[tuple[Order, str]]], None]], Kernel]


class Memory(Protocol):
    """What outlives the daemon."""

    def load(self) -> frozenset[Spot]:
        """What was saved last."""

    def note(self, spots: frozenset[Spot]) -> None:
        """Keep this from now on; a failure is told elsewhere."""

    async def noted(self) -> None:
        """Be sure to know it after a crash, if that can be."""


@dataclass(slots=True)
class Entry:
    """What is known of one address besides what others know better."""

    spec: AddressSpec | None = None
    is_configured: bool = False
    linger: float = DEFAULT_LINGER
    recorded: frozenset[str] = frozenset()
    here: frozenset[str] = frozenset()
    trouble: Trouble | None = None
    losses: tuple[float, ...] = ()
    order: Order | None = None
    judgement: Judgement | None = None
    since: float = 0.0


@dataclass(slots=True)
class Todo:
    """What a review of some addresses asks for."""

    orders: list[Order] = field(default_factory=list)
    presence: dict[Prefix, Presence | None] = field(default_factory=dict)
    is_more_recorded: bool = False
    is_less_recorded: bool = False
