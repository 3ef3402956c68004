"""The events of one peer, collected until its driver asks for them."""

from rhi.model.events import Event


class EventLog:
    """What has happened to a peer, in order.

    Attributes:
        peer: the peer's name, as events that are made now bear it.
    """

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self._events: list[Event] = []

    def add(self, event: Event) -> None:
        """Note one event."""
        self._events.append(event)

    def take(self) -> list[Event]:
        """What has been noted since the last call."""
        events, self._events = self._events, []
        return events
