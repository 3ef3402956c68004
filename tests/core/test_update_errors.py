"""Faults in UPDATEs, byte by byte: they end the session only where RFC 7606 says so (RFC 4271 §6.3).

On an external session with four-octet AS numbers, unless a test says otherwise.
"""

import pytest

from rhi.model.events import RoutesReceived, UpdateMalformed
from rhi.model.status import State
from tests.core.answers import AS_PATH, LOCAL_PREF, NEXT_HOP, ORIGIN, announcement, assert_refused, comes_back
from tests.core.script import (
    OUR_AS,
    UPDATE,
    Script,
    message,
    notifications,
    update_body,
)

REACH_WITHOUT_LENGTH = b"\x80\x0e\x02\x00\x02"
RESETS = [
    ("withdrawn field runs over", b"\x00\x05\x18\xcb\x00\x71\x00\x00", "0301"),
    ("attributes run over", b"\x00\x00\x00\x05\x40\x01\x01\x00", "0301"),
    (
        "unknown well-known attribute",
        announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\x40\x63\x01\x07"),
        "0302 40630107",
    ),
    (
        "prefix of 33 bits",
        announcement(ORIGIN, AS_PATH, NEXT_HOP, announced=b"\x21\x01\x02\x03\x04\x05"),
        "030a",
    ),
    ("prefix cut short", announcement(ORIGIN, AS_PATH, NEXT_HOP, announced=b"\x18\x01"), "030a"),
    ("withdrawn prefix of 33 bits", update_body(b"\x21\x01\x02\x03\x04\x05"), "030a"),
    (
        "MP_REACH_NLRI cut short",
        update_body(b"", ORIGIN + AS_PATH + REACH_WITHOUT_LENGTH),
        "0309 800e020002",
    ),
    (
        "MP_REACH_NLRI cut short beside a malformed ORIGIN",
        announcement(b"\x40\x01\x00", AS_PATH, NEXT_HOP, REACH_WITHOUT_LENGTH),
        "0309 800e020002",
    ),
    (
        "MP_REACH_NLRI with a prefix of 129 bits",
        update_body(b"", ORIGIN + AS_PATH + b"\x80\x0e\x16\x00\x02\x01\x10" + bytes(16) + b"\x00\x81"),
        "0309 800e16 00020110" + "00" * 16 + "00 81",
    ),
    (
        "MP_REACH_NLRI with a next hop of 5 octets",
        update_body(b"", ORIGIN + AS_PATH + b"\x80\x0e\x0a\x00\x02\x01\x05" + bytes(6)),
        "0309 800e0a 00020105 000000000000",
    ),
    (
        "MP_REACH_NLRI transitive",
        announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\xc0\x0e\x05\x00\x01\x01\x00\x00"),
        "0304 c00e050001010000",
    ),
    (
        "MP_REACH_NLRI runs over the attributes",
        announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\x80\x0e\x05\x00"),
        "0301",
    ),
    ("MP_UNREACH_NLRI cut short", update_body(b"", b"\x80\x0f\x02\x00\x02"), "0309 800f020002"),
    ("MP_UNREACH_NLRI twice", update_body(b"", b"\x80\x0f\x03\x00\x02\x01" * 2), "0301"),
    ("ORIGIN 3 without routes", update_body(b"", b"\x40\x01\x01\x03"), "0306 40010103"),
    ("attribute cut short without routes", update_body(b"", b"\x40"), "0301"),
]


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in RESETS], ids=[row[0] for row in RESETS])
def test_rfc7606_fault_that_hides_routes_ends_the_session(body: bytes, expected: str) -> None:
    assert_refused(Script().establish(), message(UPDATE, body), bytes.fromhex(expected))


WITHDRAWN = [
    ("attribute runs over the list", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\x80\x04\x05\x00")),
    ("attribute header cut short", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\x40")),
    ("extended length cut short", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\x50\x01\x00")),
    ("ORIGIN missing", announcement(AS_PATH, NEXT_HOP)),
    ("AS_PATH missing", announcement(ORIGIN, NEXT_HOP)),
    ("NEXT_HOP missing", announcement(ORIGIN, AS_PATH)),
    ("ORIGIN optional", announcement(b"\xc0\x01\x01\x00", AS_PATH, NEXT_HOP)),
    ("AS_PATH not transitive", announcement(ORIGIN, b"\x00\x02\x00", NEXT_HOP)),
    ("MED transitive", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\xc0\x04\x04\0\0\0\1")),
    ("ORIGIN of two octets", announcement(b"\x40\x01\x02\x00\x00", AS_PATH, NEXT_HOP)),
    ("NEXT_HOP of three octets", announcement(ORIGIN, AS_PATH, b"\x40\x03\x03\1\2\3")),
    ("MED of five octets", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\x80\x04\x05\0\0\0\0\1")),
    ("ORIGIN 3", announcement(b"\x40\x01\x01\x03", AS_PATH, NEXT_HOP)),
    ("NEXT_HOP 0.0.0.0", announcement(ORIGIN, AS_PATH, b"\x40\x03\x04\0\0\0\0")),
    ("NEXT_HOP multicast", announcement(ORIGIN, AS_PATH, b"\x40\x03\x04\xe0\0\0\1")),
    ("AS_PATH segment of type 9", announcement(ORIGIN, b"\x40\x02\x06\x09\x01\0\0\xfd\xea", NEXT_HOP)),
    ("AS_PATH segment of length 0", announcement(ORIGIN, b"\x40\x02\x02\x02\x00", NEXT_HOP)),
    ("AS_PATH segment cut short", announcement(ORIGIN, b"\x40\x02\x04\x02\x01\xfd\xea", NEXT_HOP)),
    ("AS_PATH with AS 0", announcement(ORIGIN, b"\x40\x02\x06\x02\x01\0\0\0\0", NEXT_HOP)),
    ("confederation from outside", announcement(ORIGIN, b"\x40\x02\x06\x03\x01\0\0\xfd\xea", NEXT_HOP)),
    ("communities of three octets", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\xc0\x08\x03\1\2\3")),
    ("no communities", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\xc0\x08\x00")),
    (
        "extended community of seven octets",
        announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\xc0\x10\x07" + bytes(7)),
    ),
    (
        "large community of eleven octets",
        announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\xc0\x20\x0b" + bytes(11)),
    ),
    ("OTC of three octets", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\xc0\x23\x03\0\0\1")),
]


@pytest.mark.parametrize("body", [row[1] for row in WITHDRAWN], ids=[row[0] for row in WITHDRAWN])
def test_rfc7606_fault_beside_routes_withdraws_them_and_the_session_goes_on(body: bytes) -> None:
    script = Script().establish()
    good = message(UPDATE, announcement(ORIGIN, AS_PATH, NEXT_HOP))

    script.send(good + message(UPDATE, body) + good)

    assert script.state is State.ESTABLISHED
    assert script.take() == []
    heard = [event for event in script.events if isinstance(event, RoutesReceived)]
    assert [(len(event.announced), len(event.withdrawn)) for event in heard] == [(1, 0), (0, 1), (1, 0)]
    (told,) = [event for event in script.events if isinstance(event, UpdateMalformed)]
    assert (told.treatment, told.count) == ("treat-as-withdraw", 1)
    assert told.detail
    assert (script.status.received_routes, script.status.malformed_updates) == (2, 1)


DISCARDED = [
    ("ORIGIN twice", announcement(ORIGIN, b"\x40\x01\x01\x02", AS_PATH, NEXT_HOP)),
    ("LOCAL_PREF from outside", announcement(ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF)),
    ("ORIGINATOR_ID from outside", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\x80\x09\x04\1\2\3\4")),
    ("CLUSTER_LIST from outside", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\x80\x0a\x01\0")),
    ("ATOMIC_AGGREGATE of one octet", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\x40\x06\x01\0")),
    ("AGGREGATOR of two octets", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\xc0\x07\x02\0\1")),
    ("AS4_PATH from a new speaker", announcement(ORIGIN, AS_PATH, NEXT_HOP, b"\xc0\x11\x06\2\1\0\0\xfd\xea")),
]


@pytest.mark.parametrize("body", [row[1] for row in DISCARDED], ids=[row[0] for row in DISCARDED])
def test_rfc7606_attribute_is_discarded_and_the_routes_stay(body: bytes) -> None:
    script = Script().establish()

    script.send(message(UPDATE, body))

    assert script.state is State.ESTABLISHED
    (heard,) = [event for event in script.events if isinstance(event, RoutesReceived)]
    assert heard.attributes == {"origin": "igp", "as_path": "65002", "next_hop": "192.0.2.2"}
    (told,) = [event for event in script.events if isinstance(event, UpdateMalformed)]
    assert told.treatment == "attribute discard"
    assert (script.status.received_routes, script.status.malformed_updates) == (1, 1)


def test_rfc4271_5_1_5_local_pref_missing_on_an_internal_session_is_treated_as_withdraw() -> None:
    script = Script().establish(as_number=OUR_AS)

    script.send(message(UPDATE, announcement(ORIGIN, b"\x40\x02\x00", NEXT_HOP)))

    assert script.state is State.ESTABLISHED
    assert (script.status.received_routes, script.status.malformed_updates) == (0, 1)


def test_malformed_updates_in_a_flood_are_counted_and_told_now_and_then() -> None:
    script = Script().establish()
    withdraw = message(UPDATE, announcement(AS_PATH, NEXT_HOP))
    discard = message(UPDATE, announcement(ORIGIN, AS_PATH, NEXT_HOP, LOCAL_PREF))

    for _ in range(30):
        script.run(1).send(withdraw * 100 + discard)

    told = [event for event in script.events if isinstance(event, UpdateMalformed)]
    assert [event.count for event in told] == [1, 101, 1011, 1111, 2021, 2121]
    assert script.status.malformed_updates == 3030
    assert script.state is State.ESTABLISHED


def test_malformed_updates_are_counted_anew_in_each_session() -> None:
    script = Script().establish()
    script.send(message(UPDATE, announcement(AS_PATH, NEXT_HOP))).hang_up()
    comes_back(script)

    assert script.status.malformed_updates == 0


def test_rfc4271_6_3_routes_before_the_fault_are_counted_and_the_session_ends_once() -> None:
    script = Script().establish()
    good = message(UPDATE, announcement(ORIGIN, AS_PATH, NEXT_HOP))
    bad = message(UPDATE, announcement(announced=b"\x21"))

    script.send(good + bad + good + bad)

    assert notifications(script.take()) == [b"\x03\x0a"]
    assert script.status.received_routes == 1
    assert len(script.downs) == 1
