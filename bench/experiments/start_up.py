"""B10: how soon a fresh process has its first route on the wire, and what `import rhi` takes of that."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from bench.adapters import Rhi
from bench.experiments.base import Experiment, Measure, Need, Reference, Samples, Stage, Target, Unit
from bench.experiments.cold_start import start_and_wait
from bench.program import ROOT, python_environment

IMPORTS: Final = 5
_TIMED_IMPORT: Final = "import time; t = time.perf_counter(); import rhi; print(time.perf_counter() - t)"


class StartUp(Experiment):
    NUMBER = "B10"
    TITLE = "start of the process with one route → that route at the sink; `import rhi`"
    NEEDS = Need.NOTHING
    MEASURES = (
        Measure("first route", "first", unit=Unit.MILLISECONDS),
        Measure("import rhi", "import", unit=Unit.MILLISECONDS),
    )
    TARGETS = (
        Target("first route", 0.25, Reference.ABSOLUTE),
        Target("import rhi", 0.06, Reference.ABSOLUTE),
    )

    def run(self, stage: Stage) -> Samples:
        started_at, first_at = start_and_wait(stage, 1)
        samples = {"first": [first_at - started_at]}
        if isinstance(stage.speaker, Rhi):
            samples["import"] = [_import_time() for _ in range(IMPORTS)]
        return samples


def _import_time() -> float:
    command = [sys.executable, "-c", _TIMED_IMPORT]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=60,
        env=python_environment(),
    )
    return float(done.stdout)
