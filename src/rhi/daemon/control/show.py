"""From the parts of the daemon to what is shown of them. Reads and changes nothing."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC
from typing import Final, Protocol

import rhi
from rhi.daemon.addresses.keeper import AddressKeeper
from rhi.daemon.alarms import Alarms
from rhi.daemon.config.build import Setup
from rhi.daemon.control.views import (
    AlarmView,
    CheckView,
    DrainStepView,
    DrainView,
    EntryView,
    ExplanationView,
    GuardView,
    LinkView,
    OverrideView,
    PeerView,
    PlanView,
    RouteCounts,
    RouteView,
    SentRouteView,
    ServiceView,
    StatusView,
    StepView,
)
from rhi.daemon.controller import Controller
from rhi.daemon.decision.overrides import Override
from rhi.daemon.decision.routes import Address
from rhi.daemon.decision.spec import Verdict
from rhi.daemon.drains.book import drained_routes
from rhi.daemon.drains.machine import Drain
from rhi.daemon.explain import Facts, explain, lines
from rhi.daemon.history import Entry, History
from rhi.daemon.plan import Plan
from rhi.daemon.state import Clocks
from rhi.daemon.warm import attributes_to_json
from rhi.health.checker import Report
from rhi.health.runner import Runner
from rhi.model.prefix import Prefix, to_prefix
from rhi.model.sent import SentRoute
from rhi.model.status import Status


class Source(Protocol):
    """The part of `Daemon` that is shown."""

    setup: Setup
    controller: Controller
    history: History
    alarms: Alarms
    runner: Runner
    started_at: float
    addresses: AddressKeeper

    def clocks(self) -> Clocks:
        """The clocks, now."""


def moment(clocks: Clocks, instant: float) -> str:
    """The time of day of a monotonic instant."""
    return clocks.moment(instant).isoformat(timespec="milliseconds")


def show_status(source: Source, statuses: Mapping[str, Status]) -> StatusView:
    """The daemon as a whole."""
    clocks, reconciler = source.clocks(), source.controller.reconciler
    addresses = reconciler.addresses.values()
    levels = Counter(standing.level_name for standing in reconciler.standings.values())
    levels["unknown"] += len(reconciler.specs.services) - len(reconciler.standings)
    return StatusView(
        version=rhi.__version__,
        router_id=str(source.setup.router_id),
        now=moment(clocks, clocks.monotonic),
        started=moment(clocks, source.started_at),
        uptime=round(clocks.monotonic - source.started_at, 3),
        is_decided=reconciler.is_decided,
        services={name: count for name, count in levels.items() if count},
        checks=dict(count_verdicts(source)),
        peers=dict(Counter(status.state.value for status in statuses.values())),
        routes=RouteCounts(
            configured=len(addresses),
            announced=sum(each.attributes is not None for each in addresses),
            kept=sum(bool(each.kept_by) for each in addresses),
        ),
        addresses={state.value: count for state, count in source.addresses.states.items()},
        guards=show_guards(source),
        alarms=show_alarms(source),
        overrides=show_overrides(source),
        drains=show_drains(source),
    )


def count_verdicts(source: Source) -> Counter[str]:
    """How many checks there are of each verdict."""
    verdicts = source.controller.verdicts
    return Counter(verdicts.get(name, Verdict.UNKNOWN).value for name in source.setup.checks)


def show_guards(source: Source) -> list[GuardView]:
    """All groups."""
    found = []
    for name, group in source.controller.reconciler.specs.groups.items():
        guarded = source.controller.reconciler.guards.get(name)
        found.append(
            GuardView(
                group=name,
                floor=str(group.floor),
                max_withdrawals=group.max_withdrawals,
                tripped={} if guarded is None else dict(guarded.tripped),
                kept=0 if guarded is None else len(guarded.kept),
            )
        )
    return found


def show_alarms(source: Source) -> list[AlarmView]:
    """All there are now."""
    return [
        AlarmView(subject=each.subject, text=each.text, since=each.since.isoformat(timespec="milliseconds"))
        for each in source.alarms.all
    ]


def show_overrides(source: Source) -> list[OverrideView]:
    """All in force."""
    clocks = source.clocks()
    return [show_override(name, each, clocks) for name, each in source.controller.overrides.items()]


def show_override(service: str, override: Override, clocks: Clocks) -> OverrideView:
    """One."""
    return OverrideView(
        service=service,
        action=override.action.value,
        reason=override.reason,
        by=override.by,
        since=moment(clocks, override.at),
        until=None if override.until is None else moment(clocks, override.until),
        drain_time=override.drain_time,
        force=override.is_forced,
    )


def show_drains(source: Source) -> list[DrainView]:
    """All in force."""
    controller = source.controller
    overrides = controller.inputs.overrides
    return [show_drain(source, each, overrides) for each in controller.drains.all]


def show_drain(source: Source, drain: Drain, overrides: Mapping[str, Override] | None = None) -> DrainView:
    """One; `overrides` as they count now, if they have been worked out."""
    clocks, controller, until, following = source.clocks(), source.controller, drain.until, drain.next_at()
    said = controller.inputs.overrides if overrides is None else overrides
    routes, kept = drained_routes(drain, controller.reconciler, said)
    return DrainView(
        drain=str(drain.target),
        kind=drain.target.kind.value,
        name=drain.target.name,
        state=drain.state.value,
        reason=drain.reason,
        by=drain.by,
        since=moment(clocks, drain.at),
        until=None if until is None else moment(clocks, until),
        next=None if following is None else moment(clocks, following),
        deadline=moment(clocks, drain.deadline),
        wait=drain.pace.wait,
        acknowledge=drain.pace.acknowledge,
        age=drain.pace.age,
        force=drain.is_forced,
        close=drain.closes,
        message=drain.message,
        routes=len(routes),
        kept=kept,
        behind=dict(drain.behind),
        steps=[
            DrainStepView(
                state=step.state.value, at=moment(clocks, step.at), text=step.text, behind=dict(step.behind)
            )
            for step in drain.steps
        ],
    )


def show_service(source: Source, name: str) -> ServiceView:
    """One that there is."""
    clocks, reconciler = source.clocks(), source.controller.reconciler
    service, standing = reconciler.specs.services[name], reconciler.standings.get(name)
    override = source.controller.overrides.get(name)
    addresses = [each for each in map(reconciler.address, service.prefixes) if each is not None]
    is_known = standing is not None and standing.level is not None
    return ServiceView(
        name=name,
        level="unknown" if standing is None else standing.level_name,
        since=moment(clocks, standing.since) if standing is not None and is_known else None,
        is_best=standing is not None and standing.level == 0,
        is_degraded=standing is not None and standing.is_degraded,
        group=service.group,
        checks=list(service.checks),
        dependencies=list(service.dependencies),
        addresses=len(addresses),
        announced=sum(each.attributes is not None for each in addresses),
        kept=sum(bool(each.kept_by) for each in addresses),
        override=None if override is None else show_override(name, override, clocks),
        steps=[]
        if standing is None
        else [StepView(stage=each.stage, text=each.text) for each in standing.steps],
        next=None if standing is None or standing.next_at is None else moment(clocks, standing.next_at),
    )


def services_of_checks(source: Source) -> dict[str, list[str]]:
    """Names of the services that go by each check."""
    found: dict[str, list[str]] = {}
    for service in source.controller.reconciler.specs.services.values():
        for check in (*service.checks, *service.dependencies):
            found.setdefault(check, []).append(service.name)
    return found


def last_report(source: Source, name: str) -> Report | None:
    """The last round of a check."""
    return source.runner.last(name) if name in source.setup.checks else None


def show_check(source: Source, name: str, services: list[str]) -> CheckView:
    """One that there is; `services` are those that go by it."""
    clocks, check = source.clocks(), source.setup.checks[name]
    report = last_report(source, name)
    result = None if report is None else report.result
    return CheckView(
        name=name,
        type=check.type,
        kind=check.kind,
        interval=check.interval,
        verdict=source.controller.verdicts.get(name, Verdict.UNKNOWN).value,
        since=None if report is None else moment(clocks, report.after.since),
        ok=None if result is None else result.ok,
        detail="" if result is None else result.detail,
        alarm="" if report is None else report.alarm,
        checked=None if report is None else moment(clocks, report.finished),
        duration=None if report is None else round(report.finished - report.started, 6),
        measurements={} if result is None else dict(result.measurements),
        services=services,
    )


def show_route(source: Source, address: Address, services: list[str]) -> RouteView:
    """One address; `services` are those that it has."""
    is_announced = address.attributes is not None
    found = source.addresses.finding(address.prefix)
    return RouteView(
        route=str(address.prefix),
        is_announced=is_announced,
        attributes=None if address.attributes is None else attributes_to_json(address.attributes),
        since=moment(source.clocks(), address.since) if is_announced or address.since else None,
        service=address.because,
        services=services,
        kept_by=address.kept_by,
        place="" if found is None else found.text,
    )


_STATUS_FIELDS: Final = frozenset(PeerView.model_fields) - {"name", "state", "when"}


def show_peer(name: str, status: Status) -> PeerView:
    """One peer."""
    fields = {field: getattr(status, field) for field in _STATUS_FIELDS}
    for field in ("families", "end_of_rib", "pending_changes"):
        fields[field] = list(fields[field])
    return PeerView(
        name=name,
        state=status.state.value,
        when=status.when.astimezone(UTC).isoformat(timespec="milliseconds"),
        **fields,
    )


def show_sent(route: SentRoute) -> SentRouteView:
    """One route of a peer."""
    return SentRouteView(
        route=str(route.prefix), attributes=None if route.attributes is None else dict(route.attributes)
    )


def show_entry(entry: Entry) -> EntryView:
    """One entry of the history."""
    return EntryView(**entry.to_json())


def show_plan(plan: Plan, *, needs_consent: bool) -> PlanView:
    """A plan for programs and for people."""
    return PlanView(**plan.to_json(), needs_consent=needs_consent, lines=plan.lines())


def covering(source: Source, prefix: Prefix) -> Prefix | None:
    """The configured route that an address is in, the longest of several; None when there is none."""
    network = prefix.network
    for length in range(prefix.length, -1, -1):
        found = to_prefix(network.supernet(new_prefix=length))
        if source.controller.reconciler.address(found) is not None:
            return found
    return None


def show_explanation(source: Source, prefix: Prefix, statuses: Mapping[str, Status]) -> ExplanationView:
    """Why a configured address is announced or not."""
    clocks = source.clocks()
    links = explain(prefix, _facts(source, prefix, statuses, clocks.monotonic))
    address = source.controller.reconciler.address(prefix)
    return ExplanationView(
        address=str(prefix),
        is_announced=address is not None and address.attributes is not None,
        links=[
            LinkView(
                stage=link.stage,
                subject=link.subject,
                text=link.text,
                since=None if link.since is None else moment(clocks, link.since),
                data=dict(link.data),
            )
            for link in links
        ],
        lines=lines(links, clocks.monotonic),
    )


def _facts(source: Source, prefix: Prefix, statuses: Mapping[str, Status], now: float) -> Facts:
    reconciler = source.controller.reconciler
    services = [reconciler.specs.services[name] for name in reconciler.services_of(prefix)]
    names = {check for service in services for check in (*service.checks, *service.dependencies)}
    reports = {name: source.runner.last(name) for name in names if name in source.runner.keys}
    return Facts(
        reconciler=reconciler,
        verdicts=source.controller.verdicts,
        overrides=source.controller.overrides,
        reports={name: report for name, report in reports.items() if report is not None},
        statuses=statuses,
        now=now,
        drains=source.controller.drains.all,
        place=source.addresses.finding(prefix),
    )
