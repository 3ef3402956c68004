"""Which of some routes does the peer refuse? Found by trying them in groups, with as few refusals as may be.

A refusal costs the whole session, and for a while all good routes with it; a group that is accepted costs a
little patience. So groups are tried one after the other in the same session, and are small: a refused group
is cut into `PARTS` (eight, not two); when all but the last were accepted, the last is cut up untried.

Routes with equal attributes are likely to be refused together. A group whose attribute sets are in doubt is
therefore represented at first by one route of each: when those are accepted, attributes are not the reason,
and when `GROUP_CONVICTION` routes of a set have been refused and none accepted, the set is.

    one refused route among n: 1 + log8(n) refusals, rounded up: 6 among 10,000
    one refused attribute set among n: 1 + log8(n) + GROUP_CONVICTION, whatever the number of its routes
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from rhi.core.export import Exported
from rhi.core.recent import Announcement
from rhi.model.prefix import Family, Prefix

PARTS: Final = 8
GROUP_CONVICTION: Final = 3

AttributeSet = tuple[Family, Exported]


@dataclass(slots=True)
class _Group:
    """Routes to be tried part by part; when `is_refused`, one of them at least is known to be at fault."""

    parts: list[list[Announcement]] = field(default_factory=list)
    is_refused: bool = False


class Search:
    """The suspects, and in what order they are tried.

    Attributes:
        waiting: routes that wait to be tried.
        trial: routes that are being tried.
    """

    def __init__(self) -> None:
        self.waiting: dict[Prefix, Exported] = {}
        self.trial: dict[Prefix, Exported] = {}
        self._groups: list[_Group] = []
        self._current: _Group | None = None
        self._accepted_sets: set[AttributeSet] = set()
        self._convicted: dict[AttributeSet, set[Prefix]] = {}

    def clear(self, sets: Iterable[AttributeSet]) -> None:
        """The peer holds routes with these attributes: they are no reason to refuse one."""
        self._accepted_sets.update(sets)

    def add(self, suspects: list[Announcement]) -> None:
        """Try these too, next."""
        self.waiting.update(suspects)
        if suspects:
            self._groups.append(_Group([suspects]))

    def next_trial(self, is_wanted: Callable[[Announcement], bool]) -> bool:
        """Begin to try the next group, without what is no longer wanted; false when there is none."""
        while self._groups:
            group = self._groups[-1]
            if not group.parts:
                self._groups.pop()
                continue
            part = [suspect for suspect in group.parts.pop(0) if self._is_waiting(suspect, is_wanted)]
            some = self._representatives(part)
            if 0 < len(some) < len(part):
                group.parts.insert(0, [suspect for suspect in part if suspect not in some])
                part = list(some)
            elif group.is_refused and not group.parts and len(part) > 1:
                group.parts = _slices(part)
                continue
            if part:
                self._current = group
                self.trial = {suspect.prefix: self.waiting.pop(suspect.prefix) for suspect in part}
                return True
        return False

    def accept(self) -> None:
        """The peer has taken what was tried."""
        self.clear((prefix.family, exported) for prefix, exported in self.trial.items())
        self.trial = {}
        self._current = None

    def interrupt(self) -> None:
        """The session has ended for another reason: try the same again."""
        trial, self.trial, self._current = self.trial, {}, None
        self.add([Announcement(prefix, exported) for prefix, exported in trial.items()])

    def refuse(self, suspects: list[Announcement]) -> list[Announcement]:
        """The peer has refused one of these at least. Returns those that are convicted by it, if any."""
        by_set: dict[AttributeSet, list[Announcement]] = {}
        for suspect in suspects:
            by_set.setdefault(_set_of(suspect), []).append(suspect)
        doubtful = by_set.keys() - self._accepted_sets
        rest = self._take_rest(set(suspects))
        # the others of a set that may be at fault come last; the rest, probably good, is not kept waiting
        self.add([suspect for suspect in rest if _set_of(suspect) in doubtful])
        convicted = suspects if len(suspects) == 1 else []
        if not convicted:
            ordered = [suspect for routes in by_set.values() for suspect in routes]
            self.waiting.update(ordered)
            self._groups.append(_Group([ordered], is_refused=True))
        self.add([suspect for suspect in rest if _set_of(suspect) not in doubtful])
        return self._convict(convicted[0]) if convicted else []

    def _convict(self, suspect: Announcement) -> list[Announcement]:
        """One route is to blame; and all of its set that wait, when it is the third of them."""
        attributes = _set_of(suspect)
        convicted = self._convicted.setdefault(attributes, set())
        convicted.add(suspect.prefix)
        if len(convicted) < GROUP_CONVICTION or attributes in self._accepted_sets:
            return [suspect]
        others = [Announcement(*item) for item in self.waiting.items() if item[1] == suspect.exported]
        others = [other for other in others if other.prefix.family is suspect.prefix.family]
        for other in others:
            del self.waiting[other.prefix]
        return [suspect, *others]

    def _take_rest(self, suspects: set[Announcement]) -> list[Announcement]:
        """What the refused trial leaves: its routes that were not announced yet, and the parts beside it."""
        rest = [Announcement(prefix, exported) for prefix, exported in self.trial.items()]
        rest = [suspect for suspect in rest if suspect not in suspects]
        self.waiting.update(rest)
        if self._current is not None:
            rest += [suspect for part in self._current.parts for suspect in part]
            self._current.parts.clear()
        self.trial, self._current = {}, None
        return [suspect for suspect in rest if self.waiting.get(suspect.prefix) == suspect.exported]

    def _is_waiting(self, suspect: Announcement, is_wanted: Callable[[Announcement], bool]) -> bool:
        if self.waiting.get(suspect.prefix) != suspect.exported:
            return False
        if is_wanted(suspect):
            return True
        del self.waiting[suspect.prefix]
        return False

    def _representatives(self, part: list[Announcement]) -> dict[Announcement, None]:
        """One route of each attribute set in doubt, from another place for each conviction of the set."""
        by_set: dict[AttributeSet, list[Announcement]] = {}
        for suspect in part:
            attributes = _set_of(suspect)
            if attributes not in self._accepted_sets:
                by_set.setdefault(attributes, []).append(suspect)
        found: dict[Announcement, None] = {}
        for attributes, routes in by_set.items():
            turn = len(self._convicted.get(attributes, ())) % GROUP_CONVICTION
            found[routes[len(routes) * (2 * turn + 1) // (2 * GROUP_CONVICTION)]] = None
        return found


def _set_of(suspect: Announcement) -> AttributeSet:
    return suspect.prefix.family, suspect.exported


def _slices(suspects: list[Announcement]) -> list[list[Announcement]]:
    """About equal parts, none empty."""
    size = -(-len(suspects) // PARTS)
    return [suspects[start : start + size] for start in range(0, len(suspects), size)]
