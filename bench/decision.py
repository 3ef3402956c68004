"""`python -m bench.decision`: what a decision costs among thousands of services.

Each service has one check and one address, and all are in one group with every rule of a guard, which is the
worst case: what one of them does concerns the others. The controller is the daemon's, on routes and a log
that go nowhere. Printed is one line for each number of services, in milliseconds of processor time:

    idle        nothing has changed, nothing is due
    one check   one check fails or is back (median and 99th percentile)
    drained     the same while an operator drains a tenth of the services
    held        an operator takes out one or gives it back while the guard keeps all, which failed at once
    all         all fail in one turn
    plan        what a file would change that takes away one service
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from ipaddress import IPv4Address
from typing import Final

from bench import machine
from rhi.daemon.alarms import Alarms
from rhi.daemon.config.build import Setup
from rhi.daemon.controller import Controller
from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.reconciler import Inputs
from rhi.daemon.decision.spec import Group, Quota, Service, Specs, Verdict
from rhi.daemon.history import Entry, History
from rhi.daemon.plan import make_plan
from rhi.daemon.state import Clocks
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix, to_prefix

GROUP: Final = Group(
    name="default", floor=Quota(percent=Fraction(50)), max_withdrawals=100_000, suspect_within=10.0
)
HEADING: Final = (
    "| services | idle | one check p50, p99 | drained p50, p99 | held p50, p99 | all | plan |\n"
    "|---|---|---|---|---|---|---|"
)


class Nowhere:
    """Takes routes and entries of the log."""

    def announce(self, route: Prefix, attributes: PathAttributes | None = None) -> None:
        """Nothing."""

    def withdraw(self, route: Prefix) -> None:
        """Nothing."""

    def mark_complete(self) -> None:
        """Nothing."""

    def log(self, entry: Entry) -> None:
        """Nothing."""


class Desk:
    """A controller with so many services, all of them up, and a clock that stands still unless moved."""

    def __init__(self, services: int) -> None:
        nowhere = Nowhere()
        self.now = 1000.0
        self.names = [f"service {number}" for number in range(services)]
        self.setup = Setup(
            router_id=IPv4Address("192.0.2.1"),
            listen=(),
            peers={},
            dynamic_peers={},
            specs=Specs(
                services={name: _service(name, number) for number, name in enumerate(self.names)},
                groups={GROUP.name: GROUP},
            ),
            checks={},
        )
        history = History(lambda: datetime.now(UTC), nowhere.log)
        self.controller = Controller(
            self.setup, nowhere, history, Alarms(history), lambda: Clocks(self.now, self.now)
        )
        self.set_all(Verdict.UP)
        self.controller.decide()

    def set_all(self, verdict: Verdict) -> None:
        """All checks at once."""
        for name in self.names:
            self.controller.set_verdict(name, verdict, "")

    def turns(self, rounds: int) -> list[float]:
        """Milliseconds of decisions with one check that fails, and one in which it is back, in turn."""
        times = []
        for number in range(rounds):
            name = self.names[number // 2 % len(self.names)]
            before = self.controller.verdicts[name]
            after = Verdict.UP if before is Verdict.DOWN else Verdict.DOWN
            self.now += 60.0
            self.controller.set_verdict(name, after, "")
            times.append(cost(self.controller.decide))
        return times

    def plan(self) -> None:
        """What taking away the first service would change."""
        specs = self.setup.specs
        fewer = {name: service for name, service in specs.services.items() if name != self.names[0]}
        after = replace(self.setup, specs=Specs(services=fewer, groups=specs.groups))
        inputs = Inputs(verdicts=self.controller.verdicts, overrides=self.controller.overrides)
        make_plan(self.setup, after, self.controller.reconciler, inputs, self.now)


def _service(name: str, number: int) -> Service:
    address = f"198.18.{number >> 8}.{number & 255}"  # the range for benchmarks (RFC 2544)
    return Service(name=name, prefixes=(to_prefix(address),), checks=(name,))


def cost(call: Callable[[], object]) -> float:
    """Milliseconds of processor time."""
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1000


def measure(services: int, rounds: int) -> str:
    """One line of the table."""
    desk = Desk(services)
    idle = statistics.median(cost(desk.controller.decide) for _ in range(rounds))
    single = desk.turns(rounds)
    for name in desk.names[: services // 10]:
        desk.controller.override(name, Action.DRAIN, reason="bench", by="bench", drain_time=1e6)
    desk.controller.decide()
    drained = desk.turns(rounds)
    for name in desk.names[: services // 10]:
        desk.controller.clear_override(name, "bench")
    desk.controller.decide()
    plan = cost(desk.plan)
    desk.set_all(Verdict.DOWN)
    everything = cost(desk.controller.decide)
    held = _while_held(desk, rounds)
    figures = [f"{idle:.3f}", *map(_spread, (single, drained, held)), f"{everything:.0f}", f"{plan:.0f}"]
    return f"| {services} | {' | '.join(figures)} |"


def _while_held(desk: Desk, rounds: int) -> list[float]:
    """Decisions about a service that an operator takes out and gives back while all have failed."""
    times = []
    for number in range(rounds):
        name = desk.names[number // 2 % len(desk.names)]
        if number % 2:
            desk.controller.clear_override(name, "bench")
        else:
            desk.controller.override(name, Action.WITHDRAW, reason="bench", by="bench")
        times.append(cost(desk.controller.decide))
    return times


def _spread(times: list[float]) -> str:
    ordered = sorted(times)
    return f"{statistics.median(ordered):.3f}, {ordered[int(len(ordered) * 0.99)]:.3f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.decision", description=__doc__.partition("\n")[0])
    parser.add_argument("services", nargs="*", type=int, default=[1000, 5000, 20000])
    parser.add_argument("--rounds", type=int, default=100, help="decisions of each sort (100)")
    options = parser.parse_args()
    print(", ".join(f"{name} {value}" for name, value in machine.describe().items()), end="\n\n")
    print(HEADING)
    for services in options.services:
        print(measure(services, options.rounds), flush=True)


if __name__ == "__main__":
    main()
