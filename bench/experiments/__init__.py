"""One experiment a file; a new one is added to the list here."""

from bench.experiments.base import Experiment, Need, Stage
from bench.experiments.churn import Churn
from bench.experiments.cold_start import ColdStart
from bench.experiments.fairness import Fairness
from bench.experiments.first_table import FirstTable
from bench.experiments.many_peers import ManyPeers
from bench.experiments.med_change import MedChange
from bench.experiments.replace_one import ReplaceOne
from bench.experiments.single_route import SingleRoute
from bench.experiments.slow_reader import SlowReader
from bench.experiments.start_up import StartUp
from bench.experiments.withdraw_all import WithdrawAll

EXPERIMENTS: dict[str, Experiment] = {
    experiment.NUMBER: experiment
    for experiment in (
        FirstTable(),
        ColdStart(),
        SingleRoute(),
        MedChange(),
        WithdrawAll(),
        ManyPeers(),
        SlowReader(),
        ReplaceOne(),
        Churn(),
        StartUp(),
        Fairness(),
    )
}

__all__ = ["EXPERIMENTS", "Experiment", "Need", "Stage"]
