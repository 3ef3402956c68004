"""`python -m bench`, which `make bench` runs from the top of the tree."""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from bench import growth, machine, profiling, runner
from bench.adapters import ADAPTERS, Rhi
from bench.experiments import EXPERIMENTS
from bench.ground import Ground, ground
from bench.program import ROOT, python_environment
from bench.report import markdown, write_into
from bench.results import Results
from bench.runner import Plan

DOCUMENT: Final = ROOT / "docs" / "performance.md"
PICTURE: Final = DOCUMENT.with_name("growth.svg")
OUTPUT: Final = ROOT / "build" / "bench"

# routes, runs, single routes of B3, seconds that a step may take, seconds after which one run is enough, part
# of the peers and seconds of B6, B7 and B9
QUICK: Final = (100_000, 3, 20, 60.0, 15.0, 0.1)
FULL: Final = (1_000_000, 5, 100, 300.0, 200.0, 1.0)


def main() -> int:
    """Measure, and write the results; returns the exit code."""
    arguments = _parser().parse_args()
    routes, runs, singles, timeout, patience, scale = FULL if arguments.full else QUICK
    plan = Plan(
        experiments=arguments.only or list(EXPERIMENTS),
        speakers=arguments.daemons or list(ADAPTERS),
        routes=arguments.routes or routes,
        runs=arguments.runs or runs,
        singles=singles,
        timeout=timeout,
        patience=patience,
        extended=arguments.extended,
        scale=arguments.scale or scale,
    )
    is_whole = not (arguments.only or arguments.daemons or arguments.routes or arguments.runs)
    section = "full" if arguments.full else "quick"
    OUTPUT.mkdir(parents=True, exist_ok=True)
    if arguments.profile:
        Rhi.profile = str(OUTPUT / "profile")
    results = Results(
        command=shlex.join(["python", "-m", "bench", *sys.argv[1:]]),
        options={
            "routes": f"{plan.routes:,}",
            "runs": plan.runs,
            "extended messages": plan.extended,
            "part of B6, B7 and B9": plan.scale,
        },
        machine=machine.describe(),
        versions=runner.versions(plan.speakers),
    )
    # so that the first run has the bytecode too
    warm_up = [sys.executable, "-c", "import rhi.cli.speak, bench.pool_server, bench.floor, bench.sink"]
    subprocess.run(warm_up, check=True, cwd=ROOT, env=python_environment())
    with ground() as place:
        if arguments.growth:
            _grow(place, plan)
            return 0
        runner.run(plan, place, results)
        if arguments.full and is_whole:
            _grow(place, plan)
    results.save(OUTPUT / f"{section}.json")
    text = markdown(results)
    if (is_whole and not arguments.profile) or arguments.write:
        write_into(DOCUMENT, section, text)
        print(f"written: {_short(DOCUMENT)}, {_short(OUTPUT)}/{section}.json", file=sys.stderr)
    else:
        print(f"part of a run, so {_short(DOCUMENT)} stays as it is (--write)", file=sys.stderr)
    print(text)
    if arguments.profile:
        print(profiling.summary(Rhi.profile))
    return 0


def _grow(place: Ground, plan: Plan) -> None:
    """Measure how cost grows; the picture and its table go into the document."""
    growths = growth.measure(place, min(3, plan.runs), plan.timeout, max(plan.routes, growth.ROUTES[1]))
    PICTURE.write_text(growth.draw(growths))
    text = growth.markdown(growths, PICTURE)
    write_into(DOCUMENT, "growth", text)
    print(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help=f"{QUICK[0]:,} routes, {QUICK[1]} runs (default)")
    size.add_argument("--full", action="store_true", help=f"{FULL[0]:,} routes, {FULL[1]} runs")
    add("--only", metavar="B1,B4", type=_names(EXPERIMENTS), help=f"of {', '.join(EXPERIMENTS)}")
    add("--daemons", metavar="rhi,bird", type=_names(ADAPTERS), help=f"of {', '.join(ADAPTERS)}")
    add("--routes", metavar="N", type=int)
    add("--runs", metavar="N", type=int)
    add("--scale", metavar="X", type=float, help="part of the peers and seconds of B6, B7 and B9")
    add("--extended", action="store_true", help="the sink offers messages of 65,535 bytes (RFC 8654)")
    add("--growth", action="store_true", help="only how cost grows; a full run does it too")
    add("--write", action="store_true", help="write a part of a run into docs/performance.md too")
    add("--profile", action="store_true", help="run rhi under cProfile, which slows it down")
    return parser


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    """An argument type: names of a list, separated by commas, in the order of that list."""
    names = list(known)

    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in names:
                raise argparse.ArgumentTypeError(f"{name!r}: known are {', '.join(names)}")
        return [name for name in names if name in chosen]

    return parse


def _short(path: Path) -> Path:
    return path.relative_to(ROOT)


if __name__ == "__main__":
    sys.exit(main())
