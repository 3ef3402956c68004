"""`Pool` and `Session` for programs with an asyncio event loop of their own.

All methods but `flush` and `close` return at once, and all are to be called from the loop's thread. The
sessions share the loop with the program: what blocks the loop delays keepalives. Use `rhi.Pool` where that
cannot be ruled out.
"""

import asyncio
import logging
from collections.abc import Iterable
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

from rhi.model.attributes import PathAttributes
from rhi.model.events import Event
from rhi.model.observer import Observer
from rhi.model.parameters import Parameters
from rhi.model.prefix import IPAddress, Prefix, PrefixLike
from rhi.model.route_set import RouteSet
from rhi.model.status import Flushed, Status
from rhi.net.drain import Drain
from rhi.net.drain_plan import DEFAULT_FLUSH_TIMEOUT, DEFAULT_WAIT, DrainPlan
from rhi.net.dynamic import MAX_DYNAMIC_PEERS, MAX_PER_SOURCE
from rhi.net.endpoint import ListenAddress, PeerAddress, PeerInterface
from rhi.net.facade import (
    Listen,
    PoolMethods,
    PoolSettings,
    Routes,
    SessionMethods,
    check_message,
    check_timeout,
    tell,
)
from rhi.net.peer_map import DynamicPeers, ParsedPeers, PeerMap
from rhi.net.pool import PoolDriver

__all__ = ["Drain", "Pool", "Session"]

log = logging.getLogger("rhi")


class Pool(PoolMethods):
    """Sessions with any number of peers, which are all told the same routes, each through its own filter.

    Sessions begin with the constructor; `close` or the end of `async with` ends them.
    """

    def __init__(
        self,
        router_id: IPv4Address | str,
        peers: PeerMap | None = None,
        routes: Routes = (),
        observer: Observer | None = None,
        *,
        listen: Listen = (),
        dynamic_peers: DynamicPeers | None = None,
        reports_routes: bool = False,
        complete_within: float | None = None,
        forwarding_kept: bool = True,
        max_dynamic_peers: int = MAX_DYNAMIC_PEERS,
        max_dynamic_peers_per_source: int = MAX_PER_SOURCE,
    ) -> None:
        """Start sessions in the running event loop.

        Arguments are those of `rhi.Pool`, explained by `help(rhi.Pool)`, but that the observer is called from
        the loop.

        Raises:
            InvalidValueError, ListenError, SocketOptionError: as there.
        """
        settings = PoolSettings.check(
            router_id=router_id,
            peers=peers,
            routes=routes,
            observer=observer,
            listen=listen,
            dynamic_peers=dynamic_peers,
            reports_routes=reports_routes,
            complete_within=complete_within,
            forwarding_kept=forwarding_kept,
            max_dynamic_peers=max_dynamic_peers,
            max_dynamic_peers_per_source=max_dynamic_peers_per_source,
        )
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._driver = PoolDriver(
            settings.router_id,
            self._deliver,
            dynamic_peers=settings.dynamic_peers,
            limits=settings.limits,
            reports_routes=settings.reports_routes,
            forwarding_kept=settings.forwarding_kept,
        )
        self._closed = False
        settings.begin(self._driver)

    async def flush(self, timeout: float | None = 5.0) -> Flushed:
        """Wait until every established peer's TCP has acknowledged all routes wanted now.

        Returns after `timeout` seconds at the latest (None: no limit); the answer tells who is behind.

        Raises:
            InvalidValueError: the timeout is no number.
        """
        check_timeout(timeout)
        return Flushed() if self._closed else await self._driver.flush(timeout)

    def drain(
        self,
        routes: Iterable[PrefixLike] | None = None,
        *,
        wait: float = DEFAULT_WAIT,
        flush_timeout: float = DEFAULT_FLUSH_TIMEOUT,
        message: str = "",
        close: bool = False,
    ) -> Drain:
        """Make other routers prefer other paths, wait, then withdraw (RFC 8326 §4).

        Returns at once; the `Drain` tells how far it is, and can be awaited or cancelled. Which routes it
        takes, and what the arguments mean, is explained by `help(rhi.Pool.drain)`.

        Raises:
            InvalidValueError: an argument is wrong; nothing is drained then.
        """
        plan = DrainPlan.check(routes, wait, flush_timeout, message, close)
        return self._driver.drain(plan)

    def status(self) -> dict[str, Status]:
        """A copy of each session's state, by the name of its peer."""
        return self._driver.status()

    def parameters(self) -> dict[str, Parameters]:
        """What the session of each configured peer goes by, or went by at the end, by the peer's name.

        Other than what `configure` was told where that waits for a new session.
        """
        return self._driver.parameters()

    @property
    def listen_addresses(self) -> list[ListenAddress]:
        """Where connections are accepted, with the ports that were asked for as 0."""
        return self._driver.listen_addresses

    async def close(self, message: str = "", keep_routes: bool = False) -> None:
        """End all sessions with Cease/Administrative Shutdown; harmless when done already.

        Args:
            message: for the peers' operators (RFC 9003), at most 128 bytes of UTF-8; what is longer is cut.
            keep_routes: leave the routes with peers that have agreed on graceful restart, for a new start
                within its time: such sessions end without a NOTIFICATION (RFC 4724 §4.2). Otherwise routes
                leave at once, by a Hard Reset where that takes one (RFC 8538 §4).

        Raises:
            InvalidValueError: the message is no text; nothing is closed then.
        """
        check_message(message)
        if not self._closed:
            self._closed = True
            self._driver.stop(message, keep_routes=keep_routes)
        await self._driver.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _announce(self, prefix: Prefix, attributes: PathAttributes) -> None:
        if not self._closed:
            self._driver.announce(prefix, attributes)
            self._driver.tell_first()

    def _withdraw(self, prefix: Prefix) -> None:
        if not self._closed:
            self._driver.withdraw(prefix)
            self._driver.tell_first()

    def _replace(self, routes: RouteSet) -> None:
        if not self._closed:
            self._driver.replace(routes)

    def _configure(self, peers: ParsedPeers, allow_reset: bool) -> None:
        if not self._closed:
            self._driver.configure(peers, allow_reset=allow_reset)

    def _mark_complete(self) -> None:
        self._driver.mark_complete()

    def _release_quarantine(self, address: PeerAddress | PeerInterface) -> None:
        self._driver.release_quarantine(address)

    def _shut_down(self, address: PeerAddress | PeerInterface, message: str) -> None:
        self._driver.shut_down(address, message)

    def _bring_up(self, address: PeerAddress | PeerInterface) -> None:
        self._driver.bring_up(address)

    def _deliver(self, event: Event, parameters: Parameters | None) -> None:
        if self._observer is not None:
            self._loop.call_soon(tell, self._observer, event, parameters)


class Session(SessionMethods[Pool]):
    """A session with one peer."""

    def __init__(
        self,
        router_id: IPv4Address | str,
        peer: str | IPAddress,
        parameters: Parameters,
        routes: Routes = (),
        observer: Observer | None = None,
        *,
        listen: Listen = (),
        reports_routes: bool = False,
        complete_within: float | None = None,
    ) -> None:
        """Start the session in the running event loop; arguments and errors are those of `Pool`."""
        pool = Pool(
            router_id,
            {str(peer): parameters},
            routes,
            observer,
            listen=listen,
            reports_routes=reports_routes,
            complete_within=complete_within,
        )
        super().__init__(peer, pool)

    async def flush(self, timeout: float | None = 5.0) -> Flushed:
        """See `Pool.flush`."""
        return await self._pool.flush(timeout)

    def drain(
        self,
        routes: Iterable[PrefixLike] | None = None,
        *,
        wait: float = DEFAULT_WAIT,
        flush_timeout: float = DEFAULT_FLUSH_TIMEOUT,
        message: str = "",
        close: bool = False,
    ) -> Drain:
        """See `Pool.drain`."""
        return self._pool.drain(routes, wait=wait, flush_timeout=flush_timeout, message=message, close=close)

    def status(self) -> Status:
        """A copy of the session's state."""
        return self._pool.status()[self._peer]

    async def close(self, message: str = "", keep_routes: bool = False) -> None:
        """See `Pool.close`."""
        await self._pool.close(message, keep_routes)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
