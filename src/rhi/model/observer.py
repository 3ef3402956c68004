"""`Observer`: how a program hears of what happens. Derive from it and override what you want."""

from rhi.model.events import Event
from rhi.model.parameters import Parameters


class Observer:
    """Does nothing by itself. Calls come one at a time, in order, never from the thread that called a method.

    `rhi.Pool` and `rhi.Session` call it from a thread of its own, so a slow observer delays only later calls
    to itself; when more than 10,000 wait, the oldest are dropped and counted in the log. `rhi.aio` calls it
    from the event loop. What it raises is logged and goes no further.
    """

    def on_peer(self, peer: str, parameters: Parameters, added: bool) -> None:
        """A peer was configured (`added`) or removed (seed: `BGPPeer`)."""

    def on_session(self, peer: str, local: bool, reason: str) -> None:
        """A session or an attempt ended; `local` when we asked for it (seed: `BGPSession`)."""

    def on_event(self, event: Event) -> None:
        """Anything happened; `on_peer` and `on_session` come besides."""
