"""Takes noted changes over into a pool, in the I/O thread, some at a time.

    put, replace --> PendingChanges --> take_over, in turns of the event loop --> PoolDriver

One call of the I/O thread is enough for many changes. Between two turns the event loop looks after sockets
and timers, however much there is to take over.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from rhi.core.route_table import REPLACE_STEP
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix
from rhi.model.route_set import RouteSet
from rhi.net.carried_out import ROUTES, CarriedOut
from rhi.net.pending_changes import PendingChanges
from rhi.net.pool import PoolDriver

# Noted changes taken over before the event loop looks after sockets and timers again.
CHANGES_PER_TURN: Final = 1000
# Seconds from changes that could not be taken over, by a mistake of ours, to the next ones.
AFTER_FAILURE: Final = 1.0

_DONE: Final = object()


class Intake:
    """Changes of routes on their way into one pool."""

    def __init__(self, call_soon: Callable[[Callable[[], object]], object], carried_out: CarriedOut) -> None:
        """`call_soon` has something called in the I/O thread; `carried_out` tells what goes wrong there."""
        self._call_soon = call_soon
        self._carried_out = carried_out
        self._changes = PendingChanges()
        self._is_scheduled = False
        self._replacing: Iterator[None] | None = None
        self._applying: Iterator[tuple[Prefix, PathAttributes | None]] = iter(())
        self._batches = 0

    # In any thread

    def put(self, prefix: Prefix, attributes: PathAttributes | None) -> None:
        """Announce, or withdraw without attributes."""
        self._changes.put(prefix, attributes)
        # without a lock: the flag falls before changes are taken, so what was noted is taken or scheduled
        if not self._is_scheduled:
            self._schedule()

    def replace(self, routes: RouteSet) -> None:
        """The whole set; changes noted before do not count any more."""
        self._changes.replace(routes)
        if not self._is_scheduled:
            self._schedule()

    def leave(self) -> None:
        """In a forked process: what threads held stays held for ever, and nothing is taken over."""
        self._changes = PendingChanges()

    def _schedule(self) -> None:
        self._is_scheduled = True
        self._call_soon(self._take_over)

    # In the I/O thread

    def begin(self, driver: PoolDriver) -> None:
        """This is the pool; comes before anything is put."""
        self._driver = driver
        self._loop = asyncio.get_running_loop()

    async def catch_up(self) -> None:
        """Take over what has been noted by now: the batch being taken over, and the next."""
        last = self._batches + 2
        while self._batches < last and self._apply():
            await asyncio.sleep(0)

    def _take_over(self) -> None:
        if not self._carried_out.run(ROUTES, self._take_some):
            # what was noted after it is not to wait for another change; nor are mistakes to take all time
            self._loop.call_later(AFTER_FAILURE, self._take_over)

    def _take_some(self) -> None:
        if self._apply():
            # a single change must not go round the loop before it is sent
            self._driver.tell_now()
            self._loop.call_soon(self._take_over)

    def _apply(self) -> bool:
        """Take over one turn's worth of changes; true when there is more."""
        if self._replacing is not None:
            if next(self._replacing, _DONE) is _DONE:
                self._replacing = None
            return True
        batch = list(islice(self._applying, CHANGES_PER_TURN))
        if not batch:
            self._is_scheduled = False
            taken = self._changes.take()
            if taken is None:
                return True
            self._batches += 1
            whole, single = taken
            self._applying = iter(single.items())
            if whole is not None:
                self._replacing = self._driver.replace_in_steps(whole, REPLACE_STEP)
                return True
            batch = list(islice(self._applying, CHANGES_PER_TURN))
        for prefix, attributes in batch:
            if attributes is None:
                self._driver.withdraw(prefix)
            else:
                self._driver.announce(prefix, attributes)
        return bool(batch)
