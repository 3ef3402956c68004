"""Patterns of processes: those that people write are taken, and none that Python would never be done with."""

import importlib
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rhi.daemon.importing.draft import SourceError
from rhi.daemon.importing.exabgp_patterns import CHOICES_OF_A_REPEAT, MAX_REPEATS, compile_pattern

# Python's own reading of a pattern; it has no public name.
PARSER: Any = importlib.import_module("re._parser")

COSTLY = [
    "(a+)+b",
    "(?:a|a){9}b",
    "(a+)*?b",
    "a*a*a*a*a*b",
    "a??" * 25,
    "(a.|..)" * 25 + "b",
    "a*" * 4 + "b?",
    "a{2,}" * 5,
    r"(a*)\1",
    "(?P<a>a*)(?P=a)",
    r"[\][](a+)+b]",
    "(?#[)(a+)+b]",
    "(?x)(a+) +b",
    "x" * 201,
]

# What hides or multiplies something, with what it takes to be a pattern.
PIECES = [
    *"ab.()|*+?[]{}^$#\\",
    "(?:", "(?=", "(?x)", "(?#", "(?P<n>", "(?P=n)", r"\1", r"\(", r"\[", "[^", "[]", r"[\]", "{2,}", "{,9}",
    "*?", "+?", "??", "*+", "(a+)+", "(a|.)", " ", "\n",
]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("we.*", "web"),
        ("^w[eb+*]+-(?:a|b)$", "web-b"),
        (r"web\.\*", "web.*"),
        ("w?e?b?", "web"),
        ("^.*?-x-.*?$", "a-x-b"),
        ("web(-old)?", "web-old"),
        (".*?web.*?dns.*?b.*?", "a-web-dns-b-c"),
        (".*web.*dns.*b.*", "a-web-dns-b-c"),
        ("dns|ntp|web|mail|proxy", "mail"),
        ("[a-z]{2,5}+-[]0-9]{1}", "web-]"),
    ],
)
def test_pattern_as_people_write_them_is_taken(pattern: str, name: str) -> None:
    assert compile_pattern(pattern).fullmatch(name)


@pytest.mark.parametrize("pattern", COSTLY)
def test_pattern_that_may_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(SourceError, match=r"may take too long; .* no repeated groups"):
        compile_pattern(pattern)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_pattern_that_is_taken_leaves_few_ways(pattern: str) -> None:
    """By Python's own reading of it: 2^24 ways through a name of 100 letters, and no power of its length."""
    try:
        compile_pattern(pattern)
    except (SourceError, re.error, RecursionError, OverflowError, FutureWarning):
        return
    assert ways(PARSER.parse(pattern)) <= 2 ** (CHOICES_OF_A_REPEAT * MAX_REPEATS)


def ways(items: Any) -> int:
    """Through all of them, one behind the other."""
    product = 1
    for code, value in items:
        product *= ways_of(str(code), value)
    return product


def ways_of(code: str, value: Any) -> int:
    """Of one thing; a repetition of a letter counts as the choices that it is said to be worth."""
    match code:
        case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN" | "AT":
            return 1
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            _, most, repeated = value
            if most == 1:
                return 1 + ways(repeated)
            assert [str(each) for each, _ in repeated] in (["LITERAL"], ["NOT_LITERAL"], ["ANY"], ["IN"])
            return 1 << CHOICES_OF_A_REPEAT
        case "BRANCH":
            return sum(map(ways, value[1]))
        case "SUBPATTERN":
            return ways(value[3])
        case "ASSERT" | "ASSERT_NOT":
            return ways(value[1])
        case "ATOMIC_GROUP":
            return ways(value)
    raise AssertionError(f"{code} must be refused")
