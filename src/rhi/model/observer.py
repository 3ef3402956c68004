"""`Observer`: how a program hears of what happens. Derive from it and override what you want."""

from collections.abc import Mapping
from typing import Any

from rhi.model.events import Event
from rhi.model.parameters import Parameters
from rhi.model.prefix import Prefix


class Observer:
    """Does nothing by itself. Calls come one at a time, in order, never from the thread that called a method.

    `rhi.Pool` and `rhi.Session` call it from a thread of its own, so a slow observer delays only later calls
    to itself; when more than 10,000 events wait, the oldest are dropped and counted in the log. News of
    routes has a bound of its own: see `RoutesMissed`. `rhi.aio` calls it from the event loop. What it raises
    is logged and goes no further.
    """

    def on_peer(self, peer: str, parameters: Parameters, added: bool) -> None:
        """A peer was configured (`added`) or removed (seed: `BGPPeer`)."""

    def on_session(self, peer: str, local: bool, reason: str) -> None:
        """A session or an attempt ended; `local` when we asked for it (seed: `BGPSession`).

        The peer's routes are all gone then; `on_route` does not tell it of each.
        """

    def on_route(self, peer: str, prefix: Prefix, attributes: Mapping[str, Any] | None) -> None:
        """The peer announced a route, or withdrew it: then `attributes` is None.

        Overriding it is enough to be told; it takes time for each route that is received. Attributes are by
        name, as in `RoutesReceived`. A route that is announced again replaces what was told of it before.
        """

    def on_event(self, event: Event) -> None:
        """Anything happened; the other calls come besides."""
