"""What a run found: samples by experiment and speaker, or why there are none; and its JSON form.

The file is written after each measurement, so that a run which is interrupted goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from bench import machine
from bench.adapters import OURS
from bench.errors import BenchError


@dataclass(slots=True, kw_only=True)
class Cell:
    """One experiment with one speaker.

    Attributes:
        runs: how often it was measured.
        samples: of all runs, in seconds or bytes, by name.
        trouble: why there are no more runs; "" when all were done.
        is_slow: it took so long that one run is enough.
        dates, loads: when each run was, and how busy the machine was just before it.
    """

    experiment: str
    speaker: str
    runs: int = 0
    samples: dict[str, list[float]] = field(default_factory=dict)
    trouble: str = ""
    is_slow: bool = False
    dates: list[str] = field(default_factory=list)
    loads: list[float] = field(default_factory=list)

    def add(self, samples: dict[str, list[float]], load: float) -> None:
        """Add one run's."""
        self.runs += 1
        self.dates.append(machine.date())
        self.loads.append(load)
        for name, values in samples.items():
            self.samples.setdefault(name, []).extend(values)

    def wants(self, runs: int) -> bool:
        """Whether it is to be measured again, so that there are so many runs."""
        return self.runs < runs and not self.trouble and not (self.is_slow and self.runs)


@dataclass(slots=True, kw_only=True)
class Results:
    """All cells of a run, and the circumstances.

    Attributes:
        command: how to repeat it.
        options: number of routes and runs, and the like.
        machine: see `machine`.
        code: which rhi is measured; see `machine.code`.
        versions: of the speakers, or why one is missing.
        growth: samples of each point of `growth`, by its name.
    """

    command: str
    options: dict[str, Any]
    machine: dict[str, str]
    code: str
    versions: dict[str, str]
    cells: list[Cell] = field(default_factory=list)
    growth: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def cell(self, experiment: str, speaker: str) -> Cell:
        """The cell, made when it is not there yet."""
        for cell in self.cells:
            if (cell.experiment, cell.speaker) == (experiment, speaker):
                return cell
        self.cells.append(Cell(experiment=experiment, speaker=speaker))
        return self.cells[-1]

    def save(self, path: Path) -> None:
        """Write as JSON; the file is whole at any moment."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(asdict(self), indent=1) + "\n")
        new.replace(path)

    @classmethod
    def load(cls, path: Path, *, options: Mapping[str, Any], code: str) -> Self:
        """Go on with what is in a file; what was measured of another rhi is left out.

        Raises:
            BenchError: it was made with other options.
        """
        found = json.loads(path.read_text())
        if found["options"] != options:
            raise BenchError(
                f"{path}: was made with options {found['options']}, and these are {dict(options)}; "
                f"start anew, without --resume"
            )
        results = cls(cells=[Cell(**cell) for cell in found.pop("cells")], **found)
        if results.code != code:
            results.cells = [cell for cell in results.cells if cell.speaker not in OURS]
            results.growth = {}
            results.code = code
        return results
