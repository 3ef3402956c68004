"""`python -m bench.reliability`: what clients notice of drains, restarts, reloads, upgrades and crashes.

Two hosts announce one address to a router that spreads clients over both, and a client fetches without pause
while one of the hosts has what hosts have: see `tests/interop/reliability.py`, which has the events. Printed
is a table of the worst of all rounds; with `--write` it goes into docs/reliability.md. Needs root, BIRD and
FRR.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import machine
from bench.program import ROOT
from bench.report import write_into
from tests.interop.lab import Bird, Frr, Router, remove_leftovers
from tests.interop.lab.anycast import FALL, HOLD_TIME, INTERVAL, anycast
from tests.interop.lab.fetching import PATIENCE, PERIOD
from tests.interop.reliability import EVENTS, Event, Toll, happen, toll

DOCUMENT: Final = ROOT / "docs" / "reliability.md"
ROUTERS: Final[tuple[type[Router], ...]] = (Bird, Frr)
Tolls = dict[tuple[str, str], list[Toll]]


def measure(rounds: int) -> Tolls:
    """What each event cost with each router, by the names of both."""
    found: Tolls = {}
    for router in ROUTERS:
        for policies in sorted({event.policies for event in EVENTS}):
            events = [event for event in EVENTS if event.policies == policies]
            with anycast(router, policies) as site:
                times = [(event, *happen(site, event)) for _ in range(rounds) for event in events]
                for event, began, ended in times:
                    found.setdefault((router.NAME, event.name), []).append(toll(site, began, ended))
    return found


def table(found: Tolls) -> str:
    """A line for each event, a column for each router."""
    lines = [
        "| event | " + " | ".join(f"{router.TITLE} {router.version()}" for router in ROUTERS) + " |",
        "|---" * (len(ROUTERS) + 1) + "|",
    ]
    for event in EVENTS:
        cells = [_cell(event, found[router.NAME, event.name]) for router in ROUTERS]
        lines.append(f"| {event.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(event: Event, tolls: Sequence[Toll]) -> str:
    asked, repeated, lost = (
        sum(getattr(each, name) for each in tolls) for name in ("asked", "repeated", "lost")
    )
    text = f"{lost} lost, {repeated} asked again, of {asked}"
    if event.noticed_within:
        worst = max(each.outage for each in tolls)
        text += f"; over in {worst:.2f} s at the most"
    return text


def text(found: Tolls, rounds: int) -> str:
    """The table, and how it was made."""
    where = ", ".join(f"{name} {value}" for name, value in machine.describe().items())
    how = (
        f"`python -m bench.reliability --rounds {rounds}`. Machine: {where}. One TCP and one UDP request "
        f"every {PERIOD * 1000:g} ms, each given {PATIENCE:g} s; checks every {INTERVAL:g} s, "
        f"`fall = {FALL}`; `hold_time` {HOLD_TIME:g} s. The sum of {rounds} rounds."
    )
    return f"{table(found)}\n\n{how}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.reliability", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each event happens (5)")
    parser.add_argument("--write", action="store_true", help=f"write it into {_relative(DOCUMENT)}")
    options = parser.parse_args()
    remove_leftovers()
    result = text(measure(options.rounds), options.rounds)
    print(result)
    if options.write:
        write_into(DOCUMENT, "reliability", result)


def _relative(path: Path) -> Path:
    return path.relative_to(ROOT)


if __name__ == "__main__":
    main()
