"""Patterns and sets of numbers, and that no pattern can be made slow by an answer."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import InvalidValueError
from rhi.health.matching import numbers, occurs, to_number_set, to_pattern


@pytest.mark.parametrize(
    ("pattern", "data", "found"),
    [
        ("ok", b"all is ok here", True), ("ok", b"o k", False),
        ('"status":*"ok"', b'{"status": "ok"}', True), ('"status":*"ok"', b'"ok" {"status":', False),
        ("a*a", b"a", False), ("a*a", b"aa", True), ("*", b"", True),
        ("5 \\* 3", b"5 * 3", True), ("5 \\* 3", b"5 x 3", False), ("\\\\", b"\\", True),
        ("grün", "grün".encode(), True),
    ],
)  # fmt: skip
def test_pattern_occurs(pattern: str, data: bytes, found: bool) -> None:
    assert occurs(pattern, data) is found


@given(st.text("ab*", min_size=1, max_size=8), st.text("ab", max_size=20))
def test_pattern_means_what_the_regular_expression_means(pattern: str, text: str) -> None:
    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))

    assert occurs(pattern, text.encode()) is bool(re.search(expression, text))


def test_pattern_over_a_hostile_answer_is_quick() -> None:
    pattern, answer = "*".join(["a" * 50 + "b"] * 10), b"a" * 65536

    began = time.process_time()
    assert not occurs(pattern, answer)

    assert time.process_time() - began < 0.1  # some microseconds; what a regular expression would never end


@pytest.mark.parametrize("text", ["*", "***", "a\\", "\\n"])
def test_pattern_without_sense_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        to_pattern(text)


def test_number_set_holds_numbers_and_ranges() -> None:
    assert numbers(to_number_set("200-202, 401,0")) == {200, 201, 202, 401, 0}


@pytest.mark.parametrize("text", ["", "2xx", "300-200", "1,,2", "-5", "1000", "200 299"])
def test_number_set_badly_written_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="200-299,401"):
        to_number_set(text)
