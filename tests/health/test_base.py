"""Options that all checks share, and the bounds of a result."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rhi.health.base import DETAIL_LETTERS, CannotTellError, Result, failed, one_line
from tests.health.fakes import ScriptedCheck


@given(st.text(max_size=500) | st.binary(max_size=500))
def test_one_line_of_anything_is_short_and_printable(text: str | bytes) -> None:
    line = one_line(text)

    assert len(line) <= DETAIL_LETTERS
    assert line.isprintable()


def test_result_detail_of_a_stranger_is_bounded() -> None:
    assert Result(False, "a\x1b[31m\nb").detail == "a [31m b"
    assert len(Result(False, "x" * 10_000).detail) == DETAIL_LETTERS


def test_failed_tells_the_services_fault_from_ours() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed")

    assert failed("tcp 127.0.0.1:1", refused) == Result(False, "tcp 127.0.0.1:1: Connection refused")
    assert failed("x", OSError()).detail == "x: OSError"
    for code in (errno.EMFILE, errno.EADDRNOTAVAIL, errno.ENODEV, errno.EPERM):
        with pytest.raises(CannotTellError, match=r"tcp: [A-Z]"):
            failed("tcp", OSError(code, "words"))


@pytest.mark.parametrize(
    "options",
    [
        {"interval": 0.01}, {"interval": "2"}, {"interval": True}, {"interval": float("inf")},
        {"timeout": 0.0}, {"rise": 0}, {"fall": 1.5}, {"kind": "remote"}, {"name": ""}, {"name": "a\nb"},
        {"fast_interval": 1.5}, {"intervall": 1.0},
    ],
)  # fmt: skip
def test_check_with_a_wrong_option_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ScriptedCheck.model_validate(options)


def test_check_takes_whole_numbers_as_seconds() -> None:
    assert ScriptedCheck.model_validate({"interval": 3, "fast_interval": 1}).interval == 3.0


def test_check_is_frozen_and_compared_by_value() -> None:
    check = ScriptedCheck(interval=2.0)

    assert check == ScriptedCheck(interval=2.0)
    with pytest.raises(ValidationError):
        check.interval = 3.0


def test_checks_that_differ_in_pace_ask_the_same() -> None:
    check = ScriptedCheck(script="a")

    assert check.asks_the_same(ScriptedCheck(script="a", interval=9.0, rise=9, name="other"))
    assert not check.asks_the_same(ScriptedCheck(script="b"))
