"""A host with one address, a daemon that judges it, and everybody else who has a say; in virtual time."""

from dataclasses import dataclass, field, replace

from rhi.daemon.addresses.picture import Seen
from rhi.daemon.addresses.plan import (
    MARK,
    Action,
    Facts,
    Judgement,
    Order,
    Trouble,
    after_failure,
    after_loss,
    judge,
)
from rhi.daemon.addresses.spec import AddressSpec, Mode
from rhi.daemon.decision.spec import Presence
from rhi.model.prefix import to_prefix

VIP = to_prefix("203.0.113.53")
OWN = AddressSpec(mode=Mode.OWN, interface="lo", linger=5.0)
CHECK = AddressSpec(mode=Mode.CHECK)

OURS = Seen(is_usable=True, is_duplicate=False, mark=MARK)
THEIRS = Seen(is_usable=True, is_duplicate=False, mark=0)
UNMARKED = THEIRS


def facts(spec: AddressSpec | None = OWN, /, **fields: object) -> Facts:
    """Of an address that is not there."""
    found = replace(Facts(prefix=VIP, spec=spec, seen={}), **fields)  # type: ignore[arg-type]
    return found


@dataclass
class Host:
    """The kernel, the state file, and a daemon that may die at any moment.

    Attributes:
        there: interfaces that have the address, and whether the daemon has put it there.
        memory: what the daemon has written down; survives it.
        removed: for each removal, whether the daemon had put it there, the route was gone, and had aged.
    """

    spec: AddressSpec | None = OWN
    is_configured: bool = True
    keeps_marks: bool = True
    refuses: bool = False
    wish: bool | None = None
    now: float = 0.0
    there: dict[str, bool] = field(default_factory=dict)
    memory: frozenset[str] = frozenset()
    is_announced: bool = False
    heard_at: float | None = 0.0
    removed: list[tuple[bool, bool, bool]] = field(default_factory=list)
    trouble: Trouble | None = None
    losses: tuple[float, ...] = ()
    order: Order | None = None
    judgement: Judgement | None = None

    @property
    def free_at(self) -> float:
        linger = OWN.linger if self.spec is None else self.spec.linger
        return float("inf") if self.heard_at is None else self.heard_at + linger

    def facts(self) -> Facts:
        seen = {
            name: Seen(is_usable=True, is_duplicate=False, mark=MARK if is_ours and self.keeps_marks else 0)
            for name, is_ours in self.there.items()
        }
        return Facts(
            prefix=VIP,
            spec=self.spec,
            is_configured=self.is_configured,
            wish=self.wish,
            is_announced=self.is_announced,
            free_at=self.free_at,
            seen=seen,
            recorded=self.memory,
            keeps_marks=self.keeps_marks,
            trouble=self.trouble,
            order=self.order,
        )

    def judge(self) -> Judgement:
        """One step of the daemon: judge, write down, order."""
        found = self.judgement = judge(self.facts(), self.now)
        is_handed_over = self.is_configured and (self.spec is None or self.spec.mode is Mode.CHECK)
        if is_handed_over and not self.keeps_marks:
            self.there |= dict.fromkeys(self.memory & self.there.keys(), False)
        self.memory = found.recorded
        if found.order is not None:
            assert self.order is None
            self.order = found.order
        return found

    def decide(self) -> None:
        """One step of the decision, which goes by what the daemon says of the address."""
        presence = self.judge().presence
        wants = self.wish is True and self.is_configured
        if self.is_announced:
            if self.wish is False or not self.is_configured or presence is Presence.ABSENT:
                self.is_announced, self.heard_at = False, None
        elif wants and (self.spec is None or presence is Presence.HERE):
            self.is_announced = True
        self.judge()

    def obey(self) -> None:
        """The kernel carries out what is ordered."""
        order, self.order = self.order, None
        if order is None:
            return
        if self.refuses:
            self.trouble = after_failure(self.trouble, "not permitted", self.now)
        elif order.action is Action.ADD:
            self.there.setdefault(order.spot.interface, True)
            self.trouble = None
        elif order.spot.interface in self.there:
            is_ours = self.there.pop(order.spot.interface)
            is_needed = self.is_announced and not self.there
            has_aged = self.heard_at is not None and self.now >= self.free_at
            self.removed.append((is_ours, not is_needed, has_aged or bool(self.there)))
            self.trouble = None

    def hear(self) -> None:
        """All peers have acknowledged."""
        if self.heard_at is None:
            self.heard_at = self.now

    def operator_removes(self) -> None:
        for name in list(self.there):
            if self.there.pop(name) and self.order is None:
                self.losses, trouble = after_loss(self.losses, self.now)
                self.trouble = trouble or self.trouble

    def operator_adds(self, name: str) -> None:
        self.there.setdefault(name, False)

    def crash(self) -> None:
        """Only the kernel and what is written down are left; the sessions are gone, and with them the routes.

        Who has been told of nothing since the start does not know of any withdrawal either.
        """
        self.order = self.judgement = self.trouble = None
        self.losses = ()
        self.wish = None
        self.is_announced = False
        self.heard_at = None

    def settle(self) -> None:
        """Let everything happen that is to happen, until nothing changes any more."""
        for _ in range(100):
            self.decide()
            self.obey()
            self.hear()
            self.now += 10.0
