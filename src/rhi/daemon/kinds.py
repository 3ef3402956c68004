"""The kinds of entries of the history, for who writes them and who asks for some of them."""

from typing import Final, Literal, get_args

from rhi.errors import InvalidValueError
from rhi.model.wording import no_such

EntryKind = Literal[
    "address",
    "alarm",
    "check",
    "drain",
    "end",
    "override",
    "reload",
    "route",
    "service",
    "session",
    "start",
]
KINDS: Final[tuple[str, ...]] = get_args(EntryKind)


def check_kind(text: str) -> str:
    """`text` itself.

    Raises:
        InvalidValueError: there are no entries of this kind.
    """
    if text not in KINDS:
        raise InvalidValueError(f"kind {no_such('kind', text, KINDS, most=len(KINDS))}")
    return text
