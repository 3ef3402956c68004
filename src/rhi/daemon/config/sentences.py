"""pydantic's findings in our words: the value, what is wrong with it, what would be right."""

import difflib
import types
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from rhi.daemon.config.lines import Path
from rhi.daemon.config.problems import Problem
from rhi.health.problems import reason
from rhi.model.wording import shown


def problems_of(errors: Iterable[ErrorDetails], model: type[BaseModel], document: object) -> list[Problem]:
    """The problems of a document that `model` has refused, each once."""
    found: dict[Problem, None] = {}
    for error in errors:
        path = _path(error["loc"], document, is_missing=error["type"] == "missing")
        found[Problem(path, _text(error, path, model))] = None
    return list(found)


def _path(loc: tuple[int | str, ...], document: object, *, is_missing: bool) -> Path:
    """The place in the document: pydantic also names the branches of unions, which are not in the file."""
    path: Path = ()
    value = document
    for position, part in enumerate(loc):
        is_absent = is_missing and position == len(loc) - 1
        if isinstance(value, dict) and (part in value or is_absent):
            path, value = (*path, part), value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            path, value = (*path, part), value[part]
    return path


def _text(error: ErrorDetails, path: Path, model: type[BaseModel]) -> str:
    kind, value = error["type"], error["input"]
    context: dict[str, Any] = error.get("ctx") or {}
    special: Callable[[], str] | None = {
        "missing": lambda: "is missing",
        "extra_forbidden": lambda: _unknown_key(str(path[-1]), _keys_at(model, path[:-1])),
        "value_error": lambda: _own_words(value, str(context.get("error")), path),
        "union_tag_invalid": lambda: _unknown_type(context),
        "union_tag_not_found": lambda: 'has no type: give one, such as type = "tcp"',
    }.get(kind)
    return special() if special is not None else f"{shown(value)}: {reason(error)}"


def _own_words(value: object, sentence: str, path: Path) -> str:
    """A sentence of ours; the value stands in front of it, and the name of the field does not."""
    if sentence.startswith("must "):
        return f"{shown(value)}: {sentence}"
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    for prefix in (name, name.replace("_", " ")):
        sentence = sentence.removeprefix(prefix).lstrip()
    return sentence.removeprefix(": ")


def _unknown_key(key: str, known: list[str]) -> str:
    if f"{key}_file" in known:
        return (
            f"must not stand here: name a file that holds it with {key}_file, "
            f"or a variable of the environment with {key}_env"
        )
    close = difflib.get_close_matches(key, known, 1)
    return f"is no known key; did you mean {close[0]}?" if close else "is no known key"


def _unknown_type(context: dict[str, Any]) -> str:
    tags = [tag.strip("'") for tag in str(context.get("expected_tags", "")).split(", ")]
    close = difflib.get_close_matches(str(context.get("tag")), tags, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"type {context.get('tag')!r}: must be one of {', '.join(tags)}{hint}"


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """Keys that a table may have, of all models that may stand there."""
    models = [model]
    annotation: Any
    for part in path:
        found: list[type[BaseModel]] = []
        for each in models:
            annotation = each.model_fields[part].annotation if part in each.model_fields else None
            found += _models_in(annotation)
        # names of peers and services, and numbers of items, are no fields: what they lead to is found already
        models = found or models
    return sorted({name for each in models for name in each.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Annotated, Union, types.UnionType, list, dict, tuple):
        return [model for argument in get_args(annotation) for model in _models_in(argument)]
    return []
