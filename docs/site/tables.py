"""Reference tables as Markdown, made from the parsers, models and tables that the program itself uses."""

import argparse
from collections.abc import Callable, Iterable
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from rhi.cli import VERBS, module_of
from rhi.daemon.config import models
from rhi.daemon.control.endpoints import ENDPOINTS
from rhi.daemon.metrics import HISTOGRAMS
from rhi.daemon.samples import METRICS
from rhi.health.base import Check
from rhi.health.table import CHECKS

# JSON's words for types, as a TOML file's writer says them.
_WORDS: Final = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "table",
    "null": "nothing",
}

# Tables of the configuration file, by the heading under which it stands there.
CONFIG_TABLES: Final[dict[str, type[BaseModel]]] = {
    "Top level": models.Config,
    "Peers, templates, dynamic peers": models.Peer,
    "Services": models.ServiceSettings,
    "Bands of services": models.Band,
    "Worse attributes": models.Adjust,
    "Damping": models.DampingSettings,
    "Groups": models.GroupSettings,
    "API": models.ApiSettings,
    "Log": models.LogSettings,
}


def command() -> str:
    """Every verb with its arguments and options."""
    parts = []
    for verb, summary in VERBS.items():
        parser = getattr(module_of(verb), "parser", None)
        parts.append(f"## rhi {verb}\n\n{summary[0].upper()}{summary[1:]}.\n")
        if parser is not None:
            parts.append(_options(parser()))
    return "\n".join(parts)


def configuration() -> str:
    """Every key of the configuration file, with what it takes and its default."""
    return "\n".join(
        f"## {heading}\n\n{_fields(model, model.model_json_schema(), ())}"
        for heading, model in CONFIG_TABLES.items()
    )


def checks() -> str:
    """Every type of check with its options; those that all have come first."""
    common = tuple(Check.model_fields)
    example = next(iter(CHECKS.values()))
    parts = [f"## All types\n\n{_fields(example, example.model_json_schema(), only=common)}"]
    for name, kind in CHECKS.items():
        without = (*common, "type")
        parts.append(
            f"## {name}\n\n{_first_line(kind)}\n\n{_fields(kind, kind.model_json_schema(), without)}"
        )
    return "\n".join(parts)


def api() -> str:
    """Every endpoint with what it takes and answers, and every kind of answer with its fields."""
    rows = []
    answers: dict[str, type[BaseModel]] = {}
    for endpoint in ENDPOINTS:
        answer = endpoint.media
        if endpoint.answer is not None:
            answer = f"`{endpoint.answer.__name__}`"
            answers[endpoint.answer.__name__] = endpoint.answer
        query = ", ".join(f"`{name}`" for name in endpoint.query.model_fields)
        body = "" if endpoint.body is None else ", ".join(f"`{name}`" for name in endpoint.body.model_fields)
        rows.append((f"`{endpoint.method} {endpoint.path}`", endpoint.summary, query, body, answer))
    parts = [_table(("request", "", "query", "body", "answer"), rows)]
    for name, model in answers.items():
        schema = model.model_json_schema()
        parts.append(f"## {name}\n\n{_fields(model, schema, ())}")
    return "\n".join(parts)


def metrics() -> str:
    """Every metric."""
    rows = [
        (f"`{each.name}`", getattr(each, "kind", "histogram"), ", ".join(each.labels), each.help)
        for each in (*METRICS, *HISTOGRAMS)
    ]
    return _table(("metric", "type", "labels", "meaning"), rows)


TABLES: Final[dict[str, Callable[[], str]]] = {
    "command": command,
    "configuration": configuration,
    "checks": checks,
    "api": api,
    "metrics": metrics,
}


def _options(parser: argparse.ArgumentParser) -> str:
    rows = []
    for action in parser._actions:
        if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
            continue
        metavar = action.metavar if isinstance(action.metavar, str) else str(action.dest).upper()
        value = "" if action.nargs == 0 else f" {metavar}"
        name = ", ".join(f"`{option}{value}`" for option in action.option_strings) or f"`{metavar}`"
        rows.append((name, _help(action)))
    return _table(("argument or option", ""), rows) if rows else ""


def _help(action: argparse.Action) -> str:
    values = {"default": action.default, "prog": "", "type": "", "metavar": action.metavar}
    return (action.help or "") % values


def _fields(
    model: type[BaseModel],
    schema: dict[str, Any],
    without: Iterable[str] = (),
    only: Iterable[str] | None = None,
) -> str:
    rows = []
    for name, field in model.model_fields.items():
        if name in without or (only is not None and name not in only):
            continue
        shown = schema["properties"].get(name, {})
        default = "" if field.default is PydanticUndefined else _default(field.default)
        rows.append((f"`{name}`", _kind(shown, schema), default, shown.get("description", "")))
    if not any(row[3] for row in rows):
        return _table(("key", "takes", "default"), [row[:3] for row in rows])
    return _table(("key", "takes", "default", ""), rows)


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel):
        given = {name: getattr(value, name) for name in sorted(value.model_fields_set)}
        return f"`{given}`" if given else "its defaults"
    return f"`{value}`" if value not in ((), [], {}) else "empty"


def _kind(shown: dict[str, Any], schema: dict[str, Any]) -> str:
    """What a field takes, in words, from its JSON schema."""
    if "$ref" in shown:
        return f"table `{shown['$ref'].rpartition('/')[2]}`"
    if "enum" in shown:
        return " or ".join(f"`{value}`" for value in shown["enum"])
    if "const" in shown:
        return f"`{shown['const']}`"
    if "anyOf" in shown or "oneOf" in shown:
        kinds = [_kind(each, schema) for each in shown.get("anyOf", shown.get("oneOf", ()))]
        return " or ".join(dict.fromkeys(kind for kind in kinds if kind != _WORDS["null"]))
    kind = shown.get("type", "anything")
    if isinstance(kind, list):
        return " or ".join(_WORDS.get(str(each), str(each)) for each in kind)
    if kind == "array":
        return f"list of {_kind(shown.get('items', {}), schema)}"
    kind = _WORDS.get(kind, str(kind))
    low, high = shown.get("minimum"), shown.get("maximum")
    if low is not None and high is not None:
        return f"{kind}, {low:g} to {high:g}"
    if low is not None:
        return f"{kind}, at least {low:g}"
    return str(kind)


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"
