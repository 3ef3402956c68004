"""One experiment a file; a new one is added to the list here."""

from bench.experiments.base import Experiment, Need, Stage
from bench.experiments.cold_start import ColdStart
from bench.experiments.first_table import FirstTable
from bench.experiments.med_change import MedChange
from bench.experiments.single_route import SingleRoute
from bench.experiments.start_up import StartUp
from bench.experiments.withdraw_all import WithdrawAll

EXPERIMENTS: dict[str, Experiment] = {
    experiment.NUMBER: experiment
    for experiment in (FirstTable(), ColdStart(), SingleRoute(), MedChange(), WithdrawAll(), StartUp())
}
# On the list of docs/performance.md, but without a program to measure it yet.
NOT_YET: dict[str, str] = {
    "B6": "500 peers × 10,000 routes: first established → all have all; processor time, memory",
    "B7": "one peer stops reading for 20 s while 100,000 routes flap 20 times",
    "B8": "`replace` with 1,000,000 strings of which one differs from the table",
    "B9": "10,000 changes a second for 60 s, 50 peers",
}

__all__ = ["EXPERIMENTS", "NOT_YET", "Experiment", "Need", "Stage"]
