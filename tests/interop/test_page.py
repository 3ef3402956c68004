"""docs/interop.md says what the tests of this very run have shown. Runs last, and only after all of them."""

from __future__ import annotations

import difflib

import pytest

from tests.interop import options
from tests.interop.lab import DAEMONS
from tests.interop.page import PAGE, Recorder, render, without_versions

pytestmark = [pytest.mark.interop]


def test_no_daemon_passes_what_it_is_said_to_lack(complete_run: Recorder) -> None:
    assert complete_run.contradictions() == []


def test_each_feature_is_shown_by_two_daemons(complete_run: Recorder) -> None:
    assert complete_run.weak() == []


def test_all_documented_options_were_loaded(complete_run: Recorder) -> None:
    assert options.blocks() - options.loaded == set()


def test_page_says_what_the_run_has_shown(complete_run: Recorder) -> None:
    found = render(complete_run, {daemon: daemon.version() for daemon in DAEMONS})
    written = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""

    # another version that shows the same is no reason to fail; the next `make interop` names it
    before, after = (without_versions(text).splitlines() for text in (written, found))
    changes = difflib.unified_diff(before, after, "docs/interop.md", "this run", n=0, lineterm="")
    differences = "\n".join(changes)
    assert not differences, f"docs/interop.md is not what the tests show; run `make interop`:\n{differences}"
