"""Peers, their route table and listeners, in one event loop. `rhi.aio` and `rhi.threaded` are built on it."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address
from typing import Final

from rhi.core.peer import Peer
from rhi.core.route_table import RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.events import Event, PeerAdded, PeerRemoved
from rhi.model.parameters import Parameters
from rhi.model.prefix import IPAddress, Prefix
from rhi.model.route_set import RouteSet
from rhi.model.status import Flushed, Status
from rhi.net.connection import CLOSE_TIME
from rhi.net.drain import Drain, Watch
from rhi.net.drain_plan import DrainPlan
from rhi.net.drains import Drains
from rhi.net.dynamic import DynamicLimits, DynamicSessions
from rhi.net.endpoint import ListenAddress, PeerAddress, PeerInterface
from rhi.net.key_watch import KeyWatch
from rhi.net.keys import Secret, secret_of
from rhi.net.listeners import Listeners
from rhi.net.peer_map import ParsedDynamicPeers, ParsedPeers
from rhi.net.session import PeerSession
from rhi.net.unnumbered import NOWHERE, UnnumberedPeers
from rhi.wire.iana import CeaseError

RECEIVE_BUFFER_BYTES: Final = 64 * 1024
# `flush` looks this soon again at first, and at most this seldom.
FLUSH_INTERVAL: Final = (0.0005, 0.01)

# Peers that are told of a change in the same turn of the loop: some 0.1 ms each.
TOLD_AT_ONCE: Final = 8

# Addresses remembered that have had a session before their peer was removed, or a dynamic one left.
MAX_FORMER_PEERS: Final = 10_000


def _place(address: PeerAddress) -> IPAddress | str:
    """Where a peer is, as far as it stays so: that of an unnumbered one is its interface."""
    return address.zone or address.address


class PoolDriver:
    """All methods are to be called in the event loop it was made in, and return at once."""

    def __init__(
        self,
        router_id: IPv4Address,
        deliver: Callable[[Event, Parameters | None], None],
        *,
        dynamic_peers: ParsedDynamicPeers,
        reports_routes: bool,
        forwarding_kept: bool = True,
        limits: DynamicLimits | None = None,
    ) -> None:
        """`deliver` gets each event; for PeerAdded and PeerRemoved with the peer's parameters."""
        self._router_id = router_id
        self._deliver = deliver
        self._reports_routes = reports_routes
        self._forwarding_kept = forwarding_kept
        self._table = RouteTable()
        self._loop = asyncio.get_running_loop()
        self._sessions: dict[PeerAddress | PeerInterface, PeerSession] = {}
        self._dynamic = DynamicSessions(
            dynamic_peers, limits or DynamicLimits(), self._make, self._deliver_all, self._retire
        )
        self._leaving: set[PeerSession] = set()
        self._started_at = self._loop.time()
        self._former_peers: set[IPAddress | str] = set()
        self._listeners = Listeners(dynamic_peers, self._find)
        self._is_stopped = False
        # changes in this turn of the loop, and how many of them peers have been told
        self._changes = self._told = 0
        self._completion: asyncio.TimerHandle | None = None
        self._buffer = bytearray(RECEIVE_BUFFER_BYTES)
        self._random = random.Random()
        self._drains = Drains(
            self._table, self, wake=self._wake, report=lambda progress: deliver(progress, None)
        )
        self._unnumbered = UnnumberedPeers(self._random.random)
        has_keys = any(secret_of(parameters) for _, parameters in dynamic_peers)
        self._key_watch = KeyWatch(self._all_sessions, logs=has_keys)

    def listen(self, addresses: Iterable[ListenAddress], peers: ParsedPeers) -> None:
        """Accept connections there; `peers` are those that `configure` will have.

        Raises:
            ListenError: one of the sockets cannot be had; then none is kept.
            SocketOptionError: a peer has a password or keys, and the kernel has no TCP MD5 or no TCP-AO.
        """
        if self._listeners.open(addresses, peers):
            self._key_watch.start()

    @property
    def listen_addresses(self) -> list[ListenAddress]:
        """Where connections are accepted."""
        return self._listeners.addresses

    def configure(self, peers: ParsedPeers, *, allow_reset: bool = False) -> None:
        """Have exactly these peers: add, change in place, remove. Nothing happens after `stop`.

        Raises:
            SocketOptionError: a peer has a password or keys, and the kernel has no TCP MD5, no TCP-AO, or
                no room for so many keys; nothing is changed then.
        """
        if self._is_stopped:
            return
        self._listeners.expect(peers)
        if self._listeners.has_secrets:
            self._key_watch.start()
        for address in [address for address in self._sessions if address not in peers]:
            self._remove(address)
        for address, (name, parameters) in peers.items():
            session = self._sessions.get(address)
            if session is None:
                self._add(address, name, parameters)
            else:
                session.configure(name, parameters, allow_reset=allow_reset)

    def release_quarantine(self, address: PeerAddress | PeerInterface) -> None:
        """Send a peer again what it has refused; nothing happens when there is no such peer."""
        session = self._sessions.get(address)
        if session is not None:
            session.release_quarantine()

    def shut_down(self, address: PeerAddress | PeerInterface, message: str) -> None:
        """End the session of a peer until `bring_up`; nothing happens when there is no such peer."""
        session = self._sessions.get(address)
        if session is not None:
            session.stop(CeaseError.ADMINISTRATIVE_SHUTDOWN, message)

    def bring_up(self, address: PeerAddress | PeerInterface) -> None:
        """Let a peer's session begin again, unless it is to be."""
        session = self._sessions.get(address)
        if session is not None and not self._is_stopped and session.peer.is_stopped:
            session.start()

    def announce(self, prefix: Prefix, attributes: PathAttributes) -> None:
        """Want a route."""
        if self._drains.is_any:
            self._drains.announced(prefix)
        if self._table.announce(prefix, attributes):
            self._wake()

    def withdraw(self, prefix: Prefix) -> None:
        """Want a route no longer."""
        if self._drains.is_any:
            self._drains.withdrawn(prefix)
        if self._table.withdraw(prefix):
            self._wake()

    def replace(self, routes: RouteSet) -> None:
        """Want exactly these routes."""
        self._drains.replaced()
        if self._table.replace(routes):
            self._wake()

    def replace_in_steps(self, routes: RouteSet, step: int) -> Iterator[None]:
        """`replace`, coming back after each `step` routes; nothing else may change the routes in between."""
        self._drains.replaced()
        for changed in self._table.replace_in_steps(routes, step):
            if changed:
                self._wake()
            yield
        self._wake()  # for End-of-RIB, which has waited

    def tell_now(self) -> None:
        """Send what has changed without another turn of the loop, unless there are many peers to tell."""
        sessions = self._all_sessions()
        if self._told < self._changes and len(sessions) <= TOLD_AT_ONCE:
            self._told = self._changes
            for session in sessions:
                if session.peer.is_established:
                    session.tell()

    def tell_first(self) -> None:
        """`tell_now` after the first change in a turn of the loop; the others of it go together, later."""
        if self._changes == 1:
            self.tell_now()

    async def flush(self, timeout: float | None) -> Flushed:
        """Wait until every established peer's TCP has acknowledged what is wanted now."""
        version = self._table.version
        deadline = None if timeout is None else self._loop.time() + timeout
        interval, longest = FLUSH_INTERVAL
        while behind := self._behind(version):
            if deadline is not None and self._loop.time() >= deadline:
                break
            await asyncio.sleep(interval)
            interval = min(longest, interval * 2)
        asked = (session.name for session in self._all_sessions() if session.peer.is_established)
        return Flushed(behind=behind, peers=frozenset(asked))

    def drain(self, plan: DrainPlan, watch: Watch | None = None) -> Drain:
        """Begin a drain, or one that has ended already when the sessions have; see `Drains.start`."""
        begin = self._drains.refuse if self._is_stopped else self._drains.start
        return begin(plan, watch)

    def mark(self, marked: bool) -> None:
        """Mark all that peers are told for graceful shutdown, or no longer."""
        for session in self._all_sessions():
            session.mark(marked)

    @property
    def is_heard(self) -> bool:
        """Any session is established."""
        return any(session.peer.is_established for session in self._all_sessions())

    @property
    def peer_names(self) -> list[str]:
        """All peers there are at the moment."""
        return [session.name for session in self._all_sessions()]

    def name_of(self, address: PeerAddress | PeerInterface) -> str:
        """As the user has written it; the usual text of one that is no peer."""
        session = self._sessions.get(address)
        return str(address) if session is None else session.name

    def status(self) -> dict[str, Status]:
        """Status by the names of the peers."""
        return {session.name: session.status() for session in self._all_sessions()}

    def parameters(self) -> dict[str, Parameters]:
        """What the session of each configured peer goes by, by the names of the peers."""
        return {session.name: session.peer.parameters for session in self._sessions.values()}

    def defer_end_of_rib(self, seconds: float) -> None:
        """Tell no peer End-of-RIB before `mark_complete`, or until so many seconds are over."""
        self._table.is_complete = False
        self._completion = self._loop.call_later(seconds, self.mark_complete)

    def mark_complete(self) -> None:
        """All that is to be announced is known: peers may be told End-of-RIB."""
        if self._completion is not None:
            self._completion.cancel()
            self._completion = None
            self._table.is_complete = True
            self._wake()

    def stop(self, message: str = "", *, keep_routes: bool = False) -> None:
        """End all sessions, accept no more; status can still be read. See `Peer.stop`."""
        self._is_stopped = True
        self._drains.closed()
        self._key_watch.stop()
        if self._completion is not None:
            self._completion.cancel()
        self._listeners.close()
        self._unnumbered.close()
        for session in self._all_sessions():
            session.stop(CeaseError.ADMINISTRATIVE_SHUTDOWN, message, keep_routes=keep_routes)

    async def wait_closed(self) -> None:
        """After `stop`: until all sockets are closed, or a little longer than they may take."""
        deadline = self._loop.time() + 2 * CLOSE_TIME
        try:
            while self._open_sessions() and self._loop.time() < deadline:
                await asyncio.sleep(FLUSH_INTERVAL[0])
        finally:
            for session in self._open_sessions():
                session.abort()
        # what has been made in this turn is taken over by the loop in the next
        await asyncio.sleep(0)

    def _behind(self, version: int) -> dict[str, str]:
        lags = {session.name: session.lag(version) for session in self._all_sessions()}
        return {name: lag for name, lag in lags.items() if lag is not None}

    def _all_sessions(self) -> list[PeerSession]:
        return [*self._sessions.values(), *self._dynamic.by_name.values()]

    def _open_sessions(self) -> list[PeerSession]:
        return [session for session in (*self._all_sessions(), *self._leaving) if session.is_open]

    def _wake(self) -> None:
        # once for all changes of one turn of the loop: a change must not cost more the more peers there are
        if not self._changes:
            self._loop.call_soon(self._wake_sessions)
        self._changes += 1

    def _wake_sessions(self) -> None:
        is_news = self._told < self._changes
        self._changes = self._told = 0
        if is_news:
            for session in self._all_sessions():
                if session.peer.is_established:
                    session.wake()

    def _add(self, address: PeerAddress | PeerInterface, name: str, parameters: Parameters) -> None:
        if isinstance(address, PeerInterface):
            self._sessions[address] = session = self._add_unnumbered(address, name, parameters)
        else:
            self._sessions[address] = session = self._make(address, name, parameters, self._deliver_all)
        session.start()

    def _add_unnumbered(self, interface: PeerInterface, name: str, parameters: Parameters) -> PeerSession:
        def deliver(events: list[Event]) -> None:
            self._deliver_all(events)
            self._loop.call_soon(self._unnumbered.session_changed, interface)

        session = self._make(PeerAddress(NOWHERE, interface.name), name, parameters, deliver)
        self._unnumbered.add(interface, session)
        return session

    def _make(
        self, address: PeerAddress, name: str, parameters: Parameters, deliver: Callable[[list[Event]], None]
    ) -> PeerSession:
        peer = Peer(
            name,
            self._router_id,
            parameters,
            self._table,
            now=self._loop.time(),
            random=self._random.random,
            reports_routes=self._reports_routes,
            restarted_at=self._restarted_at(address),
            forwarding_kept=self._forwarding_kept,
        )
        peer.mark(self._drains.is_marking)
        self._deliver(PeerAdded(peer=name), parameters)
        return PeerSession(address, peer, self._table, self._buffer, deliver, self._closed)

    def _remove(self, address: PeerAddress | PeerInterface) -> None:
        if isinstance(address, PeerInterface):
            self._unnumbered.remove(address)
        self._retire(self._sessions.pop(address))

    def _restarted_at(self, address: PeerAddress) -> float | None:
        """When we began, for who may not have noticed; None for who has had a session with us since."""
        is_full = len(self._former_peers) >= MAX_FORMER_PEERS
        return None if is_full or _place(address) in self._former_peers else self._started_at

    def _retire(self, session: PeerSession) -> None:
        session.stop(CeaseError.PEER_DE_CONFIGURED)
        restart_time = session.peer.parameters.graceful_restart
        if (
            session.peer.has_been_up
            and restart_time is not None
            and self._loop.time() - self._started_at <= restart_time
            and len(self._former_peers) < MAX_FORMER_PEERS
        ):
            self._former_peers.add(_place(session.address))
        if session.is_open:
            self._leaving.add(session)
        self._deliver(PeerRemoved(peer=session.name), session.peer.parameters)

    def _closed(self, session: PeerSession) -> None:
        self._leaving.discard(session)
        self._dynamic.closed(session)

    def _find(self, address: PeerAddress, port: int, held: Secret | None) -> PeerSession | None:
        """The session for a connection that has come in: a configured peer's, or a new dynamic one's.

        The listener holds `held` for it. Where that is not what the peer is to have, it is nobody's.
        """
        if not self._listeners.is_expected(address, held):
            return None
        known = self._sessions.get(address) or self._unnumbered.find(address)
        return known or self._dynamic.admit(address, port, held)

    def _deliver_all(self, events: list[Event]) -> None:
        for event in events:
            self._deliver(event, None)
