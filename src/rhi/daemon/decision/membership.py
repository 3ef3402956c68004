"""The addresses of one group, sorted as its guard asks for them.

Which are wanted, which fail and are announced, which have left lately: each change of an address moves it
between these sets, so that a guard over thousands of addresses costs what has changed and what is failing,
not what is well.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from rhi.daemon.decision.guard import NO_GUARD, Guarded, Members, guard
from rhi.daemon.decision.routes import Change, Entry
from rhi.daemon.decision.spec import Group, OnTrip
from rhi.daemon.decision.standing import Standing
from rhi.model.prefix import Prefix

NEVER_THE_LAST: Final = "never the last"
# Two are enough but for rare cases, where what is left is done with the next decision.
_MAX_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class Settled:
    """What a decision did to a group: changes of routes, and addresses that may be wanted otherwise."""

    changes: list[Change]
    wishes: set[Prefix]


class Membership:
    """One group at work.

    Attributes:
        group: what is configured of it.
        guarded: what its guard last said.
        dirty: addresses to be looked at by the next decision.
    """

    def __init__(self, group: Group, entries: Mapping[Prefix, Entry], guarded: Guarded = NO_GUARD) -> None:
        """`entries` are those of the group; they are all dirty."""
        self.group = group
        self.guarded = guarded
        self.dirty = set(entries)
        self._is_new = True
        self._entries = entries
        self._wanted: set[Prefix] = set()
        self._failing: set[Prefix] = set()
        self._last: set[Prefix] = set()
        self._gone: set[Prefix] = set()

    @property
    def prefixes(self) -> Collection[Prefix]:
        """All addresses of the group."""
        return self._entries.keys()

    def decide(
        self, standings: Mapping[str, Standing], other_origins: Collection[Prefix], now: float
    ) -> Settled:
        """Settle the addresses that are dirty, and those that the guard keeps or lets go.

        An address that comes or goes is looked at again at once, since its services and the guard may see it
        with other eyes then: asking again later must change nothing.
        """
        wishes = set(self.dirty) if self._is_new else set()
        self._is_new = False
        changes: dict[Prefix, Change] = {}
        for _ in range(_MAX_ROUNDS):
            for change in self._settle(standings, other_origins, now, wishes):
                first = changes.get(change.prefix, change)
                changes[change.prefix] = replace(change, before=first.before)
            if not self.dirty:
                break
        return Settled([each for each in changes.values() if each.before != each.after], wishes)

    def _settle(
        self,
        standings: Mapping[str, Standing],
        other_origins: Collection[Prefix],
        now: float,
        wishes: set[Prefix],
    ) -> list[Change]:
        dirty, self.dirty = self.dirty, set()
        for prefix in dirty:
            entry = self._entries[prefix]
            if entry.ask(standings, now):
                wishes.add(prefix)
            self._sort(entry, other_origins)
        before = self.guarded
        self.guarded = guard(self.group, self._members(now), before.withdrawals, now)
        changes = []
        for prefix in dirty | self._kept_otherwise(before.kept):
            entry = self._entries[prefix]
            kept_by = self.guarded.kept.get(prefix) or (NEVER_THE_LAST if prefix in self._last else "")
            is_degraded = kept_by == NEVER_THE_LAST or self.group.on_trip is OnTrip.DEGRADE
            change = entry.settle(kept_by, is_degraded=is_degraded, now=now)
            if change is None:
                continue
            changes.append(change)
            if change.before is None or change.after is None:
                self._sort(entry, other_origins)
                self.dirty.add(prefix)
        return changes

    def copy(self, entries: Mapping[Prefix, Entry]) -> "Membership":
        """The same over other entries, to go on by itself."""
        new = Membership(self.group, entries, self.guarded)
        new.dirty, new._is_new = set(self.dirty), self._is_new
        new._wanted, new._failing = set(self._wanted), set(self._failing)
        new._last, new._gone = set(self._last), set(self._gone)
        return new

    def _sort(self, entry: Entry, other_origins: Collection[Prefix]) -> None:
        prefix, wish = entry.now.prefix, entry.due
        is_last = (
            wish is not None
            and wish.attributes is None
            and not wish.is_forced
            and prefix not in other_origins
            and entry.is_never_last
            # one that has left for another origin comes back when that goes, unless an operator took it away
            and (entry.is_live or (entry.good is not None and not wish.is_ordered))
        )
        is_wanted = wish is not None and wish.attributes is not None
        _put(self._last, prefix, is_last)
        _put(self._wanted, prefix, is_wanted)
        _put(self._failing, prefix, entry.is_live and not is_wanted and not is_last)
        has_left = not entry.is_live and not is_wanted and not is_last and entry.good is not None
        _put(self._gone, prefix, has_left)

    def _members(self, now: float) -> Members:
        lately = self._left_lately(now)
        concerned = {prefix: self._entries[prefix] for prefix in self._failing | self._last | lately}
        wishes = {prefix: wish for prefix, each in concerned.items() if (wish := each.due) is not None}
        return Members(
            total=len(self._entries),
            wanted=len(self._wanted),
            failing=frozenset(self._failing),
            last=frozenset(self._last),
            lately=lately,
            failed_at={prefix: each.failed_at for prefix, each in concerned.items()},
            kept=self.guarded.kept,
            is_shared=_is_shared(concerned.values()),
            ordered=frozenset(prefix for prefix, wish in wishes.items() if wish.is_ordered),
            forced=frozenset(prefix for prefix, wish in wishes.items() if wish.is_forced),
        )

    def _left_lately(self, now: float) -> frozenset[Prefix]:
        """Addresses that have left because they failed, within the time in which the guard is suspicious."""
        within = self.group.suspect_within
        if within is None:
            return frozenset()
        # those that have been away longer never count again: they would have to come back first
        self._gone = {prefix for prefix in self._gone if now < self._entries[prefix].failed_at + within}
        return frozenset(
            prefix
            for prefix in self._gone
            if (wish := self._entries[prefix].due) is not None and not wish.is_ordered
        )

    def _kept_otherwise(self, before: Mapping[Prefix, str]) -> set[Prefix]:
        """Addresses that are kept by another rule than before, or no longer, or now."""
        after = self.guarded.kept
        if not before and not after:
            return set()
        return {
            prefix
            for prefix in (before.keys() | after.keys()) & self._entries.keys()
            if before.get(prefix) != after.get(prefix)
        }


def _put(where: set[Prefix], prefix: Prefix, is_in: bool) -> None:
    (where.add if is_in else where.discard)(prefix)


def _is_shared(entries: Iterable[Entry]) -> bool:
    names: set[str] = set()
    for entry in entries:
        names.update(service.name for service in entry.services)
        if len(names) > 1:
            return True
    return False
