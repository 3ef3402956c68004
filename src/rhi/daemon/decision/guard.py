"""The last word before a withdrawal: what a group of services may lose, and how fast.

Withdrawing is the dangerous direction: a fault that all share (a dead back end, a wrong file, a broken probe)
makes everybody's checks fail at once, and a network that has withdrawn everything cannot be repaired from
inside. Each rule keeps routes that health alone would withdraw, says why, and lets go by itself.

    suspicion    all addresses failed at about the same time; those that have left already come back
    floor        too few would be left
    rate         too many left lately
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rhi.daemon.decision.spec import Group
from rhi.model.prefix import Prefix

SUSPICION: Final = "all at once"
FLOOR: Final = "floor"
RATE: Final = "rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The addresses of a group, at one moment.

    Attributes:
        all: all that the group has.
        announced: those that are announced now.
        wanted: those that health and operators want announced.
        failed_at: for each that is not wanted, since when.
        kept: those that the guard kept at the last decision.
        lately: those that have left because they failed, no longer ago than `suspect_within`.
        services: how many services the addresses in `announced` and `lately` belong to.
        ordered: those that an operator wants withdrawn.
        forced: those among them that no guard may keep.
    """

    all: frozenset[Prefix]
    announced: frozenset[Prefix]
    wanted: frozenset[Prefix]
    failed_at: Mapping[Prefix, float]
    kept: frozenset[Prefix]
    lately: frozenset[Prefix]
    services: int
    ordered: frozenset[Prefix]
    forced: frozenset[Prefix]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What a guard decides.

    Attributes:
        kept: routes that stay, or come back, although they are not wanted, and the rule that keeps each.
        withdrawals: instants of withdrawals within the window, with those of this decision.
        next_at: when the rate rule lets go of something; None when it keeps nothing.
        tripped: each rule that keeps something, in one sentence.
    """

    kept: Mapping[Prefix, str]
    withdrawals: tuple[float, ...]
    next_at: float | None
    tripped: Mapping[str, str]


def guard(group: Group, members: Members, withdrawals: tuple[float, ...], now: float) -> Guarded:
    """Which of the routes that are not wanted stay.

    Args:
        withdrawals: what the last `Guarded` of this group had.
    """
    recent = tuple(at for at in withdrawals if now - at < group.window)
    forced = members.announced & members.forced - members.wanted
    kept: dict[Prefix, str] = {}
    tripped: dict[str, str] = {}
    suspects = (members.announced | members.lately) - members.ordered
    if _is_suspicious(group, members, suspects):
        kept = dict.fromkeys(suspects, SUSPICION)
        tripped[SUSPICION] = (
            f"all {len(suspects)} addresses failed within {group.suspect_within:g} s: "
            "something that they share is taken to be at fault"
        )
    leaving = _in_order(members, members.announced - members.wanted - forced - kept.keys())
    floor = group.floor.of(len(members.all))
    short = floor - len(members.wanted) - len(kept)
    if short > 0 and leaving:
        kept |= dict.fromkeys(leaving[:short], FLOOR)
        tripped[FLOOR] = (
            f"{len(members.wanted)} of {len(members.all)} addresses would be left, and the floor is {floor}"
        )
        leaving = leaving[short:]
    next_at = None
    if group.max_withdrawals is not None:
        room = max(0, group.max_withdrawals - len(recent) - len(forced))
        late = leaving[: max(0, len(leaving) - room)]
        if late:
            kept |= dict.fromkeys(late, RATE)
            next_at = (recent[0] if recent else now) + group.window
            tripped[RATE] = (
                f"{len(late)} addresses wait: at most {group.max_withdrawals} may leave "
                f"within {group.window:g} s"
            )
            leaving = leaving[len(late) :]
    return Guarded(
        kept=kept,
        withdrawals=_with(recent, len(leaving) + len(forced), group, now),
        next_at=next_at,
        tripped=tripped,
    )


def _is_suspicious(group: Group, members: Members, suspects: frozenset[Prefix]) -> bool:
    if group.suspect_within is None or members.services < 2 or members.wanted or not suspects:
        return False
    failed = [members.failed_at[prefix] for prefix in suspects]
    return max(failed) - min(failed) <= group.suspect_within


def _in_order(members: Members, leaving: frozenset[Prefix]) -> list[Prefix]:
    """Those to keep first in front: kept already, so that nothing flaps; then those that failed last."""
    return sorted(
        leaving,
        key=lambda prefix: (
            prefix not in members.kept,
            -members.failed_at.get(prefix, 0.0),
            prefix.family.afi,
            prefix.packed,
            prefix.length,
        ),
    )


def _with(recent: tuple[float, ...], count: int, group: Group, now: float) -> tuple[float, ...]:
    """Instants within the window; no more than the rule can ask for."""
    if group.max_withdrawals is None:
        return ()
    return (*recent, *([now] * count))[-group.max_withdrawals :] if group.max_withdrawals else ()
