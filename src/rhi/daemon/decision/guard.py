"""The last word before a withdrawal: what a group of services may lose, and how fast.

Withdrawing is the dangerous direction: a fault that all share (a dead back end, a wrong file, a broken probe)
makes everybody's checks fail at once, and a network that has withdrawn everything cannot be repaired from
inside. Each rule keeps routes that health alone would withdraw, says why, and lets go by itself.

    suspicion    all addresses failed at about the same time; those that have left already come back
    floor        too few would be left
    rate         too many left lately
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from rhi.daemon.decision.spec import Group
from rhi.model.prefix import Prefix

SUSPICION: Final = "all at once"
FLOOR: Final = "floor"
RATE: Final = "rate"
_RANKS: Final = {FLOOR: 0, RATE: 1, SUSPICION: 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The addresses of a group, at one moment.

    Attributes:
        total: how many the group has.
        wanted: how many health and operators want announced.
        failing: those that are announced and not wanted.
        last: those that are like these, but stay, or come back, since nobody else announces them.
        lately: those that have left because they failed, less than `suspect_within` ago.
        failed_at: for each of these three, since when.
        kept: those that the guard kept at the last decision, and the rule that kept each.
        is_shared: they belong to more than one service.
        ordered: those of them that an operator wants withdrawn.
        forced: those among these that no guard may keep.
    """

    total: int
    wanted: int
    failing: frozenset[Prefix]
    last: frozenset[Prefix]
    lately: frozenset[Prefix]
    failed_at: Mapping[Prefix, float]
    kept: Mapping[Prefix, str]
    is_shared: bool
    ordered: frozenset[Prefix]
    forced: frozenset[Prefix]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """What a guard decides.

    Attributes:
        kept: routes that stay, or come back, although they are not wanted, and the rule that keeps each.
        withdrawals: instants of the last withdrawals, with those of this decision.
        next_at: when time alone may change this; None never.
        tripped: each rule that keeps something, in one sentence.
    """

    kept: Mapping[Prefix, str]
    withdrawals: tuple[float, ...]
    next_at: float | None
    tripped: Mapping[str, str]


NO_GUARD: Final = Guarded(kept={}, withdrawals=(), next_at=None, tripped={})


def guard(group: Group, members: Members, withdrawals: tuple[float, ...], now: float) -> Guarded:
    """Which of the routes that are not wanted stay.

    Args:
        withdrawals: what the last `Guarded` of this group had.
    """
    recent = tuple(at for at in withdrawals if now < at + group.window)
    if not (members.failing or members.last or members.lately):
        return replace(NO_GUARD, withdrawals=_with(withdrawals, 0, group, now))
    forced = members.failing & members.forced
    kept: dict[Prefix, str] = {}
    tripped: dict[str, str] = {}
    suspects = (members.failing | members.last | members.lately) - members.ordered
    if is_suspicious := _is_suspicious(group, members, suspects):
        kept = dict.fromkeys(suspects, SUSPICION)
        tripped[SUSPICION] = (
            f"all {len(suspects)} addresses failed within {group.suspect_within:g} s: "
            "something that they share is taken to be at fault"
        )
    leaving = _in_order(members, members.failing - forced - kept.keys())
    floor, left = group.floor.of(members.total), members.wanted + len(members.last | kept.keys())
    short = floor - left
    if short > 0 and leaving:
        kept |= dict.fromkeys(leaving[:short], FLOOR)
        tripped[FLOOR] = f"{left} of {members.total} addresses would be left, and the floor is {floor}"
        leaving = leaving[short:]
    late = _too_many(group, leaving, len(recent) + len(forced))
    if late:
        kept |= dict.fromkeys(late, RATE)
        tripped[RATE] = (
            f"{len(late)} addresses wait: at most {group.max_withdrawals} may leave within {group.window:g} s"
        )
        leaving = leaving[len(late) :]
    withdrawals = _with(withdrawals, len(leaving) + len(forced), group, now)
    instants = [at + group.window for at in withdrawals if now < at + group.window] if late else []
    if not is_suspicious:
        instants += _forgotten_at(group, members)
    return Guarded(kept=kept, withdrawals=withdrawals, next_at=min(instants, default=None), tripped=tripped)


def _is_suspicious(group: Group, members: Members, suspects: frozenset[Prefix]) -> bool:
    if group.suspect_within is None or not members.is_shared or members.wanted or not suspects:
        return False
    failed = [members.failed_at[prefix] for prefix in suspects]
    return max(failed) - min(failed) <= group.suspect_within


def _forgotten_at(group: Group, members: Members) -> list[float]:
    """Instants at which what left before the others counts no more when all have failed."""
    if group.suspect_within is None or members.wanted:
        return []
    return [members.failed_at[prefix] + group.suspect_within for prefix in members.lately]


def _too_many(group: Group, leaving: list[Prefix], gone: int) -> list[Prefix]:
    """Those that have to wait, when `gone` have left within the window."""
    if group.max_withdrawals is None:
        return []
    room = max(0, group.max_withdrawals - gone)
    return leaving[: max(0, len(leaving) - room)]


def _in_order(members: Members, leaving: Collection[Prefix]) -> list[Prefix]:
    """Those to keep first in front: kept already, so that nothing flaps; then those that failed last.

    Those of the floor before others that are kept, so that asking again names the same rule for each.
    """
    return sorted(
        leaving,
        key=lambda prefix: (
            _RANKS.get(members.kept.get(prefix, ""), len(_RANKS)),
            -members.failed_at[prefix],
            prefix.family.afi,
            prefix.packed,
            prefix.length,
        ),
    )


def _with(withdrawals: tuple[float, ...], count: int, group: Group, now: float) -> tuple[float, ...]:
    """The last instants, with so many now; no more than the rule can ask for.

    They are not dropped when they get old: how often a guard is asked must not matter.
    """
    if not group.max_withdrawals:
        return ()
    return (*withdrawals, *([now] * count))[-group.max_withdrawals :]
