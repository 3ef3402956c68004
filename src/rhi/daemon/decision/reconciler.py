"""Asks policy, damping, dwell, overrides, sharing and guards in this order, and remembers.

`decide` is level-triggered: it is given all that is known, and asking twice changes nothing. It may also be
told what has been touched since the last time; that is a hint which saves work and changes no answer. With
it a decision costs what was touched and what is due, however many services there are.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from rhi.daemon.decision.deadlines import Deadlines
from rhi.daemon.decision.guard import Guarded
from rhi.daemon.decision.membership import Membership, Settled
from rhi.daemon.decision.overrides import Override
from rhi.daemon.decision.routes import Address, Change, Entry
from rhi.daemon.decision.spec import Presence, Service, Sharing, Specs, Verdict
from rhi.daemon.decision.standing import Past, Standing, judge
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All that a decision depends on besides what is configured and what is remembered.

    Attributes:
        verdicts: by name of check; one that is not there is unknown.
        overrides: by name of service.
        other_origins: addresses that peers show from somewhere else.
        presence: of the addresses that are only announced while they are on this host; replaced as a whole
            when it changes.
    """

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    overrides: Mapping[str, Override] = field(default_factory=dict)
    other_origins: Collection[Prefix] = frozenset()
    presence: Mapping[Prefix, Presence] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """Where the inputs may be other than at the last decision; of presence everybody sees that.

    What is named without need does no harm.

    Attributes:
        checks: whose verdict was touched.
        services: whose override was.
        addresses: whose other origins were.
    """

    checks: set[str] = field(default_factory=set)
    services: set[str] = field(default_factory=set)
    addresses: set[Prefix] = field(default_factory=set)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer of `decide`.

    Attributes:
        changes: what to do to the route table, in order: what comes before what goes.
        standings: services whose standing is another than before.
        groups: names of groups whose guard was asked.
        next_at: the instant at which to ask again even if nothing happens; None never.
        wishes: addresses of which the services may want something else now.
    """

    changes: tuple[Change, ...]
    standings: tuple[Standing, ...]
    groups: tuple[str, ...]
    next_at: float | None
    wishes: frozenset[Prefix] = frozenset()


class Reconciler:
    """From inputs to routes, with a memory.

    Attributes:
        specs: what is configured; see `configure`.
        standings: of all services, by name.
    """

    def __init__(self, specs: Specs) -> None:
        self.specs = Specs(services={}, groups={})
        self.standings: dict[str, Standing] = {}
        self._entries: dict[Prefix, Entry] = {}
        self._groups: dict[str, Membership] = {}
        self._group_of: dict[Prefix, Membership] = {}
        self._services_of: dict[str, list[str]] = {}
        self._order: dict[str, int] = {}
        self._undecided: set[str] = set()
        self._due_services = Deadlines()
        self._due_groups = Deadlines()
        self._waiting_groups: set[str] = set()
        self._removed: list[Address] = []
        self._presence: Mapping[Prefix, Presence] = {}
        self._is_new = True
        self.configure(specs)

    @property
    def addresses(self) -> dict[Prefix, Address]:
        """All addresses that are configured, as they are now. May be asked from any thread."""
        return {prefix: entry.now for prefix, entry in list(self._entries.items())}

    def address(self, prefix: Prefix) -> Address | None:
        """One address as it is now; None when it is not configured."""
        entry = self._entries.get(prefix)
        return None if entry is None else entry.now

    def services_of(self, prefix: Prefix) -> list[str]:
        """Names of the services that an address has, in their order."""
        entry = self._entries.get(prefix)
        return [] if entry is None else [service.name for service in entry.services]

    @property
    def guards(self) -> dict[str, Guarded]:
        """What each group's guard last said, by name of group."""
        return {name: each.guarded for name, each in list(self._groups.items())}

    def guard(self, group: str) -> Guarded:
        """What the guard of a configured group last said."""
        return self._groups[group].guarded

    @property
    def routes(self) -> dict[Prefix, PathAttributes]:
        """What is announced."""
        return {
            prefix: entry.now.attributes
            for prefix, entry in self._entries.items()
            if entry.now.attributes is not None
        }

    @property
    def is_decided(self) -> bool:
        """Every service has an opinion, and nothing that is wanted waits for its address to be on this host:
        what is announced is all there is to announce."""
        return not self._undecided and not any(
            presence is Presence.PENDING and self.wants(prefix) for prefix, presence in self._presence.items()
        )

    def wants(self, prefix: Prefix) -> bool | None:
        """Whether the services of an address want it announced; None while they do not know yet."""
        entry = self._entries.get(prefix)
        if entry is None:
            return False
        return None if entry.wish is None else entry.wish.attributes is not None

    def adopt(self, prefix: Prefix, attributes: PathAttributes, because: str, now: float) -> None:
        """Take an address as announced by a service before that knows anything; others may say otherwise."""
        self._entries[prefix].adopt(attributes, because, now)
        self._mark([prefix])

    def disown(self, prefix: Prefix, now: float) -> bool:
        """Want an adopted address no longer when its services still know nothing; false when any does."""
        entry = self._entries.get(prefix)
        if entry is None or any(self._is_known(service.name) for service in entry.services):
            return False
        self._mark([prefix])
        return entry.disown(now)

    def configure(self, specs: Specs) -> None:
        """Go by other specs from the next decision on; what is remembered of those that stay is kept."""
        self.specs = specs
        having: dict[Prefix, list[Service]] = {}
        self._services_of = {}
        for service in specs.services.values():
            for prefix in service.prefixes:
                having.setdefault(prefix, []).append(service)
            for check in (*service.checks, *service.dependencies):
                self._services_of.setdefault(check, []).append(service.name)
        for prefix in self._entries.keys() - having.keys():
            self._removed.append(self._entries.pop(prefix).now)
        for index, (prefix, services) in enumerate(having.items()):
            if prefix not in self._entries:
                new = Address(prefix=prefix, attributes=None, since=0.0, because=services[0].name)
                self._entries[prefix] = Entry(now=new)
            entry = self._entries[prefix]
            entry.configure(index, tuple(services), specs.sharing.get(prefix, Sharing.ALL))
            entry.presence = self._presence.get(prefix, Presence.HERE)
        self._order = {name: index for index, name in enumerate(specs.services)}
        self.standings = {name: each for name, each in self.standings.items() if name in specs.services}
        self._undecided = {name for name in specs.services if not self._is_known(name)}
        self._due_services, self._due_groups = Deadlines(), Deadlines()
        self._form_groups()
        self._is_new = True

    def distrust(self) -> None:
        """Go by no hint at the next decision."""
        self._is_new = True

    def decide(self, inputs: Inputs, now: float, touched: Touched | None = None) -> Outcome:
        """What is to be announced at `now`, as changes to what was announced after the last call.

        `touched` names all that may have changed in the inputs since then; None: anything may have.
        """
        if touched is None or self._is_new:
            touched, self._is_new = self._everything(), False
        changed = [
            standing
            for name in self._to_judge(touched, now)
            if (standing := self._judge(name, inputs, now)) is not None
        ]
        for standing in changed:
            self._mark(self.specs.services[standing.service].prefixes)
        self._mark(touched.addresses)
        self._mark(self._note_presence(inputs.presence))
        changes = [
            Change(prefix=gone.prefix, before=gone.attributes, after=None, because="configuration")
            for gone in self._removed
            if gone.attributes is not None
        ]
        self._removed = []
        groups, self._waiting_groups = self._waiting_groups.union(self._due_groups.take_due(now)), set()
        wishes: set[Prefix] = set()
        for name in groups:
            settled = self._decide_group(name, inputs, now)
            changes += settled.changes
            wishes |= settled.wishes
        return Outcome(
            changes=tuple(sorted(changes, key=self._place)),
            standings=tuple(changed),
            groups=tuple(groups),
            next_at=_earlier(self._due_services.next(), self._due_groups.next()),
            wishes=frozenset(wishes),
        )

    def copy(self) -> "Reconciler":
        """The same, to go on by itself."""
        new = Reconciler(Specs(services={}, groups={}))
        new.specs, new._is_new = self.specs, self._is_new
        new.standings = dict(self.standings)
        new._entries = {prefix: entry.copy() for prefix, entry in self._entries.items()}
        new._services_of, new._order = self._services_of, self._order
        new._undecided = set(self._undecided)
        new._groups = {
            name: each.copy({prefix: new._entries[prefix] for prefix in each.prefixes})
            for name, each in self._groups.items()
        }
        new._group_of = {prefix: new._groups[each.group.name] for prefix, each in self._group_of.items()}
        new._due_services, new._due_groups = self._due_services.copy(), self._due_groups.copy()
        new._waiting_groups = set(self._waiting_groups)
        new._removed, new._presence = list(self._removed), self._presence
        return new

    def _form_groups(self) -> None:
        entries_of: dict[str, dict[Prefix, Entry]] = {name: {} for name in self.specs.groups}
        for prefix, entry in self._entries.items():
            entries_of[entry.services[0].group][prefix] = entry
        before = self._groups
        self._groups = {
            name: Membership(group, entries_of[name], before[name].guarded)
            if name in before
            else Membership(group, entries_of[name])
            for name, group in self.specs.groups.items()
        }
        self._group_of = {prefix: each for each in self._groups.values() for prefix in each.prefixes}
        self._waiting_groups = set(self._groups)

    def _everything(self) -> Touched:
        self._waiting_groups = set(self._groups)
        return Touched(services=set(self.specs.services), addresses=set(self._entries))

    def _to_judge(self, touched: Touched, now: float) -> Iterable[str]:
        names = touched.services & self.specs.services.keys()
        names.update(self._due_services.take_due(now))
        for check in touched.checks:
            names.update(self._services_of.get(check, ()))
        return sorted(names, key=self._order.__getitem__)

    def _judge(self, name: str, inputs: Inputs, now: float) -> Standing | None:
        """The new standing of a service if it differs from the last in anything but wording."""
        before = self.standings.get(name)
        past = Past() if before is None else before.past
        standing = judge(self.specs.services[name], inputs.verdicts, inputs.overrides.get(name), past, now)
        self.standings[name] = standing
        self._due_services.set(name, standing.next_at)
        (self._undecided.discard if standing.is_known else self._undecided.add)(name)
        return standing if before is None or _essence(before) != _essence(standing) else None

    def _mark(self, prefixes: Iterable[Prefix]) -> None:
        """Have the next decision look at these addresses."""
        for prefix in prefixes:
            group = self._group_of.get(prefix)
            if group is not None:
                group.dirty.add(prefix)
                self._waiting_groups.add(group.group.name)

    def _note_presence(self, presence: Mapping[Prefix, Presence]) -> set[Prefix]:
        """Addresses that have come to this host, or gone from it."""
        before, self._presence = self._presence, presence
        if presence is before:
            return set()
        changed = {prefix for prefix, _ in before.items() ^ presence.items() if prefix in self._entries}
        for prefix in changed:
            self._entries[prefix].presence = presence.get(prefix, Presence.HERE)
        return changed

    def _decide_group(self, name: str, inputs: Inputs, now: float) -> Settled:
        group = self._groups[name]
        settled = group.decide(self.standings, inputs.other_origins, now)
        self._due_groups.set(name, group.guarded.next_at)
        if group.dirty:
            self._waiting_groups.add(name)
        return settled

    def _place(self, change: Change) -> tuple[bool, int]:
        """Routes that come before routes that go: traffic finds its new way first."""
        entry = self._entries.get(change.prefix)
        return change.after is None, -1 if entry is None else entry.index

    def _is_known(self, name: str) -> bool:
        standing = self.standings.get(name)
        return standing is not None and standing.is_known


def _essence(standing: Standing) -> tuple[object, ...]:
    """All of a standing that acts; the rest is wording."""
    return (
        standing.level,
        standing.attributes,
        standing.is_known,
        standing.is_degraded,
        standing.is_ordered,
        standing.is_forced,
    )


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((instant for instant in (one, other) if instant is not None), default=None)
