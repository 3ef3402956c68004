"""What a run found: samples by experiment and speaker, or why there are none; and its JSON form."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True, kw_only=True)
class Cell:
    """One experiment with one speaker.

    Attributes:
        runs: how often it was measured.
        samples: of all runs, in seconds or bytes, by name.
        trouble: why there are no more runs; "" when all were done.
    """

    experiment: str
    speaker: str
    runs: int = 0
    samples: dict[str, list[float]] = field(default_factory=dict)
    trouble: str = ""

    def add(self, samples: dict[str, list[float]]) -> None:
        """Add one run's."""
        self.runs += 1
        for name, values in samples.items():
            self.samples.setdefault(name, []).extend(values)


@dataclass(slots=True, kw_only=True)
class Results:
    """All cells of a run, and the circumstances.

    Attributes:
        command: how to repeat it.
        options: number of routes and runs, and the like.
        machine: see `machine`.
        versions: of the speakers, or why one is missing.
    """

    command: str
    options: dict[str, Any]
    machine: dict[str, str]
    versions: dict[str, str]
    cells: list[Cell] = field(default_factory=list)

    def cell(self, experiment: str, speaker: str) -> Cell:
        """The cell, made when it is not there yet."""
        for cell in self.cells:
            if (cell.experiment, cell.speaker) == (experiment, speaker):
                return cell
        self.cells.append(Cell(experiment=experiment, speaker=speaker))
        return self.cells[-1]

    def save(self, path: Path) -> None:
        """Write as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")
