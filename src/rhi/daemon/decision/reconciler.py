"""Asks policy, damping, dwell, overrides, sharing and guards in this order, and remembers.

`decide` is level-triggered: it is given all that is known, not what has changed, and asking twice changes
nothing. What cannot have changed is not worked out again, so that one verdict among thousands of services is
acted on within a millisecond.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from rhi.daemon.decision.addresses import Wish, combine
from rhi.daemon.decision.guard import Guarded, Members, guard
from rhi.daemon.decision.overrides import Override
from rhi.daemon.decision.spec import Group, OnTrip, Presence, Service, Sharing, Specs, Verdict
from rhi.daemon.decision.standing import Past, Standing, judge
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix

NEVER_THE_LAST = "never the last"


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
class Address:
    """One address, and why it is as it is.

    Attributes:
        prefix: its route.
        attributes: what it is announced with; None when it is not.
        since: instant of the last change between announced and not.
        because: the service that decided.
        kept_by: the rule that keeps it although its services do not want it, or nothing.
    """

    prefix: Prefix
    attributes: PathAttributes | None
    since: float
    because: str
    kept_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An address that is announced, withdrawn or told differently from now on; the sides may be None."""

    prefix: Prefix
    before: PathAttributes | None
    after: PathAttributes | None
    because: str
    kept_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer of `decide`.

    Attributes:
        changes: what to do to the route table, in order.
        standings: services whose standing is another than before.
        next_at: the instant at which to ask again even if nothing happens; None never.
        wishes: addresses whose services have been asked again what they want.
    """

    changes: tuple[Change, ...]
    standings: tuple[Standing, ...]
    next_at: float | None
    wishes: frozenset[Prefix] = frozenset()


@dataclass(slots=True)
class _AddressPast:
    """What has to be remembered of an address.

    `good` is what its services last wanted it announced with.
    """

    now: Address
    wish: Wish | None = None
    good: PathAttributes | None = None
    failed_at: float = 0.0
    presence: Presence = Presence.HERE

    @property
    def due(self) -> Wish | None:
        """What is to become of it: the wish, unless the address is not on this host.

        What is announced of an absent address leads nowhere, so neither its services nor a guard keep it.
        """
        if self.wish is None or self.presence is Presence.HERE:
            return self.wish
        if self.presence is Presence.ABSENT:
            return replace(self.wish, attributes=None, is_ordered=True, is_forced=True)
        is_announced = self.now.attributes is not None
        return self.wish if is_announced else replace(self.wish, attributes=None, is_ordered=True)


class Reconciler:
    """From inputs to routes, with a memory.

    Attributes:
        specs: what is configured; see `configure`.
        standings: of all services, by name.
        guards: what each group's guard last said, by name of group.
    """

    def __init__(self, specs: Specs) -> None:
        self.specs = Specs(services={}, groups={})
        self.standings: dict[str, Standing] = {}
        self.guards: dict[str, Guarded] = {}
        self._judged: dict[str, tuple[object, ...]] = {}
        self._addresses: dict[Prefix, _AddressPast] = {}
        self._services_of: dict[Prefix, list[str]] = {}
        self._groups_of: dict[str, list[Prefix]] = {}
        self._dirty: set[Prefix] = set()
        self._removed: list[Address] = []
        self._presence: Mapping[Prefix, Presence] = {}
        self.configure(specs)

    @property
    def addresses(self) -> dict[Prefix, Address]:
        """All addresses that are configured, as they are now. May be asked from any thread."""
        return {prefix: past.now for prefix, past in list(self._addresses.items())}

    def address(self, prefix: Prefix) -> Address | None:
        """One address as it is now; None when it is not configured."""
        past = self._addresses.get(prefix)
        return None if past is None else past.now

    def services_of(self, prefix: Prefix) -> list[str]:
        """Names of the services that an address has, in their order."""
        return list(self._services_of.get(prefix, ()))

    @property
    def routes(self) -> dict[Prefix, PathAttributes]:
        """What is announced."""
        return {
            prefix: past.now.attributes
            for prefix, past in self._addresses.items()
            if past.now.attributes is not None
        }

    @property
    def is_decided(self) -> bool:
        """Every service has an opinion, and nothing that is wanted waits for its address to be on this host:
        what is announced is all there is to announce."""
        return (
            len(self.standings) == len(self.specs.services)
            and all(standing.is_known for standing in self.standings.values())
            and not any(
                presence is Presence.PENDING and self.wants(prefix)
                for prefix, presence in self._presence.items()
            )
        )

    def wants(self, prefix: Prefix) -> bool | None:
        """Whether the services of an address want it announced; None while they do not know yet."""
        past = self._addresses.get(prefix)
        if past is None:
            return False
        return None if past.wish is None else past.wish.attributes is not None

    def adopt(self, prefix: Prefix, attributes: PathAttributes, because: str, now: float) -> None:
        """Take an address as announced by a service before that knows anything; others may say otherwise."""
        past = self._addresses[prefix]
        past.now = Address(prefix=prefix, attributes=attributes, since=now, because=because)
        past.wish = Wish(is_known=True, attributes=attributes, because=because)
        past.good = attributes

    def disown(self, prefix: Prefix, now: float) -> bool:
        """Want an adopted address no longer when its services still know nothing; false when any does."""
        past = self._addresses.get(prefix)
        names = self._services_of.get(prefix, ())
        if past is None or past.wish is None or any(self._knows(name) for name in names):
            return False
        past.wish = Wish(is_known=True, attributes=None, because=past.now.because)
        past.failed_at = now
        self._dirty.add(prefix)
        return True

    def _knows(self, service: str) -> bool:
        standing = self.standings.get(service)
        return standing is not None and standing.is_known

    def configure(self, specs: Specs) -> None:
        """Go by other specs from the next decision on; what is remembered of those that stay is kept."""
        self.specs = specs
        services_of: dict[Prefix, list[str]] = {}
        groups_of: dict[str, list[Prefix]] = {name: [] for name in specs.groups}
        for service in specs.services.values():
            for prefix in service.prefixes:
                services_of.setdefault(prefix, []).append(service.name)
        for prefix, names in services_of.items():
            groups_of[specs.services[names[0]].group].append(prefix)
        for prefix in self._addresses.keys() - services_of.keys():
            self._removed.append(self._addresses.pop(prefix).now)
        for prefix, names in services_of.items():
            if prefix not in self._addresses:
                new = Address(prefix=prefix, attributes=None, since=0.0, because=names[0])
                self._addresses[prefix] = _AddressPast(new)
            address = self._addresses[prefix]
            if address.wish is not None and address.wish.because not in names:
                # who wished it is not asked any more; the address stays as it is until the others know
                address.wish = None
                if address.now.attributes is not None:
                    address.wish = Wish(is_known=True, attributes=address.now.attributes, because=names[0])
            address.presence = self._presence.get(prefix, Presence.HERE)
        self._services_of, self._groups_of = services_of, groups_of
        for name in self.standings.keys() - specs.services.keys():
            del self.standings[name]
        self.guards = {name: each for name, each in self.guards.items() if name in specs.groups}
        self._judged = {}
        self._dirty = set(services_of)

    def decide(self, inputs: Inputs, now: float) -> Outcome:
        """What is to be announced at `now`, as changes to what was announced after the last call."""
        changed = self._judge_services(inputs, now)
        for standing in changed:
            self._dirty.update(self.specs.services[standing.service].prefixes)
        dirty, self._dirty = self._dirty, set()
        for prefix in dirty:
            self._wish(self._addresses[prefix], now)
        wishes = frozenset(dirty)
        dirty |= self._note_presence(inputs.presence)
        changes = [
            Change(prefix=gone.prefix, before=gone.attributes, after=None, because="configuration")
            for gone in self._removed
            if gone.attributes is not None
        ]
        self._removed = []
        for group in self.specs.groups.values():
            if self._is_due(group, dirty, now):
                changes += self._decide_group(group, inputs, now)
        return Outcome(
            changes=tuple(changes), standings=tuple(changed), next_at=self._next_at(), wishes=wishes
        )

    def _note_presence(self, presence: Mapping[Prefix, Presence]) -> set[Prefix]:
        """Addresses that have come to this host, or gone from it."""
        before, self._presence = self._presence, presence
        if presence is before:
            return set()
        changed = {prefix for prefix, _ in before.items() ^ presence.items() if prefix in self._addresses}
        for prefix in changed:
            self._addresses[prefix].presence = presence.get(prefix, Presence.HERE)
        return changed

    def _judge_services(self, inputs: Inputs, now: float) -> list[Standing]:
        changed = []
        for name, service in self.specs.services.items():
            before = self.standings.get(name)
            override = inputs.overrides.get(name)
            known = (override, *[inputs.verdicts.get(check) for check in _checks(service)])
            is_due = before is not None and before.next_at is not None and now >= before.next_at
            if before is not None and not is_due and self._judged.get(name) == known:
                continue
            past = Past() if before is None else before.past
            standing = judge(service, inputs.verdicts, override, past, now)
            self._judged[name] = known
            self.standings[name] = standing
            if before is None or _differs(before, standing):
                changed.append(standing)
        return changed

    def _wish(self, address: _AddressPast, now: float) -> None:
        prefix = address.now.prefix
        standings = [self.standings[name] for name in self._services_of[prefix]]
        sharing = self.specs.sharing.get(prefix, Sharing.ALL)
        was_wanted = address.wish is not None and address.wish.attributes is not None
        wish = combine(standings, sharing, is_live=address.now.attributes is not None)
        if not wish.is_known:
            return
        if wish.attributes is not None:
            address.good = wish.attributes
        elif was_wanted:
            address.failed_at = now
        address.wish = wish

    def _is_due(self, group: Group, dirty: set[Prefix], now: float) -> bool:
        guarded = self.guards.get(group.name)
        if guarded is None or (guarded.next_at is not None and now >= guarded.next_at):
            return True
        # origins come and go without a change of ours
        return bool(guarded.kept) or any(
            prefix in dirty or self._is_never_last(prefix) for prefix in self._groups_of[group.name]
        )

    def _decide_group(self, group: Group, inputs: Inputs, now: float) -> list[Change]:
        addresses = [self._addresses[prefix] for prefix in self._groups_of[group.name]]
        last = self._find_last(addresses, inputs)
        before = self.guards.get(group.name)
        guarded = guard(
            group,
            self._members(group, addresses, last, before, now),
            () if before is None else before.withdrawals,
            now,
        )
        self.guards[group.name] = guarded
        changes = []
        for address in addresses:
            kept_by = (
                NEVER_THE_LAST if address.now.prefix in last else guarded.kept.get(address.now.prefix, "")
            )
            change = self._settle(address, group, kept_by, now)
            if change is not None:
                changes.append(change)
        # routes that come before routes that go: traffic finds its new way first
        return sorted(changes, key=lambda change: change.after is None)

    def _find_last(self, addresses: list[_AddressPast], inputs: Inputs) -> set[Prefix]:
        """Addresses that would leave the network, of services that must not let that happen."""
        return {
            address.now.prefix
            for address in addresses
            if address.now.attributes is not None
            and address.due is not None
            and address.due.attributes is None
            and not address.due.is_forced
            and self._is_never_last(address.now.prefix)
            and address.now.prefix not in inputs.other_origins
        }

    def _members(
        self,
        group: Group,
        addresses: list[_AddressPast],
        last: set[Prefix],
        before: Guarded | None,
        now: float,
    ) -> Members:
        announced = {each.now.prefix for each in addresses if each.now.attributes is not None}
        wishes = {each.now.prefix: wish for each in addresses if (wish := each.due) is not None}
        wanted = {prefix for prefix, wish in wishes.items() if wish.attributes is not None} | last
        ordered = {prefix for prefix, wish in wishes.items() if wish.is_ordered}
        lately = {
            each.now.prefix
            for each in addresses
            if each.good is not None and now - each.failed_at <= (group.suspect_within or 0.0)
        } - (announced | wanted | ordered)
        return Members(
            all=frozenset(each.now.prefix for each in addresses),
            announced=frozenset(announced),
            wanted=frozenset(wanted),
            failed_at={each.now.prefix: each.failed_at for each in addresses},
            kept=frozenset() if before is None else frozenset(before.kept),
            lately=frozenset(lately),
            services=len({name for prefix in announced | lately for name in self._services_of[prefix]}),
            ordered=frozenset(ordered),
            forced=frozenset(prefix for prefix, wish in wishes.items() if wish.is_forced),
        )

    def _settle(self, address: _AddressPast, group: Group, kept_by: str, now: float) -> Change | None:
        """Bring one address to what has been decided."""
        wish, before = address.due, address.now
        if wish is None:
            return None
        after = wish.attributes
        if kept_by:
            assert address.good is not None
            service = self.specs.services[wish.because]
            is_degraded = kept_by == NEVER_THE_LAST or group.on_trip is OnTrip.DEGRADE
            after = service.degraded.apply(address.good) if is_degraded else address.good
        is_turned = (after is None) != (before.attributes is None)
        address.now = Address(
            prefix=before.prefix,
            attributes=after,
            since=now if is_turned else before.since,
            because=wish.because,
            kept_by=kept_by,
        )
        if after == before.attributes:
            return None
        return Change(
            prefix=before.prefix, before=before.attributes, after=after, because=wish.because, kept_by=kept_by
        )

    def _is_never_last(self, prefix: Prefix) -> bool:
        return any(self.specs.services[name].never_last for name in self._services_of[prefix])

    def _next_at(self) -> float | None:
        instants = [standing.next_at for standing in self.standings.values()]
        instants += [guarded.next_at for guarded in self.guards.values()]
        return min((instant for instant in instants if instant is not None), default=None)


def _checks(service: Service) -> tuple[str, ...]:
    return (*service.checks, *service.dependencies)


def _differs(before: Standing, after: Standing) -> bool:
    """Whether anything but the wording of the steps has changed."""
    return _essence(before) != _essence(after)


def _essence(standing: Standing) -> tuple[object, ...]:
    return (
        standing.level,
        standing.attributes,
        standing.is_known,
        standing.is_degraded,
        standing.is_ordered,
        standing.is_forced,
    )
