"""How wrong values and names are told to people, and lists told from single values.

What a user passes may be anything: of another type, endless, or impossible to print. None of that may replace
the sentence that says what is wrong.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Final, TypeVar

from rhi.errors import InvalidValueError

T = TypeVar("T")

# Long enough for any right value; a message is one line on a terminal.
_MOST_LETTERS: Final = 80
# As many names as a sentence bears.
_MOST_NAMES: Final = 10
# Names that a wrong one is compared with: the daemon does this between decisions, some ms at most.
_MOST_COMPARED: Final = 200

_UNITS: Final = ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def shown(value: object) -> str:
    """`repr` of a value, shortened; its type alone when it cannot be printed."""
    try:
        text = repr(value)
    except Exception:  # whatever a foreign __repr__ raises; int's own, for thousands of digits
        return f"of type {type(value).__name__}"
    return text if len(text) <= _MOST_LETTERS else f"{text[:_MOST_LETTERS]}..."


def listed(values: Iterable[T], what: str) -> Iterable[T]:
    """`values` when it is a collection of values rather than a single one.

    Texts, bytes, mappings and networks are iterable too, and would be taken apart.

    Raises:
        InvalidValueError: not a collection; the message begins with `what`.
    """
    single = isinstance(values, str | bytes | bytearray | memoryview | Mapping | IPv4Network | IPv6Network)
    if single or not isinstance(values, Iterable):
        raise InvalidValueError(f"{what} {shown(values)}: must be a list")
    return values


def no_such(what: str, name: str, known: Iterable[str], most: int = _MOST_NAMES) -> str:
    """That `name` is none of those that are known, and which one may have been meant; `most` are listed."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names[:_MOST_COMPARED], 1)
    if close:
        return f"{shown(name)}: there is no such {what}; did you mean {close[0]}?"
    listing = f"there are: {', '.join(names[:most])}" if names else "there are none"
    return f"{shown(name)}: there is no such {what}; {listing}"


def os_error_text(error: OSError) -> str:
    """The system's words for an error, without numbers and call names."""
    return os.strerror(error.errno) if error.errno else str(error)


def duration_text(seconds: float) -> str:
    """Two units at most: 4.2 s, 3 min 20 s, 5 h 2 min, 12 d 3 h."""
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    whole = int(seconds)
    size, name, smaller_size, smaller = next(each for each in _UNITS if whole >= each[0])
    rest = whole % size // smaller_size
    return f"{whole // size} {name}" + (f" {rest} {smaller}" if rest else "")
