"""What each endpoint does.

A handler gets the `Desk`, which has everything there is to ask, and the `Call`. It returns a view, or text,
or raises `Refused` with the sentence for the client. What each is for stands in the table of `endpoints`.
"""

from collections.abc import Iterable

from rhi.daemon.app import ReloadRefused
from rhi.daemon.config.build import BuildError, Setup
from rhi.daemon.config.problems import ConfigError
from rhi.daemon.control.auth import user_of
from rhi.daemon.control.desk import Call, Desk, Refused, in_pieces, page
from rhi.daemon.control.planning import setup_of
from rhi.daemon.control.requests import (
    ChecksQuery,
    HistoryQuery,
    OverrideRequest,
    PageQuery,
    PlanRequest,
    ReloadRequest,
    RenewRequest,
)
from rhi.daemon.control.show import (
    covering,
    services_of_checks,
    show_alarms,
    show_check,
    show_entry,
    show_explanation,
    show_override,
    show_overrides,
    show_peer,
    show_plan,
    show_route,
    show_sent,
    show_service,
    show_status,
)
from rhi.daemon.control.views import (
    AlarmView,
    CheckView,
    DoneView,
    ExplanationView,
    OverrideView,
    Page,
    PeerView,
    PlanView,
    RouteView,
    ServiceView,
    StatusView,
)
from rhi.daemon.controller import UnknownService
from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import Verdict
from rhi.errors import InvalidValueError
from rhi.health.push import PushCheck
from rhi.model.prefix import Prefix, to_prefix
from rhi.model.sent import address_order
from rhi.model.status import Status
from rhi.model.wording import no_such


async def status(desk: Desk, call: Call) -> StatusView:
    statuses = await desk.statuses()
    return desk.paced("status", lambda: show_status(desk.daemon, statuses))


async def services(desk: Desk, call: Call) -> str:
    names = sorted(desk.daemon.controller.reconciler.specs.services)

    def show(name: str) -> ServiceView | None:
        is_there = name in desk.daemon.controller.reconciler.specs.services
        return show_service(desk.daemon, name) if is_there else None

    return await page(desk, names, call.query, str, show)


async def service(desk: Desk, call: Call) -> ServiceView:
    return show_service(desk.daemon, _service(desk, call))


async def checks(desk: Desk, call: Call) -> str:
    names, services = desk.paced(
        "checks", lambda: (sorted(desk.daemon.setup.checks), services_of_checks(desk.daemon))
    )
    query: ChecksQuery = call.query
    if query.not_up:
        verdicts = desk.daemon.controller.verdicts
        names = [name for name in names if verdicts.get(name) is not Verdict.UP or name == query.after]

    def show(name: str) -> CheckView | None:
        is_there = name in desk.daemon.setup.checks
        return show_check(desk.daemon, name, services.get(name, [])) if is_there else None

    return await page(desk, names, call.query, str, show)


async def check(desk: Desk, call: Call) -> CheckView:
    name = _check(desk, call)
    return show_check(desk.daemon, name, services_of_checks(desk.daemon).get(name, []))


async def trigger(desk: Desk, call: Call) -> DoneView:
    desk.daemon.runner.trigger(_check(desk, call))
    return DoneView(changed=True)


async def renew(desk: Desk, call: Call) -> DoneView:
    name, body = _check(desk, call), call.body
    assert isinstance(body, RenewRequest)
    found = desk.daemon.setup.checks[name]
    if not isinstance(found, PushCheck):
        raise Refused(409, f"check {name!r}: is of type {found.type}; only checks of type push are renewed")
    desk.daemon.runner.renew(name, body.ok, body.detail)
    return DoneView(changed=True)


async def peers(desk: Desk, call: Call) -> str:
    statuses = await desk.statuses()
    return await page(desk, list(statuses), call.query, str, lambda name: show_peer(name, statuses[name]))


async def peer(desk: Desk, call: Call) -> PeerView:
    statuses = await desk.statuses()
    name = _peer(statuses, call)
    return show_peer(name, statuses[name])


async def peer_routes(desk: Desk, call: Call) -> str:
    statuses = await desk.statuses()
    sent, query = statuses[_peer(statuses, call)].sent, call.query
    after = _prefix(query.after) if query.after else None
    found = await desk.in_thread(lambda: sent.routes(after=after, limit=query.limit + 1))
    chosen = found[: query.limit]
    following = str(chosen[-1].prefix) if len(found) > query.limit else None
    return await in_pieces(desk, chosen, show_sent, following)


async def routes(desk: Desk, call: Call) -> str:
    reconciler = desk.daemon.controller.reconciler
    query: PageQuery = call.query
    prefixes = await desk.in_thread(lambda: sorted(reconciler.addresses, key=address_order))
    if query.after:
        start = address_order(_prefix(query.after))
        prefixes = [prefix for prefix in prefixes if address_order(prefix) > start]

    def show(prefix: Prefix) -> RouteView | None:
        address = reconciler.address(prefix)
        services = reconciler.services_of(prefix)
        return None if address is None else show_route(desk.daemon, address, services)

    return await page(desk, prefixes, PageQuery(limit=query.limit), str, show)


async def history(desk: Desk, call: Call) -> str:
    query: HistoryQuery = call.query
    entries = desk.daemon.history.entries(after=query.after)
    found = [entry for entry in entries if not query.kind or entry.kind == query.kind]
    return await in_pieces(desk, found[len(found) - min(query.limit, len(found)) :], show_entry)


async def overrides(desk: Desk, call: Call) -> Page[OverrideView]:
    return Page(items=show_overrides(desk.daemon))


async def put_override(desk: Desk, call: Call) -> OverrideView:
    name, body = call.path["service"], call.body
    assert isinstance(body, OverrideRequest)
    by = body.by or await desk.in_thread(lambda: user_of(call.transport))
    try:
        override = desk.daemon.controller.override(
            name,
            Action(body.action),
            reason=body.reason,
            by=by,
            lasts=body.lasts,
            drain_time=body.drain_time,
            is_forced=body.force,
        )
    except UnknownService as error:
        raise Refused(404, str(error)) from None
    desk.daemon.decide_soon()
    await desk.daemon.saved()
    return show_override(name, override, desk.daemon.clocks())


async def delete_override(desk: Desk, call: Call) -> DoneView:
    by = await desk.in_thread(lambda: user_of(call.transport))
    try:
        changed = desk.daemon.controller.clear_override(call.path["service"], by)
    except UnknownService as error:
        raise Refused(404, str(error)) from None
    desk.daemon.decide_soon()
    await desk.daemon.saved()
    return DoneView(changed=changed)


async def alarms(desk: Desk, call: Call) -> Page[AlarmView]:
    return Page(items=show_alarms(desk.daemon))


async def explanation(desk: Desk, call: Call) -> ExplanationView:
    daemon = desk.daemon
    asked = _prefix(call.path["address"])
    if covering(daemon, asked) is None:
        raise Refused(404, f"address {asked}: no service has it")
    statuses = await desk.statuses()
    prefix = covering(daemon, asked)
    if prefix is None:
        raise Refused(404, f"address {asked}: no service has it any more")
    return show_explanation(daemon, prefix, statuses)


async def plan(desk: Desk, call: Call) -> PlanView:
    body = call.body
    assert isinstance(body, PlanRequest)
    document = body.document
    async with desk.daemon.reloading:
        try:
            if document is None:
                setup = await _read_setup(desk)
            else:
                running = desk.daemon.setup
                setup = await desk.in_thread(lambda: setup_of(document, running))
        except (ConfigError, BuildError) as error:
            raise _unusable(error) from None
        planned = await desk.daemon.plan(setup)
        return show_plan(planned, needs_consent=desk.daemon.needs_consent(planned))


async def reload(desk: Desk, call: Call) -> PlanView:
    body = call.body
    assert isinstance(body, ReloadRequest)
    async with desk.daemon.reloading:
        try:
            setup = await _read_setup(desk)
        except (ConfigError, BuildError) as error:
            refused = _unusable(error)
            desk.daemon.reload_failed(str(refused))
            raise refused from None
        try:
            done = await desk.daemon.reload(setup, consent=body.consent)
        except ReloadRefused as error:
            raise Refused(409, str(error)) from None
        return show_plan(done, needs_consent=desk.daemon.needs_consent(done))


async def metrics(desk: Desk, call: Call) -> str:
    return await desk.metrics()


async def _read_setup(desk: Desk) -> Setup:
    return await desk.in_thread(desk.read_setup)


def _unusable(error: ConfigError | BuildError) -> Refused:
    problems = error.problems if isinstance(error, ConfigError) else [each.text for each in error.problems]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Refused(422, f"the configuration cannot be used: {problems[0]}{more}", problems)


def _service(desk: Desk, call: Call) -> str:
    name = call.path["service"]
    known = desk.daemon.controller.reconciler.specs.services
    if name not in known:
        raise _unknown("service", name, known)
    return name


def _check(desk: Desk, call: Call) -> str:
    name = call.path["check"]
    if name not in desk.daemon.setup.checks:
        raise _unknown("check", name, desk.daemon.setup.checks)
    return name


def _peer(statuses: dict[str, Status], call: Call) -> str:
    name = call.path["peer"]
    if name not in statuses:
        raise _unknown("peer", name, statuses)
    return name


def _unknown(what: str, name: str, known: Iterable[str]) -> Refused:
    return Refused(404, f"{what} {no_such(what, name, known)}")


def _prefix(text: str) -> Prefix:
    try:
        return to_prefix(text)
    except InvalidValueError as error:
        raise Refused(400, str(error)) from None
