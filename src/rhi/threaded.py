"""`Pool` and `Session` with an I/O thread of their own: what `rhi.Pool` and `rhi.Session` are.

    any thread            I/O thread ("rhi")               observer thread ("rhi-observer")
    announce, replace --> changes --> PoolDriver --events--> queue --> Observer
    status, flush     <-- answers

Nothing the program does can hold up a keepalive, and no peer can hold up the program: changes are noted and
return at once. What has been noted but not taken over is bounded by the number of different routes, since a
later change of a route replaces an earlier one. Methods may be called from any thread, also from an observer,
and also after `close`, when changes are ignored and `status` tells how things ended.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime
from ipaddress import IPv4Address
from types import TracebackType
from typing import Final, Self
from weakref import WeakSet

from rhi.model.attributes import PathAttributes
from rhi.model.drain import DrainStep
from rhi.model.events import Event, PeerRemoved
from rhi.model.observer import Observer
from rhi.model.parameters import Parameters
from rhi.model.prefix import IPAddress, Prefix, PrefixLike
from rhi.model.route_set import RouteSet
from rhi.model.status import Flushed, Status
from rhi.net.carried_out import CONFIGURE, CarriedOut
from rhi.net.drain_handle import Drain
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
)
from rhi.net.forks import call_in_children
from rhi.net.intake import Intake
from rhi.net.loop_thread import LoopThread
from rhi.net.observer_thread import ObserverThread
from rhi.net.peer_map import DynamicPeers, ParsedPeers, PeerMap
from rhi.net.pool import PoolDriver

__all__ = ["Drain", "Pool", "Session"]

# Longest that `close` waits for peers that do not read and an observer that does not return.
CLOSE_WAIT: Final = 2.0

# `last_error` where the I/O thread is not, or runs no more.
_FORKED: Final = "Not in this process, but in the one that it was forked from"
_ENDING: Final = "The program is ending"
_ENDED: Final = "The I/O thread has ended"


class Pool(PoolMethods):
    """Sessions with any number of peers, which are all told the same routes, each through its own filter.

    Sessions begin with the constructor; `close` or the end of `with` ends them.
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
        """Start sessions in a thread of their own.

        Args:
            router_id: our BGP identifier.
            peers: parameters by peer address, or by the interface that the peer is on, such as `eth0`.
            routes: what to announce; see `replace`.
            observer: told of what happens, by calls from another thread of its own.
            listen: where to accept connections of peers, such as `127.0.0.1:1790`.
            dynamic_peers: parameters, by prefix, of peers that connect to us from inside it without being
                named; each has a session of its own while it is connected.
            reports_routes: make `RoutesReceived` events of what peers announce, as an observer with an
                `on_route` of its own does.
            complete_within: hold End-of-RIB back until `mark_complete`, at most so many seconds from now; a
                peer that has kept our routes over a restart keeps them until then (RFC 4724 §4.1).
            forwarding_kept: False tells peers that have kept our routes over a restart to drop them at once:
                nothing was forwarded meanwhile, as after a new start of the host (the F bit).
            max_dynamic_peers: of these at once; also at most half of the file descriptors allowed.
            max_dynamic_peers_per_source: of these from one address.

        Raises:
            InvalidValueError: an argument is wrong.
            ListenError: an address to listen on cannot be had.
            SocketOptionError: a peer has a password or keys, and the kernel has no TCP MD5 or no TCP-AO.
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
        self._listen_addresses: list[ListenAddress] = []
        self._drains: dict[Drain, None] = {}  # that have not ended
        self._last_status: dict[str, Status] = {}
        self._dispatcher = None if observer is None else ObserverThread(observer)
        self._carried_out = CarriedOut(lambda event: self._deliver(event, None))
        started: Future[None] = Future()
        self._thread = LoopThread(lambda: self._main(started, settings), self._ended)
        self._intake = Intake(self._thread.call_soon, self._carried_out)
        self._stopping: asyncio.Future[tuple[str, bool]] = self._thread.loop.create_future()
        try:
            self._thread.start()
            started.result()
            if self._dispatcher is not None:
                self._dispatcher.start()
        except BaseException:
            if self._thread.give_up():
                self.close()
            raise
        _pools.add(self)

    def flush(self, timeout: float | None = 5.0) -> Flushed:
        """Wait until every established peer's TCP has acknowledged all routes wanted now.

        Returns after `timeout` seconds at the latest (None: no limit); the answer tells who is behind. This
        is the one method that waits.

        Raises:
            InvalidValueError: the timeout is no number.
        """
        check_timeout(timeout)
        began = time.monotonic()

        async def answer() -> Flushed:
            await self._intake.catch_up()
            left = None if timeout is None else began + timeout - time.monotonic()
            return await self._driver.flush(left)

        return self._thread.ask(answer, Flushed())

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

        The routes get the community GRACEFUL_SHUTDOWN, and LOCAL_PREF 0 towards internal peers; that is
        flushed; after `wait` seconds they are withdrawn, and that is flushed. Returns at once; the `Drain`
        tells how far it is, and can be cancelled. Each step is a `DrainProgress` event too.

        A drain of everything marks what is announced meanwhile too, and takes the place of an earlier one; it
        withdraws what there is at that moment. A drain of some routes gives up those that are announced or
        withdrawn by themselves, are drained again, or replaced with `replace`; routes that are not announced
        are left out. Nothing is waited for when there is no route left, or no session.

        Args:
            routes: what to drain; None is everything.
            wait: seconds, 0 to 86400.
            flush_timeout: seconds that each of the two flushes may take, 0 to 86400; who is behind then is
                named in the result, and holds up nothing.
            message: for the peers' operators (RFC 9003), with `close`.
            close: end all sessions then, as the method `close` does; only with everything.

        Raises:
            InvalidValueError: an argument is wrong; nothing is drained then.
        """
        plan = DrainPlan.check(routes, wait, flush_timeout, message, close)
        drain = Drain(plan, self._thread.call_soon)

        async def run() -> None:
            try:
                await self._intake.catch_up()
                drained = await drain.run(self._driver)
            except Exception as error:  # a mistake of ours must not pass unseen
                self._carried_out.failed("drain", error)
                return
            finally:
                self._drains.pop(drain, None)
                drain.end(DrainStep.SUPERSEDED)  # does nothing when it has ended
            self._carried_out.worked("drain")
            if close and drained.outcome is DrainStep.DONE:
                self._stop("", False)

        self._drains[drain] = None
        if not self._thread.call_soon(lambda: self._thread.begin(run())):
            self._drains.pop(drain, None)
            drain.end(DrainStep.SUPERSEDED)
        return drain

    def status(self) -> dict[str, Status]:
        """A copy of each session's state, by the name of its peer; after `close`, how things ended."""

        async def answer() -> dict[str, Status]:
            return self._driver.status()

        found = self._thread.ask(answer, None)
        if found is not None:
            return found
        return dict(self._last_status or self._lost(_ENDING if sys.is_finalizing() else _ENDED))

    def parameters(self) -> dict[str, Parameters]:
        """What the session of each configured peer goes by now; none after `close`.

        Other than what `configure` was told where that waits for a new session, or has been refused.
        """

        async def answer() -> dict[str, Parameters]:
            return self._driver.parameters()

        return self._thread.ask(answer, {})

    @property
    def listen_addresses(self) -> list[ListenAddress]:
        """Where connections are accepted, with the ports that were asked for as 0."""
        return list(self._listen_addresses)

    def close(self, message: str = "", keep_routes: bool = False) -> None:
        """End all sessions with Cease/Administrative Shutdown; harmless when done already.

        Does not wait for peers that are gone: it takes milliseconds when all peers read, 2 s at the most.

        Args:
            message: for the peers' operators (RFC 9003), at most 128 bytes of UTF-8; what is longer is cut.
            keep_routes: leave the routes with peers that have agreed on graceful restart, for a new start
                within its time: such sessions end without a NOTIFICATION (RFC 4724 §4.2). Otherwise routes
                leave at once, by a Hard Reset where that takes one (RFC 8538 §4).

        Raises:
            InvalidValueError: the message is no text; nothing is closed then.
        """
        check_message(message)
        deadline = time.monotonic() + CLOSE_WAIT
        self._thread.call_soon(lambda: self._stop(message, keep_routes))
        if sys.is_finalizing():
            return
        self._thread.join(CLOSE_WAIT)
        if self._dispatcher is not None:
            self._dispatcher.close(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # In the caller's thread

    def _leave(self) -> None:
        """In a forked process, which the pool's threads are not in; what they held stays held for ever."""
        self._thread.leave()
        self._intake.leave()
        self._dispatcher = None
        if not self._last_status:  # it had not been closed before
            self._last_status = self._lost(_FORKED)
        self._ended()

    def _lost(self, why: str) -> dict[str, Status]:
        """Status without the I/O thread."""
        now = datetime.now(UTC)
        return {name: Status(when=now, last_error=why) for name in self._driver.peer_names}

    def _announce(self, prefix: Prefix, attributes: PathAttributes) -> None:
        if self._drains:
            self._overtake(prefix)
        self._intake.put(prefix, attributes)

    def _withdraw(self, prefix: Prefix) -> None:
        self._intake.put(prefix, None)

    def _replace(self, routes: RouteSet) -> None:
        self._overtake(None)
        self._intake.replace(routes)

    def _configure(self, peers: ParsedPeers, allow_reset: bool) -> None:
        self._carry_out(CONFIGURE, lambda: self._driver.configure(peers, allow_reset=allow_reset))

    def _mark_complete(self) -> None:
        async def mark() -> None:
            await self._intake.catch_up()
            self._carried_out.run("mark_complete", self._driver.mark_complete)

        self._thread.call_soon(lambda: self._thread.begin(mark()))

    def _overtake(self, prefix: Prefix | None) -> None:
        """Tell drains that have yet to begin what has been said after them."""
        for drain in list(self._drains):
            drain.overtake(prefix)

    def _release_quarantine(self, address: PeerAddress | PeerInterface) -> None:
        self._carry_out("release_quarantine", lambda: self._driver.release_quarantine(address), address)

    def _shut_down(self, address: PeerAddress | PeerInterface, message: str) -> None:
        self._carry_out("shut_down", lambda: self._driver.shut_down(address, message), address)

    def _bring_up(self, address: PeerAddress | PeerInterface) -> None:
        self._carry_out("bring_up", lambda: self._driver.bring_up(address), address)

    def _carry_out(
        self, name: str, call: Callable[[], object], peer: PeerAddress | PeerInterface | None = None
    ) -> None:
        """Have the I/O thread do it, and observers learn what goes wrong."""

        def run() -> None:
            self._carried_out.run(name, call, "" if peer is None else self._driver.name_of(peer))

        self._thread.call_soon(run)

    # In the I/O thread

    async def _main(self, started: Future[None], settings: PoolSettings) -> None:
        try:
            self._driver = PoolDriver(
                settings.router_id,
                self._deliver,
                dynamic_peers=settings.dynamic_peers,
                limits=settings.limits,
                reports_routes=settings.reports_routes,
                forwarding_kept=settings.forwarding_kept,
            )
            settings.begin(self._driver)
            self._intake.begin(self._driver)
        except Exception as error:
            started.set_exception(error)
            return
        self._listen_addresses = self._driver.listen_addresses
        started.set_result(None)
        message, keep_routes = await self._stopping
        self._driver.stop(message, keep_routes=keep_routes)
        await self._driver.wait_closed()
        self._last_status = self._driver.status()

    def _stop(self, message: str, keep_routes: bool) -> None:
        if not self._stopping.done():
            self._stopping.set_result((message, keep_routes))

    def _ended(self) -> None:
        for drain in list(self._drains):
            drain.end(DrainStep.SUPERSEDED)

    def _deliver(self, event: Event, parameters: Parameters | None) -> None:
        if parameters is not None and isinstance(event, PeerRemoved):
            self._carried_out.forget(event.peer)
        if self._dispatcher is not None:
            self._dispatcher.put(event, parameters)


_pools: WeakSet[Pool] = WeakSet()


def _leave_pools() -> None:
    for pool in list(_pools):
        pool._leave()


call_in_children(_leave_pools)


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
        """Start the session in a thread of its own; arguments and errors are those of `Pool`."""
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

    def flush(self, timeout: float | None = 5.0) -> Flushed:
        """See `Pool.flush`."""
        return self._pool.flush(timeout)

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
        """A copy of the session's state; after `close`, how it ended."""
        return self._pool.status()[self._peer]

    def close(self, message: str = "", keep_routes: bool = False) -> None:
        """See `Pool.close`."""
        self._pool.close(message, keep_routes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
