"""Takes every speaker through every experiment, run by run, and never stops for one that fails.

Runs are the outermost loop, so that a machine which slows down slows all speakers. Experiments that need a
loaded speaker share one in each run, in the order of their numbers. What fails once is not tried again, and
what takes too long is measured once.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

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
        singles: how often a single route is announced and withdrawn in one run of B3. timeout: seconds that
        any one step may take. patience: seconds that a speaker's experiments of one kind may take in a run;
        if they take longer, one run
            is enough.
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


def run(plan: Plan, ground: Ground, results: Results) -> None:
    """Fill in the results."""
    too_slow = set()
    for number in range(1, plan.runs + 1):
        for name in plan.speakers:
            for index, group in enumerate(_groups(plan.experiments)):
                if (name, index) in too_slow:
                    continue
                began = monotonic()
                _run_group(plan, ground, results, name, group, number)
                if monotonic() - began > plan.patience:
                    too_slow.add((name, index))


def _groups(numbers: Sequence[str]) -> list[list[Experiment]]:
    """Experiments that share a speaker."""
    chosen = [EXPERIMENTS[number] for number in numbers]
    shared = [experiment for experiment in chosen if experiment.NEEDS is Need.LOADED_SPEAKER]
    alone = [[experiment] for experiment in chosen if experiment.NEEDS is Need.NOTHING]
    return [shared, *alone] if shared else alone


def _run_group(
    plan: Plan, ground: Ground, results: Results, name: str, group: list[Experiment], number: int
) -> None:
    cells = {experiment.NUMBER: results.cell(experiment.NUMBER, name) for experiment in group}
    left = [
        experiment
        for experiment in group
        if not cells[experiment.NUMBER].trouble
        and (not experiment.ONLY or name in experiment.ONLY)
        and (not ADAPTERS[name].EXPERIMENTS or experiment.NUMBER in ADAPTERS[name].EXPERIMENTS)
        and not (experiment.IS_LONG and number > 1 and plan.scale < 1)
    ]
    if results.versions[name].startswith("missing"):
        for experiment in left:
            cells[experiment.NUMBER].trouble = results.versions[name]
        return
    if not left:
        return
    speaker = ADAPTERS[name](ground, extended=plan.extended, timeout=plan.timeout)
    try:
        with (
            speaker,
            Child(sink_command(ground, extended=plan.extended), speaker.folder / "sink.log") as sink,
        ):
            stage = Stage(ground, speaker, sink, plan.routes, plan.singles, plan.scale)
            if left[0].NEEDS is Need.LOADED_SPEAKER:
                speaker.load(plan.routes)
            for experiment in left:
                _measure(experiment, stage, cells[experiment.NUMBER], number)
    except _FAILURES as error:
        for experiment in left:
            cell = cells[experiment.NUMBER]
            if cell.runs < number and not cell.trouble:
                _give_up(cell, speaker, error)


def _measure(experiment: Experiment, stage: Stage, cell: Cell, number: int) -> None:
    began = monotonic()
    try:
        samples = experiment.run(stage)
    except _FAILURES as error:
        _give_up(cell, stage.speaker, error)
        return
    cell.add(samples)
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
