"""What is wrong with the options of a check, as sentences: the option, its value, and what would be right.

pydantic knows what is wrong; its words are those of a programmer. Each kind of error has a row in `_REASONS`.
"""

import difflib
from collections.abc import Callable, Iterable
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rhi.model.wording import shown

_Context = dict[str, Any]

_REASONS: Final[dict[str, Callable[[_Context], str]]] = {
    "missing": lambda c: "is missing",
    "greater_than": lambda c: f"must be more than {c['gt']:.15g}",
    "greater_than_equal": lambda c: f"must be at least {c['ge']:.15g}",
    "less_than": lambda c: f"must be less than {c['lt']:.15g}",
    "less_than_equal": lambda c: f"must be at most {c['le']:.15g}",
    "finite_number": lambda c: "must be a finite number",
    "float_type": lambda c: "must be a number, without quotes",
    "int_type": lambda c: "must be a whole number, without quotes",
    "int_from_float": lambda c: "must be a whole number",
    "int_parsing": lambda c: "must be a whole number",
    "bool_type": lambda c: "must be true or false, without quotes",
    "string_type": lambda c: "must be text, in quotes",
    "string_too_short": lambda c: "must not be empty",
    "string_too_long": lambda c: f"must have at most {c['max_length']} characters",
    "literal_error": lambda c: f"must be {c['expected']}",
    "tuple_type": lambda c: "must be a list, in square brackets",
    "list_type": lambda c: "must be a list, in square brackets",
    "model_type": lambda c: "must be a table of names and values",
    "dict_type": lambda c: "must be a table of names and values",
    "too_short": lambda c: f"must have at least {c['min_length']} entries",
    "too_long": lambda c: f"must have at most {c['max_length']} entries",
    "value_error": lambda c: str(c["error"]),
}


def sentences(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """One sentence for each thing that is wrong with the options of `model`, in the order of the options."""
    return [sentence(details, model) for details in error.errors(include_url=False)]


def sentence(details: ErrorDetails, model: type[BaseModel]) -> str:
    """What is wrong with one option."""
    path = ".".join(str(part) for part in details["loc"] if part != "[key]")
    if details["type"] == "extra_forbidden":
        known = model.model_fields
        return f"{path}: is no option of this check{unknown(path, known)}"
    why = reason(details)
    if details["type"] == "missing" or not path:
        return f"{path}: {why}" if path else why
    return f"{path} {shown(details['input'])}: {why}"


def reason(details: ErrorDetails) -> str:
    """What would be right, without the place and the value."""
    in_words = _REASONS.get(details["type"])
    return in_words(details.get("ctx", {})) if in_words is not None else details["msg"]


def unknown(name: object, known: Iterable[str]) -> str:
    """What may have been meant instead of a name that is not known, to end a sentence with."""
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.6) if name is not None else []
    return f"; did you mean {near[0]}?" if near else f"; right is one of {', '.join(names)}"
