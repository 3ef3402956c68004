"""What is to be done about one address, from all that is known of it.

`judge` is level-triggered: it is given how things are, not what has happened, so that it does the right thing
after a crash, after lost news and after somebody else's changes alike. It does no I/O and remembers nothing.

    wanted, and not there         add it, and announce it when the kernel has it
    there, withdrawn and aged     remove it, if the daemon has added it
    not wanted, not withdrawn     leave it
    somebody else's               use it, and never remove it

An address is the daemon's own if it remembers having added it, or if the kernel shows its mark on it.
A kernel that keeps marks (Linux 5.18) and shows none has the last word: somebody has put it there anew.
"""

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from rhi.daemon.addresses.picture import Seen
from rhi.daemon.addresses.spec import AddressSpec, Mode, Spot
from rhi.daemon.decision.spec import Presence
from rhi.model.prefix import Prefix

# IFA_PROTO of what the daemon adds. 1 to 3 are the kernel's; this one is the port of BGP.
MARK: Final = 179
# Losses within LOSS_WINDOW after which somebody else is taken to be at work on the address.
MAX_LOSSES: Final = 5
LOSS_WINDOW: Final = 60.0
# Pauses between attempts to do what the kernel refuses.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0


class State(enum.Enum):
    """How an address stands, for those who look."""

    HERE = "here"
    FOREIGN = "foreign"  # here, and not added by the daemon, who was to
    ADDING = "adding"
    LINGERING = "lingering"  # withdrawn, and here until that has aged
    OUT = "out"  # not wanted, and not here
    WAITING = "waiting"  # it cannot be told yet whether it is here
    MISSING = "missing"  # here by nobody, who was to put it here
    FAILED = "failed"  # the daemon cannot add or remove it


TROUBLES: Final = frozenset({State.FOREIGN, State.MISSING, State.FAILED})


class Action(enum.Enum):
    """What the kernel is asked to do."""

    ADD = "add"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Order:
    """One thing to do."""

    action: Action
    spot: Spot


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the last attempt was in vain; there is no other before `retry_at`."""

    text: str
    retry_at: float
    pause: float = FIRST_PAUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of one address.

    Attributes:
        spec: None when it is not minded (any more).
        is_configured: some service has it, minded or not.
        wish: whether its services want it announced; None while they do not know.
        is_announced: peers are told of it.
        free_at: instant from which it may be removed; infinite while a peer may not know of the withdrawal.
        seen: where it is, by interface; None while the kernel has not told.
        has_interface: there is an interface as `spec` names it.
        recorded: interfaces on which the daemon remembers having added it.
        keeps_marks: the kernel shows who has added an address.
        trouble: what keeps the daemon from doing what it wants.
        order: what is being done now.
        is_closing: the daemon is about to end.
    """

    prefix: Prefix
    spec: AddressSpec | None
    is_configured: bool = True
    wish: bool | None = None
    is_announced: bool = False
    free_at: float = 0.0
    seen: Mapping[str, Seen] | None = None
    has_interface: bool = True
    recorded: frozenset[str] = frozenset()
    keeps_marks: bool = True
    trouble: Trouble | None = None
    order: Order | None = None
    is_closing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is to be done about an address.

    Attributes:
        presence: for the decision.
        state, text: for those who look.
        recorded: interfaces to remember, before the order is carried out.
        order: to be carried out now; None when nothing is to be done.
        next_at: instant at which time alone may change this; None never.
    """

    presence: Presence
    state: State
    text: str
    recorded: frozenset[str] = field(default=frozenset())
    order: Order | None = None
    next_at: float | None = None


def judge(facts: Facts, now: float) -> Judgement:
    """What is to be done about an address at `now`."""
    found = _judge(facts, now)
    if facts.order is not None and facts.order.action is Action.ADD:
        # it may be there any moment, whatever has become of the wish for it
        return replace(found, recorded=found.recorded | {facts.order.spot.interface})
    return found


def _judge(facts: Facts, now: float) -> Judgement:
    if facts.seen is None:
        text = "the kernel has not told yet which addresses there are"
        return Judgement(presence=Presence.PENDING, state=State.WAITING, text=text, recorded=facts.recorded)
    if facts.spec is None:
        return _unminded(facts, facts.seen, now)
    if facts.spec.mode is Mode.CHECK:
        return _checked(facts.spec, facts.seen)
    return _owned(facts, facts.spec, facts.seen, now)


def after_failure(before: Trouble | None, text: str, now: float) -> Trouble:
    """What the kernel has refused is tried again after longer and longer pauses."""
    pause = FIRST_PAUSE if before is None else min(LONGEST_PAUSE, before.pause * 2)
    return Trouble(text, now + pause, pause)


def after_loss(losses: tuple[float, ...], now: float) -> tuple[tuple[float, ...], Trouble | None]:
    """Somebody has taken an address of the daemon's away; `losses` are the instants of such before.

    It is put back at once, but not for ever: two programs that each undo what the other does help nobody.
    """
    losses = (*[at for at in losses if now - at < LOSS_WINDOW], now)
    if len(losses) < MAX_LOSSES:
        return losses, None
    text = f"somebody has removed it {len(losses)} times within {LOSS_WINDOW:g} s"
    return (), Trouble(text, now + LONGEST_PAUSE, LONGEST_PAUSE)


def _checked(spec: AddressSpec, seen: Mapping[str, Seen]) -> Judgement:
    found = [each for name, each in seen.items() if spec.interface in ("", name)]
    where = f"on {spec.interface}" if spec.interface else "on any interface"
    if any(each.is_usable for each in found):
        name = spec.interface or ", ".join(sorted(name for name, each in seen.items() if each.is_usable))
        return Judgement(presence=Presence.HERE, state=State.HERE, text=f"is on {name}")
    if found and not all(each.is_duplicate for each in found):
        text = f"is {where} and not usable yet (duplicate address detection)"
        return Judgement(presence=Presence.PENDING, state=State.WAITING, text=text)
    text = f"is not {where}: add it, and it is announced" if not found else _DUPLICATE
    return Judgement(presence=Presence.ABSENT, state=State.MISSING, text=text)


def _unminded(facts: Facts, seen: Mapping[str, Seen], now: float) -> Judgement:
    """Not configured, or configured to be left alone: what the daemon has added goes, or is handed over."""
    ours = _ours(facts, seen)
    order, trouble = _removal(facts, sorted(ours), now)
    if not ours or facts.is_configured:
        left = "rhi has not added it" if seen else "it is not on this host"
        text = "is not minded" if facts.is_configured else f"is configured no more, and {left}"
        return Judgement(presence=Presence.HERE, state=State.OUT, text=text)
    return Judgement(
        presence=Presence.HERE,
        state=State.LINGERING if trouble is None else State.FAILED,
        text=f"is configured no more, and {_lingers(facts, now)}"
        if trouble is None
        else f"cannot be removed: {trouble.text}",
        recorded=ours,
        order=order,
        next_at=_wakes(facts, now),
    )


def _owned(facts: Facts, spec: AddressSpec, seen: Mapping[str, Seen], now: float) -> Judgement:
    here = seen.get(spec.interface)
    ours = _ours(facts, seen)
    is_wanted = facts.is_announced or (not facts.is_closing and (spec.is_constant or facts.wish is True))
    if here is None:
        return _owned_elsewhere(facts, spec, ours, is_wanted, now)
    if not here.is_usable:
        state = State.FAILED if here.is_duplicate else State.WAITING
        presence = Presence.ABSENT if here.is_duplicate else Presence.PENDING
        text = _DUPLICATE if here.is_duplicate else f"is on {spec.interface} and not usable yet"
        return Judgement(presence=presence, state=state, text=text, recorded=ours)
    # on an interface of before it has done its duty
    strays = sorted(ours - {spec.interface})
    is_ours = spec.interface in ours
    if is_wanted or not is_ours or (facts.wish is None and not facts.is_closing):
        order, _ = _removal(facts, strays, now, is_replaced=True)
        text = f"is on {spec.interface}" if is_ours else f"is on {spec.interface}, {_NOT_OURS}"
        state = State.HERE if is_ours else State.FOREIGN
        return Judgement(
            presence=Presence.HERE,
            state=state,
            text=text,
            recorded=ours,
            order=order,
            next_at=_wakes(facts, now),
        )
    order, trouble = _removal(facts, [spec.interface, *strays], now)
    is_leaving = order is not None or facts.order is not None
    return Judgement(
        presence=Presence.PENDING if is_leaving else Presence.HERE,
        state=State.LINGERING if trouble is None else State.FAILED,
        text=f"is on {spec.interface}, and {_lingers(facts, now)}"
        if trouble is None
        else f"cannot be removed: {trouble.text}",
        recorded=ours,
        order=order,
        next_at=_wakes(facts, now),
    )


def _owned_elsewhere(
    facts: Facts, spec: AddressSpec, ours: frozenset[str], is_wanted: bool, now: float
) -> Judgement:
    """An address that is not where it should be; `ours` are other interfaces that the daemon put it on."""
    where = spec.interface
    if not facts.has_interface:
        state = State.MISSING if is_wanted else State.OUT
        text = f"there is no interface {where} to put it on"
        return Judgement(presence=Presence.ABSENT, state=state, text=text, recorded=ours)
    if not is_wanted:
        order, _ = _removal(facts, sorted(ours), now)
        text = f"is not on {where}, and not wanted there"
        return Judgement(
            presence=Presence.PENDING,
            state=State.OUT,
            text=text,
            recorded=ours,
            order=order,
            next_at=_wakes(facts, now) if ours else None,
        )
    trouble = facts.trouble
    if trouble is not None and now < trouble.retry_at:
        text = f"cannot be added to {where}: {trouble.text}"
        return Judgement(
            presence=Presence.ABSENT, state=State.FAILED, text=text, recorded=ours, next_at=trouble.retry_at
        )
    # what is tried again after a failure is absent until it has worked
    presence = Presence.PENDING if trouble is None else Presence.ABSENT
    order = None if facts.order is not None else Order(Action.ADD, Spot(where, facts.prefix))
    return Judgement(
        presence=presence,
        state=State.ADDING,
        text=f"is being added to {where}",
        recorded=ours | {where},
        order=order,
    )


_DUPLICATE: Final = "somebody else on the link has it too (duplicate address detection)"
_NOT_OURS: Final = "where somebody else has put it: it is used, and stays when it is not wanted any more"


def _ours(facts: Facts, seen: Mapping[str, Seen]) -> frozenset[str]:
    """Interfaces on which the daemon has put the address."""
    own = facts.spec.interface if facts.spec is not None and facts.spec.mode is Mode.OWN else None

    def is_ours(name: str, mark: int | None) -> bool:
        if mark is None:
            return False
        if name in facts.recorded:
            return mark == MARK or not facts.keeps_marks
        # nothing is remembered, such as without the state file: enough to use it, but only where it belongs
        return mark == MARK and name == own

    return frozenset(name for name, each in seen.items() if is_ours(name, each.mark))


def _removal(
    facts: Facts, interfaces: list[str], now: float, *, is_replaced: bool = False
) -> tuple[Order | None, Trouble | None]:
    """The order to remove an address from the first of `interfaces`, or what keeps that from being done."""
    if not interfaces or facts.order is not None:
        return None, None
    if facts.trouble is not None and now < facts.trouble.retry_at:
        return None, facts.trouble
    if not is_replaced and (facts.is_announced or now < facts.free_at):
        return None, None
    return Order(Action.REMOVE, Spot(interfaces[0], facts.prefix)), None


def _lingers(facts: Facts, now: float) -> str:
    if facts.is_announced:
        return "about to be withdrawn"
    if math.isinf(facts.free_at):
        return "stays until all peers have acknowledged that it is withdrawn"
    return f"is removed in {facts.free_at - now:.1f} s" if now < facts.free_at else "is being removed"


def _wakes(facts: Facts, now: float) -> float | None:
    """When time alone lets an address go, or something be tried again."""
    instants = [facts.free_at, math.inf if facts.trouble is None else facts.trouble.retry_at]
    return min((at for at in instants if now < at < math.inf), default=None)
