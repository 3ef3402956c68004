"""Short forms for tests of decisions."""

from collections.abc import Mapping
from typing import Any

from rhi.daemon.decision.overrides import Action, Override
from rhi.daemon.decision.reconciler import Inputs, Outcome, Reconciler
from rhi.daemon.decision.spec import Group, Presence, Service, Sharing, Specs, Verdict
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
    """A reconciler with the routes that come of its changes, and a clock that tests move."""

    def __init__(self, *services: Service, **fields: Any) -> None:
        self.reconciler = Reconciler(specs(*services, **fields))
        self.verdicts: dict[str, Verdict] = {}
        self.overrides: dict[str, Override] = {}
        self.other_origins: set[Prefix] = set()
        self.presence: dict[Prefix, Presence] = {}
        self.now = 0.0
        self.routes: dict[str, Any] = {}

    def decide(self, after: float = 0.0, /, **verdicts: Verdict) -> Outcome:
        """Decide `after` seconds from the last time, with these verdicts changed."""
        self.now += after
        self.verdicts.update(verdicts)
        inputs = Inputs(
            verdicts=self.verdicts,
            overrides=self.overrides,
            other_origins=self.other_origins,
            presence=dict(self.presence),
        )
        outcome = self.reconciler.decide(inputs, self.now)
        for change in outcome.changes:
            assert self.routes.get(str(change.prefix)) == change.before
            if change.after is None:
                del self.routes[str(change.prefix)]
            else:
                self.routes[str(change.prefix)] = change.after
        assert self.routes == {str(prefix): each for prefix, each in self.reconciler.routes.items()}
        return outcome

    @property
    def announced(self) -> set[str]:
        return set(self.routes)
