"""What the endpoints of drains do; see `handlers`."""

from dataclasses import replace

from rhi.daemon.control.auth import user_of
from rhi.daemon.control.desk import Call, Desk, Refused, page
from rhi.daemon.control.requests import DrainRequest
from rhi.daemon.control.show import show_drain
from rhi.daemon.control.views import DrainView
from rhi.daemon.controller import Controller, UnknownService
from rhi.daemon.decision.overrides import Action
from rhi.daemon.drains.machine import Drain, Kind, Pace, Target
from rhi.model.wording import no_such


async def drains(desk: Desk, call: Call) -> str:
    controller = desk.daemon.controller
    overrides = controller.inputs.overrides

    def show(target: Target) -> DrainView | None:
        found = controller.drains.get(target)
        return None if found is None else show_drain(desk.daemon, found, overrides)

    return await page(desk, [each.target for each in controller.drains.all], call.query, str, show)


async def drain(desk: Desk, call: Call) -> DrainView:
    return show_drain(desk.daemon, _found(desk, _target(call)))


async def put_drain(desk: Desk, call: Call) -> DrainView:
    target, body = _target(call), call.body
    assert isinstance(body, DrainRequest)
    controller = desk.daemon.controller
    if (body.close or body.message) and target.kind is not Kind.PEER:
        raise Refused(400, f"drain {target}: close and message are for a peer, whose session ends")
    if body.message and not body.close:
        raise Refused(400, "message: goes with the end of the session; set close too")
    by = body.by or await desk.in_thread(lambda: user_of(call.transport))
    pace = _pace(controller.pace, body)
    if target.kind is Kind.SERVICE:
        _drain_service(controller, target, body, by, pace)
    else:
        _drain_sessions(desk, target, body, by, pace)
    desk.daemon.decide_soon()
    found = show_drain(desk.daemon, _found(desk, target))
    await desk.daemon.saved()
    return found


async def delete_drain(desk: Desk, call: Call) -> DrainView:
    target = _target(call)
    by = await desk.in_thread(lambda: user_of(call.transport))
    ended = desk.daemon.controller.undrain(target, by)
    if ended is None:
        raise _absent(desk, target)
    desk.daemon.decide_soon()
    await desk.daemon.saved()
    return show_drain(desk.daemon, ended)


def _drain_service(controller: Controller, target: Target, body: DrainRequest, by: str, pace: Pace) -> None:
    """The word is an override, as one given by `override` is."""
    try:
        controller.override(
            target.name,
            Action.DRAIN,
            reason=body.reason,
            by=by,
            lasts=body.lasts,
            is_forced=body.force,
            pace=pace,
        )
    except UnknownService as error:
        raise Refused(404, str(error)) from None


def _drain_sessions(desk: Desk, target: Target, body: DrainRequest, by: str, pace: Pace) -> None:
    daemon = desk.daemon
    if target.kind is Kind.PEER and target.name not in daemon.setup.peers:
        known = ", ".join(sorted(daemon.setup.peers)[:10]) or "none"
        raise Refused(404, f"peer {target.name!r}: there is no such peer with a name; there are: {known}")
    daemon.controller.drain(
        Drain(
            target=target,
            pace=pace,
            reason=body.reason,
            by=by,
            until=None if body.lasts is None else daemon.clocks().monotonic + body.lasts,
            is_forced=body.force,
            closes=body.close,
            message=body.message,
        )
    )


def _pace(usual: Pace, body: DrainRequest) -> Pace:
    if body.wait is not None:
        usual = usual.waiting(body.wait)
    names = ("acknowledge", "age", "deadline")
    found = replace(usual, **{name: getattr(body, name) for name in names if getattr(body, name) is not None})
    if found.contradiction:
        raise Refused(400, found.contradiction)
    return found


def _target(call: Call) -> Target:
    try:
        return Target.parse(call.path["drain"])
    except ValueError as error:
        raise Refused(400, str(error)) from None


def _found(desk: Desk, target: Target) -> Drain:
    found = desk.daemon.controller.drains.get(target)
    if found is None:
        raise _absent(desk, target)
    return found


def _absent(desk: Desk, target: Target) -> Refused:
    controller = desk.daemon.controller
    services = controller.reconciler.specs.services
    over_all = controller.drains.get(Target(Kind.ALL))
    if target.kind is Kind.SERVICE and target.name not in services:
        return Refused(404, f"drain {target}: {no_such('service', target.name, services)}")
    if target.kind is Kind.SERVICE and over_all is not None:
        return Refused(404, f"drain {target}: has none of its own; it is drained with all ({over_all})")
    return Refused(404, f"drain {target}: is not drained")
