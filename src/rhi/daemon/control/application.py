"""From a request to its endpoint, and from what comes of it to an answer.

Requests take turns, so that a flood of them delays a decision by no more than one of them takes. Each
connection has one request; every error is a JSON object with one sentence.
"""

import asyncio
import json
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from pydantic import BaseModel, ValidationError

from rhi.daemon.config.problems import path_text
from rhi.daemon.config.sentences import problems_of
from rhi.daemon.control.auth import is_authorized, is_from_another_site, is_name_of_a_site
from rhi.daemon.control.connection import Guarded
from rhi.daemon.control.desk import Call, Desk, Refused
from rhi.daemon.control.endpoints import DOCUMENT_BYTES, ENDPOINTS, JSON, Endpoint
from rhi.daemon.control.openapi import description
from rhi.daemon.control.page import HEADERS, PAGE_FILES, PageFile
from rhi.daemon.control.requests import EventsQuery
from rhi.daemon.control.stream import MAX_STREAMS, last_event_id, send_events
from rhi.daemon.control.views import ErrorView

log = logging.getLogger("rhi")

_WITHOUT_TOKEN: Final = frozenset(file.name for file in PAGE_FILES)

_TOO_LARGE: Final = "the body is larger than {} bytes"

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Application:
    """All endpoints, and the files of the page; `web` is the aiohttp application."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._streams = 0
        self._description = json.dumps(description())
        self.web = web.Application(middlewares=[self._guard], client_max_size=DOCUMENT_BYTES)
        for endpoint in ENDPOINTS:
            self.web.router.add_route(
                endpoint.method, _pattern(endpoint.path), self._handler(endpoint), name=endpoint.name
            )
        for file in PAGE_FILES:
            self.web.router.add_route("GET", file.path, _file_handler(file), name=file.name)

    @property
    def streams(self) -> int:
        """How many clients follow the events."""
        return self._streams

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """What holds for every request, also for one that no endpoint is found for."""
        connection = _connection(request)
        try:
            await self._desk.turn()
            _admit(request, connection)
            response = await handler(request)
        except Refused as error:
            response = _error(error.status, str(error), error.problems)
        except web.HTTPException as error:
            response = _error(error.status, _sentence(error, request))
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("%s %s: internal error", request.method, request.path)
            response = _error(500, "internal error; the daemon's log has more")
        if response.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        name = request.match_info.route.name or "none"
        self._desk.requests[name, response.status] += 1
        if not response.prepared:
            response.force_close()
        connection.asked()
        return response

    def _handler(self, endpoint: Endpoint) -> _Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            query = _query(endpoint, request)
            body = None if endpoint.body is None else _parse(endpoint, endpoint.body, await request.read())
            if isinstance(query, EventsQuery):
                return await self._follow(request, query)
            if endpoint.handle is None:
                return web.Response(text=self._description, content_type=JSON)
            call = Call(path=dict(request.match_info), query=query, body=body, transport=request.transport)
            _connection(request).asked()
            answer = await endpoint.handle(self._desk, call)
            if isinstance(answer, BaseModel):
                return web.Response(text=answer.model_dump_json(), content_type=JSON)
            return web.Response(text=answer, headers={"Content-Type": endpoint.media})

        return handle

    async def _follow(self, request: web.Request, query: EventsQuery) -> web.StreamResponse:
        if self._streams >= MAX_STREAMS:
            raise Refused(503, f"{MAX_STREAMS} clients follow the events already; try again later")
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        )
        response.force_close()
        connection = _connection(request)
        connection.streams()
        after = last_event_id(request.headers.get("Last-Event-ID"))
        self._streams += 1
        try:
            await response.prepare(request)
            await send_events(response, self._desk.daemon.history, after, query.kind)
        except (TimeoutError, ConnectionError):
            connection.abort()
        finally:
            self._streams -= 1
        return response


def _pattern(path: str) -> str:
    """As aiohttp writes it; names may hold slashes, but for those of peers."""
    return re.sub(
        r"\{(\w+)\}", lambda match: f"{{{match[1]}:{'[^/]+' if match[1] == 'peer' else '.+'}}}", path
    )


def _admit(request: web.Request, connection: Guarded) -> None:
    """Refuse who may not ask."""
    if is_from_another_site(request.method, request.headers):
        raise Refused(403, "a page of another site may not ask this of a browser")
    if connection.token is None and is_name_of_a_site(host := request.headers.get("Host", "")):
        raise Refused(
            403, f"Host {host}: without a token ask for localhost, an address, or a name without dots"
        )
    if connection.token is None or request.match_info.route.name in _WITHOUT_TOKEN:
        return
    if not is_authorized(request.headers.get("Authorization"), connection.token):
        raise Refused(401, "the token is missing or wrong: send Authorization: Bearer TOKEN")


def _file_handler(file: PageFile) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        text = file.text(asks_for_token=_connection(request).token is not None)
        return web.Response(text=text, headers={**HEADERS, "Content-Type": file.media})

    return handle


def _connection(request: web.Request) -> Guarded:
    if request.transport is None:
        raise ConnectionResetError
    protocol = request.transport.get_protocol()
    assert isinstance(protocol, Guarded)
    return protocol


def _query(endpoint: Endpoint, request: web.Request) -> BaseModel:
    return _validate(endpoint.query, dict(request.query))


def _parse(endpoint: Endpoint, model: type[BaseModel], data: bytes) -> BaseModel:
    if len(data) > endpoint.body_bytes:
        raise Refused(413, _TOO_LARGE.format(endpoint.body_bytes))
    try:
        document: Any = json.loads(data) if data.strip() else {}
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refused(400, "the body must be a JSON object")
    return _validate(model, document)


def _validate(model: type[BaseModel], document: dict[str, Any]) -> BaseModel:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        problems = problems_of(error.errors(include_url=False), model, document)
        raise Refused(
            400, "; ".join(f"{path_text(problem.path)}: {problem.text}" for problem in problems)
        ) from None


def _sentence(error: web.HTTPException, request: web.Request) -> str:
    if error.status == 404:
        return f"{request.path}: there is nothing here; /openapi.json has all there is"
    if error.status == 405:
        allowed = ", ".join(sorted(error.headers.get("Allow", "").split(",")))
        return f"{request.method} {request.path}: only {allowed} can be used here"
    if error.status == 413:
        return _TOO_LARGE.format(DOCUMENT_BYTES)
    return f"{error.reason}"


def _error(status: int, text: str, problems: list[str] | None = None) -> web.Response:
    view = ErrorView(error=text, problems=problems or [])
    return web.Response(status=status, text=view.model_dump_json(exclude_defaults=True), content_type=JSON)
