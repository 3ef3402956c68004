"""The OpenAPI description of the API, made from the table of endpoints."""

import re
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import rhi
from rhi.daemon.control.endpoints import ENDPOINTS, JSON, Endpoint
from rhi.daemon.control.views import ErrorView

_REFERENCES: Final = "#/components/schemas/{model}"

_REFUSALS: Final = {
    400: "The request is wrong.",
    401: "The token is missing or wrong (TCP only).",
    403: "A browser asks for a page of another site.",
    404: "There is no such thing.",
    409: "It is not done as things are.",
    413: "The request is too large.",
    422: "The configuration file cannot be used.",
    503: "Too many clients are connected.",
}
_ALWAYS: Final = (400, 401, 403, 413, 503)

_PARAMETERS: Final = {
    "service": "Name of a service.",
    "check": "Name of a check, such as `dns/tcp`; slashes may stay as they are.",
    "drain": "`service/NAME`, `peer/NAME` or `all`.",
    "peer": "A peer as the configuration names it; the zone of `fe80::1%eth0` is written `%25eth0`.",
    "address": "An address or a prefix, such as `2001:db8::1` or `192.0.2.0/24`.",
}


def description() -> dict[str, Any]:
    """OpenAPI 3.1."""
    schemas = _schemas()
    paths: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rhi",
            "version": rhi.__version__,
            "description": "Control of the daemon that announces the addresses of healthy services.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        # none is needed over the Unix socket
        "security": [{}, {"token": []}],
    }


def _models() -> list[type[BaseModel]]:
    found: list[type[BaseModel]] = [ErrorView]
    for endpoint in ENDPOINTS:
        found += [model for model in (endpoint.answer, endpoint.body) if model is not None]
    return found


def _schemas() -> dict[str, Any]:
    """`$defs`: schemas by name; `names`: the name of each model."""
    keyed, definitions = models_json_schema(
        [(model, "validation") for model in _models()], ref_template=_REFERENCES
    )
    return {"$defs": definitions["$defs"], "names": {model: schema for (model, _), schema in keyed.items()}}


def _operation(endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {} if endpoint.answer is None else {"schema": schemas["names"][endpoint.answer]}
    responses: dict[str, Any] = {
        "200": {"description": "Done.", "content": {endpoint.media.partition(";")[0]: content}}
    }
    for status in sorted({*_ALWAYS, *endpoint.refusals}):
        responses[str(status)] = {
            "description": _REFUSALS[status],
            "content": {JSON: {"schema": schemas["names"][ErrorView]}},
        }
    operation: dict[str, Any] = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "responses": responses,
    }
    parameters = [*_path_parameters(endpoint), *_query_parameters(endpoint)]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        is_required = any(field.is_required() for field in endpoint.body.model_fields.values())
        operation["requestBody"] = {
            "required": is_required,
            "content": {JSON: {"schema": schemas["names"][endpoint.body]}},
        }
    return operation


def _path_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARAMETERS[name],
            "schema": {"type": "string"},
        }
        for name in re.findall(r"\{(\w+)\}", endpoint.path)
    ]


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    schema = endpoint.query.model_json_schema()
    return [
        {
            "name": name,
            "in": "query",
            "description": each.pop("description", ""),
            "schema": {key: value for key, value in each.items() if key != "title"},
        }
        for name, each in schema.get("properties", {}).items()
    ]
