"""Checks that run a command: how often, in the bounds that rhi has, and what would do without the command."""

import re
from typing import Final

from rhi.daemon.importing.draft import Draft, Table

# Those of `rhi.health.base`.
INTERVALS: Final = (0.05, 86400.0)
TIMEOUTS: Final = (0.01, 3600.0)
COUNTS: Final = (1, 1000)


def set_pace(
    draft: Draft,
    table: Table,
    *,
    interval: float,
    timeout: float,
    rise: int,
    fall: int,
    fast_interval: float | None = None,
) -> None:
    """The pace of a check; what is out of bounds is brought into them, with a note."""
    interval = _bounded(draft, table, "interval", interval, INTERVALS)
    table.set("interval", interval)
    if fast_interval is not None and fast_interval != interval:
        bounds = (INTERVALS[0], interval)
        table.set("fast_interval", _bounded(draft, table, "fast_interval", fast_interval, bounds))
    table.set("timeout", _bounded(draft, table, "timeout", timeout, TIMEOUTS))
    table.set("rise", int(_bounded(draft, table, "rise", rise, COUNTS)))
    table.set("fall", int(_bounded(draft, table, "fall", fall, COUNTS)))


def _bounded(draft: Draft, table: Table, name: str, value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    result = min(max(value, low), high)
    if result != value:
        draft.note(table, f"{name} {value:g}: is {result:g} here, since it may be {low:g} to {high:g}")
    return result


def hint(table: Table, command: str) -> None:
    """A check that needs no process, when the command looks like one."""
    url = re.search(r"\bhttps?://[^\s'\";|&]+", command)
    if re.match(r"\s*(\S*/)?(curl|wget)\b", command) and url:
        table.comment(f'Cheaper, if no more is asked: type = "http", url = "{url[0]}"')
    elif re.match(r"\s*(\S*/)?(dig|host|kdig|drill)\b", command):
        table.comment('Cheaper, if no more is asked: type = "dns", with address and query')
    elif re.match(r"\s*(\S*/)?nc\b", command):
        table.comment('Cheaper, if no more is asked: type = "tcp", with address and port')
