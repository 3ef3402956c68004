"""A check that does as it is told, and a notebook of reports."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import ClassVar, Literal

from rhi.health.base import Check, Interval, Result, Slot, Timeout
from rhi.health.checker import Report
from rhi.health.context import Context, Tools

Step = bool | BaseException | Callable[[], Awaitable[Result]]

PASS = Result(True, "passed")
FAIL = Result(False, "failed")


class ScriptedCheck(Check):
    """Does what `SCRIPTS` says under its `script`, step by step; passes when that has ended."""

    SCRIPTS: ClassVar[dict[str, Iterator[Step]]] = {}
    STARTS: ClassVar[list[tuple[str, float]]] = []

    type: Literal["scripted"] = "scripted"
    script: str = ""
    interval: Interval = 1.0
    timeout: Timeout = 0.5

    async def probe(self, context: Context) -> Result:
        """The next step."""
        self.STARTS.append((context.key, context.tools.clock()))
        step = next(self.SCRIPTS.get(self.script, iter(())), True)
        if isinstance(step, bool):
            return PASS if step else FAIL
        if isinstance(step, BaseException):
            raise step
        return await step()


class SlottedCheck(ScriptedCheck):
    """Needs a place."""

    slot = Slot.PROCESS


def script(name: str, *steps: Step) -> ScriptedCheck:
    """A check with these steps; `name` is any name that no other check of the test has."""
    ScriptedCheck.SCRIPTS[name] = iter(steps)
    ScriptedCheck.STARTS.clear()
    return ScriptedCheck(script=name, rise=1, fall=1)


def tools(chance: float = 0.0) -> Tools:
    """The clock of the running loop; 0 means no jitter."""
    return Tools(clock=asyncio.get_running_loop().time, random=lambda: chance)


class Notebook(list[Report]):
    """An observer that keeps the reports, and waits for so many of them."""

    def __init__(self) -> None:
        super().__init__()
        self._grown = asyncio.Event()

    def __call__(self, report: Report) -> None:
        self.append(report)
        self._grown.set()

    async def until(self, count: int) -> None:
        """Wait for that many reports in all."""
        while len(self) < count:
            self._grown.clear()
            await self._grown.wait()


async def forever() -> Result:
    """An answer that never comes."""
    await asyncio.Event().wait()
    return PASS


async def stubborn() -> Result:
    """Ignores that it is cancelled."""
    end = asyncio.get_running_loop().time() + 100
    while asyncio.get_running_loop().time() < end:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
    return PASS
