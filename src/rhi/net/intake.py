"""Takes noted changes over into a pool, in the I/O thread, some at a time.

    put, replace --> PendingChanges --> take_over, in turns of the event loop --> PoolDriver

One call of the I/O thread is enough for many changes. Between two turns the event loop looks after sockets
and timers, however much there is to take over.

A change that fails, by a mistake of ours, is told and left out: those beside it are made all the same. A set
of routes that breaks off is given up, and stays told as failed until another whole one has been taken over.
"""

import asyncio
from collections.abc import Callable, Iterator
from enum import Enum, auto
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


class _Turn(Enum):
    """What one turn has come to."""

    NOTHING = auto()  # there was nothing to do
    MORE = auto()  # something, of which the end is to come
    DONE = auto()  # changes, or the last of a whole set
    FAILED = auto()


class Intake:
    """Changes of routes on their way into one pool."""

    def __init__(self, call_soon: Callable[[Callable[[], object]], object], carried_out: CarriedOut) -> None:
        """`call_soon` has something called in the I/O thread; `carried_out` tells what goes wrong there."""
        self._call_soon = call_soon
        self._carried_out = carried_out
        self._changes = PendingChanges()
        self._is_scheduled = False
        # of the I/O thread alone: a next turn is on its way
        self._is_under_way = False
        self._replacing: Iterator[None] | None = None
        self._is_half_replaced = False
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
        self._call_soon(self._start)

    # In the I/O thread

    def begin(self, driver: PoolDriver) -> None:
        """This is the pool; comes before anything is put."""
        self._driver = driver
        self._loop = asyncio.get_running_loop()

    async def catch_up(self) -> None:
        """Take over what has been noted by now: the batch being taken over, and the next."""
        last = self._batches + 2
        while self._batches < last and self._turn(tells=False) is not _Turn.NOTHING:
            await asyncio.sleep(0)

    def _start(self) -> None:
        """Begin a row of turns; there is one at most, which takes over what is noted meanwhile too."""
        if not self._is_under_way:
            self._take_over()

    def _take_over(self) -> None:
        turn = self._turn(tells=True)
        self._is_under_way = turn is not _Turn.NOTHING
        if turn is _Turn.FAILED:
            # what was noted after it is not to wait for another change; nor are mistakes to take all time
            self._loop.call_later(AFTER_FAILURE, self._take_over)
        elif self._is_under_way:
            self._loop.call_soon(self._take_over)

    def _turn(self, *, tells: bool) -> _Turn:
        """Take over one turn's worth of changes, and contain what goes wrong."""
        try:
            turn = self._apply()
            if tells and turn is not _Turn.NOTHING:
                # a single change must not go round the loop before it is sent
                self._driver.tell_now()
        except Exception as error:  # a mistake of ours must not pass unseen
            self._carried_out.failed(ROUTES, error)
            return _Turn.FAILED
        if turn is _Turn.DONE:
            self._carried_out.worked(ROUTES)
        return turn

    def _apply(self) -> _Turn:
        if self._replacing is not None:
            return self._replace_some(self._replacing)
        turn = self._change_some()
        if turn is not _Turn.NOTHING:
            return turn
        self._is_scheduled = False
        taken = self._changes.take()
        if taken is None:
            return _Turn.MORE
        self._batches += 1
        whole, single = taken
        self._applying = iter(single.items())
        if whole is not None:
            self._replacing = self._driver.replace_in_steps(whole, REPLACE_STEP)
            return _Turn.MORE
        return self._change_some()

    def _replace_some(self, replacing: Iterator[None]) -> _Turn:
        try:
            if next(replacing, _DONE) is not _DONE:
                return _Turn.MORE
        except Exception:
            self._replacing = None
            self._is_half_replaced = True
            raise
        self._replacing = None
        self._is_half_replaced = False
        return _Turn.DONE

    # hot: bench B3, B9
    def _change_some(self) -> _Turn:
        changes = islice(self._applying, CHANGES_PER_TURN)
        prefix: Prefix | None = None
        failure: Exception | None = None
        while True:
            try:
                for prefix, attributes in changes:
                    if attributes is None:
                        self._driver.withdraw(prefix)
                    else:
                        self._driver.announce(prefix, attributes)
                break
            except Exception as error:  # the loop goes on behind the change that failed
                failure = failure or error
        if failure is not None:
            raise failure
        if prefix is None:
            return _Turn.NOTHING
        return _Turn.MORE if self._is_half_replaced else _Turn.DONE
