"""The documentation site: it builds without a warning, and what it draws and lists is what the code has."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.site import states, tables
from rhi.cli import VERBS
from rhi.core.dialer import DIAL_TRANSITIONS
from rhi.core.fsm import TRANSITIONS
from rhi.daemon.control.endpoints import ENDPOINTS
from rhi.health.table import CHECKS
from rhi.model.status import State
from tests.interop.lab.requirements import find_program

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.slow
def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    find_program("dot", package="graphviz")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]

    done = subprocess.run([*command, DOCS, tmp_path], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    pages = [path.relative_to(DOCS).with_suffix(".html") for path in DOCS.rglob("*.md")]
    assert [page for page in pages if not (tmp_path / page).is_file()] == []
    # nothing is loaded from elsewhere
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(?:https?:)?//[^"]*"', text) == []


def test_session_diagram_has_every_state_and_the_way_up() -> None:
    edges = {(edge.source, edge.target): edge.events for edge in states.session()}

    assert {state.name for state, _ in TRANSITIONS} == {source for source, _ in edges}
    assert edges["OPEN_SENT", "OPEN_CONFIRM"] == ("OPEN received",)
    assert edges["OPEN_CONFIRM", "ESTABLISHED"] == ("KEEPALIVE received",)
    assert "hold timer expired" in edges["ESTABLISHED", "IDLE"]
    assert ("OPEN_SENT", "ESTABLISHED") not in edges


def test_dialer_diagram_has_every_state() -> None:
    edges = {(edge.source, edge.target): edge.events for edge in states.dialer()}

    assert {state.name for state, _ in DIAL_TRANSITIONS} == {source for source, _ in edges}
    assert edges["ACTIVE", "CONNECT"] == ("connect retry timer expired",)


def test_check_diagram_leads_through_unknown() -> None:
    edges = {(edge.source, edge.target): edge.events for edge in states.check()}

    assert edges["unknown", "up"] == ("2 passes in a row",)
    assert edges["up", "down"] == ("3 failures in a row",)
    assert edges["up", "unknown"] == ("the check could not be made",)
    assert ("unknown", "unknown") not in edges


def _returns_a_number(self: object, argument: object, now: float) -> object:
    return 5


def test_diagram_of_a_handler_that_returns_no_state_is_refused() -> None:
    with pytest.raises(ValueError, match="5: is no state"):
        states._targets(_returns_a_number, object, State.IDLE)


@pytest.mark.parametrize("name", states.DIAGRAMS)
def test_diagram_is_a_graph_of_its_edges(name: str) -> None:
    text = states.dot(name)

    assert text.count("->") == len(states.DIAGRAMS[name]())
    assert text.startswith(f'digraph "{name}" {{')


def test_reference_lists_all_there_is() -> None:
    assert [verb for verb in VERBS if f"## rhi {verb}\n" not in tables.command()] == []
    assert [kind for kind in CHECKS if f"## {kind}\n" not in tables.checks()] == []
    assert [each.path for each in ENDPOINTS if f"{each.method} {each.path}`" not in tables.api()] == []
    assert "`reload_limit`" in tables.configuration()
    assert "`rhi_check_up`" in tables.metrics()


def test_reference_of_a_field_tells_limits_and_default() -> None:
    lines = [line for line in tables.checks().splitlines() if line.startswith("| `fall` |")]

    assert len(lines) == 1
    assert "whole number, at least 1" in lines[0] or "whole number, 1 to" in lines[0]
    assert "| `3` |" in lines[0]
