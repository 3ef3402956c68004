"""Fixtures of the interoperability tests, the clean-up before them, and the page that is made of them.

Of a complete run that is green, docs/interop.md is written with RHI_WRITE_INTEROP_PAGE=1 (`make interop`),
and compared with RHI_REQUIRE_LAB=1 (continuous integration): test_page.py fails when the page says
something else. Of a part of the tests, also in a worker of pytest-xdist, nothing is written nor compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.interop.bench import cable
from tests.interop.features import proofs
from tests.interop.lab import DAEMONS, Namespace, remove_leftovers
from tests.interop.lab.requirements import lacked
from tests.interop.page import PAGE, Recorder, render

FOLDER = Path(__file__).parent
LAST = "test_page.py"

_recorder = Recorder()
_left_out: list[str] = []  # why this run is not complete


@pytest.fixture(scope="session", autouse=True)
def _no_leftovers() -> None:
    """A run that was killed could not remove its namespaces; the next one does."""
    remove_leftovers()


@pytest.fixture(scope="module")
def wire() -> Iterator[tuple[Namespace, Namespace]]:
    """Two hosts joined by a cable, made once for each file of tests."""
    with cable() as made:
        yield made


@pytest.fixture
def complete_run() -> Recorder:
    """What all other tests have shown; ends the test where they were not all, or not all green."""
    if reason := _incomplete():
        pytest.skip(reason)
    return _recorder


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if any(_is_ours(item) for item in items):
        _left_out.append("some interop tests were not selected")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests of the page last, when all that they are about has run; left out where they cannot tell."""
    ours = [item for item in items if _is_ours(item)]
    if {item.path for item in ours} != set(FOLDER.glob("test_*.py")) or any("::" in a for a in config.args):
        _left_out.append("not all interop tests were collected")
    if hasattr(config, "workerinput"):
        _left_out.append("the tests are shared out between processes")
    page = [item for item in ours if item.path.name == LAST]
    is_compared = os.environ.get("RHI_REQUIRE_LAB") == "1" and not _is_written() and not _left_out
    items[:] = [item for item in items if item not in page] + (page if is_compared else [])
    _recorder.expect({item.nodeid: set(proofs(item)) for item in ours if item not in page})


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _recorder.hear(report)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _is_written() or not _recorder.has_heard:
        return
    page = PAGE.relative_to(FOLDER.parents[1])
    wrong = _recorder.contradictions()
    if reason := _incomplete() or "; ".join(wrong):
        terminalreporter.write_line(f"{page} is not written: {reason}", yellow=True)
        return
    PAGE.write_text(render(_recorder, {daemon: daemon.version() for daemon in DAEMONS}))
    terminalreporter.write_line(f"{page} is written")


def _is_ours(item: pytest.Item) -> bool:
    return item.path.parent == FOLDER


def _is_written() -> bool:
    return os.environ.get("RHI_WRITE_INTEROP_PAGE") == "1"


def _incomplete() -> str:
    """Why nothing can be said about the page; empty when it can."""
    if _recorder.failed:
        return "an interop test failed"
    return next(iter([*_left_out, *lacked]), "")
