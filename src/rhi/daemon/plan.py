"""What another configuration would change, route by route and session by session, before it does."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rhi.daemon.config.build import Setup
from rhi.daemon.decision.reconciler import Inputs, Reconciler
from rhi.daemon.decision.routes import Change
from rhi.daemon.decision.spec import Quota, Specs
from rhi.model.attributes import PathAttributes
from rhi.model.parameters import SESSION_FIELDS, Parameters
from rhi.model.sent import address_order

# Lines of a plan that history keeps of it.
SHOWN: Final = 20
# Given only when the daemon starts.
_FIXED: Final = ("router_id", "listen", "dynamic_peers")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """What becomes of one peer.

    Attributes:
        peer: its name.
        action: `add`, `remove`, `change`; or `reset`: fields change that need a new session.
        fields: names of the fields that change.
    """

    peer: str
    action: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a configuration would do now.

    Attributes:
        routes: changes of routes with what is known at the moment; services whose checks are new follow once
            they have a verdict.
        undecided: names of services that have to wait for verdicts first.
        sessions: peers that change.
        checks: names of checks that come and go.
        options: settings of the daemon itself that change.
        restart: fields that count only after a new start.
        withdrawals: routes that leave.
        announced: routes that are there now.
    """

    routes: tuple[Change, ...]
    undecided: tuple[str, ...]
    sessions: tuple[SessionPlan, ...]
    checks: tuple[tuple[str, str], ...]
    options: tuple[str, ...]
    restart: tuple[str, ...]
    withdrawals: int
    announced: int

    @property
    def is_empty(self) -> bool:
        """It would change nothing."""
        return not (self.routes or self.sessions or self.checks or self.options or self.restart)

    def exceeds(self, limit: Quota) -> bool:
        """Whether more routes would leave than `limit` allows, of those that are announced.

        One route may always leave: whoever takes out a service means it.
        """
        return self.withdrawals > max(1, limit.of(self.announced))

    def lines(self) -> list[str]:
        """For people: `+` comes, `-` goes, `~` changes, `!` needs something."""
        found = [f"{_sign(change)} route {change.prefix}{_difference(change)}" for change in self.routes]
        found += [f"? service {name}: waits for the first verdict of its checks" for name in self.undecided]
        signs = {"add": "+", "remove": "-", "change": "~", "reset": "!"}
        for each in self.sessions:
            fields = f": {', '.join(each.fields)}" if each.fields else ""
            hint = " (needs a new session)" if each.action == "reset" else ""
            found.append(f"{signs[each.action]} peer {each.peer}{fields}{hint}")
        found += [f"{sign} check {name}" for sign, name in self.checks]
        found += [f"~ {name}" for name in self.options]
        found += [f"! {name}: counts after a restart of the daemon only" for name in self.restart]
        return found

    def summary(self) -> str:
        """For history and log, which keep many: the first lines, and how many there are besides."""
        lines = self.lines()
        more = f"; and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
        return "; ".join(lines[:SHOWN]) + more or "nothing changes"

    def to_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "routes": [
                {
                    "route": str(change.prefix),
                    "action": _ACTIONS[_sign(change)],
                    "changes": _difference(change).removeprefix(":").strip(),
                }
                for change in self.routes
            ],
            "undecided": list(self.undecided),
            "sessions": [
                {"peer": each.peer, "action": each.action, "fields": list(each.fields)}
                for each in self.sessions
            ],
            "checks": [{"action": _ACTIONS[sign], "check": name} for sign, name in self.checks],
            "options": list(self.options),
            "restart": list(self.restart),
            "withdrawals": self.withdrawals,
            "announced": self.announced,
        }


_ACTIONS: Final = {"+": "add", "-": "remove", "~": "change"}


def make_plan(before: Setup, after: Setup, reconciler: Reconciler, inputs: Inputs, now: float) -> Plan:
    """What going from one setup to another would do; `reconciler` stays as it is.

    Peers of `before` are those that have sessions, each with what its session goes by.
    """
    trial = reconciler.copy()
    announced = len(trial.routes)
    trial.configure(after.specs)
    kept = {name: verdict for name, verdict in inputs.verdicts.items() if _is_kept(name, before, after)}
    outcome = trial.decide(replace(inputs, verdicts=kept), now)
    return Plan(
        routes=tuple(sorted(outcome.changes, key=lambda change: address_order(change.prefix))),
        undecided=tuple(name for name, each in trial.standings.items() if not each.is_known),
        sessions=_sessions(before.peers, after.peers),
        checks=_checks(before.checks, after.checks),
        options=_options(before, after),
        restart=_restart(before, after),
        withdrawals=sum(change.after is None for change in outcome.changes),
        announced=announced,
    )


def plan_of_start(setup: Setup) -> Plan:
    """What a daemon would do that begins with `setup`, before any verdict is there."""
    nothing = replace(setup, peers={}, checks={}, specs=Specs(services={}, groups={}, sharing={}))
    return make_plan(nothing, setup, Reconciler(nothing.specs), Inputs(verdicts={}, overrides={}), 0.0)


def _is_kept(check: str, before: Setup, after: Setup) -> bool:
    """Whether a check keeps its verdict: it asks the same as it did."""
    one, other = before.checks.get(check), after.checks.get(check)
    return one is not None and other is not None and (one == other or one.asks_the_same(other))


def _sessions(before: Mapping[str, Parameters], after: Mapping[str, Parameters]) -> tuple[SessionPlan, ...]:
    found = [SessionPlan(peer=name, action="remove") for name in before if name not in after]
    found += [SessionPlan(peer=name, action="add") for name in after if name not in before]
    for name in after.keys() & before.keys():
        fields = before[name].changed_fields(after[name])
        if fields:
            action = "change" if SESSION_FIELDS.isdisjoint(fields) else "reset"
            found.append(SessionPlan(peer=name, action=action, fields=tuple(sorted(fields))))
    return tuple(sorted(found, key=lambda each: each.peer))


def _checks(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    gone = [("-", name) for name in before if name not in after]
    new = [("+", name) for name in after if name not in before]
    changed = [("~", name) for name in after if name in before and before[name] != after[name]]
    return (*gone, *new, *changed)


def _options(before: Setup, after: Setup) -> tuple[str, ...]:
    if before.options is None or after.options is None:
        return ()
    return _different(before.options.at_once, after.options.at_once)


def _restart(before: Setup, after: Setup) -> tuple[str, ...]:
    found = tuple(name for name in _FIXED if getattr(before, name) != getattr(after, name))
    if after.watches_origins and not before.watches_origins:
        found += ("never_last",)
    if before.options is None or after.options is None:
        return found
    return found + _different(before.options.at_start, after.options.at_start)


def _different(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(name for name in before if before[name] != after[name])


def _sign(change: Change) -> str:
    if change.before is None:
        return "+"
    return "-" if change.after is None else "~"


def _difference(change: Change) -> str:
    """Attributes that change, as `med 0 -> 100`."""
    if change.after is None:
        return f" ({change.because})"
    before = change.before or PathAttributes()
    names = [
        name for name in PathAttributes.__slots__ if getattr(before, name) != getattr(change.after, name)
    ]
    parts = [
        f"{name} {_text(getattr(before, name))} -> {_text(getattr(change.after, name))}" for name in names
    ]
    return f": {', '.join(parts)}" if parts else ""


def _text(value: object) -> str:
    if value is None:
        return "none"
    return " ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)
