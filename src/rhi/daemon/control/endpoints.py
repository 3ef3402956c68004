"""The table of all endpoints. Requests are led by it, and the OpenAPI description is made from it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from rhi.daemon.control import draining, handlers
from rhi.daemon.control.desk import Answer, Call, Desk
from rhi.daemon.control.requests import (
    Body,
    ChecksQuery,
    DrainRequest,
    EventsQuery,
    HistoryQuery,
    NoQuery,
    OverrideRequest,
    PageQuery,
    PlanRequest,
    Query,
    ReloadRequest,
    RenewRequest,
)
from rhi.daemon.control.views import (
    AlarmView,
    CheckView,
    DoneView,
    DrainView,
    EntryView,
    ExplanationView,
    OverrideView,
    Page,
    PeerView,
    PlanView,
    RouteView,
    SentRouteView,
    ServiceView,
    StatusView,
)

BODY_BYTES: Final = 32 * 1024
# For a configuration: some hundred services.
DOCUMENT_BYTES: Final = 128 * 1024

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One row.

    Attributes:
        method, path: as in HTTP; `{name}` may hold slashes, but for `{peer}`.
        name: unique; `operationId`.
        summary: one sentence for people.
        handle: what it does; None for the stream of events and the description itself.
        answer: what the answer looks like; None for any JSON, or for other media.
        query, body: what it takes.
        body_bytes: how long the body may be.
        refusals: HTTP statuses of refusals besides those that any request may have.
        media: type of the answer.
    """

    method: str
    path: str
    name: str
    summary: str
    handle: Callable[[Desk, Call], Awaitable[Answer]] | None
    answer: type[BaseModel] | None = None
    query: type[Query] = NoQuery
    body: type[Body] | None = None
    body_bytes: int = BODY_BYTES
    refusals: tuple[int, ...] = ()
    media: str = JSON


def _get(path: str, name: str, summary: str, handle: Any, answer: Any, **fields: Any) -> Endpoint:
    return Endpoint(
        method="GET", path=path, name=name, summary=summary, handle=handle, answer=answer, **fields
    )


def _post(path: str, name: str, summary: str, handle: Any, answer: Any, **fields: Any) -> Endpoint:
    return Endpoint(
        method="POST", path=path, name=name, summary=summary, handle=handle, answer=answer, **fields
    )


ENDPOINTS: Final = (
    _get("/v1/status", "status", "The daemon as a whole.", handlers.status, StatusView),
    _get(
        "/v1/services", "services", "All services.", handlers.services, Page[ServiceView], query=PageQuery,
        refusals=(404,),
    ),
    _get(
        "/v1/services/{service}", "service", "One service.", handlers.service, ServiceView, refusals=(404,)
    ),
    _get(
        "/v1/checks", "checks", "All checks.", handlers.checks, Page[CheckView], query=ChecksQuery,
        refusals=(404,),
    ),
    _get("/v1/checks/{check}", "check", "One check.", handlers.check, CheckView, refusals=(404,)),
    _post(
        "/v1/checks/{check}/renew", "renew", "A program says of itself that it is alive (push checks).",
        handlers.renew, DoneView, body=RenewRequest, refusals=(404, 409),
    ),
    _post(
        "/v1/checks/{check}/trigger", "trigger", "Probe now rather than at the next round.",
        handlers.trigger, DoneView, refusals=(404,),
    ),
    _get(
        "/v1/peers", "peers", "All peers.", handlers.peers, Page[PeerView], query=PageQuery, refusals=(404,)
    ),
    _get("/v1/peers/{peer}", "peer", "One peer.", handlers.peer, PeerView, refusals=(404,)),
    _get(
        "/v1/peers/{peer}/routes", "peer_routes", "What a peer was sent, as it was encoded.",
        handlers.peer_routes, Page[SentRouteView], query=PageQuery, refusals=(404,),
    ),
    _get(
        "/v1/routes", "routes", "All addresses as the daemon wants them.", handlers.routes, Page[RouteView],
        query=PageQuery,
    ),
    _get(
        "/v1/history", "history", "What happened and was decided, oldest first.", handlers.history,
        Page[EntryView], query=HistoryQuery,
    ),
    _get(
        "/v1/events", "events", "The history as it goes on (server-sent events).", None, None,
        query=EventsQuery, media=EVENTS,
    ),
    _get(
        "/v1/overrides", "overrides", "All overrides in force.", handlers.overrides, Page[OverrideView]
    ),
    Endpoint(
        method="PUT", path="/v1/overrides/{service}", name="put_override",
        summary="Say over a service's checks what becomes of its routes.",
        handle=handlers.put_override, answer=OverrideView, body=OverrideRequest, refusals=(404,),
    ),
    Endpoint(
        method="DELETE", path="/v1/overrides/{service}", name="delete_override",
        summary="Let a service's checks decide again.",
        handle=handlers.delete_override, answer=DoneView, refusals=(404,),
    ),
    _get(
        "/v1/drains", "drains", "All drains in force.", draining.drains, Page[DrainView], query=PageQuery,
        refusals=(404,),
    ),
    _get(
        "/v1/drains/{drain}", "drain", "One drain, with its steps.", draining.drain, DrainView,
        refusals=(404,),
    ),
    Endpoint(
        method="PUT", path="/v1/drains/{drain}", name="put_drain",
        summary="Drain a service, a peer, or everything.",
        handle=draining.put_drain, answer=DrainView, body=DrainRequest, refusals=(404,),
    ),
    Endpoint(
        method="DELETE", path="/v1/drains/{drain}", name="delete_drain",
        summary="Take a drain back, whatever it has come to.",
        handle=draining.delete_drain, answer=DrainView, refusals=(404,),
    ),
    _get("/v1/alarms", "alarms", "All alarms there are now.", handlers.alarms, Page[AlarmView]),
    _get(
        "/v1/explain/{address}", "explain", "Why an address is announced or not, from checks to UPDATEs.",
        handlers.explanation, ExplanationView, refusals=(404,),
    ),
    _post(
        "/v1/plan", "plan", "What a configuration, or the daemon's own file, would change now.",
        handlers.plan, PlanView, body=PlanRequest, body_bytes=DOCUMENT_BYTES, refusals=(422,),
    ),
    _post(
        "/v1/reload", "reload", "Go over to what the daemon's configuration file says now.",
        handlers.reload, PlanView, body=ReloadRequest, refusals=(409, 422),
    ),
    _get("/metrics", "metrics", "For Prometheus.", handlers.metrics, None, media=METRICS),
    _get("/openapi.json", "openapi", "This description.", None, None),
)  # fmt: skip
