"""Short forms for tests of decisions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rhi.daemon.decision.overrides import Action, Override
from rhi.daemon.decision.reconciler import Inputs, Outcome, Reconciler, Touched
from rhi.daemon.decision.spec import Group, Presence, Service, Sharing, Specs, Verdict
from rhi.daemon.decision.standing import Past, Standing
from rhi.model.prefix import Prefix, to_prefix

UP, DOWN, UNKNOWN, STALE = Verdict.UP, Verdict.DOWN, Verdict.UNKNOWN, Verdict.STALE


def address(number: int) -> str:
    return f"203.0.113.{number}"


def service(name: str, *addresses: str, **fields: Any) -> Service:
    """A service with one check of its own name, unless told otherwise."""
    return Service(
        **{"name": name, "prefixes": tuple(map(to_prefix, addresses)), "checks": (name,), **fields}
    )


def specs(
    *services: Service, groups: tuple[Group, ...] = (), sharing: Mapping[str, Sharing] | None = None
) -> Specs:
    named = {each.name: each for each in groups}
    for each in services:
        named.setdefault(each.group, Group(name=each.group))
    return Specs(
        services={each.name: each for each in services},
        groups=named,
        sharing={to_prefix(text): each for text, each in (sharing or {}).items()},
    )


def override(action: Action, at: float = 0.0, **fields: Any) -> Override:
    return Override(**{"action": action, "reason": "a test", "by": "ann", "at": at, **fields})


class World:
    """A reconciler with the routes that come of its changes, and a clock that tests move.

    Beside it runs another that is never told what was touched and so looks at everything each time: whatever
    a test does, the two have to agree.
    """

    def __init__(self, *services: Service, **fields: Any) -> None:
        self.reconciler = Reconciler(specs(*services, **fields))
        self._thorough = Reconciler(specs(*services, **fields))
        self._seen = Inputs()
        self.verdicts: dict[str, Verdict] = {}
        self.overrides: dict[str, Override] = {}
        self.other_origins: set[Prefix] = set()
        self.presence: dict[Prefix, Presence] = {}
        self.now = 0.0
        self.routes: dict[str, Any] = {}

    def configure(self, specs: Specs) -> None:
        """Reload."""
        self.reconciler.configure(specs)
        self._thorough.configure(specs)

    def decide(self, after: float = 0.0, /, **verdicts: Verdict) -> Outcome:
        """Decide `after` seconds from the last time, with these verdicts changed."""
        self.now += after
        self.verdicts.update(verdicts)
        inputs = Inputs(
            verdicts=dict(self.verdicts),
            overrides=dict(self.overrides),
            other_origins=frozenset(self.other_origins),
            presence=dict(self.presence),
        )
        outcome = self.reconciler.decide(inputs, self.now, touched(self._seen, inputs))
        self._seen = inputs
        for change in outcome.changes:
            assert self.routes.get(str(change.prefix)) == change.before
            if change.after is None:
                del self.routes[str(change.prefix)]
            else:
                self.routes[str(change.prefix)] = change.after
        assert self.routes == {str(prefix): each for prefix, each in self.reconciler.routes.items()}
        self._agree(outcome, self._thorough.decide(inputs, self.now))
        return outcome

    @property
    def announced(self) -> set[str]:
        return set(self.routes)

    def _agree(self, one: Outcome, other: Outcome) -> None:
        assert (one.changes, one.next_at, one.wishes) == (other.changes, other.next_at, other.wishes)
        assert list(map(without_wording, one.standings)) == list(map(without_wording, other.standings))
        assert self.reconciler.addresses == self._thorough.addresses
        assert self.reconciler.guards == self._thorough.guards
        assert self.reconciler.is_decided == self._thorough.is_decided
        for name, standing in self.reconciler.standings.items():
            assert without_wording(standing) == without_wording(self._thorough.standings[name])


def without_wording(standing: Standing) -> Standing:
    """All of a standing that acts.

    Its steps tell how much time was left when they were written, and an account of damping that has run
    empty is only found to be so when it is looked at.
    """
    return replace(standing, steps=(), past=Past())


def touched(before: Inputs, after: Inputs) -> Touched:
    """What differs."""
    return Touched(
        checks=different(before.verdicts, after.verdicts),
        services=different(before.overrides, after.overrides),
        addresses=set(before.other_origins) ^ set(after.other_origins),
    )


def different(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
