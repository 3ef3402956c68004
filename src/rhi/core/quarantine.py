"""Routes that a peer has answered with an UPDATE error, kept from it so that the others can stay up.

A peer that refuses an UPDATE ends the session (RFC 4271 §6.3), and would end every session in which it gets
the same again. So after such an end the routes that are not proven (`recent`) are suspects: the next session
begins with all others, and when those have settled, the suspects are tried in it group by group (`search`)
until the routes at fault are found. Those are parked: held back until they are withdrawn, or until their
attributes come out differently for this peer.

One `Quarantine` belongs to a peer and outlives its sessions. It filters what `AdjRibOut` sends through
`narrow`, and costs nothing there while nothing is held. Memory is bounded by the number of suspects, and that
by `recent.MAX_BYTES`.

A peer that refuses a session in which it was told nothing proves that routes are not the reason: everything
is released then, and nothing quarantined before a session has been stable again.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from rhi.core.adj_rib_out import count_passing
from rhi.core.dialer import STABLE_TIME
from rhi.core.events import EventLog
from rhi.core.export import Exported, ExportPolicy, HeldBack, Match
from rhi.core.recent import SETTLING_TIME, Announcement, Recent
from rhi.core.route_table import RouteTable
from rhi.core.search import AttributeSet, Search
from rhi.core.timers import NEVER
from rhi.model.attributes import PathAttributes
from rhi.model.events import MAX_LISTED, RoutesQuarantined, RoutesReleased
from rhi.model.prefix import Family, Prefix

QUARANTINED: Final = "quarantined"
SUSPECTED: Final = "suspected"

# The settling time doubles for a peer that refuses what was taken for proven: it is slow. Up to the pause
# that a peer is met with anyway.
MAX_SETTLING_TIME: Final = 30.0
# Enough for ten single routes among 10,000. A search that takes more pauses: what is good is up by then, and
# is not to go down oftener than so many times an hour for the sake of the rest.
MAX_REFUSALS: Final = 64
RESUME_TIME: Final = 3600.0
# After a change of the table parked routes are looked through for those that it concerns, 2 µs for each; then
# not again for as many seconds as keep that at 2 % of the time.
_PAUSE_PER_ROUTE: Final = 1e-4
# Attribute sets looked at to see which of them the peer holds; encoding one takes 10 µs.
_MAX_SETS: Final = 4096
_MAX_CACHED: Final = 1024


@dataclass(slots=True)
class _Session:
    """What the search has to know of the session at hand.

    Attributes:
        up_at: when it began.
        recent: what the peer may yet refuse.
        told_at: when all that the peer may have for now had been handed out.
        has_told_all: that has been so once.
        has_tried: a trial has begun.
    """

    up_at: float
    recent: Recent
    told_at: float | None = None
    has_told_all: bool = False
    has_tried: bool = False

    def has_settled(self, now: float) -> bool:
        """The peer has accepted what the session began with."""
        return self.has_tried or (self.told_at is not None and self.recent.is_proven(self.told_at, now))


class Quarantine:
    """What is kept from one peer, and the search that finds what has to be.

    Attributes:
        parked: routes held back until they change, as they were sent.
    """

    def __init__(self, table: RouteTable, log: EventLog) -> None:
        """`log` gets RoutesQuarantined and RoutesReleased."""
        self.parked: dict[Prefix, Exported] = {}
        self._table = table
        self._log = log
        self._search: Search | None = None
        self._found: dict[Prefix, Exported] = {}
        self._settling_time = SETTLING_TIME
        self._refusals = 0
        self._resume_at = float("-inf")
        self._has_given_up = False
        self._released: list[Prefix] = []
        self._looked_at = 0
        self._look_again_at = float("-inf")
        self._is_look_due = False
        self._is_narrowing = False
        self._policy: ExportPolicy | None = None
        self._cache: dict[tuple[Family, PathAttributes], Exported | HeldBack] = {}
        self._session = _Session(float("-inf"), Recent(SETTLING_TIME, has_keepalives=False))

    # A session's life

    def session_up(self, policy: ExportPolicy, now: float, *, has_keepalives: bool) -> None:
        """A session begins; `has_keepalives` unless its hold time is 0."""
        self.take_policy(policy)
        self._session = _Session(now, Recent(self._settling_time, has_keepalives=has_keepalives))

    def take_policy(self, policy: ExportPolicy) -> None:
        """What routes come out as from now on."""
        self._policy = policy
        self._cache.clear()
        self._looked_at = -1

    def handed_out(self, messages: list[bytes], now: float, *, is_pending: bool) -> None:
        """These messages have been sent; `is_pending` while there are more."""
        session = self._session
        if messages:
            session.recent.add(messages, now)
        if session.told_at is None and not is_pending:
            session.told_at = now
            session.has_told_all = True

    def heard(self, now: float) -> None:
        """The peer has sent something."""
        self._session.recent.heard(now)

    def next_timeout(self) -> float:
        """When to call `advance` and `look_for_changes`; infinity when nothing is due."""
        look_at = self._look_again_at if self._is_look_due else NEVER
        return min(look_at, self._accepted_at())

    def advance(self, now: float) -> bool:
        """Go on with the search when the peer has accepted the last trial; true when `narrow` has changed."""
        if self._search is None or now < self._accepted_at():
            return False
        self._search.accept()
        self._session.told_at = None
        if self._search.next_trial(self._is_unchanged):
            self._session.has_tried = True
        else:
            self._end_search()
        return True

    def session_down(self, now: float) -> None:
        """The session has ended for another reason than an UPDATE error."""
        if self._search is not None:
            self._search.interrupt()
        if now - self._session.up_at >= STABLE_TIME:
            self._has_given_up = False
            self._settling_time = SETTLING_TIME

    def refused(self, reason: str, now: float, *, has_announced: bool) -> bool:
        """The peer has ended the session with an UPDATE error, whose text is `reason`.

        Returns whether it is worth while to connect again soon: something is known now about the reason.
        """
        if now - self._session.up_at >= STABLE_TIME:
            self._has_given_up = False
        if not has_announced and (self.parked or self._search is not None):
            self.release()
            self._has_given_up = True
        suspects = [] if self._has_given_up else self._session.recent.unproven(now)
        if not suspects:
            if self._search is not None:
                self._search.interrupt()
            if has_announced:
                self._wait_longer()
            return False
        self._count_refusal(now)
        search = self._search or Search()
        if self._search is not None and not self._session.has_settled(now):
            # what was taken for good is not, so that others may have been blamed for it
            self._reopen(search)
        if self._session.has_told_all:
            search.clear(self._accepted_sets(search, suspects))
        self._search = search
        self._park(search.refuse(suspects), reason)
        return True

    # What is held back

    def narrow(self, policy: ExportPolicy) -> ExportPolicy:
        """`policy` without the routes that are held back."""
        held = {prefix.family for prefix in self.parked}
        if self._search is not None:
            held |= {prefix.family for prefix in self._search.waiting}
        self._is_narrowing = bool(held)
        if not held:
            return policy
        return policy.with_filters({family: self._filter(policy.passes[family], family) for family in held})

    def look_for_changes(self, now: float) -> bool:
        """Release parked routes that were withdrawn or changed; true when `narrow` would be another."""
        self._is_look_due = False
        if not (self.parked or self._is_narrowing or self._released):
            return False
        if self._looked_at != self._table.version:
            self._is_look_due = now < self._look_again_at
            if not self._is_look_due:
                self._look(now)
        self._tell_released()
        return self._is_narrowing and not self.parked and self._search is None

    def release(self) -> None:
        """Hold nothing back any more, and begin anew with the next UPDATE error."""
        for prefix in list(self.parked):
            self._forget(prefix)
        self._end_search()
        self._has_given_up = False
        self._tell_released()

    def held_back(self) -> dict[str, int]:
        """Number of routes that are held back, by reason."""
        found = {QUARANTINED: len(self.parked)} if self.parked else {}
        if self._search is not None and self._search.waiting:
            found[SUSPECTED] = len(self._search.waiting)
        return found

    def held(self) -> dict[str, dict[Prefix, Exported]]:
        """Copies of what is held back, as it was sent, by reason."""
        waiting = {} if self._search is None else self._search.waiting
        return {QUARANTINED: dict(self.parked), SUSPECTED: dict(waiting)}

    def parked_routes(self) -> list[Prefix]:
        """Those that are wanted, in address order."""
        found = [prefix for prefix in self.parked if prefix in self._table]
        return sorted(found, key=lambda prefix: (prefix.family.afi, prefix.packed, prefix.length))

    # Private

    def _accepted_at(self) -> float:
        """When the last trial will be accepted; infinity while the peer has yet to be heard of."""
        if self._search is None or self._session.told_at is None:
            return NEVER
        return max(self._session.recent.proven_at(self._session.told_at), self._resume_at)

    def _wait_longer(self) -> None:
        self._settling_time = min(MAX_SETTLING_TIME, 2 * self._settling_time)

    def _count_refusal(self, now: float) -> None:
        self._refusals += 1
        if self._refusals >= MAX_REFUSALS:
            self._refusals = 0
            self._resume_at = now + RESUME_TIME

    def _end_search(self) -> None:
        self._search = None
        self._found.clear()
        self._refusals = 0
        self._resume_at = float("-inf")
        self._settling_time = SETTLING_TIME

    def _reopen(self, search: Search) -> None:
        """Put the convicted of this search back among the suspects, and wait longer from now on."""
        self._wait_longer()
        found = [Announcement(*item) for item in self._found.items() if item[0] in self.parked]
        for announcement in found:
            self._forget(announcement.prefix)
        self._found.clear()
        self._tell_released()
        search.add(found)

    def _park(self, convicted: list[Announcement], reason: str) -> None:
        if not convicted:
            return
        self.parked.update(convicted)
        self._found.update(convicted)
        self._looked_at = -1
        routes = tuple(announcement.prefix for announcement in convicted[:MAX_LISTED])
        self._log.add(
            RoutesQuarantined(peer=self._log.peer, routes=routes, count=len(convicted), reason=reason)
        )

    def _look(self, now: float) -> None:
        self._looked_at = self._table.version
        self._look_again_at = now + len(self.parked) * _PAUSE_PER_ROUTE
        for announcement in [Announcement(*item) for item in self.parked.items()]:
            if not self._is_unchanged(announcement):
                self._forget(announcement.prefix)

    def _tell_released(self) -> None:
        if self._released:
            released, self._released = self._released, []
            routes = tuple(released[:MAX_LISTED])
            self._log.add(RoutesReleased(peer=self._log.peer, routes=routes, count=len(released)))

    def _forget(self, prefix: Prefix) -> None:
        if self.parked.pop(prefix, None) is not None:
            self._released.append(prefix)
        if self._search is not None:
            self._search.waiting.pop(prefix, None)

    def _filter(self, passes: Match | None, family: Family) -> Match:
        def match(packed: bytes, length: int) -> bool:
            if passes is not None and not passes(packed, length):
                return False
            prefix = Prefix(family, length, packed)
            held = self._held_as(prefix)
            if held is None:
                return True
            if self._exported(prefix) == held:
                return False
            self._forget(prefix)
            return True

        return match

    def _held_as(self, prefix: Prefix) -> Exported | None:
        parked = self.parked.get(prefix)
        return parked if parked is not None or self._search is None else self._search.waiting.get(prefix)

    def _is_unchanged(self, announcement: Announcement) -> bool:
        """The route is still wanted, for this peer, and with what are the same attributes to it."""
        prefix, exported = announcement
        passes = None if self._policy is None else self._policy.passes[prefix.family]
        is_for_peer = passes is None or passes(prefix.packed, prefix.length)
        return is_for_peer and self._exported(prefix) == exported

    def _exported(self, prefix: Prefix) -> Exported | HeldBack | None:
        attributes = self._table.attributes(prefix)
        return None if attributes is None else self._export(prefix.family, attributes)

    def _export(self, family: Family, attributes: PathAttributes) -> Exported | HeldBack:
        assert self._policy is not None
        key = (family, attributes)
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) >= _MAX_CACHED:
                self._cache.clear()
            found = self._cache[key] = self._policy.export(attributes, family)
        return found

    def _accepted_sets(self, search: Search, suspects: list[Announcement]) -> list[AttributeSet]:
        """Attribute sets of routes that the peer holds and that nobody suspects."""
        assert self._policy is not None
        blocks = [block for family in Family for block in self._table.blocks(family)]
        if sum(len(block.counts) for block in blocks) > _MAX_SETS:
            return []
        counts: Counter[AttributeSet] = Counter()
        for block in blocks:
            for number, count in count_passing(block, self._policy).items():
                exported = self._export(block.family, self._table.store.by_id[number])
                if isinstance(exported, Exported):
                    counts[block.family, exported] += count
        accused = {*self.parked.items(), *search.waiting.items(), *search.trial.items(), *suspects}
        counts.subtract((prefix.family, exported) for prefix, exported in accused)
        return [attributes for attributes, count in counts.items() if count > 0]
