"""Routes that peers announce, as an observer with an `on_route` sees them; also one that is far too slow."""

import asyncio
import logging
import threading
from collections.abc import Mapping
from typing import Any

import pytest

import rhi
from rhi import aio
from rhi.model.events import EndOfRibReceived, Event, RoutesMissed, RoutesReceived, SessionDown, SessionUp
from rhi.model.prefix import Prefix, to_prefix
from rhi.net.facade import tell
from tests.core.script import UPDATE, message, update_body
from tests.net.raw import PATIENCE, RawListener, RawPeer, wait_until

PEER = "192.0.2.9"
ATTRIBUTES = bytes.fromhex("40010100 4002060201 0000fe09 400304c0000209")
NEWS = RoutesReceived(
    peer=PEER,
    withdrawn=(to_prefix("10.0.0.1"),),
    announced=(to_prefix("10.0.0.2"), to_prefix("::1")),
    attributes={"med": 7},
)


class Watcher(rhi.Observer):
    """Notes each call; `gate` is waited for first."""

    def __init__(self, gate: threading.Event | None = None) -> None:
        self.routes: list[tuple[str, str, Mapping[str, Any] | None]] = []
        self.events: list[Event] = []
        self.sessions: list[str] = []
        self._gate = gate

    def on_session(self, peer: str, local: bool, reason: str) -> None:
        self.sessions.append(peer)

    def on_route(self, peer: str, prefix: Prefix, attributes: Mapping[str, Any] | None) -> None:
        if self._gate is not None:
            self._gate.wait(PATIENCE)
        self.routes.append((peer, str(prefix), attributes))

    def on_event(self, event: Event) -> None:
        self.events.append(event)


def announcement(first: int, count: int) -> bytes:
    nlri = b"".join(
        b"\x20" + (0x0A000000 + number).to_bytes(4, "big") for number in range(first, first + count)
    )
    return message(UPDATE, update_body(b"", ATTRIBUTES, nlri))


def test_tell_calls_on_route_for_withdrawn_then_for_announced_routes() -> None:
    watcher = Watcher()

    tell(watcher, NEWS, None)

    assert watcher.routes == [
        (PEER, "10.0.0.1", None),
        (PEER, "10.0.0.2", {"med": 7}),
        (PEER, "::1", {"med": 7}),
    ]
    assert watcher.events == [NEWS]


def test_tell_makes_the_other_calls_when_one_raises_and_logs_once(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Watcher):
        def on_route(self, peer: str, prefix: Prefix, attributes: Mapping[str, Any] | None) -> None:
            super().on_route(peer, prefix, attributes)
            raise ZeroDivisionError

    watcher = Faulty()

    with caplog.at_level(logging.ERROR):
        tell(watcher, NEWS, None)

    assert len(watcher.routes) == 3
    assert watcher.events == [NEWS]
    assert caplog.messages == [f"observer failed on RoutesReceived of {PEER}"]


def test_tell_lets_the_end_of_the_program_pass_unless_contained() -> None:
    class Leaving(rhi.Observer):
        def on_event(self, event: Event) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tell(Leaving(), NEWS, None)
    tell(Leaving(), NEWS, None, BaseException)


def speaker(listener: RawListener, observer: rhi.Observer, **settings: Any) -> rhi.Pool:
    return rhi.Pool(
        "192.0.2.10", {listener.host: listener.parameters(hold_time=90)}, (), observer, **settings
    )


def test_pool_with_an_observer_that_watches_tells_it_of_routes_and_of_their_end() -> None:
    watcher = Watcher()
    with RawListener() as listener, speaker(listener, watcher):
        peer = listener.accept().establish()
        peer.sock.sendall(announcement(1, 2) + message(UPDATE, update_body(b"\x20\x0a\0\0\1")))
        wait_until(lambda: len(watcher.routes) == 3, "three calls")
        peer.reset()
        wait_until(lambda: watcher.sessions, "the session's end")

    attributes = {"origin": "igp", "as_path": "65033", "next_hop": "192.0.2.9"}
    assert watcher.routes == [
        (listener.host, "10.0.0.1", attributes),
        (listener.host, "10.0.0.2", attributes),
        (listener.host, "10.0.0.1", None),
    ]


def test_pool_whose_observer_does_not_watch_makes_no_news_of_routes() -> None:
    events: list[Event] = []

    class Quiet(rhi.Observer):
        def on_event(self, event: Event) -> None:
            events.append(event)

    with RawListener() as listener, speaker(listener, Quiet()) as pool:
        listener.accept().establish().sock.sendall(announcement(1, 3))
        wait_until(lambda: pool.status()[listener.host].received_routes == 3, "three routes")

    assert not [event for event in events if isinstance(event, RoutesReceived | EndOfRibReceived)]


def test_aio_pool_with_an_observer_that_watches_tells_it_of_routes() -> None:
    watcher = Watcher()

    async def main() -> None:
        passive = {"127.0.0.0/8": rhi.Parameters(as_number=65000)}
        async with aio.Pool(
            "192.0.2.2", observer=watcher, listen=["127.0.0.1:0"], dynamic_peers=passive
        ) as heard:
            port = heard.listen_addresses[0].port
            to_it = rhi.Parameters(as_number=65001, port=port)
            async with aio.Pool(
                "192.0.2.1", {"127.0.0.1": to_it}, {"203.0.113.1": rhi.PathAttributes(med=5)}
            ):
                while not watcher.routes:
                    await asyncio.sleep(0.001)

    asyncio.run(asyncio.wait_for(main(), PATIENCE))

    ((_, prefix, attributes),) = watcher.routes
    assert prefix == "203.0.113.1"
    assert attributes is not None
    assert attributes["med"] == 5


@pytest.mark.slow
def test_peer_that_floods_a_watcher_that_sleeps_is_heard_in_full_or_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rhi.net.event_queue.MAX_NEWS_BYTES", 500_000)
    gate = threading.Event()
    watcher = Watcher(gate)
    each, messages = 500, 200
    with RawListener() as listener, speaker(listener, watcher) as pool:
        peer = listener.accept().establish()
        flood(peer, each, messages)
        wait_until(lambda: pool.status()[listener.host].received_routes == each * messages, "all is received")
        dispatcher = pool._dispatcher
        assert dispatcher is not None
        assert dispatcher._waiting._news_bytes <= 500_000
        assert pool.status()[listener.host].state is rhi.State.ESTABLISHED
        peer.close()
        gate.set()
        wait_until(lambda: SessionDown in map(type, watcher.events), "the session's end is told")

    (missed,) = [event for event in watcher.events if isinstance(event, RoutesMissed)]
    assert len(watcher.routes) + missed.count == each * messages
    assert missed.count > each * messages / 2
    kinds = [type(event) for event in watcher.events]
    assert kinds.index(SessionUp) < kinds.index(RoutesMissed) < kinds.index(SessionDown)


def flood(peer: RawPeer, each: int, messages: int) -> None:
    for number in range(messages):
        peer.sock.sendall(announcement(number * each, each))
