"""Typed events as JSON objects."""

import dataclasses
import inspect
import json
from ipaddress import ip_address
from typing import Any

import pytest

from rhi.model import events
from rhi.model.attributes import Origin
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.drain import DrainStep
from rhi.model.events import (
    CallFailed,
    CallRecovered,
    DrainProgress,
    EndOfRibReceived,
    EndOfRibSent,
    Event,
    PeerAdded,
    PeerRemoved,
    PrefixLimitNear,
    RoutesHeldBack,
    RoutesMissed,
    RoutesQuarantined,
    RoutesReceived,
    RoutesReleased,
    SessionDown,
    SessionUp,
    StateChanged,
    UpdateMalformed,
)
from rhi.model.prefix import to_prefix
from rhi.model.status import State
from tests.model.anything import Unprintable

PEER = "192.0.2.1"

EVENTS: list[tuple[Event, dict[str, Any]]] = [
    (PeerAdded(peer=PEER), {"event": "peer_added"}),
    (PeerRemoved(peer=PEER), {"event": "peer_removed"}),
    (
        StateChanged(peer=PEER, before=State.OPEN_SENT, after=State.OPEN_CONFIRM),
        {"event": "state_changed", "before": "OPEN_SENT", "after": "OPEN_CONFIRM"},
    ),
    (
        SessionUp(
            peer=PEER,
            local_ip="192.0.2.2",
            remote_ip=PEER,
            remote_asn=65001,
            remote_router_id="192.0.2.1",
            hold_time=10,
            families=("ipv4", "ipv6"),
        ),
        {
            "event": "session_up",
            "local_ip": "192.0.2.2",
            "remote_ip": PEER,
            "remote_asn": 65001,
            "remote_router_id": "192.0.2.1",
            "hold_time": 10,
            "families": ["ipv4", "ipv6"],
        },
    ),
    (
        SessionDown(peer=PEER, local=False, reason="gone", established=True),
        {
            "event": "session_down",
            "local": False,
            "reason": "gone",
            "established": True,
            "code": None,
            "subcode": None,
        },
    ),
    (EndOfRibSent(peer=PEER, family="ipv6"), {"event": "end_of_rib_sent", "family": "ipv6"}),
    (EndOfRibReceived(peer=PEER, family="ipv4"), {"event": "end_of_rib_received", "family": "ipv4"}),
    (
        RoutesHeldBack(peer=PEER, reason="no_next_hop", count=2),
        {"event": "routes_held_back", "reason": "no_next_hop", "count": 2},
    ),
    (
        RoutesQuarantined(peer=PEER, routes=(to_prefix("192.0.2.9"),), count=1, reason="no"),
        {"event": "routes_quarantined", "routes": ["192.0.2.9"], "count": 1, "reason": "no"},
    ),
    (
        RoutesReleased(peer=PEER, routes=(to_prefix("192.0.2.9"),), count=1),
        {"event": "routes_released", "routes": ["192.0.2.9"], "count": 1},
    ),
    (
        RoutesReceived(
            peer=PEER, announced=(to_prefix("192.0.2.9"),), withdrawn=(to_prefix("2001:db8::/32"),)
        ),
        {
            "event": "routes_received",
            "announced": ["192.0.2.9"],
            "withdrawn": ["2001:db8::/32"],
            "attributes": None,
        },
    ),
    (RoutesMissed(peer=PEER, count=12345), {"event": "routes_missed", "count": 12345}),
    (
        PrefixLimitNear(peer=PEER, family="ipv4", count=75, limit=100),
        {"event": "prefix_limit_near", "family": "ipv4", "count": 75, "limit": 100},
    ),
    (
        UpdateMalformed(peer=PEER, treatment="treat-as-withdraw", detail="ORIGIN is missing", count=3),
        {
            "event": "update_malformed",
            "treatment": "treat-as-withdraw",
            "detail": "ORIGIN is missing",
            "count": 3,
        },
    ),
    (
        CallFailed(peer=PEER, call="bring_up", reason="no"),
        {"event": "call_failed", "call": "bring_up", "reason": "no", "internal": False},
    ),
    (CallRecovered(peer=PEER, call="bring_up"), {"event": "call_recovered", "call": "bring_up"}),
    (
        DrainProgress(
            peer=PEER,
            drain=1,
            step=DrainStep.FLUSH_MARKS,
            everything=True,
            routes=2,
            withdrawn=0,
            wait_time=30.0,
            behind={PEER: "has yet to be told"},
        ),
        {
            "event": "drain_progress",
            "drain": 1,
            "step": "flush_marks",
            "everything": True,
            "routes": 2,
            "withdrawn": 0,
            "wait_time": 30.0,
            "behind": {PEER: "has yet to be told"},
        },
    ),
]


@pytest.mark.parametrize(("event", "shown"), EVENTS, ids=lambda value: type(value).__name__)
def test_event_json_has_kind_and_peer_first_then_its_fields(event: Event, shown: dict[str, Any]) -> None:
    found = json.loads(json.dumps(event.to_json()))

    assert found == {**shown, "peer": PEER}
    assert list(found)[:2] == ["event", "peer"]


def test_every_kind_of_event_is_in_the_table() -> None:
    kinds = {value for value in vars(events).values() if inspect.isclass(value) and issubclass(value, Event)}

    assert {type(event) for event, _ in EVENTS} == kinds - {Event}


def test_event_json_attributes_are_written_for_people() -> None:
    attributes = {
        "origin": Origin.INCOMPLETE,
        "as_path": ((2, (65000, 65001)),),
        "med": 0,
        "next_hop": ip_address("192.0.2.1"),
        "communities": (Community("65000:1"),),
        "large_communities": [LargeCommunity(1, 2, 3)],
        "extended_communities": (ExtendedCommunity.parse("rt:1:2"),),
        "unknown": {99: b"\xde\xad"},
        "flags": frozenset({1.5}),
        "other": Unprintable,
    }

    shown = json.loads(json.dumps(RoutesReceived(peer=PEER, attributes=attributes).to_json()))["attributes"]

    assert shown == {
        "origin": 2,
        "as_path": [[2, [65000, 65001]]],
        "med": 0,
        "next_hop": "192.0.2.1",
        "communities": ["65000:1"],
        "large_communities": ["1:2:3"],
        "extended_communities": ["rt:1:2"],
        "unknown": {"99": "dead"},
        "flags": [1.5],
        "other": str(Unprintable),
    }


@pytest.mark.parametrize("event", [event for event, _ in EVENTS], ids=lambda value: type(value).__name__)
def test_events_are_values(event: Event) -> None:
    same = dataclasses.replace(event)

    assert same == event
    assert hash(same) == hash(event)
    assert dataclasses.replace(event, peer="192.0.2.99") != event


def test_drain_progress_is_about_all_peers() -> None:
    event = DrainProgress(drain=1, step=DrainStep.MARK, everything=True, routes=0, withdrawn=0, wait_time=0.0)

    assert event.peer == ""


def test_event_with_attributes_can_be_in_a_set() -> None:
    event = RoutesReceived(peer=PEER, attributes={"med": 1})

    assert event in {event}
