"""What an answer must hold: a pattern that occurs in it, a number out of a set such as `200-299,401`.

A pattern is plain text in which `*` stands for anything, also for nothing; `\\*` is a star and `\\\\` a
backslash. It may occur anywhere. There are no regular expressions on purpose: Python's can take seconds
over a few dozen bytes of an answer that was made for it, and nothing else runs in the meantime. A pattern
takes time in proportion to the answer, whatever that holds.
"""

import re
from functools import lru_cache
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from rhi.errors import InvalidValueError
from rhi.model.wording import shown

_PIECE: Final = re.compile(r"\\[*\\]|\*|[^*\\]+", re.DOTALL)
_RANGE: Final = re.compile(r" *([0-9]{1,3})(?: *- *([0-9]{1,3}))? *")


def to_pattern(text: str) -> str:
    """Checks a pattern.

    Raises:
        InvalidValueError: a backslash stands before something else, or there is nothing to look for.
    """
    if "".join(_PIECE.findall(text)) != text:
        raise InvalidValueError("a backslash stands before * or another backslash only")
    if not any(_pieces(text)):
        raise InvalidValueError("must hold more than stars, or it fits anything")
    return text


def to_number_set(text: str) -> str:
    """Checks a set of numbers up to 999.

    Raises:
        InvalidValueError: not numbers and ranges with commas between them.
    """
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise InvalidValueError(f"{shown(part)} is no number or range; write 200-299,401")
    return text


Pattern = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(to_pattern)]
NumberSet = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(to_number_set)]


def occurs(pattern: str, data: bytes) -> bool:
    """Whether the pattern, as UTF-8, occurs in `data`."""
    at = 0
    for piece in _pieces(pattern):
        at = data.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True


@lru_cache(maxsize=1024)
def numbers(text: str) -> frozenset[int]:
    """The numbers of a checked set."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


@lru_cache(maxsize=1024)
def _pieces(pattern: str) -> tuple[bytes, ...]:
    """What must occur, one after the other."""
    pieces = [""]
    for token in _PIECE.findall(pattern):
        if token == "*":
            pieces.append("")
        else:
            pieces[-1] += token[1] if token.startswith("\\") else token
    return tuple(piece.encode() for piece in pieces if piece)
