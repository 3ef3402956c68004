"""Takes every speaker through every experiment, run by run, and never stops for one that fails.

Runs are the outermost loop, so that a machine which slows down slows all speakers. Experiments that need a
loaded speaker share one in each run, in the order of their numbers. What fails once is not tried again, and
what takes too long is measured once. What has been measured already is left out, so that a run can be done in
pieces.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from bench import machine
from bench.adapters import ADAPTERS, Speaker
from bench.errors import BenchError, Missing
from bench.experiments import EXPERIMENTS, Experiment, Need, Stage
from bench.experiments.base import sink_command
from bench.ground import Ground
from bench.program import Child
from bench.results import Cell, Results

_FAILURES = (BenchError, OSError, subprocess.SubprocessError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run.

    Attributes:
        singles: how often a single route is announced and withdrawn in one run of B3.
        timeout: seconds that any one step may take.
        patience: seconds that a speaker's experiments of one kind may take in a run; if they take longer, one
            run is enough.
        scale: part of the peers and seconds that the larger experiments are to have.
        extended: messages of 65,535 bytes where speaker and sink both can.
    """

    experiments: Sequence[str]
    speakers: Sequence[str]
    routes: int
    runs: int
    singles: int
    timeout: float
    patience: float
    extended: bool
    scale: float


def versions(speakers: Sequence[str]) -> dict[str, str]:
    """What is installed; "missing: ..." for what is not."""
    found = {}
    for name in speakers:
        try:
            found[name] = ADAPTERS[name].version()
        except Missing as error:
            found[name] = f"missing: {error}"
        except (OSError, subprocess.SubprocessError, IndexError) as error:
            found[name] = f"missing: does not tell its version: {error}"
    return found


def run(
    plan: Plan, ground: Ground, results: Results, save: Callable[[], None], is_over: Callable[[], bool]
) -> None:
    """Fill in the results, and have them saved after each measurement, until `is_over`."""
    for number in range(1, plan.runs + 1):
        for name in plan.speakers:
            for group in _groups(plan.experiments):
                if is_over():
                    return
                left = list(_wanted(plan, results, name, group, number))
                if left:
                    _run_group(plan, ground, results, name, left, number)
                    save()


def count_left(plan: Plan, results: Results) -> int:
    """How many measurements there are yet to be made."""
    group = [EXPERIMENTS[number] for number in plan.experiments]
    return sum(
        len(list(_wanted(plan, results, name, group, number)))
        for number in range(1, plan.runs + 1)
        for name in plan.speakers
    )


def _groups(numbers: Sequence[str]) -> list[list[Experiment]]:
    """Experiments that share a speaker."""
    chosen = [EXPERIMENTS[number] for number in numbers]
    shared = [experiment for experiment in chosen if experiment.NEEDS is Need.LOADED_SPEAKER]
    alone = [[experiment] for experiment in chosen if experiment.NEEDS is Need.NOTHING]
    return [shared, *alone] if shared else alone


def _wanted(
    plan: Plan, results: Results, name: str, group: Sequence[Experiment], number: int
) -> Iterator[Experiment]:
    """Those of a group that run `number` of a speaker has yet to measure."""
    for experiment in group:
        if experiment.ONLY and name not in experiment.ONLY:
            continue
        if not ADAPTERS[name].takes(experiment.NUMBER):
            continue
        if experiment.IS_LONG and number > 1 and plan.scale < 1:
            continue
        if results.cell(experiment.NUMBER, name).wants(number):
            yield experiment


def _run_group(
    plan: Plan, ground: Ground, results: Results, name: str, group: list[Experiment], number: int
) -> None:
    cells = {experiment.NUMBER: results.cell(experiment.NUMBER, name) for experiment in group}
    if results.versions[name].startswith("missing"):
        for cell in cells.values():
            cell.trouble = results.versions[name]
        return
    began = monotonic()
    speaker = ADAPTERS[name](ground, extended=plan.extended, timeout=plan.timeout)
    try:
        with (
            speaker,
            Child(sink_command(ground, extended=plan.extended), speaker.folder / "sink.log") as sink,
        ):
            stage = Stage(ground, speaker, sink, plan.routes, plan.singles, plan.scale)
            if group[0].NEEDS is Need.LOADED_SPEAKER:
                speaker.load(plan.routes)
            for experiment in group:
                _measure(experiment, stage, cells[experiment.NUMBER], number)
    except _FAILURES as error:
        for cell in cells.values():
            if cell.runs < number and not cell.trouble:
                _give_up(cell, speaker, error)
    is_slow = monotonic() - began > plan.patience
    for cell in cells.values():
        cell.is_slow |= is_slow


def _measure(experiment: Experiment, stage: Stage, cell: Cell, number: int) -> None:
    began, load = monotonic(), machine.load()
    try:
        samples = experiment.run(stage)
    except _FAILURES as error:
        _give_up(cell, stage.speaker, error)
        return
    cell.add(samples, load)
    shown = ", ".join(
        f"{measure.name} {measure.statistic(samples[measure.samples]) * measure.unit.value[0]:.3g} "
        f"{measure.unit.value[1]}"
        for measure in experiment.MEASURES
        if measure.samples in samples
    )
    took = monotonic() - began
    print(f"run {number}  {experiment.NUMBER:4}{cell.speaker:9} {shown}  ({took:.1f} s)", file=sys.stderr)


def _give_up(cell: Cell, speaker: Speaker, error: Exception) -> None:
    cell.trouble = str(error).splitlines()[0]
    print(f"       {cell.experiment:4}{cell.speaker:9} {error}", file=sys.stderr)
    if explanation := speaker.explain():
        print(f"{speaker.log}:\n{explanation}", file=sys.stderr)
