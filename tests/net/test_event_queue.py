"""What waits for a slow observer, and what is dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.model.events import (
    EndOfRibReceived,
    Event,
    PeerAdded,
    RoutesHeldBack,
    RoutesMissed,
    RoutesReceived,
)
from rhi.model.parameters import Parameters
from rhi.model.prefix import to_prefix
from rhi.net import event_queue
from rhi.net.event_queue import EventQueue

A, B = "192.0.2.1", "192.0.2.2"
ROUTES = tuple(to_prefix(f"203.0.113.{number}") for number in range(100))


def news(peer: str = A, count: int = 1) -> RoutesReceived:
    return RoutesReceived(peer=peer, announced=ROUTES[:count], attributes={})


def other(number: int) -> RoutesHeldBack:
    return RoutesHeldBack(peer=A, reason="no_next_hop", count=number)


def filled(*events: Event) -> EventQueue:
    queue = EventQueue()
    for event in events:
        queue.put(event, None)
    return queue


def drain(queue: EventQueue) -> list[Event]:
    return [queue.take()[0] for _ in range(len(queue))]


def test_queue_gives_events_back_in_order_with_their_parameters() -> None:
    parameters = Parameters(as_number=65001)
    queue = EventQueue()
    queue.put(PeerAdded(peer=A), parameters)
    queue.put(news(), None)
    queue.put(other(1), None)

    taken = [queue.take() for _ in range(len(queue))]

    assert taken == [(PeerAdded(peer=A), parameters), (news(), None), (other(1), None)]


def test_queue_drops_the_oldest_events_and_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "MAX_EVENTS", 3)

    queue = filled(*(other(number) for number in range(10)))

    assert queue.dropped == 7
    assert drain(queue) == [other(7), other(8), other(9)]


def test_queue_too_much_news_is_one_gap_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "MAX_NEWS", 2)
    queue = filled(news(count=1), other(1), news(count=2), news(count=3), other(2), news(count=4))

    first = queue.take()[0]
    queue.put(news(count=5), None)  # there is room, but the gap must not be told before it ends

    assert first == news(count=1)
    assert drain(queue) == [other(1), news(count=2), RoutesMissed(peer=A, count=12), other(2)]
    queue.put(news(count=6), None)
    assert drain(queue) == [news(count=6)]
    assert queue.dropped == 0


def test_queue_counts_withdrawn_routes_as_missed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "MAX_NEWS", 0)

    queue = filled(RoutesReceived(peer=A, withdrawn=ROUTES[:3], announced=ROUTES[3:5]))

    assert drain(queue) == [RoutesMissed(peer=A, count=5)]


@pytest.mark.parametrize(
    "large",
    [
        news(count=100),
        RoutesReceived(peer=A, announced=ROUTES[:1], attributes={"attribute_99": "ff" * 10_000}),
        RoutesReceived(peer=A, announced=ROUTES[:1], attributes={"communities": ["1:1"] * 1000}),
    ],
    ids=["routes", "text", "list"],
)
def test_queue_bound_is_on_memory_not_on_events_alone(
    large: RoutesReceived, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_queue, "MAX_NEWS_BYTES", 12_000)

    queue = filled(large, news())

    assert drain(queue) == [RoutesMissed(peer=A, count=len(large.announced) + 1)]


def test_queue_has_room_again_when_news_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "MAX_NEWS_BYTES", 1000)
    queue = EventQueue()

    for _ in range(10):
        queue.put(news(), None)
        assert drain(queue) == [news()]


def test_queue_news_of_one_peer_pushes_out_no_other_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "MAX_EVENTS", 5)
    monkeypatch.setattr(event_queue, "MAX_NEWS", 5)

    ends = [EndOfRibReceived(peer=A, family="ipv4")] * 1000
    queue = filled(other(1), *ends, *(news(),) * 1000, other(2))

    assert len(queue) == 8
    assert drain(queue) == [other(1), *ends[:5], RoutesMissed(peer=A, count=1000), other(2)]


def test_queue_peers_miss_routes_apart_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "MAX_NEWS", 0)
    monkeypatch.setattr(event_queue, "MAX_MISSED_PEERS", 2)

    queue = filled(news(A), news(B), news("192.0.2.3"), news(A, 2))

    assert drain(queue) == [RoutesMissed(peer=A, count=3), RoutesMissed(peer=B, count=1)]
    assert queue.dropped == 1


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(0, 3).map(other),
            st.builds(news, st.sampled_from([A, B]), st.integers(1, 3)),
        ),
        max_size=60,
    )
)
def test_queue_tells_or_counts_every_route(history: list[Event | None]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(event_queue, "MAX_NEWS", 3)
        queue, taken = EventQueue(), list[Event]()

        for event in history:
            if event is not None:
                queue.put(event, None)
            elif len(queue):
                taken.append(queue.take()[0])
            assert len(queue._news) <= 3 + 2
        taken += drain(queue)

    put = [event for event in history if event is not None]
    told = sum(event.count if isinstance(event, RoutesMissed) else _routes(event) for event in taken)
    assert told == sum(map(_routes, put))
    assert [event for event in taken if isinstance(event, RoutesHeldBack)] == [
        event for event in put if isinstance(event, RoutesHeldBack)
    ]
    assert queue._news_bytes == 0


def _routes(event: Event) -> int:
    return len(event.announced) if isinstance(event, RoutesReceived) else 0
