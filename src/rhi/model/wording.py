"""How a wrong value is named in the message of an `InvalidValueError`, and lists told from single values.

What a user passes may be anything: of another type, endless, or impossible to print. None of that may replace
the sentence that says what is wrong.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Final, TypeVar

from rhi.errors import InvalidValueError

T = TypeVar("T")

# Long enough for any right value; a message is one line on a terminal.
_MOST_LETTERS: Final = 80


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
