"""Why an address is announced or not: the chain from its checks to what each peer was sent.

    check -> verdict -> policy -> damping -> dwell -> override -> drain -> sharing -> guard
    -> address -> route -> UPDATE

Links are data, each with the instant of its last change where there is one; `lines` makes text of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rhi.core.export import NO_NEXT_HOP, NOT_NEGOTIATED, TOO_LARGE
from rhi.core.quarantine import QUARANTINED, SUSPECTED
from rhi.core.sent import FILTERED, NOT_OFFERED
from rhi.daemon.addresses.telling import Finding
from rhi.daemon.decision.overrides import Override
from rhi.daemon.decision.reconciler import Reconciler
from rhi.daemon.decision.spec import Service, Sharing, Verdict
from rhi.daemon.decision.standing import Standing, judge
from rhi.daemon.drains.book import ALL
from rhi.daemon.drains.machine import Drain, Kind, Target
from rhi.health.checker import Report
from rhi.model.prefix import Prefix
from rhi.model.status import State, Status
from rhi.model.wording import duration_text

# Checks of one service that are shown by themselves; those that do not pass come first.
MAX_CHECKS: Final = 20

_REASONS: Final = {
    NO_NEXT_HOP: "held back: there is no next hop of its family (next_hop_4, next_hop_6)",
    TOO_LARGE: "held back: its attributes do not fit into a message",
    NOT_NEGOTIATED: "held back: the peer did not agree on its address family",
    NOT_OFFERED: "not meant for this peer: its address family is not offered (multiprotocol)",
    FILTERED: "filtered: reject of this peer has it, and accept does not",
    QUARANTINED: "held back: the peer has answered it with an UPDATE error, until it changes (quarantine)",
    SUSPECTED: "held back: the peer has answered it or another route with an UPDATE error; it is being tried",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of the chain.

    Attributes:
        stage: such as `check`, `policy`, `guard`, `update`.
        subject: a check, a service, a group, an address or a peer.
        text: one sentence.
        since: monotonic instant of the last change; None when it has none.
        data: the same for programs.
    """

    stage: str
    subject: str
    text: str
    since: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an explanation needs, at the instant `now`.

    Attributes:
        reports: the last round of each check that has had one.
        statuses: by peer, with the instant of the last change of state.
        place: how the address is on this host; None when that is not minded.
    """

    reconciler: Reconciler
    verdicts: Mapping[str, Verdict]
    overrides: Mapping[str, Override]
    reports: Mapping[str, Report]
    statuses: Mapping[str, Status]
    now: float
    drains: Sequence[Drain] = ()
    place: Finding | None = None


def explain(prefix: Prefix, facts: Facts) -> list[Link]:
    """The chain of one configured address, in order."""
    links: list[Link] = []
    names = facts.reconciler.services_of(prefix)
    for name in names:
        links += _service(facts.reconciler.specs.services[name], facts)
    links += _address(prefix, names, facts)
    links += [_drain(drain) for drain in facts.drains if drain.target.kind is Kind.PEER]
    links += [_update(prefix, peer, status, facts) for peer, status in facts.statuses.items()]
    return links


def lines(links: list[Link], now: float) -> list[str]:
    """The chain for people, a line each."""
    found = []
    for link in links:
        when = "" if link.since is None else f" (for {duration_text(now - link.since)})"
        found.append(f"{link.stage:<9} {link.subject}: {link.text}{when}")
    return found


def _service(service: Service, facts: Facts) -> Iterator[Link]:
    checks = sorted(
        [*service.checks, *service.dependencies],
        key=lambda name: facts.verdicts.get(name, Verdict.UNKNOWN) is Verdict.UP,
    )
    for name in checks[:MAX_CHECKS]:
        yield _check(name, name in service.dependencies, facts)
    if len(checks) > MAX_CHECKS:
        yield Link(stage="check", subject=service.name, text=f"and {len(checks) - MAX_CHECKS} more")
    standing = facts.reconciler.standings.get(service.name)
    if standing is None:
        yield Link(stage="policy", subject=service.name, text="not asked yet")
        return
    # how much time is left, at this instant rather than at the decision
    asked = judge(service, facts.verdicts, None, standing.past, facts.now)
    said = {step.stage: step.text for step in asked.steps}
    yield Link(
        stage="policy",
        subject=service.name,
        text=f"{said.get('policy', 'not decided yet')} ({said['checks']})",
        data={"level": _level(service, standing.past.raw), "policy": _policy(service)},
    )
    yield _damping(service, standing, said, facts)
    yield Link(
        stage="dwell",
        subject=service.name,
        text=said.get("dwell", f"is {standing.level_name}"),
        since=standing.since if standing.level is not None else None,
        data={"level": standing.level_name, "min_up": service.min_up, "min_down": service.min_down},
    )
    if "degraded" in said:
        yield Link(stage="degraded", subject=service.name, text=said["degraded"])
    yield _override(service, facts)
    for drain in facts.drains:
        if drain.target in (ALL, Target(Kind.SERVICE, service.name)):
            yield _drain(drain)


def _check(name: str, is_dependency: bool, facts: Facts) -> Link:
    verdict = facts.verdicts.get(name, Verdict.UNKNOWN)
    report = facts.reports.get(name)
    data: dict[str, Any] = {"verdict": verdict.value, "kind": "dependency" if is_dependency else "local"}
    if report is None:
        return Link(stage="check", subject=name, text=f"{verdict.value}: not probed yet", data=data)
    if report.result is None:
        last = f"could not tell: {report.alarm}"
    else:
        last = f"{'passed' if report.result.ok else 'failed'}: {report.result.detail}"
        data["ok"] = report.result.ok
    streak = report.after.streak
    if streak:
        needed = report.check.rise if streak > 0 else report.check.fall
        last += f" ({abs(streak)} of {needed} in a row)"
    ago = duration_text(facts.now - report.finished)
    data["streak"] = streak
    return Link(
        stage="check",
        subject=name,
        text=f"{verdict.value}; last probe {ago} ago {last}",
        since=report.after.since,
        data=data,
    )


def _damping(service: Service, standing: Standing, said: Mapping[str, str], facts: Facts) -> Link:
    if service.damping is None:
        return Link(stage="damping", subject=service.name, text="off", data={"is_suppressed": False})
    penalty = standing.past.penalty
    value = penalty.decayed(service.damping, facts.now)
    text = f"penalty {value:.0f}, held from {service.damping.suppress:.0f} on"
    return Link(
        stage="damping",
        subject=service.name,
        text=said["damping"] if penalty.is_suppressed and "damping" in said else text,
        data={"penalty": round(value, 1), "is_suppressed": penalty.is_suppressed},
    )


def _override(service: Service, facts: Facts) -> Link:
    override = facts.overrides.get(service.name)
    if override is None or override.is_over(facts.now):
        return Link(stage="override", subject=service.name, text="none")
    ends = "" if override.until is None else f", for {duration_text(override.until - facts.now)} more"
    return Link(
        stage="override",
        subject=service.name,
        text=f"{override}{ends}",
        since=override.at,
        data={"action": override.action.value, "by": override.by, "reason": override.reason},
    )


def _drain(drain: Drain) -> Link:
    step = drain.steps[-1]
    return Link(
        stage="drain",
        subject=str(drain.target),
        text=f"{step.state.value} ({step.text}); {drain}",
        since=step.at,
        data={"state": step.state.value, "by": drain.by, "reason": drain.reason, "behind": dict(step.behind)},
    )


def _address(prefix: Prefix, names: list[str], facts: Facts) -> Iterator[Link]:
    reconciler = facts.reconciler
    address = reconciler.address(prefix)
    assert address is not None
    sharing = reconciler.specs.sharing.get(prefix, Sharing.ALL)
    shared = f"{sharing.value} of {', '.join(names)} must want it" if len(names) > 1 else "one service"
    yield Link(
        stage="sharing",
        subject=str(prefix),
        text=f"{shared}; decided by {address.because}",
        data={"sharing": sharing.value, "services": names, "service": address.because},
    )
    group = reconciler.specs.services[names[0]].group
    guarded = reconciler.guards.get(group)
    rules = {} if guarded is None else dict(guarded.tripped)
    text = "keeps nothing" if not rules else "; ".join(f"{rule}: {why}" for rule, why in rules.items())
    if address.kept_by:
        text = f"keeps this address ({address.kept_by})" + (f"; {text}" if rules else "")
    yield Link(stage="guard", subject=group, text=text, data={"kept_by": address.kept_by, "tripped": rules})
    if facts.place is not None:
        yield _place(facts.place)
    is_announced = address.attributes is not None
    yield Link(
        stage="route",
        subject=str(prefix),
        text="announced" if is_announced else "not announced",
        since=address.since if is_announced or address.since else None,
        data={"is_announced": is_announced},
    )


def _place(found: Finding) -> Link:
    return Link(
        stage="address",
        subject=str(found.prefix),
        text=found.text,
        since=found.since,
        data={
            "state": found.state.value,
            "mode": None if found.mode is None else found.mode.value,
            "interface": found.interface,
        },
    )


def _update(prefix: Prefix, peer: str, status: Status, facts: Facts) -> Link:
    address = facts.reconciler.address(prefix)
    attributes = None if address is None else address.attributes
    sent = status.sent.find(prefix)
    since = facts.now - status.duration_s
    if address is not None and status.state is State.ESTABLISHED:
        # of a session that was there before, the peer was told when the address changed
        since = max(since, address.since)
    data: dict[str, Any] = {"state": status.state.value, "is_sent": sent is not None}
    if status.state is not State.ESTABLISHED:
        error = f": {status.last_error}" if status.last_error else ""
        text = f"nothing sent, the session is {status.state.value}{error}"
    elif sent is not None:
        data["attributes"] = None if sent.attributes is None else dict(sent.attributes)
        shown = " ".join(f"{name} {_value(value)}" for name, value in (sent.attributes or {}).items())
        text = f"sent with {shown}" if shown else "sent, and asked for again"
        if attributes is None:
            text = "withdrawal is under way; the peer still has the route"
    elif attributes is None:
        text = "nothing to send"
    else:
        reason = status.sent.obstacle(prefix, attributes)
        data["reason"] = reason
        text = _REASONS.get(reason, reason or "is about to be sent")
    return Link(stage="update", subject=peer, text=text, since=since, data=data)


def _policy(service: Service) -> str:
    return ", ".join(f"{band.name}: at least {band.at_least}" for band in service.bands)


def _level(service: Service, level: int | None) -> str:
    return "unknown" if level is None else service.level_name(level)


def _value(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
