"""Exceptions: what can be caught as what, and what a `NotificationError` carries."""

import copy
import pickle

import pytest

from rhi.errors import (
    EmptyTableError,
    InvalidValueError,
    ListenError,
    NotificationError,
    RhiError,
    SocketOptionError,
)


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (InvalidValueError, (RhiError, ValueError)),
        (EmptyTableError, (InvalidValueError, RhiError, ValueError)),
        (ListenError, (RhiError, OSError)),
        (SocketOptionError, (RhiError, OSError)),
        (NotificationError, (RhiError,)),
    ],
)
def test_error_is_caught_as_each_of_its_bases(kind: type[Exception], bases: tuple[type, ...]) -> None:
    for base in bases:
        assert issubclass(kind, base)


def test_notification_error_keeps_what_the_notification_needs() -> None:
    error = NotificationError(3, 5, b"\x40\x01", "ORIGIN too long")

    assert (error.code, error.subcode, error.data, error.detail) == (3, 5, b"\x40\x01", "ORIGIN too long")
    assert str(error) == "NOTIFICATION 3/5: ORIGIN too long"


def test_notification_error_without_detail_prints_its_numbers() -> None:
    assert str(NotificationError(4)) == "NOTIFICATION 4/0"


def test_notification_error_survives_copying_and_pickling() -> None:
    error = NotificationError(1, 2, b"\x00\x12", "short")

    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (again.code, again.subcode, again.data, again.detail) == (1, 2, b"\x00\x12", "short")
