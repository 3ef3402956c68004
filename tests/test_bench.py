"""The benchmark's bookkeeping: a run in pieces ends with what a run in one piece has."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench import growth, report, runner
from bench.adapters import ADAPTERS
from bench.errors import BenchError
from bench.experiments import EXPERIMENTS
from bench.results import Cell, Results
from bench.runner import Plan

OPTIONS = {"routes": "1,000", "runs": 2}
PLAN = Plan(
    experiments=["B1", "B3"],
    speakers=["rhi", "rhi.aio"],
    routes=1000,
    runs=2,
    singles=1,
    timeout=1.0,
    patience=1.0,
    extended=False,
    scale=1.0,
)


def some_results() -> Results:
    return Results(
        command="python -m bench",
        options=OPTIONS,
        machine={"kernel": "6.1"},
        code="0123abc",
        versions=dict.fromkeys(ADAPTERS, "1.0"),
    )


def test_results_go_on_where_they_were(tmp_path: Path) -> None:
    path = tmp_path / "full.json"
    results = some_results()
    results.cell("B1", "rhi").add({"last": [0.5]}, 0.1)
    results.growth["routes rhi 1000"] = {"last": [0.25]}
    results.save(path)

    assert Results.load(path, options=OPTIONS, code="0123abc") == results


def test_results_with_other_options_are_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "full.json"
    some_results().save(path)

    with pytest.raises(BenchError, match="without --resume"):
        Results.load(path, options={"routes": "10"}, code="0123abc")


def test_results_of_another_rhi_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "full.json"
    results = some_results()
    for name in ("rhi", "bird"):
        results.cell("B1", name).add({"last": [0.5]}, 0.1)
    results.growth["routes rhi 1000"] = {"last": [0.25]}
    results.save(path)

    found = Results.load(path, options=OPTIONS, code="4567def")

    assert [cell.speaker for cell in found.cells] == ["bird"]
    assert (found.code, found.growth) == ("4567def", {})


def test_cell_is_measured_until_there_are_enough_runs() -> None:
    cell = Cell(experiment="B1", speaker="rhi")
    assert cell.wants(1)

    cell.add({"last": [1.0]}, 0.0)
    assert not cell.wants(1)
    assert cell.wants(2)
    assert not replace(cell, is_slow=True).wants(2)
    assert not replace(cell, trouble="not within 60 s").wants(2)


def test_what_is_left_is_counted_by_experiment_speaker_and_run() -> None:
    results = some_results()
    assert runner.count_left(PLAN, results) == 6  # rhi.aio is for B3 only

    results.cell("B3", "rhi").add({"announce": [0.1]}, 0.0)
    results.cell("B1", "rhi").trouble = "not within 60 s"
    assert runner.count_left(PLAN, results) == 3


def test_growth_is_complete_with_all_runs_of_all_points() -> None:
    points = list(growth.points(10_000))
    found: growth.Found = {}
    assert growth.count_left(found, 2, 10_000) == 2 * len(points)

    for point in points:
        found[point.name] = {name: [1.0, 3.0] for name in ("last", "announce", "memory", "bytes")}

    assert growth.count_left(found, 2, 10_000) == 0
    curves = growth.curves(found, 10_000)
    assert curves[0].points == {"rhi": [(1000, 2.0), (10_000, 2.0)], "floor": [(1000, 2.0), (10_000, 2.0)]}
    assert growth.slope([(10, 5.0), (100, 50.0)]) == pytest.approx(1.0)


def test_report_judges_each_speaker_of_ours_and_says_when() -> None:
    results = some_results()
    for name, seconds in (("rhi", 0.003), ("rhi.aio", 0.001), ("bird", 0.002)):
        cell = results.cell("B3", name)
        cell.add({"announce": [seconds] * 3, "withdraw": [seconds] * 3}, 0.5)
        cell.dates = ["2026-01-01 10:00"]

    text = report.markdown(results)

    assert "Targets: 6 of 12 met; missed:\n\n- B3: rhi: announce p50, at most" in text
    assert "- rhi: announce p50, at most 1 × the best daemon: **missed**, 1.5 × BIRD" in text
    assert "- rhi.aio: announce p50, at most 1 × the best daemon: met, 0.5 × BIRD" in text
    assert "Measured 2026-01-01 10:00 UTC; load before each run 0.5 to 0.5." in text
    assert all(f"- {number}: " in text for number in EXPERIMENTS if number != "B3")
