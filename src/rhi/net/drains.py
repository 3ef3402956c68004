"""Draining: routes are made unattractive, then withdrawn, then perhaps the sessions end (RFC 8326 §4).

`Drains` are all drains of one pool, each a task in the event loop. A drain of everything marks the peers and
not the routes: its cost is the same however many routes there are, and what is announced meanwhile is marked
too. A drain of some routes changes their attributes, and owns them until it has withdrawn them, or until
somebody has said something else about them: the last word on a route counts.

A drain of many routes takes them over, and gives them back when it is cancelled, ROUTES_PER_TURN at a time. A
word on a route that is said meanwhile counts as if all had been taken, or given back, at once.

Every wait has an end. A peer that does not acknowledge is named in the result and holds up nothing.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final, Protocol

from rhi.core.route_table import RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.drain import Drained, DrainStep
from rhi.model.events import DrainProgress
from rhi.model.prefix import Prefix
from rhi.model.status import Flushed
from rhi.net.drain import Drain, Watch
from rhi.net.drain_plan import DrainPlan

# Routes changed before the event loop looks after sockets and timers again.
ROUTES_PER_TURN: Final = 1000
# Seconds between two looks at whether a replacement of all routes has come to its end.
REPLACING_INTERVAL: Final = 0.001


class DrainedPool(Protocol):
    """What drains need of their pool."""

    def mark(self, marked: bool) -> None:
        """Mark what every peer is told, or no longer."""

    async def flush(self, timeout: float | None) -> Flushed:
        """Wait until all established peers have acknowledged everything."""

    @property
    def is_heard(self) -> bool:
        """Any session is established."""

    def stop(self, message: str) -> None:
        """End all sessions."""

    async def wait_closed(self) -> None:
        """Until they have ended."""


class Drains:
    """The drains of one pool.

    Attributes:
        is_marking: everything is being drained: whatever a peer is told is to be marked.
        is_any: drains are under way, which have to hear of changes.
    """

    def __init__(
        self,
        table: RouteTable,
        pool: DrainedPool,
        *,
        wake: Callable[[], None],
        report: Callable[[DrainProgress], object],
    ) -> None:
        """`wake` has peers told of changes of the table; `report` gets every step."""
        self.is_marking = False
        self.is_any = False
        self._table = table
        self._pool = pool
        self._wake = wake
        self._report = report
        self._count = 0
        self._whole: Drain | None = None
        self._parts: dict[Drain, None] = {}
        self._taking: dict[Drain, None] = {}
        self._owners: dict[Prefix, Drain] = {}

    def start(self, plan: DrainPlan, watch: Watch | None = None) -> Drain:
        """Begin a drain."""
        self._count += 1

        def tell(progress: DrainProgress, result: Drained | None) -> None:
            self._report(progress)
            if watch is not None:
                watch(progress, result)

        drain = Drain(self._count, plan, self, tell)
        self.is_any = True
        if plan.routes is None:
            self._take_all(drain)
            drain.enter(DrainStep.MARK, {})
        else:
            for other in self._taking:
                if len(plan.routes) <= ROUTES_PER_TURN:
                    other.spoken |= plan.routes & (other.plan.routes or frozenset())
                else:
                    other.later.append(plan.routes)
            self._parts[drain] = self._taking[drain] = None
            self._take_turn(drain)
        if drain.task is None and not drain.is_done:
            drain.task = asyncio.get_running_loop().create_task(self._run(drain))
        return drain

    def refuse(self, plan: DrainPlan, watch: Watch | None = None) -> Drain:
        """A drain that comes too late: the sessions have ended."""
        drain = Drain(0, plan, self, watch or (lambda *_: None))
        drain.enter(DrainStep.SUPERSEDED, {})
        return drain

    def left(self, drain: Drain) -> int:
        """Number of routes that a drain has yet to withdraw."""
        return len(self._table) if drain.plan.routes is None else len(drain.routes)

    # What is said about routes while drains are under way

    def announced(self, prefix: Prefix) -> None:
        """The route is about to be announced."""
        self._settle_word(prefix)
        if self._whole is not None and self._whole.step is DrainStep.WITHDRAW:
            self._whole.announced_meanwhile.add(prefix)

    def withdrawn(self, prefix: Prefix) -> None:
        """The route is about to be withdrawn."""
        self._settle_word(prefix)

    def replaced(self) -> None:
        """All routes are about to be replaced."""
        self._end_parts()
        if self._whole is not None and self._whole.step is DrainStep.WITHDRAW:
            self._whole.is_overtaken = True

    def closed(self) -> None:
        """The sessions are about to end."""
        self._end_parts()
        if self._whole is not None and self._whole.step is not DrainStep.CLOSE:
            self.end(self._whole, DrainStep.SUPERSEDED)

    # How drains begin and end

    def cancel(self, drain: Drain) -> None:
        """End a drain and give its routes their attributes back: now, or in turns where there are many."""
        if drain.is_done or drain.is_cancelled:
            return
        drain.is_cancelled = True
        if drain not in self._parts or not self._give_back_turn(drain):
            self.end(drain, DrainStep.CANCELLED)
            return
        if drain.task is not None:
            drain.task.cancel()
        drain.task = asyncio.get_running_loop().create_task(self._give_back(drain))

    def end(self, drain: Drain, outcome: DrainStep) -> None:
        """End a drain that has not ended; when it is cancelled its routes get their attributes back."""
        if drain.is_done:
            return
        if drain is self._whole:
            self._whole = None
            self._mark(False)
        while drain in self._parts and outcome is DrainStep.CANCELLED and self._give_back_turn(drain):
            pass
        self._parts.pop(drain, None)
        self._taking.pop(drain, None)
        self.is_any = self._whole is not None or bool(self._parts)
        for prefix in drain.routes:
            del self._owners[prefix]
        drain.routes.clear()
        self._wake()
        if not drain.steps:
            drain.enter(DrainStep.MARK, {})
        drain.enter(outcome, drain.behind_withdrawals if outcome is DrainStep.DONE else drain.behind)
        if drain.task is not None and drain.task is not asyncio.current_task():
            drain.task.cancel()

    def _take_all(self, drain: Drain) -> None:
        before, self._whole = self._whole, drain
        if before is not None:
            self.end(before, DrainStep.SUPERSEDED)
        self._mark(True)

    def _take_turn(self, drain: Drain) -> None:
        """Become the owner of the next routes that are announced, whoever owned them before."""
        prefixes = list(islice(drain.untaken, ROUTES_PER_TURN))
        for prefix in prefixes:
            if prefix in drain.spoken or prefix not in self._table:
                continue
            if any(prefix in routes for routes in drain.later):
                drain.spoken.add(prefix)
                continue
            owner = self._owners.get(prefix)
            attributes = None if owner is None else owner.routes[prefix]
            self._settle(prefix)
            self._owners[prefix] = drain
            drain.routes[prefix] = attributes
        if len(prefixes) < ROUTES_PER_TURN:
            del self._taking[drain]
            drain.enter(DrainStep.MARK, {})
            if not drain.routes and drain.spoken and not drain.is_cancelled:
                self.end(drain, DrainStep.SUPERSEDED)

    def _give_back_turn(self, drain: Drain) -> bool:
        """Give the next routes of a cancelled drain their attributes back; true when there are more."""
        if drain in self._taking:
            # also what it has not looked at yet is taken from earlier drains, which it has overtaken
            self._take_turn(drain)
        for _ in range(min(ROUTES_PER_TURN, len(drain.routes))):
            prefix, attributes = drain.routes.popitem()
            del self._owners[prefix]
            # a drain of everything may have withdrawn it meanwhile
            if attributes is not None and prefix in self._table:
                self._table.announce(prefix, attributes)
        self._wake()
        return bool(drain.routes) or drain in self._taking

    def _settle(self, prefix: Prefix) -> None:
        """The last word on a route is not that of the drain which owns it."""
        owner = self._owners.pop(prefix, None)
        if owner is not None:
            del owner.routes[prefix]
            if owner in self._taking:
                owner.spoken.add(prefix)
            elif not (owner.routes or owner.withdrawn or owner.is_cancelled):
                self.end(owner, DrainStep.SUPERSEDED)

    def _settle_word(self, prefix: Prefix) -> None:
        """The last word on a route is nobody's of the drains, also of those that have yet to take it."""
        self._settle(prefix)
        for drain in self._taking:
            if prefix in (drain.plan.routes or ()):
                drain.spoken.add(prefix)

    def _end_parts(self) -> None:
        # all at once: the routes of all are nobody's any more
        self._owners.clear()
        self._taking.clear()
        for drain in self._parts:
            drain.routes.clear()
        for drain in list(self._parts):
            self.end(drain, DrainStep.CANCELLED if drain.is_cancelled else DrainStep.SUPERSEDED)

    def _mark(self, marked: bool) -> None:
        if marked is not self.is_marking:
            self.is_marking = marked
            self._pool.mark(marked)

    # The steps

    async def _run(self, drain: Drain) -> None:
        plan = drain.plan
        try:
            while drain in self._taking:
                await asyncio.sleep(0)
                self._take_turn(drain)
            if drain.is_done:
                return
            await self._mark_routes(drain)
            drain.enter(DrainStep.FLUSH_MARKS, {})
            drain.behind_marks = (await self._pool.flush(plan.flush_timeout)).behind
            # nothing attracts traffic that would have to move
            if plan.wait and self.left(drain) and self._pool.is_heard:
                drain.enter(DrainStep.WAIT, drain.behind_marks)
                await asyncio.sleep(plan.wait)
            drain.enter(DrainStep.WITHDRAW, drain.behind_marks)
            await self._withdraw(drain)
            drain.enter(DrainStep.FLUSH_WITHDRAWALS, {})
            drain.behind_withdrawals = (await self._pool.flush(plan.flush_timeout)).behind
            if plan.close:
                drain.enter(DrainStep.CLOSE, drain.behind_withdrawals)
                self._pool.stop(plan.message)
                await self._pool.wait_closed()
            self.end(drain, DrainStep.DONE)
        finally:
            # without effect unless the loop is ending, or something of ours went wrong
            if not drain.is_cancelled:
                self.end(drain, DrainStep.CANCELLED)

    async def _give_back(self, drain: Drain) -> None:
        try:
            while self._give_back_turn(drain):
                await asyncio.sleep(0)
        finally:
            self.end(drain, DrainStep.CANCELLED)

    async def _mark_routes(self, drain: Drain) -> None:
        await self._wait_replaced()
        marked: dict[PathAttributes, PathAttributes] = {}
        for prefixes in _turns(list(drain.routes)):
            for prefix in prefixes:
                attributes = self._table.get(prefix)
                if prefix not in drain.routes or attributes is None:
                    continue
                if drain.routes[prefix] is None:
                    drain.routes[prefix] = attributes
                if attributes not in marked:
                    marked[attributes] = replace(attributes, graceful_shutdown=True)
                self._table.announce(prefix, marked[attributes])
            self._wake()
            await asyncio.sleep(0)

    async def _withdraw(self, drain: Drain) -> None:
        await self._wait_replaced()
        if drain.plan.routes is None:
            await self._withdraw_all(drain)
            return
        for prefixes in _turns(list(drain.routes)):
            for prefix in prefixes:
                if prefix in drain.routes:
                    del drain.routes[prefix], self._owners[prefix]
                    drain.withdrawn += self._table.withdraw(prefix)
            self._wake()
            await asyncio.sleep(0)

    async def _withdraw_all(self, drain: Drain) -> None:
        self._end_parts()
        steps = self._table.clear_in_steps(ROUTES_PER_TURN, drain.announced_meanwhile)
        while not drain.is_overtaken and (count := next(steps, None)) is not None:
            drain.withdrawn += count
            self._wake()
            await asyncio.sleep(0)
        if not drain.plan.close:
            # what is announced from now on is there to stay
            self._mark(False)
        await self._settle_withdrawn()

    async def _settle_withdrawn(self) -> None:
        """Drains of some routes that have begun meanwhile have nothing to do with what is withdrawn."""
        for part in list(self._parts):
            for prefixes in _turns(list(part.routes)):
                for prefix in prefixes:
                    if self._owners.get(prefix) is part and prefix not in self._table:
                        self._settle(prefix)
                await asyncio.sleep(0)

    async def _wait_replaced(self) -> None:
        """Nothing else may change the table before a replacement has come to its end."""
        while self._table.is_replacing:
            await asyncio.sleep(REPLACING_INTERVAL)


def _turns(prefixes: list[Prefix]) -> Iterator[list[Prefix]]:
    """The prefixes in lists of ROUTES_PER_TURN."""
    return (prefixes[at : at + ROUTES_PER_TURN] for at in range(0, len(prefixes), ROUTES_PER_TURN))
