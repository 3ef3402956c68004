"""When the address of a withdrawn route may go: all peers have acknowledged, and then it has aged.

What peers have acknowledged is looked at in slices, one at a time; a look that has begun before a route was
withdrawn says nothing about it.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from rhi.model.events import Event, SessionDown
from rhi.model.parameters import Parameters
from rhi.model.prefix import Prefix
from rhi.model.status import Flushed

# Seconds of one look at what peers have acknowledged.
LOOK_TIME: Final = 0.5

# A look at what peers have acknowledged; ends soon, whether all have or not.
Look = Callable[[], Awaitable[Flushed]]


class PeerLook:
    """A look at the peers of a pool.

    A peer that is down, and may keep our routes for the time of graceful restart (RFC 4724 §4.2),
    counts as behind for that long.
    """

    def __init__(
        self,
        flush: Callable[[float], Flushed],
        peers: Callable[[], Mapping[str, Parameters]],
        established: Collection[str],
    ) -> None:
        """`flush` is the pool's, `peers` are those configured, `established` are some of them and change."""
        self._loop = asyncio.get_running_loop()
        self._flush = flush
        self._peers = peers
        self._established = established
        self._began_at = self._loop.time()
        self._down_at: dict[str, float] = {}
        self._executor = ThreadPoolExecutor(1, "rhi-aging")

    def take_event(self, event: Event) -> None:
        """Something has happened to a session."""
        if isinstance(event, SessionDown) and event.established:
            self._down_at[event.peer] = self._loop.time()

    async def __call__(self) -> Flushed:
        """Look once."""
        flushed = await self._ask()
        keeping = self._keeping()
        if flushed and keeping:
            await asyncio.sleep(LOOK_TIME)
        return replace(flushed, behind={**keeping, **flushed.behind})

    def close(self) -> None:
        """Look no more; a look that is under way is left to itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _ask(self) -> Flushed:
        return await self._loop.run_in_executor(self._executor, self._flush, LOOK_TIME)

    def _keeping(self) -> dict[str, str]:
        now, found = self._loop.time(), {}
        for name, peer in self._peers().items():
            left = self._down_at.get(name, self._began_at) + (peer.graceful_restart or 0) - now
            if name not in self._established and left > 0:
                found[name] = f"is down, and may keep routes for {left:.0f} s (graceful restart)"
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Withdrawal:
    """One of a route; the address stays for `linger` seconds after all know of it."""

    linger: float


class Aging:
    """Made, used and closed in one event loop.

    Attributes:
        behind: peers that have not acknowledged everything, by the last look, and what they wait for.
    """

    def __init__(self, look: Look, changed: Callable[[set[Prefix]], object]) -> None:
        """`changed` is called with addresses whose time is known now."""
        self.behind: Mapping[str, str] = {}
        self._loop = asyncio.get_running_loop()
        self._look = look
        self._changed = changed
        self._withdrawals: dict[Prefix, _Withdrawal] = {}
        self._free_at: dict[Prefix, float] = {}
        self._is_looking = self._is_closed = False

    def hold(self, prefix: Prefix) -> None:
        """It may not go, for reasons of its own, until it is said to be withdrawn."""
        self._free_at[prefix] = math.inf

    def withdrawn(self, prefix: Prefix, linger: float) -> None:
        """The pool has just been told to withdraw it; it stays for `linger` seconds after all know."""
        self._free_at[prefix] = math.inf
        self._withdrawals[prefix] = _Withdrawal(linger)
        self._look_again()

    def announced(self, prefix: Prefix) -> None:
        """It is announced, or of no concern any more."""
        self._free_at.pop(prefix, None)
        self._withdrawals.pop(prefix, None)

    def free_at(self, prefix: Prefix) -> float:
        """The instant from which it may go; infinite while that is not known."""
        return self._free_at.get(prefix, 0.0)

    def close(self) -> None:
        """Look no more."""
        self._is_closed = True

    def _look_again(self) -> None:
        if self._is_looking or self._is_closed or not self._withdrawals:
            return
        self._is_looking = True
        waiting = dict(self._withdrawals)
        done = asyncio.ensure_future(self._look())
        done.add_done_callback(lambda _: self._looked(waiting, done))

    def _looked(self, waiting: dict[Prefix, _Withdrawal], done: asyncio.Future[Flushed]) -> None:
        self._is_looking = False
        if self._is_closed or done.cancelled():
            return
        if done.exception() is not None:
            # nothing is known by it
            self._loop.call_later(LOOK_TIME, self._look_again)
            return
        flushed = done.result()
        self.behind = flushed.behind
        known = {
            prefix for prefix, each in waiting.items() if flushed and self._withdrawals.get(prefix) is each
        }
        for prefix in known:
            self._free_at[prefix] = self._loop.time() + self._withdrawals.pop(prefix).linger
        if known:
            self._changed(known)
        self._look_again()
