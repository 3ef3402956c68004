"""All drains there are, and what becomes of overrides and peers by them.

The last word wins: a later drain of the same takes the place of an earlier one, where that has come to; a
later override of a service takes it out of a drain of everything. What a drain changes is worked out from
what it is, each time: a drain that is cancelled leaves nothing behind.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Final

from rhi.daemon.decision.overrides import Action, Override
from rhi.daemon.decision.reconciler import Reconciler
from rhi.daemon.decision.routes import Address
from rhi.daemon.drains.machine import Drain, Facts, Kind, State, Step, Target, advance, begin, cancel
from rhi.model.parameters import Parameters
from rhi.model.prefix import Prefix

ALL: Final = Target(Kind.ALL)
EVERYTHING: Final = (ip_network("0.0.0.0/0"), ip_network("::/0"))
# Longer than anybody waits: the drain says when, and not the override that does it.
_NEVER: Final = 1e9


@dataclass(frozen=True, slots=True)
class Flush:
    """What peers had acknowledged: a comparison that began at an instant, and who was behind.

    Attributes:
        heard: the peers that had a session when it ended.
    """

    began_at: float
    behind: Mapping[str, str]
    heard: frozenset[str] = frozenset()


@dataclass(slots=True)
class Sessions:
    """What is known of them.

    Attributes:
        established: names of peers, by the events that have been heard of.
        has_begun: there has been time for them to come up.
        flush: the last comparison that has ended.
    """

    established: set[str] = field(default_factory=set)
    has_begun: bool = False
    flush: Flush | None = None

    def has_ended(self, peer: str) -> None:
        """The session of a peer is over."""
        self.established.discard(peer)
        if self.flush is not None:
            self.flush = replace(self.flush, heard=self.flush.heard - {peer})

    def is_silent(self, peers: frozenset[str] | None, since: float) -> bool:
        """Nobody of `peers` (None: of all) has a session to be told by, as far as was asked after `since`.

        Events alone do not say so: that of a session that has just come up may be on its way.
        """
        if not self.has_begun or self.flush is None or self.flush.began_at < since:
            return False
        heard = self.established | self.flush.heard
        return not (heard if peers is None else heard & peers)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What overrides depend on: with thousands of services they are not worked out for every decision."""

    drains: tuple[Drain, ...]
    said: Mapping[str, Override]
    services: Collection[str]

    def is_same(self, other: "_Asked") -> bool:
        """The answer is the same too."""
        return (
            self.services is other.services
            and len(self.drains) == len(other.drains)
            and all(one is two for one, two in zip(self.drains, other.drains, strict=True))
            and self.said == other.said
        )


class Drains:
    """The drains of one daemon.

    Attributes:
        sessions: whoever hears of them changes it.
    """

    def __init__(self, tell: Callable[[Drain, Step], object]) -> None:
        """`tell` gets every step."""
        self.sessions = Sessions()
        self._tell = tell
        self._drains: dict[Target, Drain] = {}
        self._answered: tuple[_Asked, Mapping[str, Override]] | None = None

    @property
    def all(self) -> list[Drain]:
        """Those in force, in the order they began."""
        return list(self._drains.values())

    def get(self, target: Target) -> Drain | None:
        """The drain of a target, if it is drained."""
        return self._drains.get(target)

    def of_service(self, name: str) -> Drain | None:
        """The drain of a service alone."""
        return self._drains.get(Target(Kind.SERVICE, name))

    def start(self, drain: Drain, now: float) -> Drain:
        """Begin one, which has no steps yet; where the target is drained already it goes on from there."""
        before = self._drains.pop(drain.target, None)
        if before is not None:
            self._end(before, f"another begins, {drain}", now)
        has_withdrawn = before is not None and before.state.has_withdrawn
        found = self._drains[drain.target] = begin(drain, now, str(drain), has_withdrawn=has_withdrawn)
        self._tell(found, found.steps[-1])
        return found

    def restore(self, drains: Iterable[Drain]) -> None:
        """Go on with those of before the last end."""
        for drain in drains:
            self._drains[drain.target] = drain
            self._tell(drain, drain.steps[-1])

    def end(self, target: Target, text: str, now: float) -> Drain | None:
        """Cancel one, whatever it has come to; None when there is none."""
        drain = self._drains.pop(target, None)
        return None if drain is None else self._end(drain, text, now)

    def expire(self, now: float) -> list[Target]:
        """Cancel those whose time has run out."""
        over = [each.target for each in self.all if each.until is not None and now >= each.until]
        for target in over:
            self.end(target, "has run out", now)
        return over

    def forget(self, services: Collection[str], peers: Collection[str], now: float) -> None:
        """Cancel those of what is not configured any more."""
        known = {Kind.SERVICE: services, Kind.PEER: peers}
        for target in list(self._drains):
            if target.kind in known and target.name not in known[target.kind]:
                self.end(target, f"over, with its {target.kind.value}", now)

    def advance(self, reconciler: Reconciler, overrides: Mapping[str, Override], now: float) -> bool:
        """Take all as far as they have come; true when any has made a step.

        To be called when all that they ask for by now has been decided, by these `overrides`.
        """
        has_moved = False
        for target, drain in list(self._drains.items()):
            if drain.state.is_end:
                continue
            found, before = drain, None
            while found is not before:
                before, found = found, advance(found, self._facts(found, reconciler, overrides), now)
            if found is drain:
                continue
            has_moved = True
            self._drains[target] = found
            for step in found.steps[len(drain.steps) :]:
                self._tell(found, step)
        return has_moved

    def next_at(self) -> float | None:
        """The instant at which time alone changes any; None never."""
        instants = [drain.next_at() for drain in self._drains.values()]
        return min((instant for instant in instants if instant is not None), default=None)

    def holds(self, service: str) -> bool:
        """Whether a drain has withdrawn the routes of a service, and that has yet to age.

        Until then its addresses have to stay on the host: packets are on their way.
        """
        return any(
            drain.state in (State.WITHDRAWING, State.ACKNOWLEDGING, State.AGING)
            and (
                drain.target in (ALL, Target(Kind.SERVICE, service))
                or (drain.target.kind is Kind.EXIT and service in drain.services)
            )
            for drain in self._drains.values()
        )

    @property
    def needs_acknowledgement(self) -> bool:
        """Any waits for what peers have acknowledged."""
        return any(drain.needs_acknowledgement for drain in self._drains.values())

    # What they change

    def overrides(self, said: Mapping[str, Override], services: Collection[str]) -> Mapping[str, Override]:
        """What operators have said, as it counts now with these drains."""
        if not self._drains:
            return said
        asked = _Asked(tuple(self._drains.values()), dict(said), services)
        if self._answered is None or not asked.is_same(self._answered[0]):
            self._answered = asked, self._work_out(said, services)
        return self._answered[1]

    def _work_out(self, said: Mapping[str, Override], services: Collection[str]) -> Mapping[str, Override]:
        found = {name: self._shaped(name, override) for name, override in said.items()}
        for whole in self._drains.values():
            if whole.target.kind in (Kind.ALL, Kind.EXIT):
                word = _word(whole)
                for name in services if whole.target.kind is Kind.ALL else whole.services:
                    found[name] = _merged(found.get(name), word, whole)
        return found

    def parameters(self, peers: Mapping[str, Parameters]) -> dict[str, Parameters]:
        """Parameters of peers, as they count now with these drains."""
        return {name: self._marked(name, parameters) for name, parameters in peers.items()}

    @property
    def closed_peers(self) -> dict[str, str]:
        """Peers whose sessions are to be ended, each with the message for its operators."""
        return {
            drain.target.name: drain.message
            for drain in self._drains.values()
            if drain.closes and drain.state in (State.DONE, State.OVERDUE)
        }

    def _shaped(self, name: str, override: Override) -> Override:
        drain = self.of_service(name)
        if drain is None or override.action is not Action.DRAIN:
            return override
        return replace(override, drain_time=0.0 if drain.state.has_withdrawn else _NEVER)

    def _marked(self, name: str, parameters: Parameters) -> Parameters:
        drain = self._drains.get(Target(Kind.PEER, name))
        if drain is None:
            return parameters
        if drain.state.has_withdrawn:
            return replace(parameters, accept=(), reject=EVERYTHING, graceful_shutdown=True)
        return replace(parameters, graceful_shutdown=True)

    def _facts(self, drain: Drain, reconciler: Reconciler, overrides: Mapping[str, Override]) -> Facts:
        flush, target = self.sessions.flush, drain.target
        behind = {} if flush is None else flush.behind
        peers = frozenset({target.name}) if target.kind is Kind.PEER else None
        if peers is not None:
            behind = {peer: what for peer, what in behind.items() if peer in peers}
        # of many routes only as much is looked at as the state depends on
        routes, is_any = [], True
        if not drain.state.has_withdrawn:
            is_any = any(True for _ in _drained(drain, reconciler, overrides))
        elif drain.state is State.WITHDRAWING and target.kind is not Kind.PEER:
            # a peer's filter needs nobody's consent
            routes = list(_drained(drain, reconciler, overrides))
        return Facts(
            is_moot=not is_any or self.sessions.is_silent(peers, drain.at),
            left=len(routes),
            kept=_keepers(routes),
            flushed_at=None if flush is None else flush.began_at,
            behind=behind,
        )

    def _end(self, drain: Drain, text: str, now: float) -> Drain:
        found = cancel(drain, text, now)
        self._tell(found, found.steps[-1])
        return found


def drained_routes(
    drain: Drain, reconciler: Reconciler, overrides: Mapping[str, Override]
) -> tuple[list[Prefix], str]:
    """Routes that a drain leads traffic away from and that are announced, and what keeps them.

    An address that another service wants by itself (`share = "any"`, a later override) is not among them.
    """
    found = list(_drained(drain, reconciler, overrides))
    return [each.prefix for each in found], _keepers(found)


def _drained(drain: Drain, reconciler: Reconciler, overrides: Mapping[str, Override]) -> Iterator[Address]:
    target = drain.target
    for address in _covered(target, reconciler):
        if address is None or address.attributes is None:
            continue
        if target.kind is Kind.EXIT and address.because not in drain.services:
            continue
        if target.kind is Kind.PEER or _is_drained(overrides.get(address.because)):
            yield address


def _covered(target: Target, reconciler: Reconciler) -> Iterable[Address | None]:
    if target.kind is Kind.SERVICE:
        service = reconciler.specs.services.get(target.name)
        return [reconciler.address(prefix) for prefix in (service.prefixes if service else ())]
    return reconciler.addresses.values()


def _keepers(addresses: Iterable[Address]) -> str:
    return ", ".join(sorted({f"kept by {each.kept_by}" for each in addresses if each.kept_by}))


def _is_drained(override: Override | None) -> bool:
    return override is not None and (override.action is Action.DRAIN or override.is_marked)


def _word(whole: Drain) -> Override:
    """What a drain of everything says about each service."""
    return Override(
        action=Action.DRAIN,
        reason=whole.reason,
        by=whole.by,
        at=whole.at,
        drain_time=0.0 if whole.state.has_withdrawn else _NEVER,
        is_forced=whole.is_forced,
    )


def _merged(own: Override | None, word: Override, whole: Drain) -> Override:
    """What counts for a service of which something has been said by itself."""
    if own is None:
        return word
    is_later = own.at > word.at and whole.target.kind is not Kind.EXIT
    if is_later or own.action is Action.WITHDRAW:
        return own
    if whole.state.has_withdrawn:
        return word
    return own if own.action is Action.DRAIN else replace(own, is_marked=True)
