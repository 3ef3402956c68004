"""One drain, as the event loop sees it: how far it is, and what it has yet to do.

A `Drain` is a record with a task behind it. What the steps are, and which routes are whose when there are
several drains, is in `drains`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Mapping, Set
from typing import Any, Protocol

from rhi.model.attributes import PathAttributes
from rhi.model.drain import Drained, DrainStep
from rhi.model.events import DrainProgress
from rhi.model.prefix import Prefix
from rhi.net.drain_plan import DrainPlan

# Told of each step, and of the result with the last.
Watch = Callable[[DrainProgress, Drained | None], object]


class DrainKeeper(Protocol):
    """What a drain needs of those it is one of."""

    def cancel(self, drain: "Drain") -> None:
        """End it and give its routes back."""

    def left(self, drain: "Drain") -> int:
        """Number of routes that it has yet to withdraw."""


class DrainRecord:
    """How far a drain is.

    Attributes:
        result: how it ended; None while it is under way.
    """

    def __init__(self) -> None:
        self.result: Drained | None = None
        self._steps: list[DrainProgress] = []

    @property
    def steps(self) -> tuple[DrainProgress, ...]:
        """Its steps so far, the current one last."""
        return tuple(self._steps)

    @property
    def step(self) -> DrainStep:
        """The step that it is at."""
        return self._steps[-1].step if self._steps else DrainStep.MARK

    @property
    def is_done(self) -> bool:
        """It has ended, in whatever way."""
        return self.result is not None

    @property
    def behind(self) -> Mapping[str, str]:
        """Established peers that had not acknowledged when the last flush of it ended, and with what."""
        return self._steps[-1].behind if self._steps else {}


class Drain(DrainRecord):
    """A drain under way: `await` it for its end, or iterate over all its steps with `async for`.

    Who waits for it may give up (`asyncio.wait_for`) without any effect on it; only `cancel` ends it. All
    attributes but `result` are for `Drains`.

    Attributes:
        number, plan: which it is in its pool, and what it is to do.
        routes: what a drain of some routes has yet to withdraw, with the attributes to give back when it is
            cancelled; None where the route is not marked yet.
        untaken: what it has yet to look at before it owns all of its routes.
        spoken, later: routes that others have spoken of before it took them, and those of later large drains.
        is_cancelled: its routes are being given back.
        announced_meanwhile, is_overtaken: routes announced, and whether all were replaced, since it began to
            withdraw everything.
        withdrawn, behind_marks, behind_withdrawals: see `Drained`.
        task: what performs the steps.
    """

    def __init__(self, number: int, plan: DrainPlan, drains: "DrainKeeper", watch: Watch) -> None:
        super().__init__()
        self.number = number
        self.plan = plan
        self.routes: dict[Prefix, PathAttributes | None] = {}
        self.untaken = iter(plan.routes or ())
        self.spoken: set[Prefix] = set()
        self.later: list[Set[Prefix]] = []
        self.is_cancelled = False
        self.announced_meanwhile: set[Prefix] = set()
        self.is_overtaken = False
        self.withdrawn = 0
        self.behind_marks: Mapping[str, str] = {}
        self.behind_withdrawals: Mapping[str, str] = {}
        self.task: asyncio.Task[None] | None = None
        self._drains = drains
        self._watch = watch
        self._changed = asyncio.Event()

    def cancel(self) -> None:
        """Take the marks away and withdraw nothing more; what has been withdrawn stays so.

        Does nothing when the drain has ended, or is ending the sessions. Many routes are given their own
        attributes back in turns; the drain ends after the last.
        """
        if self.step is not DrainStep.CLOSE:
            self._drains.cancel(self)

    def __await__(self) -> Generator[Any, None, Drained]:
        return self._wait().__await__()

    async def __aiter__(self) -> AsyncIterator[DrainProgress]:
        seen = 0
        while True:
            while seen < len(self._steps):
                yield self._steps[seen]
                seen += 1
            if self.result is not None:
                return
            await self._changed.wait()

    async def _wait(self) -> Drained:
        while self.result is None:
            await self._changed.wait()
        return self.result

    def enter(self, step: DrainStep, behind: Mapping[str, str]) -> None:
        """For `Drains`: the drain has come to `step`."""
        progress = DrainProgress(
            drain=self.number,
            step=step,
            everything=self.plan.routes is None,
            routes=self._drains.left(self),
            withdrawn=self.withdrawn,
            wait_time=self.plan.wait,
            behind=behind,
        )
        if step.is_end:
            self.result = Drained(
                outcome=step,
                withdrawn=self.withdrawn,
                behind_marks=self.behind_marks,
                behind_withdrawals=self.behind_withdrawals,
            )
        self._steps.append(progress)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        self._watch(progress, self.result)
