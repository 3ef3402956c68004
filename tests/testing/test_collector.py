"""The collector: a passive peer that keeps what it is told."""

import threading

import pytest

import rhi
from rhi.model.events import Event, RoutesReceived, SessionUp
from rhi.testing.collector import Collector
from tests.net.raw import PATIENCE, free_port, wait_until


def to(collector: Collector, as_number: int = 65001) -> dict[str, rhi.Parameters]:
    return {collector.host: rhi.Parameters(as_number=as_number, port=collector.port, multiprotocol=True)}


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0"])
def test_collector_keeps_routes_with_their_attributes(listen: str) -> None:
    with Collector(listen) as collector, rhi.Pool("192.0.2.10", to(collector)) as pool:
        pool.announce("203.0.113.1", rhi.PathAttributes(med=0, next_hop="192.0.2.1"))
        pool.announce("2001:db8::1", rhi.PathAttributes(next_hop="2001:db8::2"))

        assert collector.wait_for(lambda routes: len(routes) == 2, PATIENCE)
        assert collector.routes()["203.0.113.1"] == {
            "origin": "igp", "as_path": "65001", "next_hop": "192.0.2.1", "med": 0,
        }  # fmt: skip
        assert collector.routes()["2001:db8::1"]["next_hop"] == "2001:db8::2"


def test_collector_forgets_what_is_withdrawn_and_who_has_gone() -> None:
    with Collector() as collector:
        with rhi.Pool("192.0.2.10", to(collector), ["203.0.113.1", "203.0.113.2"]) as pool:
            assert collector.wait_for(lambda routes: len(routes) == 2, PATIENCE)
            pool.withdraw("203.0.113.1")
            assert collector.wait_for(lambda routes: list(routes) == ["203.0.113.2"], PATIENCE)

        assert collector.wait_for(lambda routes: not routes, PATIENCE)


def test_collector_tells_peers_apart() -> None:
    events: list[Event] = []
    with (
        Collector(on_event=events.append) as collector,
        rhi.Pool("192.0.2.10", to(collector), ["203.0.113.1"]),
        rhi.Pool("192.0.2.11", to(collector, 65002), ["203.0.113.2"]),
    ):
        assert collector.wait_for(lambda routes: len(routes) == 2, PATIENCE)
        peers = {event.remote_router_id: event.peer for event in events if isinstance(event, SessionUp)}
        assert list(collector.routes(peers["192.0.2.10"])) == ["203.0.113.1"]
        assert list(collector.routes(peers["192.0.2.11"])) == ["203.0.113.2"]
        assert collector.routes("192.0.2.77") == {}


def test_collector_says_when_waiting_was_in_vain() -> None:
    with Collector() as collector:
        assert not collector.wait_for(bool, 0.05)


def test_collector_wakes_those_who_wait() -> None:
    with Collector() as collector, rhi.Pool("192.0.2.10", to(collector)) as pool:
        threading.Timer(0.05, pool.announce, ["203.0.113.1"]).start()

        assert collector.wait_for(lambda routes: "203.0.113.1" in routes, PATIENCE)


def test_collector_passes_events_on() -> None:
    events: list[Event] = []
    with (
        Collector(on_event=events.append) as collector,
        rhi.Pool("192.0.2.10", to(collector), ["203.0.113.1"]),
    ):
        wait_until(lambda: {SessionUp, RoutesReceived} <= {type(event) for event in events}, "both events")


def test_collector_takes_parameters_and_answers_with_them() -> None:
    with (
        Collector(as_number=65099, router_id="192.0.2.99", hold_time=4) as collector,
        rhi.Pool("192.0.2.10", to(collector), ["203.0.113.1"]) as pool,
    ):
        assert collector.wait_for(len, PATIENCE)
        status = pool.status()[collector.host]

    assert (status.remote_asn, status.remote_router_id, status.hold_time) == (65099, "192.0.2.99", 4)


def test_collector_that_cannot_be_had_says_why() -> None:
    with Collector() as collector:
        with pytest.raises(rhi.ListenError, match="Address already in use"):
            Collector(f"{collector.host}:{collector.port}")
        with pytest.raises(rhi.InvalidValueError):
            Collector("nowhere")
        with pytest.raises(rhi.InvalidValueError):
            Collector(f"127.0.0.1:{free_port()}", hold_time=1)
