"""Has the pool do what drains ask for: other parameters of peers, sessions that end, what peers acknowledge.

Waiting for acknowledgements takes a thread, in slices: the event loop never waits, and neither does a drain
that begins meanwhile for long.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from rhi.daemon.drains.book import Drains, Flush
from rhi.model.events import CallFailed, CallRecovered, Event, PeerRemoved, SessionDown, SessionUp
from rhi.model.parameters import Parameters
from rhi.model.status import Flushed
from rhi.net.carried_out import CONFIGURE

# Seconds of one look at what peers have acknowledged.
FLUSH_TIME: Final = 0.5


class Pool(Protocol):
    """The part of `rhi.Pool` that drains act on."""

    def configure(self, peers: Mapping[str, Parameters], *, allow_reset: bool = False) -> None:
        """Have exactly these peers."""

    def shut_down(self, peer: str, message: str = "") -> None:
        """End the session of a peer."""

    def bring_up(self, peer: str) -> None:
        """Let it begin again."""

    def flush(self, timeout: float | None = 5.0) -> Flushed:
        """Wait until all that is wanted has been acknowledged."""


class Conductor:
    """Made, used and closed in one event loop."""

    def __init__(
        self,
        pool: Pool,
        drains: Drains,
        peers: Mapping[str, Parameters],
        decide_soon: Callable[[], object],
    ) -> None:
        """`peers` are those that `pool` has; `decide_soon` is called when drains may go on."""
        self._loop = asyncio.get_running_loop()
        self._pool = pool
        self._drains = drains
        self._decide_soon = decide_soon
        self._told = dict(peers)
        self._is_refused = False
        self._closed: dict[str, str] = {}
        self._executor = ThreadPoolExecutor(1, "rhi-drain")
        self._is_flushing = self._is_closed = False
        self._ended: set[str] = set()  # peers whose sessions have, since the look that is under way began

    def act(
        self, peers: Mapping[str, Parameters], *, allow_reset: bool = False, retries: bool = False
    ) -> None:
        """After a decision: `peers` are those that are configured; `retries` what the kernel has refused."""
        if self._is_closed:
            return
        wanted = self._drains.parameters(peers)
        if wanted != self._told or allow_reset or (retries and self._is_refused):
            self._pool.configure(wanted, allow_reset=allow_reset)
            self._told = wanted
        closed = {name: text for name, text in self._drains.closed_peers.items() if name in wanted}
        for name in closed.keys() - self._closed.keys():
            self._pool.shut_down(name, closed[name])
        for name in (self._closed.keys() - closed.keys()) & wanted.keys():
            self._pool.bring_up(name)
        self._closed = closed
        if self._drains.needs_acknowledgement and not self._is_flushing:
            self._flush()

    def take_event(self, event: Event) -> None:
        """Something has happened to a session."""
        sessions = self._drains.sessions
        if isinstance(event, CallFailed | CallRecovered) and event.call == CONFIGURE:
            self._is_refused = isinstance(event, CallFailed)
        if isinstance(event, SessionUp):
            sessions.established.add(event.peer)
            self._ended.discard(event.peer)
        elif isinstance(event, PeerRemoved) or (isinstance(event, SessionDown) and event.established):
            sessions.has_ended(event.peer)
            self._ended.add(event.peer)
        else:
            return
        if self._drains.all:
            self._decide_soon()

    def close(self) -> None:
        """Do nothing more; a look that is under way is left to itself."""
        self._is_closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _flush(self) -> None:
        self._is_flushing = True
        self._ended.clear()
        began = self._loop.time()
        done = self._loop.run_in_executor(self._executor, self._pool.flush, FLUSH_TIME)
        done.add_done_callback(lambda _: self._flushed(began, done))

    def _flushed(self, began: float, done: asyncio.Future[Flushed]) -> None:
        self._is_flushing = False
        if self._is_closed or done.cancelled() or done.exception() is not None:
            return
        flushed = done.result()
        self._drains.sessions.flush = Flush(began, flushed.behind, flushed.peers - self._ended)
        self._decide_soon()
