"""A passive BGP peer on a real socket that records what it is told; no root, no router.

    with Collector() as collector:
        pool = rhi.Pool("192.0.2.10", {collector.host: rhi.Parameters(as_number=65001, port=collector.port)})
        pool.announce("203.0.113.10")
        assert collector.wait_for(lambda routes: "203.0.113.10" in routes, timeout=5)

It takes connections from anywhere its address can be reached from, and any AS number. Routes that come faster
than it can note them are missing from `routes`; `RoutesMissed` events tell how many.
"""

import time
from collections.abc import Callable, Mapping
from threading import Condition
from types import TracebackType
from typing import Any, Final, Self

from rhi.model.events import Event, RoutesReceived, SessionDown
from rhi.model.observer import Observer
from rhi.model.parameters import Parameters
from rhi.model.status import Status
from rhi.net.dynamic import MAX_DYNAMIC_PEERS
from rhi.net.endpoint import ListenAddress
from rhi.threaded import Pool

DEFAULT_AS: Final = 65000
DEFAULT_ROUTER_ID: Final = "127.0.0.53"

RoutesSeen = dict[str, Mapping[str, Any]]


class Collector(Observer):
    """Keeps each peer's routes as text, with their attributes by name.

    Attributes:
        host, port: where it listens.
    """

    def __init__(
        self,
        listen: str = "127.0.0.1:0",
        *,
        as_number: int = DEFAULT_AS,
        router_id: str = DEFAULT_ROUTER_ID,
        on_event: Callable[[Event], None] | None = None,
        **parameters: Any,
    ) -> None:
        """Listen; `on_event` is called with everything that happens; `parameters` as for `rhi.Parameters`.

        Raises:
            InvalidValueError: an argument is wrong.
            ListenError: the address cannot be had.
        """
        self._changed = Condition()  # on a re-entrant lock: wait_for asks routes()
        self._routes: dict[str, RoutesSeen] = {}
        self._also = on_event
        settings = Parameters(**{"as_number": as_number, "multiprotocol": True, **parameters})
        address = ListenAddress.parse(listen)
        self._pool = Pool(
            router_id,
            observer=self,
            listen=[address],
            dynamic_peers={"0.0.0.0/0": settings, "::/0": settings},
            reports_routes=True,
            max_dynamic_peers_per_source=MAX_DYNAMIC_PEERS,
        )
        self.host = str(address.address)
        self.port = self._pool.listen_addresses[0].port

    def routes(self, peer: str | None = None) -> RoutesSeen:
        """What one peer has announced, or all of them: attributes by route."""
        with self._changed:
            if peer is not None:
                return dict(self._routes.get(peer, {}))
            return {route: seen for routes in self._routes.values() for route, seen in routes.items()}

    def wait_for(self, condition: Callable[[RoutesSeen], object], timeout: float) -> bool:
        """Wait until `condition` holds of `routes()`; false when `timeout` seconds were not enough."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition(self.routes()):
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def status(self) -> dict[str, Status]:
        """Each session's state, by the name of its peer."""
        return self._pool.status()

    def close(self) -> None:
        """End all sessions."""
        self._pool.close()

    def on_event(self, event: Event) -> None:
        with self._changed:
            if isinstance(event, RoutesReceived):
                routes = self._routes.setdefault(event.peer, {})
                for prefix in event.withdrawn:
                    routes.pop(str(prefix), None)
                for prefix in event.announced:
                    routes[str(prefix)] = event.attributes or {}
            elif isinstance(event, SessionDown):
                self._routes.pop(event.peer, None)
            self._changed.notify_all()
        if self._also is not None:
            self._also(event)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
