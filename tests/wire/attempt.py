"""The contract of all decoders: a value, or the one exception they document."""

from collections.abc import Callable
from typing import TypeVar

from rhi.errors import NotificationError

T = TypeVar("T")


def attempt(decode: Callable[[], T]) -> T | NotificationError:
    """What `decode` returns, or the NotificationError it raises; any other exception is a bug and passes."""
    try:
        return decode()
    except NotificationError as error:
        return error
