"""Results as Markdown: a table for each experiment, with rhi's ratio to each other one, and the targets."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from bench.adapters import ADAPTERS, NO_DAEMONS, OURS
from bench.experiments import EXPERIMENTS, Experiment
from bench.experiments.base import Measure, Reference, Target, Unit
from bench.results import Cell, Results

TITLES: Final = {
    "rhi": "**rhi**",
    "rhi.aio": "**rhi.aio**",
    "floor": "floor",
    "bird": "BIRD",
    "frr": "FRR",
    "openbgpd": "OpenBGPD",
    "gobgp": "GoBGP",
    "exabgp": "ExaBGP",
}


def markdown(results: Results) -> str:
    """The whole report."""
    measured = [number for number in EXPERIMENTS if any(cell.experiment == number for cell in results.cells)]
    parts = [_circumstances(results), _at_a_glance(results, [EXPERIMENTS[number] for number in measured])]
    parts += [_experiment(results, EXPERIMENTS[number]) for number in measured]
    absent = {number: EXPERIMENTS[number].TITLE for number in EXPERIMENTS if number not in measured}
    lines = [f"- {number}: {title}" for number, title in sorted(absent.items(), key=_by_number)]
    if lines:
        parts.append("Not measured in this run:\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def write_into(path: Path, section: str, text: str) -> None:
    """Replace what stands between the markers of `section`.

    Raises:
        ValueError: the file has no such markers.
    """
    begin, end = f"<!-- bench {section}: begin -->", f"<!-- bench {section}: end -->"
    before, found_begin, rest = path.read_text().partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"{path}: has no markers {begin} and {end}")
    path.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")


def _circumstances(results: Results) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    options = ", ".join(f"{name} {value}" for name, value in results.options.items())
    speakers = ", ".join(f"{TITLES[name]} {version}" for name, version in results.versions.items())
    code = f"rhi: commit {results.code}."
    return (
        f"`{results.command}`\n\nMachine: {machine}. {code}\n\nOptions: {options}.\n\nSpeakers: {speakers}."
    )


def _at_a_glance(results: Results, experiments: list[Experiment]) -> str:
    """How many targets are met, and which are not."""
    verdicts = [
        (experiment.NUMBER, verdict)
        for experiment in experiments
        for verdict in _verdicts(results, experiment)
        if verdict.is_met is not None
    ]
    missed = [f"- {number}: {verdict.text}" for number, verdict in verdicts if not verdict.is_met]
    head = f"Targets: {len(verdicts) - len(missed)} of {len(verdicts)} met" + ("; missed:" if missed else ".")
    return "\n\n".join([head, "\n".join(missed)]) if missed else head


def _experiment(results: Results, experiment: Experiment) -> str:
    measures = [
        measure
        for measure in experiment.MEASURES
        if any(_value(results, experiment, name, measure) is not None for name in results.versions)
    ]
    speakers = [name for name in results.versions if ADAPTERS[name].takes(experiment.NUMBER)]
    ours = _ours(results, experiment)
    columns = ["speaker", "runs"]
    for measure in measures:
        columns += [measure.name, *(f"{name} ÷ it" for name in ours)]
    lines = ["| " + " | ".join(columns) + " |", "|---" * 2 + "|--:" * (len(columns) - 2) + "|"]
    lines += [_row(results, experiment, name, measures, ours) for name in speakers]
    if experiment.ONLY:
        names = [name for name in results.versions if name in experiment.ONLY]
        lines = [
            f"| measure | {' | '.join(_with_runs(results, experiment, name) for name in names)} |",
            "|---" + "|--:" * len(names) + "|",
        ]
        lines += [_line(results, experiment, names, measure) for measure in measures]
    ways = [
        f"{TITLES[name]}: {ADAPTERS[name].WAYS[experiment.NUMBER]}"
        for name in speakers
        if experiment.NUMBER in ADAPTERS[name].WAYS
    ]
    parts = [f"### {experiment.NUMBER}: {experiment.TITLE}", "\n".join(lines)]
    if ways:
        parts.append("Driven by: " + "; ".join(ways) + ".")
    parts.append(_when([results.cell(experiment.NUMBER, name) for name in speakers]))
    if experiment.TARGETS:
        parts.append("\n".join(f"- {verdict.text}" for verdict in _verdicts(results, experiment)))
    return "\n\n".join(parts)


def _when(cells: list[Cell]) -> str:
    """When the runs of an experiment were, and how busy the machine was."""
    dates = sorted(date for cell in cells for date in cell.dates)
    loads = [load for cell in cells for load in cell.loads]
    if not dates:
        return "Not measured."
    until = "" if dates[0] == dates[-1] else f" to {dates[-1]}"
    return f"Measured {dates[0]}{until} UTC; load before each run {min(loads):g} to {max(loads):g}."


def _row(
    results: Results, experiment: Experiment, name: str, measures: list[Measure], ours: list[str]
) -> str:
    cell = results.cell(experiment.NUMBER, name)
    # what takes long is not measured as often as the others
    fields = [TITLES[name], f"{cell.runs}, slow" if cell.is_slow and cell.runs else str(cell.runs)]
    for measure in measures:
        value = _value(results, experiment, name, measure)
        if value is None:
            fields += [
                f"not measured: {cell.trouble}" if cell.trouble else "not measured",
                *("" for _ in ours),
            ]
            continue
        samples = cell.samples[measure.samples]
        spread = f" ({_shown(min(samples), measure.unit)}–{_shown(max(samples), measure.unit)})"
        one_each = len(samples) == cell.runs > 1
        fields.append(f"{_shown(value, measure.unit)} {measure.unit.value[1]}{spread if one_each else ''}")
        for each in ours:
            own = _value(results, experiment, each, measure)
            fields.append("" if own is None or name in OURS or not value else f"{own / value:.2g}")
    return "| " + " | ".join(fields) + " |"


def _with_runs(results: Results, experiment: Experiment, name: str) -> str:
    runs = results.cell(experiment.NUMBER, name).runs
    return f"{TITLES[name]}, {runs} run{'' if runs == 1 else 's'}"


def _line(results: Results, experiment: Experiment, names: list[str], measure: Measure) -> str:
    """For an experiment with few speakers: the row of one measure."""
    values = [_value(results, experiment, name, measure) for name in names]
    shown = ["not measured" if each is None else _with_unit(each, measure.unit) for each in values]
    return f"| {measure.name} | {' | '.join(shown)} |"


def _with_unit(value: float, unit: Unit) -> str:
    return f"{_shown(value, unit)} {unit.value[1]}".strip()


class Verdict(NamedTuple):
    """What has become of a target; None: it was not measured."""

    text: str
    is_met: bool | None


def _ours(results: Results, experiment: Experiment) -> list[str]:
    names = [name for name in OURS if name in results.versions and ADAPTERS[name].takes(experiment.NUMBER)]
    return names or ["rhi"]


def _verdicts(results: Results, experiment: Experiment) -> list[Verdict]:
    ours = _ours(results, experiment)
    return [_verdict(results, experiment, target, name) for target in experiment.TARGETS for name in ours]


def _verdict(results: Results, experiment: Experiment, target: Target, name: str) -> Verdict:
    measure = next(measure for measure in experiment.MEASURES if measure.name == target.measure)
    ours = _value(results, experiment, name, measure)
    if target.reference is Reference.ABSOLUTE:
        aim = _with_unit(target.limit, measure.unit)
        got = None if ours is None else ours / target.limit
        text = "" if ours is None else _with_unit(ours, measure.unit)
    else:
        names = [name for name in results.versions if name not in NO_DAEMONS]
        if target.reference is Reference.FLOOR:
            names = ["floor"]
        values = {name: _value(results, experiment, name, measure) for name in names}
        known = {name: value for name, value in values.items() if value}
        best = min(known, key=lambda name: known[name], default=None)
        aim = f"{target.limit:g} × {target.reference.value}"
        ratio = None if ours is None or best is None else ours / known[best]
        got = None if ratio is None else ratio / target.limit
        text = "" if ratio is None or best is None else f"{ratio:.2g} × {TITLES[best]}"
    outcome = "not measured" if got is None else f"{'met' if got <= 1 else '**missed**'}, {text}"
    text = f"{name}: {target.measure}, at most {aim}: {outcome}"
    return Verdict(text, None if got is None else got <= 1)


def _value(results: Results, experiment: Experiment, name: str, measure: Measure) -> float | None:
    if name not in results.versions:
        return None
    samples = results.cell(experiment.NUMBER, name).samples.get(measure.samples)
    return measure.statistic(samples) if samples else None


def _shown(value: float, unit: Unit) -> str:
    scaled = value * unit.value[0]
    return f"{scaled:.0f}" if scaled >= 1000 else f"{scaled:.3g}"


def _by_number(item: tuple[str, str]) -> int:
    return int(item[0][1:])
