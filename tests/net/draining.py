"""A table with its drains, for virtual time, and the routes of these tests."""

import asyncio
from collections.abc import Iterator
from typing import Any

from rhi.core.route_table import RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.drain import DrainStep
from rhi.model.events import DrainProgress
from rhi.model.prefix import Prefix, to_prefix
from rhi.model.status import Flushed
from rhi.net.drain import Drain
from rhi.net.drain_plan import DrainPlan
from rhi.net.drains import Drains

A, B, C = (to_prefix(f"203.0.113.{n}") for n in (1, 2, 3))
MED_5 = PathAttributes(med=5)
MARKED = PathAttributes(med=5, graceful_shutdown=True)
FLUSH_TIME = 0.25
ALL_STEPS = ["mark", "flush_marks", "wait", "withdraw", "flush_withdrawals", "done"]
WITHOUT_WAIT = [step for step in ALL_STEPS if step != "wait"]


class Pool:
    """A table with its drains, and changes in the order in which a `PoolDriver` makes them."""

    def __init__(self, *routes: Prefix) -> None:
        self.table = RouteTable()
        self.marks: list[bool] = []
        self.told: list[DrainProgress] = []
        self.behind: dict[str, str] = {}
        self.is_heard = True
        self.ends: list[str] = []
        self.drains = Drains(self.table, self, wake=lambda: None, report=self.told.append)
        for route in routes:
            self.table.announce(route, MED_5)

    def mark(self, marked: bool) -> None:
        self.marks.append(marked)

    async def flush(self, timeout: float | None) -> Flushed:
        assert timeout is not None
        await asyncio.sleep(timeout if self.behind else FLUSH_TIME)
        return Flushed(behind=dict(self.behind))

    def stop(self, message: str) -> None:
        self.drains.closed()
        self.ends.append(message)

    async def wait_closed(self) -> None:
        await asyncio.sleep(0.5)

    def start(self, *routes: Prefix, **more: Any) -> Drain:
        """Drain these routes; everything without any."""
        settings: dict[str, Any] = {"wait": 30, "flush_timeout": 5, "message": "", "close": False} | more
        return self.drains.start(DrainPlan.check(routes or None, **settings))

    def announce(self, prefix: Prefix, attributes: PathAttributes = MED_5) -> None:
        self.drains.announced(prefix)
        self.table.announce(prefix, attributes)

    def withdraw(self, prefix: Prefix) -> None:
        self.drains.withdrawn(prefix)
        self.table.withdraw(prefix)

    def replace(self, *prefixes: Prefix) -> None:
        self.drains.replaced()
        self.table.replace(dict.fromkeys(prefixes, MED_5))

    def routes(self) -> dict[Prefix, PathAttributes]:
        return dict(self.table.routes())


def steps(drain: Drain) -> list[str]:
    return [progress.step.value for progress in drain.steps]


async def until(drain: Drain, step: DrainStep) -> None:
    """Wait until a drain has come to a step, and stop where it waits itself."""
    async for progress in drain:
        if progress.step is step:
            return
    raise AssertionError(f"{step} not in {steps(drain)}")


def many(count: int) -> Iterator[Prefix]:
    return (to_prefix(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(count))
