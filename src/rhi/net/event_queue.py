"""Events on their way to an observer that may be slow: bounded, whatever peers send.

News of routes may come faster than any program takes them in. When too much of it waits, what a peer tells
from there on is dropped, and one `RoutesMissed` stands where the first of it would have, and counts it; once
that is taken, news is kept again. All other events have a bound of their own, so that no peer can push them
out with routes; of them the oldest are dropped. Not safe for threads: the owner has a lock.
"""

from collections import deque
from typing import Final

from rhi.model.events import EndOfRibReceived, Event, RoutesMissed, RoutesReceived
from rhi.model.parameters import Parameters

# Events other than news of routes.
MAX_EVENTS: Final = 10_000
# News of routes: events, and about how much memory they may take. A whole Internet table waits in 200 MB;
# nobody who is that far behind catches up.
MAX_NEWS: Final = 10_000
MAX_NEWS_BYTES: Final = 64 * 1024 * 1024
# Peers that can have missed something at a time: names of dynamic peers come without end.
MAX_MISSED_PEERS: Final = 1000

_EVENT_BYTES: Final = 500
_ROUTE_BYTES: Final = 150
_TEXT_BYTES: Final = 60


class EventQueue:
    """First in, first out.

    Attributes:
        dropped: events that were lost without a `RoutesMissed`, since the owner last set it to 0.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._next = 0
        self._events: deque[tuple[int, Event, Parameters | None]] = deque()
        self._news: deque[tuple[int, Event, int]] = deque()
        self._news_bytes = 0
        self._missed: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._events) + len(self._news)

    def put(self, event: Event, parameters: Parameters | None) -> None:
        """Add one event; `parameters` come back with it."""
        self._next += 1
        if isinstance(event, RoutesReceived | EndOfRibReceived):
            self._put_news(event)
            return
        if len(self._events) >= MAX_EVENTS:
            self._events.popleft()
            self.dropped += 1
        self._events.append((self._next, event, parameters))

    def take(self) -> tuple[Event, Parameters | None]:
        """The oldest; there must be one."""
        if not self._news or (self._events and self._events[0][0] < self._news[0][0]):
            _, event, parameters = self._events.popleft()
            return event, parameters
        _, event, weight = self._news.popleft()
        self._news_bytes -= weight
        if isinstance(event, RoutesMissed):
            event = RoutesMissed(peer=event.peer, count=self._missed.pop(event.peer))
        return event, None

    def _put_news(self, event: RoutesReceived | EndOfRibReceived) -> None:
        weight = _weight(event)
        if event.peer in self._missed:
            self._missed[event.peer] += _routes(event)
        elif len(self._news) < MAX_NEWS and self._news_bytes + weight <= MAX_NEWS_BYTES:
            self._news.append((self._next, event, weight))
            self._news_bytes += weight
        elif len(self._missed) < MAX_MISSED_PEERS:
            self._missed[event.peer] = _routes(event)
            self._news.append((self._next, RoutesMissed(peer=event.peer, count=0), 0))
        else:
            self.dropped += 1


def _routes(event: RoutesReceived | EndOfRibReceived) -> int:
    return len(event.announced) + len(event.withdrawn) if isinstance(event, RoutesReceived) else 0


def _weight(event: RoutesReceived | EndOfRibReceived) -> int:
    """About how many bytes of memory an event takes: a peer decides on its routes and attributes."""
    weight = _EVENT_BYTES + _ROUTE_BYTES * _routes(event)
    if isinstance(event, RoutesReceived):
        for value in (event.attributes or {}).values():
            if isinstance(value, str):
                weight += len(value)
            elif isinstance(value, list):
                weight += sum(_TEXT_BYTES + len(text) for text in value)
    return weight
