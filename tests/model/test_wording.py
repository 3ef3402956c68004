"""Messages about wrong values: always a line of text, whatever the value."""

import errno
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given

from rhi.model.wording import duration_text, listed, no_such, os_error_text, shown
from tests.model.anything import ANYTHING, HUGE, Unprintable, refusal


def test_shown_short_value_is_its_repr() -> None:
    assert shown("a\nb") == r"'a\nb'"


def test_shown_long_value_is_cut() -> None:
    assert shown("a" * 1000) == "'" + "a" * 79 + "..."


def test_shown_value_at_the_limit_is_whole() -> None:
    assert shown("a" * 78) == "'" + "a" * 78 + "'"


@pytest.mark.parametrize(
    ("value", "text"), [(HUGE, "of type int"), (Unprintable(), "of type Unprintable")], ids=["digits", "repr"]
)
def test_shown_value_that_cannot_be_printed_is_named_by_its_type(value: object, text: str) -> None:
    assert shown(value) == text


@given(ANYTHING)
def test_shown_anything_is_one_short_line(value: object) -> None:
    text = shown(value)

    assert len(text) <= 83
    assert "\n" not in text


@pytest.mark.parametrize("values", [[1], (1,), {1}, iter([1]), range(1)])
def test_listed_collection_is_returned_as_it_is(values: Any) -> None:
    assert listed(values, "things") is values


@pytest.mark.parametrize(
    "values", ["ab", b"ab", bytearray(b"ab"), memoryview(b"ab"), {"a": 1}, ip_network("10.0.0.0/8"), 5, None]
)
def test_listed_single_value_is_refused(values: Any) -> None:
    message = refusal(listed, values, "things")

    assert message.startswith("things ")
    assert message.endswith(": must be a list")


@pytest.mark.parametrize(
    ("name", "known", "text"),
    [
        ("wbe", ["dns", "web"], "'wbe': there is no such service; did you mean web?"),
        ("x", ["web", "dns"], "'x': there is no such service; there are: dns, web"),
        ("x", map(str, range(100, 120)),
         "'x': there is no such service; there are: 100, 101, 102, 103, 104, 105, 106, 107, 108, 109"),
        ("x", [], "'x': there is no such service; there are none"),
        ("a\nb", ["web"], r"'a\nb': there is no such service; there are: web"),
    ],
)  # fmt: skip
def test_no_such_suggests_a_close_name_or_lists_some(name: str, known: list[str], text: str) -> None:
    assert no_such("service", name, known) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0 s"), (4.24, "4.2 s"), (60, "1 min"), (200, "3 min 20 s"), (18120, "5 h 2 min"),
     (1047600, "12 d 3 h")],
)  # fmt: skip
def test_duration_text_has_two_units_at_most(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_os_error_text_has_neither_numbers_nor_calls() -> None:
    assert (
        os_error_text(ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"))
        == "Connection refused"
    )
    assert os_error_text(OSError("no interface with this name")) == "no interface with this name"
