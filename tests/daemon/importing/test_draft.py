"""Drafts: what is written is what TOML reads."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.daemon.importing.draft import Draft, Table, toml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        TEXTS,
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXTS, inner)),
)


@given(key=TEXTS, value=VALUES, remark=TEXTS)
def test_table_reads_back_as_it_was_set(key: str, value: Any, remark: str) -> None:
    table = Table("x")
    table.comment(remark)
    table.set(key, value, remark)

    assert tomllib.loads("\n".join(table.lines())) == {key: value}


@pytest.mark.parametrize(
    ("value", "text"), [(5.0, "5"), (0.25, "0.25"), ("a\x7f", '"a\\u007f"'), ([1], "[1]")]
)
def test_values_are_written_plainly(value: object, text: str) -> None:
    assert toml(value) == text


def test_services_of_one_name_get_numbers() -> None:
    draft = Draft("x")

    assert [draft.add_service("a").table.title for _ in range(3)] == [
        "service a",
        "service a-2",
        "service a-3",
    ]


def test_draft_of_nothing_says_all_that_is_missing() -> None:
    draft = Draft("x")
    draft.complete()

    assert [note.split(" ")[0] for note in draft.notes] == ["router_id", "as_number", "peers:", "services:"]
    assert tomllib.loads(draft.text()) == {
        "router_id": "192.0.2.10",
        "as_number": 65001,
        "allow_empty": True,
    }
