"""`python -m bench`, which `make bench` runs from the top of the tree."""

from __future__ import annotations

import argparse
import math
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Final

from bench import growth, machine, profiling, runner
from bench.adapters import ADAPTERS, Rhi
from bench.errors import BenchError
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
FULL: Final = (1_000_000, 5, 100, 300.0, 100.0, 1.0)
GROWTH_RUNS: Final = 3


def main() -> int:
    """Measure, and write the results; returns the exit code."""
    arguments = _parser().parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    if arguments.profile:
        Rhi.profile = str(OUTPUT / "profile")
    try:
        bench = Bench(arguments)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    # so that the first run has the bytecode too
    warm_up = [sys.executable, "-c", "import rhi.cli.speak, bench.pool_server, bench.floor, bench.sink"]
    subprocess.run(warm_up, check=True, cwd=ROOT, env=python_environment())
    with ground() as place:
        bench.measure(place)
    bench.report()
    return 0


class Bench:
    """One call of the command."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        """Raises BenchError when there is something to resume that was made otherwise."""
        routes, runs, singles, timeout, patience, scale = FULL if arguments.full else QUICK
        self._plan = Plan(
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
        is_part = arguments.only or arguments.daemons or arguments.routes or arguments.runs
        # what may be measured in pieces, and is reported when there is all of it
        self._whole = self._plan
        if arguments.resume:
            self._whole = replace(self._plan, experiments=list(EXPERIMENTS), speakers=list(ADAPTERS))
        self._section = "full" if arguments.full else "quick"
        self._is_kept = arguments.resume or arguments.write or not (is_part or arguments.profile)
        self._is_written: bool = arguments.write
        self._growth_only: bool = arguments.growth
        self._grows: bool = arguments.growth or (arguments.full and not is_part)
        self._most = max(self._plan.routes, growth.ROUTES[1])
        self._ends_at = monotonic() + (arguments.seconds or math.inf)
        self._path = OUTPUT / f"{self._section if self._is_kept else 'part'}.json"
        self._results = self._begin(arguments)

    def measure(self, place: Ground) -> None:
        """All that is left, or as much as there is time for."""
        if not self._growth_only:
            runner.run(self._plan, place, self._results, self._save, self._is_over)
        if self._grows:
            growth.measure(
                place,
                self._results.growth,
                runs=min(GROWTH_RUNS, self._plan.runs),
                timeout=self._plan.timeout,
                most=self._most,
                save=self._save,
                is_over=self._is_over,
            )

    def report(self) -> None:
        """Write what is complete into the document; print it."""
        tables = not self._growth_only or self._whole is not self._plan
        grows = self._grows or (self._whole is not self._plan and self._section == "full")
        left = runner.count_left(self._whole, self._results) if tables else 0
        growth_left = (
            growth.count_left(self._results.growth, min(GROWTH_RUNS, self._plan.runs), self._most)
            if grows
            else 0
        )
        if left or growth_left:
            print(f"{left + growth_left} measurements are left: --resume continues", file=sys.stderr)
        if grows and not growth_left:
            self._write_growth()
        if tables and (self._is_written or not (left or growth_left)):
            self._write_tables()
        if Rhi.profile:
            print(profiling.summary(Rhi.profile))

    def _begin(self, arguments: argparse.Namespace) -> Results:
        options = {
            "routes": f"{self._plan.routes:,}",
            "runs": self._plan.runs,
            "extended messages": self._plan.extended,
            "part of B6, B7 and B9": self._plan.scale,
        }
        code = machine.code()
        if arguments.resume and self._path.exists():
            return Results.load(self._path, options=options, code=code)
        in_pieces = [f"--{self._section}", "--resume"]
        return Results(
            command=shlex.join(["python", "-m", "bench", *(in_pieces if arguments.resume else sys.argv[1:])]),
            options=options,
            machine=machine.describe(),
            code=code,
            versions=runner.versions(list(ADAPTERS) if arguments.resume else self._plan.speakers),
        )

    def _save(self) -> None:
        self._results.save(self._path)

    def _is_over(self) -> bool:
        return monotonic() >= self._ends_at

    def _write_tables(self) -> None:
        text = markdown(self._results)
        if self._is_kept:
            write_into(DOCUMENT, self._section, text)
            print(f"written: {_short(DOCUMENT)}, {_short(self._path)}", file=sys.stderr)
        else:
            print(f"part of a run, so {_short(DOCUMENT)} stays as it is (--write)", file=sys.stderr)
        print(text)

    def _write_growth(self) -> None:
        """The picture and its table go into the document."""
        found = growth.curves(self._results.growth, self._most)
        PICTURE.write_text(growth.draw(found))
        text = growth.markdown(found, PICTURE)
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
    add("--resume", action="store_true", help="go on with a run that was interrupted, or begin one")
    add("--seconds", metavar="N", type=float, help="begin nothing more after so long; --resume continues")
    add("--growth", action="store_true", help="only how cost grows; a full run does it too")
    add(
        "--write",
        action="store_true",
        help="write what there is into docs/performance.md, though it is a part of a run",
    )
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
