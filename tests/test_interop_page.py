"""How docs/interop.md is made of test reports; the tests it is made of are in tests/interop."""

from typing import Any

import pytest

from tests.interop.features import FEATURES, proofs
from tests.interop.lab import DAEMONS, Bird, ExaBgp, Frr
from tests.interop.lab.lacks import lacks
from tests.interop.page import Recorder, render, without_versions

REFRESH, HARD = "route refresh", "Hard Reset"
VERSIONS = dict.fromkeys(DAEMONS, "1.2.3")


class Item:
    """As much of a collected test as `proofs` looks at."""

    nodeid = "tests/interop/test_x.py::test_y"

    def __init__(self, *marks: pytest.Mark, **parameters: object) -> None:
        self._marks = marks
        self.callspec = type("CallSpec", (), {"params": parameters})

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        return [mark for mark in self._marks if mark.name == name]


def proofs_of(*marks: pytest.Mark, **parameters: object) -> set[Any]:
    return set(proofs(Item(*marks, **parameters)))  # type: ignore[arg-type]


def feature(*names: str, **where: object) -> pytest.Mark:
    return pytest.mark.feature(*names, **where).mark


def report(outcome: str, *, when: str = "call", test: str = "test_y") -> pytest.TestReport:
    return pytest.TestReport(
        nodeid=f"tests/interop/test_x.py::{test}",
        location=("", 0, ""),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=None,
        when=when,  # type: ignore[arg-type]
    )


def recorder(*proven: tuple[str, Any], outcome: str = "passed") -> Recorder:
    made = Recorder()
    made.expect({report("passed").nodeid: proven})
    made.hear(report(outcome))
    return made


def row(page: str, name: str) -> list[str]:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {name} |")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_proofs_daemon_is_found_in_the_parameters() -> None:
    assert proofs_of(feature(REFRESH), lab=(Bird, 4), kind=None) == {(REFRESH, Bird)}


def test_proofs_named_daemon_goes_before_the_parameters() -> None:
    assert proofs_of(feature(REFRESH, on=[Frr]), core=Bird) == {(REFRESH, Frr)}


def test_proofs_markers_and_names_add_up() -> None:
    found = proofs_of(feature(REFRESH, HARD), feature("passive"), daemon=Bird)

    assert found == {(REFRESH, Bird), (HARD, Bird), ("passive", Bird)}


def test_proofs_unknown_feature_is_refused() -> None:
    with pytest.raises(pytest.UsageError, match=r"test_y: 'rout refresh' is no feature"):
        proofs_of(feature("rout refresh"), daemon=Bird)


def test_proofs_missing_daemon_is_refused() -> None:
    with pytest.raises(pytest.UsageError, match="add on=Bird"):
        proofs_of(feature(REFRESH))


def test_page_row_says_passed_or_no_or_nothing() -> None:
    page = render(recorder((HARD, Frr)), VERSIONS)

    bird, frr, gobgp, openbgpd, exabgp = row(page, HARD)[2:7]
    assert (frr, gobgp) == ("passed", "")
    assert all(cell.startswith("no[^") for cell in (bird, openbgpd, exabgp))
    assert row(page, HARD)[7] == "`x`"


def test_page_footnote_has_the_reason() -> None:
    page = render(recorder((HARD, Frr)), VERSIONS)

    assert "[^1]: BIRD: Its graceful restart capability has no N bit" in page


def test_page_has_no_row_for_what_no_test_proved() -> None:
    assert "| passive |" not in render(recorder((HARD, Frr)), VERSIONS)


@pytest.mark.parametrize(("outcome", "when"), [("failed", "call"), ("skipped", "call"), ("passed", "setup")])
def test_recorder_only_a_passed_call_is_a_proof(outcome: str, when: str) -> None:
    made = Recorder()
    made.expect({report(outcome).nodeid: [(REFRESH, Bird)]})

    made.hear(report(outcome, when=when))

    assert made.passed == {}
    assert made.failed is (outcome == "failed")


def test_recorder_tests_of_others_do_not_count() -> None:
    made = Recorder()
    made.expect({"another": [(REFRESH, Bird)]})

    made.hear(report("failed"))

    assert not made.failed
    assert not made.has_heard


def test_recorder_passed_and_lacking_contradict() -> None:
    assert recorder((HARD, Frr)).contradictions() == []
    assert "BIRD passed 'Hard Reset'" in recorder((HARD, Bird)).contradictions()[0]


def test_recorder_feature_of_one_daemon_is_weak() -> None:
    assert recorder((HARD, Frr)).weak() == [HARD]
    assert recorder((REFRESH, Frr), (REFRESH, Bird)).weak() == []


def test_without_versions_only_results_are_left() -> None:
    made = recorder((REFRESH, Frr))

    first, second = render(made, VERSIONS), render(made, VERSIONS | {ExaBgp: "5.0.16"})

    assert first != second
    assert without_versions(first) == without_versions(second)
    assert without_versions(first) != without_versions(render(recorder((REFRESH, Bird)), VERSIONS))


def test_lacks_are_about_features_that_exist() -> None:
    names = {feature.name for feature in FEATURES}

    assert {name for daemon in DAEMONS for name in lacks(daemon)} <= names
