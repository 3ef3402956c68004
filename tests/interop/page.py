"""docs/interop.md: which feature was proven with which daemon, made from a test run and from nothing else.

`Recorder` listens to a run, `render` makes the page of what it heard. The text has no dates, no durations and
no counts: it changes when a result, a daemon's version or a table of `lab.lacks` does. A cell says "passed"
when a test that names the feature ran with the daemon; "no" when `lab.lacks` says so, with the reason as a
footnote; else nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.interop.features import FEATURES, Feature, Proof
from tests.interop.lab import DAEMONS, Router
from tests.interop.lab.lacks import lacks

PAGE: Final = Path(__file__).parents[2] / "docs" / "interop.md"

HEAD: Final = """\
# Interoperability

Which feature has been proven with which BGP daemon. `make interop` writes this page at the end of a complete
run in which every test passed; it is not edited by hand. In each test `rhi` and the daemon run in network
namespaces of their own, and what is asserted is what the daemon itself shows: its table, its log, its
counters. The last column names the files below `tests/interop`, without `test_`. What a router needs to be
told for a feature is in [routers/options.md](routers/options.md).

*passed*: with that version at least one test, and none failed. *no*: that version cannot do it, or has no
part in it; the note says how we know. Empty: not tested.

"""


class Recorder:
    """What the tests of one run have shown.

    Attributes:
        passed: features with daemons, and the files whose tests have passed.
        failed: whether any interoperability test failed.
        has_heard: whether there was any.
    """

    def __init__(self) -> None:
        self.passed: dict[Proof, set[str]] = {}
        self.failed = False
        self.has_heard = False
        self._proofs: Mapping[str, Collection[Proof]] = {}

    def expect(self, proofs: Mapping[str, Collection[Proof]]) -> None:
        """Note what each test would prove, by its node id."""
        self._proofs = proofs

    def hear(self, report: pytest.TestReport) -> None:
        """Note the outcome of a test's setup, call or teardown."""
        if report.nodeid not in self._proofs:
            return
        self.has_heard = True
        self.failed |= report.failed
        if report.when == "call" and report.passed:
            for proof in self._proofs[report.nodeid]:
                self.passed.setdefault(proof, set()).add(Path(report.nodeid.split("::")[0]).name)

    def contradictions(self) -> list[str]:
        """What passed although `lab.lacks` says that the daemon cannot do it."""
        return [
            f"{daemon.TITLE} passed {name!r}, which tests/interop/lab/lacks.py says it cannot do"
            for name, daemon in self.passed
            if name in lacks(daemon)
        ]

    def weak(self) -> list[str]:
        """Features that fewer than two daemons have shown."""
        names = {name for name, _ in self.passed}
        return [name for name in sorted(names) if len([1 for key in self.passed if key[0] == name]) < 2]


def render(recorder: Recorder, versions: Mapping[type[Router], str]) -> str:
    """The page, for daemons of these versions."""
    names = {name for name, _ in recorder.passed}
    rows = [feature for feature in FEATURES if feature.name in names]
    notes: dict[str, str] = {}
    titles = [f"{daemon.TITLE} {versions[daemon]}" for daemon in DAEMONS]
    lines = [_line(["feature", "RFC", *titles, "tests"]), _line(["---"] * (len(DAEMONS) + 3))]
    lines += [_row(feature, recorder, notes) for feature in rows]
    tail = [f"{mark}: {text}" for mark, text in notes.items()]
    return HEAD + "\n".join([*lines, "", *tail]) + "\n"


def _row(feature: Feature, recorder: Recorder, notes: dict[str, str]) -> str:
    cells = []
    files: set[str] = set()
    for daemon in DAEMONS:
        proven = recorder.passed.get((feature.name, daemon))
        lack = lacks(daemon).get(feature.name)
        files |= proven or set()
        if proven:
            cells.append("passed")
        elif lack is None:
            cells.append("")
        else:
            note = f"{daemon.TITLE}: {lack.text}"
            mark = next((mark for mark, text in notes.items() if text == note), f"[^{len(notes) + 1}]")
            notes[mark] = note
            cells.append(f"no{mark}")
    shown = " ".join(f"`{file.removeprefix('test_').removesuffix('.py')}`" for file in sorted(files))
    return _line([feature.name, feature.rfcs, *cells, shown])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def without_versions(text: str) -> str:
    """The page as it would be whatever the versions: a daemon of another one may show just the same."""
    titles = "|".join(daemon.TITLE for daemon in DAEMONS)
    return re.sub(rf"\b({titles}) [0-9][0-9.]*(?= \|)", r"\1", text)
