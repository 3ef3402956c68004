"""Registered numbers and the texts of error codes."""

import enum

import pytest

from rhi.wire.iana import (
    ERROR_TEXTS,
    CeaseError,
    ErrorCode,
    FsmError,
    HeaderError,
    OpenError,
    RouteRefreshError,
    UpdateError,
    error_text,
)

SUBCODES: dict[ErrorCode, type[enum.IntEnum]] = {
    ErrorCode.MESSAGE_HEADER: HeaderError,
    ErrorCode.OPEN_MESSAGE: OpenError,
    ErrorCode.UPDATE_MESSAGE: UpdateError,
    ErrorCode.FINITE_STATE_MACHINE: FsmError,
    ErrorCode.CEASE: CeaseError,
    ErrorCode.ROUTE_REFRESH_MESSAGE: RouteRefreshError,
}


def words(text: str) -> str:
    """A registered name as the name of an enum member."""
    return text.upper().replace("-", "_").replace(" ", "_")


def test_error_texts_name_every_error_code() -> None:
    assert set(ERROR_TEXTS) == set(ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_error_texts_name_every_subcode_but_unspecific(code: ErrorCode) -> None:
    subcodes = {int(subcode) for subcode in SUBCODES.get(code, ())}

    assert set(ERROR_TEXTS[code][1]) == subcodes - {0}


@pytest.mark.parametrize("code", [code for code in SUBCODES if code is not ErrorCode.FINITE_STATE_MACHINE])
def test_error_texts_are_the_names_of_the_subcodes(code: ErrorCode) -> None:
    names = {subcode.value: subcode.name.removesuffix("_ATTRIBUTE") for subcode in SUBCODES[code] if subcode}
    texts = {
        value: words(text).removesuffix("_ERROR").removesuffix("_ATTRIBUTE")
        for value, text in ERROR_TEXTS[code][1].items()
    }

    assert texts == names


@pytest.mark.parametrize(
    ("code", "subcode", "text"),
    [
        (1, 1, "Message header error; Connection Not Synchronized"),
        (2, 6, "OPEN Message Error; Unacceptable Hold Time"),
        (3, 11, "UPDATE Message Error; Malformed AS_PATH"),
        (4, 0, "Hold timer expired"),
        (5, 3, "BGP Finite State Machine Error; Receive Unexpected Message in Established State"),
        (6, 0, "Cease"),
        (6, 2, "Cease; Administrative Shutdown"),
        (7, 1, "ROUTE-REFRESH Message Error; Invalid Message Length"),
        (8, 0, "Send hold timer expired"),
        (6, 99, "Cease; subcode 99"),
        (2, 5, "OPEN Message Error; subcode 5"),
        (99, 0, "unknown error code 99"),
        (99, 7, "unknown error code 99; subcode 7"),
    ],
)
def test_error_text_names_what_has_a_name(code: int, subcode: int, text: str) -> None:
    assert error_text(code, subcode) == text
