"""Between checks and sessions: verdicts and operators' words come in, changes of routes go out.

The controller owns the reconciler and everything that tells what it did: history, alarms, the state file. It
does no waiting of its own: `decide` says when it wants to be asked again. All methods belong to one thread.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from rhi.daemon import warm
from rhi.daemon.alarms import Alarms
from rhi.daemon.config.build import Setup
from rhi.daemon.decision.deadlines import Deadlines
from rhi.daemon.decision.overrides import Action, Override
from rhi.daemon.decision.reconciler import Inputs, Reconciler, Touched
from rhi.daemon.decision.routes import Change
from rhi.daemon.decision.spec import Presence, Verdict
from rhi.daemon.decision.standing import Standing
from rhi.daemon.drains.book import Drains
from rhi.daemon.drains.machine import Drain, Kind, Pace, State, Step, Target
from rhi.daemon.drains.saved import decode_drains, decode_overrides, encode_drains, encode_overrides
from rhi.daemon.history import History
from rhi.daemon.keeper import Store
from rhi.daemon.policies import OnCrash
from rhi.daemon.state import Clocks
from rhi.daemon.warm import Announced
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix
from rhi.model.wording import no_such


class Routes(Protocol):
    """The part of `rhi.Pool` that decisions act on."""

    def announce(self, route: Prefix, attributes: PathAttributes | None = None) -> None:
        """Want a route."""

    def withdraw(self, route: Prefix) -> None:
        """Want a route no longer."""

    def mark_complete(self) -> None:
        """All that is to be announced at the start has been."""


class UnknownService(Exception):
    """There is no service of this name; the message says which there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What one decision did.

    Attributes:
        changes: of routes, which are under way.
        next_at: when to decide again although nothing happens; None never.
        wishes: addresses of which the services may want something else now.
    """

    changes: tuple[Change, ...]
    next_at: float | None
    wishes: frozenset[Prefix] = frozenset()


class Controller:
    """Decides, and acts on it.

    Attributes:
        reconciler: for those who read; only the controller changes it.
        pace: of drains, where nothing else is said.
        drains: of services, peers, or all; a service's stands beside its override.
        presence: of addresses that are only announced while they are on this host; whoever minds them
            replaces it.
        is_complete: every service has been decided once, and peers are told End-of-RIB.
    """

    def __init__(
        self,
        setup: Setup,
        routes: Routes,
        history: History,
        alarms: Alarms,
        clocks: Callable[[], Clocks],
        store: Store | None = None,
    ) -> None:
        self.reconciler = Reconciler(setup.specs)
        self._is_warm = warm.is_any_warm(setup.specs)
        self._peers: Collection[str] = setup.peers
        self._verdicts: dict[str, Verdict] = {}
        self._said: dict[str, Override] = {}
        self._expiry = Deadlines()
        self._in_force: Mapping[str, Override] = self._said
        self._shaped_by: list[Drain] = []
        self._other_origins: set[Prefix] = set()
        self._touched = Touched()
        self.pace = Pace()
        self.drains = Drains(self._tell_drain)
        self.presence: Mapping[Prefix, Presence] = {}
        self._routes = routes
        self._history = history
        self._alarms = alarms
        self._clocks = clocks
        self._store = store
        self._adopted: list[Prefix] = []
        self.is_complete = False

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """By check."""
        return self._verdicts

    @property
    def overrides(self) -> Mapping[str, Override]:
        """What operators have said, by service; drains may make more or less of it."""
        return self._said

    def restore(self) -> None:
        """Take over what operators said before the last end."""
        store, clocks = self._store, self._clocks()
        if store is None:
            return
        restored = store.take("overrides", lambda found: decode_overrides(found, clocks)) or {}
        for name, override in restored.items():
            self._say(name, override)
            self._history.add("override", name, f"still in force: {override}{self._ending(override.until)}")
        self.drains.restore(store.take("drains", lambda found: decode_drains(found, clocks)) or [])
        for name, override in restored.items():
            if override.action is Action.DRAIN and self.drains.of_service(name) is None:
                self._start_drain(name, override)
        self._forget_unknown()
        store.keep("overrides", self._keep_overrides)
        store.keep("drains", self._keep_drains)
        store.keep("announced", self._keep_announced)

    def adopt(self) -> None:
        """Announce what was announced before the last end, for services that want that; after `restore`."""
        store = self._store
        announced = None if store is None else store.take("announced", warm.decode)
        if announced and store is not None and store.is_same_boot:
            self._adopt(announced)

    def _adopt(self, announced: list[Announced]) -> None:
        specs, now = self.reconciler.specs, self._clocks().monotonic
        for each in announced:
            service = specs.services.get(each.service)
            if service is None or service.on_crash is not OnCrash.WARM or each.prefix not in service.prefixes:
                continue
            self.reconciler.adopt(each.prefix, each.attributes, each.service, now)
            self._adopted.append(each.prefix)
            self._routes.announce(each.prefix, each.attributes)
            self._history.add(
                "route",
                str(each.prefix),
                f"announced as before the start (service {each.service})",
                service=each.service,
                action="announced",
                kept_by="",
            )

    def disown(self) -> None:
        """Give up what was announced as before the start and no check has confirmed; `decide` acts on it."""
        now = self._clocks().monotonic
        # whoever has no session by now may have none for long: drains wait for sessions no more
        self.drains.sessions.has_begun = True
        for prefix in self._adopted:
            if self.reconciler.disown(prefix, now):
                self._history.add("route", str(prefix), "nobody has confirmed it since the start")
        self._adopted.clear()

    def _keep_announced(self, clocks: Clocks) -> Callable[[], Any]:
        specs = self.reconciler.specs
        addresses = self.reconciler.addresses if warm.is_any_warm(specs) else {}
        return lambda: warm.encode(warm.warm_routes(addresses, specs))

    def _keep_overrides(self, clocks: Clocks) -> Callable[[], Any]:
        said = dict(self._said)
        return lambda: encode_overrides(said, clocks)

    def _keep_drains(self, clocks: Clocks) -> Callable[[], Any]:
        drains = [each for each in self.drains.all if each.target.kind is not Kind.EXIT]
        return lambda: encode_drains(drains, clocks)

    def set_verdict(self, check: str, verdict: Verdict, detail: str) -> None:
        """What a check says now; `decide` acts on it."""
        before = self._verdicts.get(check, Verdict.UNKNOWN)
        self._verdicts[check] = verdict
        self._touched.checks.add(check)
        if verdict is not before:
            text = f"{before.value} -> {verdict.value}" + (f": {detail}" if detail else "")
            self._history.add("check", check, text, before=before.value, after=verdict.value, detail=detail)
        self._alarms.set(f"check {check}", f"has died: {detail}" if verdict is Verdict.STALE else None)

    def forget_checks(self, names: set[str]) -> None:
        """Checks that are no longer configured."""
        for name in names:
            self._verdicts.pop(name, None)
            self._touched.checks.add(name)
            self._alarms.set(f"check {name}", None)

    def override(
        self,
        service: str,
        action: Action,
        *,
        reason: str,
        by: str,
        lasts: float | None = None,
        drain_time: float = 0.0,
        is_forced: bool = False,
        pace: Pace | None = None,
    ) -> Override:
        """An operator's word over a service's checks; it replaces the one before. `lasts` in seconds.

        `pace` is that of a drain; without one only its `drain_time` is given.

        Raises:
            UnknownService: there is none of this name.
        """
        self._check_service(service)
        now = self._clocks().monotonic
        if pace is not None:
            drain_time = pace.wait
        override = Override(
            action=action,
            reason=reason,
            by=by,
            at=now,
            until=None if lasts is None else now + lasts,
            drain_time=drain_time,
            is_forced=is_forced,
        )
        self._say(service, override)
        self._history.add(
            "override",
            service,
            f"{override}{self._ending(override.until)}",
            action=action.value,
            by=by,
            reason=reason,
            until=self._moment(override.until),
        )
        if action is Action.DRAIN:
            self._start_drain(service, override, pace)
        else:
            self.drains.end(Target(Kind.SERVICE, service), f"overridden: {override}", now)
        self._save()
        return override

    def clear_override(self, service: str, by: str) -> bool:
        """Let the checks decide again; false when they did.

        Raises:
            UnknownService: there is none of this name.
        """
        self._check_service(service)
        override = self._said.get(service)
        if override is None:
            return False
        self._say(service, None)
        self._history.add("override", service, f"taken back by {by}: {override}", by=by)
        self.drains.end(Target(Kind.SERVICE, service), f"taken back by {by}", self._clocks().monotonic)
        self._save()
        return True

    def set_origin(self, prefix: Prefix, *, is_elsewhere: bool) -> None:
        """Whether peers show an address from somewhere else; `decide` acts on it."""
        (self._other_origins.add if is_elsewhere else self._other_origins.discard)(prefix)
        self._touched.addresses.add(prefix)

    def configure(self, setup: Setup) -> None:
        """Go by another configuration; `decide` acts on it."""
        for name in self.reconciler.specs.groups.keys() - setup.specs.groups.keys():
            self._alarms.set(f"guard {name}", None)
        self.reconciler.configure(setup.specs)
        self._is_warm = warm.is_any_warm(setup.specs)
        self._shaped_by = []  # a drain of everything concerns other services now
        self._peers = setup.peers
        self._forget_unknown()
        self._save()

    def drain(self, drain: Drain) -> Drain:
        """Begin a drain of a peer, of all, or of what ends; a service is drained by an override."""
        found = self.drains.start(drain, self._clocks().monotonic)
        self._save()
        return found

    def undrain(self, target: Target, by: str) -> Drain | None:
        """End any drain; None when there is none."""
        drain = self.drains.end(target, f"taken back by {by}", self._clocks().monotonic)
        if drain is not None:
            if target.kind is Kind.SERVICE:
                self._say(target.name, None)
            self._save()
        return drain

    @property
    def inputs(self) -> Inputs:
        """What the next decision goes by."""
        return Inputs(
            verdicts=self._verdicts,
            overrides=self._overrides_in_force(),
            other_origins=self._other_origins,
            presence=self.presence,
        )

    def _overrides_in_force(self) -> Mapping[str, Override]:
        """What has been said as drains shape it; worked out again when either is not what it was."""
        drains, services = self.drains.all, self.reconciler.specs.services
        if self._touched.services or drains != self._shaped_by:
            before, self._shaped_by = self._in_force, drains
            self._in_force = self.drains.overrides(self._said, services)
            self._touched.services.update(_different(before, self._in_force))
        return self._in_force

    def distrust(self) -> None:
        """A decision has failed half-way: have the next look at everything, and say all routes again."""
        self.reconciler.distrust()
        for prefix, address in self.reconciler.addresses.items():
            if address.attributes is None:
                self._routes.withdraw(prefix)
            else:
                self._routes.announce(prefix, address.attributes)

    def decide(self) -> Decided:
        """Bring the routes to what they should be now."""
        now = self._clocks().monotonic
        self._expire(now)
        changes: list[Change] = []
        wishes: set[Prefix] = set()
        while True:
            inputs = self.inputs
            touched, self._touched = self._touched, Touched()
            outcome = self.reconciler.decide(inputs, now, touched)
            for change in outcome.changes:
                self._act(change)
            for standing in outcome.standings:
                self._tell_standing(standing)
            changes += outcome.changes
            wishes |= outcome.wishes
            self._tell_guards(outcome.groups)
            # what drains have asked for so far is decided: do they ask for more?
            if not self.drains.advance(self.reconciler, inputs.overrides, now):
                break
            self._save()
        if changes and self._is_warm:
            self._save()
        if not self.is_complete and self.reconciler.is_decided:
            self.is_complete = self.drains.sessions.has_begun = True
            self._routes.mark_complete()
            self._history.add("start", "", "every service is decided: End-of-RIB")
        instants = [each for each in (outcome.next_at, self.drains.next_at()) if each is not None]
        following = min(instants, default=None)
        return Decided(changes=tuple(changes), next_at=following, wishes=frozenset(wishes))

    def _act(self, change: Change) -> None:
        if change.after is None:
            self._routes.withdraw(change.prefix)
            text = "withdrawn"
        else:
            self._routes.announce(change.prefix, change.after)
            text = "announced" if change.before is None else "changed"
        kept = f", kept by {change.kept_by}" if change.kept_by else ""
        is_service = change.because in self.reconciler.specs.services
        self._history.add(
            "route",
            str(change.prefix),
            f"{text}{kept} ({'service ' if is_service else ''}{change.because})",
            service=change.because,
            action=text,
            kept_by=change.kept_by,
        )

    def _tell_standing(self, standing: Standing) -> None:
        steps = "; ".join(f"{step.stage}: {step.text}" for step in standing.steps)
        self._history.add(
            "service", standing.service, f"{standing.level_name} ({steps})", level=standing.level_name
        )

    def _tell_guards(self, groups: Iterable[str]) -> None:
        for name in groups:
            tripped = self.reconciler.guard(name).tripped
            text = "; ".join(f"{rule}: {why}" for rule, why in tripped.items())
            self._alarms.set(f"guard {name}", text or None)

    def _say(self, service: str, override: Override | None) -> None:
        """Have an override from now on, or none."""
        if override is None:
            self._said.pop(service, None)
        else:
            self._said[service] = override
        self._expiry.set(service, None if override is None else override.until)
        self._touched.services.add(service)

    def _forget_unknown(self) -> None:
        """What has been said of services and peers that are not configured any more."""
        services = self.reconciler.specs.services
        for name in self._said.keys() - services.keys():
            self._history.add("override", name, f"over, with its service: {self._said[name]}")
            self._say(name, None)
        drained = {name for name, each in self._said.items() if each.action is Action.DRAIN}
        self.drains.forget(drained, self._peers, self._clocks().monotonic)

    def _expire(self, now: float) -> None:
        over = self._expiry.take_due(now)
        for name in over:
            self._history.add("override", name, f"has run out: {self._said[name]}")
            self._say(name, None)
        if self.drains.expire(now) or over:
            self._save()

    def _start_drain(self, service: str, override: Override, pace: Pace | None = None) -> None:
        drain = Drain(
            target=Target(Kind.SERVICE, service),
            pace=pace or self.pace.waiting(override.drain_time),
            reason=override.reason,
            by=override.by,
            until=override.until,
            is_forced=override.is_forced,
        )
        self.drains.start(drain, override.at)

    def _tell_drain(self, drain: Drain, step: Step) -> None:
        subject, is_first = str(drain.target), len(drain.steps) == 1
        self._history.add(
            "drain",
            subject,
            f"{step.state.value} ({step.text}{self._ending(drain.until) if is_first else ''})",
            state=step.state.value,
            until=self._moment(drain.until),
            because=step.text,
            behind=dict(step.behind),
            by=drain.by,
            reason=drain.reason,
        )
        is_late = step.state is State.OVERDUE or (step.state is State.DONE and drain.behind)
        behind = ", ".join(f"{peer} {what}" for peer, what in sorted(drain.behind.items()))
        late = step.text if step.state is State.OVERDUE or not behind else f"not acknowledged: {behind}"
        self._alarms.set(f"drain {subject}", late if is_late else None)

    def _moment(self, until: float | None) -> str | None:
        return None if until is None else self._clocks().moment(until).isoformat(timespec="milliseconds")

    def _ending(self, until: float | None) -> str:
        """Behind the words about what ends by itself."""
        return "" if until is None else f", until {self._clocks().moment(until):%Y-%m-%d %H:%M:%S} UTC"

    def _check_service(self, name: str) -> None:
        services: Mapping[str, object] = self.reconciler.specs.services
        if name not in services:
            raise UnknownService(f"service {no_such('service', name, services)}")

    def _save(self) -> None:
        if self._store is not None:
            self._store.changed()


def _different(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    """Keys whose values differ."""
    if before is after:
        return set()
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
