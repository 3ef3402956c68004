"""What `rhi.aio` and `rhi.threaded` have in common: checked arguments, the methods that change something, and
events made into observers' calls."""

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from typing import Generic, TypeVar

from rhi.errors import EmptyTableError, InvalidValueError
from rhi.model.attributes import NO_ATTRIBUTES, PathAttributes, Route, RouteLike
from rhi.model.checks import to_flag
from rhi.model.events import Event, PeerAdded, RoutesReceived, SessionDown
from rhi.model.observer import Observer
from rhi.model.parameters import Parameters, to_router_id, to_seconds
from rhi.model.prefix import IPAddress, Prefix, PrefixLike, to_prefix
from rhi.model.route_set import RouteSet, route_set
from rhi.model.wording import listed, shown
from rhi.net.dynamic import DynamicLimits
from rhi.net.endpoint import ListenAddress, PeerAddress, PeerInterface, parse_peer
from rhi.net.peer_map import (
    DynamicPeers,
    ParsedDynamicPeers,
    ParsedPeers,
    PeerMap,
    parse_dynamic_peers,
    parse_peers,
)
from rhi.net.pool import PoolDriver

log = logging.getLogger("rhi")

Routes = Iterable[RouteLike] | Mapping[PrefixLike, PathAttributes] | RouteSet
Listen = Iterable[ListenAddress | str | tuple[str, int]]


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """A pool's arguments, checked."""

    router_id: IPv4Address
    peers: ParsedPeers
    routes: RouteSet
    listen: list[ListenAddress]
    dynamic_peers: ParsedDynamicPeers
    reports_routes: bool
    complete_within: float | None
    forwarding_kept: bool
    limits: DynamicLimits

    @classmethod
    def check(
        cls,
        *,
        router_id: IPv4Address | str,
        peers: PeerMap | None,
        routes: Routes,
        observer: Observer | None,
        listen: Listen,
        dynamic_peers: DynamicPeers | None,
        reports_routes: bool,
        complete_within: float | None,
        forwarding_kept: bool,
        max_dynamic_peers: int,
        max_dynamic_peers_per_source: int,
    ) -> "PoolSettings":
        """Raises InvalidValueError when an argument is wrong."""
        if observer is not None and not isinstance(observer, Observer):
            raise InvalidValueError(
                f"observer {shown(observer)}: must be an instance of a class from Observer"
            )
        return cls(
            router_id=to_router_id(router_id),
            peers=parse_peers(peers or {}),
            routes=route_set(routes),
            listen=[ListenAddress.parse(address) for address in listed(listen, "listen")],
            dynamic_peers=parse_dynamic_peers(dynamic_peers or {}),
            reports_routes=reports_routes or _watches_routes(observer),
            complete_within=None
            if complete_within is None
            else to_seconds(complete_within, "complete_within"),
            forwarding_kept=to_flag(forwarding_kept, "forwarding_kept"),
            limits=DynamicLimits(max_dynamic_peers, max_dynamic_peers_per_source),
        )

    def begin(self, driver: PoolDriver) -> None:
        """Have a fresh driver do all this; raises ListenError or SocketOptionError when it cannot listen."""
        try:
            if self.complete_within is not None:
                driver.defer_end_of_rib(self.complete_within)
            driver.listen(self.listen, self.peers)
            driver.replace(self.routes)
            driver.configure(self.peers)
        except BaseException:
            driver.stop()
            raise


class PoolMethods(ABC):
    """The methods of a pool that change something; each returns at once."""

    def announce(self, route: RouteLike, attributes: PathAttributes | None = None) -> None:
        """Announce one route, or give it other attributes; an address is a host route.

        Raises:
            InvalidValueError: the route or `attributes` is wrong, or a `Route`, which has its own, came with
                others.
        """
        if attributes is not None and isinstance(route, Route):
            raise InvalidValueError(
                f"route {route.prefix}: is a Route with attributes of its own; give others with its prefix"
            )
        found = Route.of(route, _to_attributes(attributes))
        self._announce(found.prefix, found.attributes)

    def withdraw(self, route: PrefixLike) -> None:
        """Withdraw one route; nothing happens when it is not announced.

        Raises:
            InvalidValueError: the route is wrong.
        """
        self._withdraw(to_prefix(route))

    def replace(
        self, routes: Routes, attributes: PathAttributes | None = None, *, allow_empty: bool = False
    ) -> None:
        """Announce exactly these routes; only the difference is sent.

        Args:
            routes: routes, or a mapping from route to attributes.
            attributes: of all that have none of their own.
            allow_empty: an empty set is meant.

        Raises:
            EmptyTableError: there are no routes, and `allow_empty` is not set.
            InvalidValueError: a route or `attributes` is wrong; nothing is changed then.
        """
        found = route_set(routes, _to_attributes(attributes))
        if not found and not allow_empty:
            raise EmptyTableError("replace: no routes given; pass allow_empty=True to withdraw everything")
        self._replace(found)

    def configure(self, peers: PeerMap, *, allow_reset: bool = False) -> None:
        """Have exactly these peers: new ones are added, known ones changed in place, others removed.

        Parameters that need a new session wait until the session ends, and are listed in its status, unless
        `allow_reset` ends it now. What the kernel refuses, such as a password where it has no TCP MD5,
        changes nothing: `rhi.aio` raises SocketOptionError, and of `rhi.Pool` observers get a `CallFailed`.

        Raises:
            InvalidValueError: an address is wrong or named twice; nothing is changed then.
        """
        self._configure(parse_peers(peers), allow_reset)

    def mark_complete(self) -> None:
        """All that is to be announced has been: peers are told End-of-RIB, per family, behind the last route.

        Only with `complete_within`, and only once: a peer that has kept our routes over a restart drops those
        that it has not been told again by then (RFC 4724 §4.2).
        """
        self._mark_complete()

    def release_quarantine(self, peer: str | IPAddress) -> None:
        """Send a peer again what it has answered with an UPDATE error, now that it may take it.

        Nothing happens when there is no such peer, or nothing is quarantined; see `Status.quarantined`.

        Raises:
            InvalidValueError: the peer is neither an address nor an interface.
        """
        self._release_quarantine(parse_peer(peer))

    def shut_down(self, peer: str | IPAddress, message: str = "") -> None:
        """End the session of one configured peer with Cease/Administrative Shutdown, until `bring_up`.

        Nothing happens when there is no such peer. `message` is for its operators (RFC 9003).

        Raises:
            InvalidValueError: the peer is neither an address nor an interface, or the message is no text.
        """
        check_message(message)
        self._shut_down(parse_peer(peer), message)

    def bring_up(self, peer: str | IPAddress) -> None:
        """Let a peer's session begin again after `shut_down`; harmless when it is up.

        Raises:
            InvalidValueError: the peer is neither an address nor an interface.
        """
        self._bring_up(parse_peer(peer))

    @property
    @abstractmethod
    def listen_addresses(self) -> list[ListenAddress]:
        """Where connections are accepted, with the ports that were asked for as 0."""

    @abstractmethod
    def _announce(self, prefix: Prefix, attributes: PathAttributes) -> None: ...

    @abstractmethod
    def _withdraw(self, prefix: Prefix) -> None: ...

    @abstractmethod
    def _replace(self, routes: RouteSet) -> None: ...

    @abstractmethod
    def _configure(self, peers: ParsedPeers, allow_reset: bool) -> None: ...

    @abstractmethod
    def _mark_complete(self) -> None: ...

    @abstractmethod
    def _release_quarantine(self, address: PeerAddress | PeerInterface) -> None: ...

    @abstractmethod
    def _shut_down(self, address: PeerAddress | PeerInterface, message: str) -> None: ...

    @abstractmethod
    def _bring_up(self, address: PeerAddress | PeerInterface) -> None: ...


P = TypeVar("P", bound=PoolMethods)


class SessionMethods(Generic[P]):
    """The same for a session, which is a pool with one peer."""

    def __init__(self, peer: str | IPAddress, pool: P) -> None:
        self._peer = str(peer)
        self._pool = pool

    def announce(self, route: RouteLike, attributes: PathAttributes | None = None) -> None:
        """See `Pool.announce`."""
        self._pool.announce(route, attributes)

    def withdraw(self, route: PrefixLike) -> None:
        """See `Pool.withdraw`."""
        self._pool.withdraw(route)

    def replace(
        self, routes: Routes, attributes: PathAttributes | None = None, *, allow_empty: bool = False
    ) -> None:
        """See `Pool.replace`."""
        self._pool.replace(routes, attributes, allow_empty=allow_empty)

    def configure(self, parameters: Parameters, *, allow_reset: bool = False) -> None:
        """Change parameters; see `Pool.configure`."""
        self._pool.configure({self._peer: parameters}, allow_reset=allow_reset)

    def mark_complete(self) -> None:
        """See `Pool.mark_complete`."""
        self._pool.mark_complete()

    def release_quarantine(self) -> None:
        """See `Pool.release_quarantine`."""
        self._pool.release_quarantine(self._peer)

    def shut_down(self, message: str = "") -> None:
        """See `Pool.shut_down`; unlike `close`, it can be taken back."""
        self._pool.shut_down(self._peer, message)

    def bring_up(self) -> None:
        """See `Pool.bring_up`."""
        self._pool.bring_up(self._peer)

    @property
    def listen_addresses(self) -> list[ListenAddress]:
        """Where connections are accepted, with the ports that were asked for as 0."""
        return self._pool.listen_addresses


def check_timeout(timeout: float | None) -> None:
    """Raises InvalidValueError unless `timeout` is None or a number of seconds."""
    is_number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if timeout is not None and (not is_number or (isinstance(timeout, float) and math.isnan(timeout))):
        raise InvalidValueError(f"timeout {shown(timeout)}: must be a number of seconds, or None")


def check_message(message: str) -> None:
    """Raises InvalidValueError unless `message` is text."""
    if not isinstance(message, str):
        raise InvalidValueError(f"message {shown(message)}: must be text")


def tell(
    observer: Observer,
    event: Event,
    parameters: Parameters | None,
    contained: type[BaseException] = Exception,
) -> None:
    """Call `observer` for one event; `parameters` are there for PeerAdded and PeerRemoved.

    A call that raises what is `contained` is logged, the first of an event, and the others are made still.
    """
    is_logged = False
    for call in _calls(observer, event, parameters):
        try:
            call()
        except contained:
            if not is_logged:
                log.exception("observer failed on %s of %s", type(event).__name__, event.peer)
            is_logged = True


def _calls(observer: Observer, event: Event, parameters: Parameters | None) -> Iterator[Callable[[], object]]:
    if parameters is not None:
        yield partial(observer.on_peer, event.peer, parameters, isinstance(event, PeerAdded))
    if isinstance(event, SessionDown):
        yield partial(observer.on_session, event.peer, event.local, event.reason)
    if isinstance(event, RoutesReceived) and _watches_routes(observer):
        for prefix in event.withdrawn:
            yield partial(observer.on_route, event.peer, prefix, None)
        for prefix in event.announced:
            yield partial(observer.on_route, event.peer, prefix, event.attributes or {})
    yield partial(observer.on_event, event)


def _watches_routes(observer: Observer | None) -> bool:
    """Whether somebody has overridden `on_route`, in a class or in one object."""
    return observer is not None and getattr(observer.on_route, "__func__", None) is not Observer.on_route


def _to_attributes(value: PathAttributes | None) -> PathAttributes:
    if value is None:
        return NO_ATTRIBUTES
    if not isinstance(value, PathAttributes):
        raise InvalidValueError(f"attributes {shown(value)}: must be PathAttributes")
    return value
