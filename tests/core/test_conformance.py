"""What a neighbour gets for its mistakes, byte by byte, and that the session comes back by itself.

NOTIFICATION bodies are written out as code, subcode and data of RFC 4271 §6, RFC 5492, RFC 6286, RFC 6608,
RFC 7313, RFC 8654 and RFC 9072. Faults in UPDATEs end the session only where RFC 7606 says so.
"""

from itertools import pairwise

import pytest

from rhi.model.attributes import PathAttributes
from rhi.model.events import RoutesReceived, UpdateMalformed
from rhi.model.parameters import Parameters
from rhi.model.status import State
from tests.core.script import (
    EXTENDED,
    IPV4,
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    OUR_AS,
    ROUTE_REFRESH,
    THEIR_AS,
    UPDATE,
    Script,
    four_octet_as,
    message,
    notifications,
    open_body,
    update_body,
)

ORIGIN = b"\x40\x01\x01\x00"
AS_PATH = b"\x40\x02\x06\x02\x01\x00\x00\xfd\xea"  # AS_SEQUENCE of 65002
NEXT_HOP = b"\x40\x03\x04\xc0\x00\x02\x02"
LOCAL_PREF = b"\x40\x05\x04\x00\x00\x00\x64"
ROUTE = b"\x18\xcb\x00\x71"  # 203.0.113.0/24
LARGE = bytes(5000)


def assert_refused(script: Script, data: bytes, expected: bytes) -> None:
    """`data` is answered by one NOTIFICATION and a close; then the session comes back."""
    script.take()
    before = len(script.ups)
    number = script.open[-1]

    script.send(data)

    assert script.take(number)[-1] == (NOTIFICATION, expected)
    assert number in script.closed
    down = script.downs[-1]
    assert (down.code, down.subcode, down.local) == (expected[0], expected[1], False)
    assert script.status.last_error == down.reason
    assert script.state is State.IDLE
    comes_back(script)
    assert len(script.ups) == before + 1
    assert script.status.last_error == ""


def comes_back(script: Script) -> None:
    attempts = len(script.attempts)
    while len(script.attempts) == attempts:
        assert script.run_to_timer() <= 30.0
    script.take()
    script.establish()


# Message header errors (RFC 4271 §6.1)

HEADERS = [
    ("marker is not all ones", message(KEEPALIVE, marker=b"\xff" * 15 + b"\xfe"), "0101"),
    ("marker of zeros", message(KEEPALIVE, marker=bytes(16)), "0101"),
    ("length below the header's", message(KEEPALIVE, size=18), "0102 0012"),
    ("length zero", message(UPDATE, bytes(4), size=0), "0102 0000"),
    ("length above 4096", message(UPDATE, size=4097), "0102 1001"),
    ("OPEN below 29", message(OPEN, size=28), "0102 001c"),
    ("UPDATE below 23", message(UPDATE, bytes(3)), "0102 0016"),
    ("NOTIFICATION below 21", message(NOTIFICATION, b"\x06"), "0102 0014"),
    ("KEEPALIVE above 19", message(KEEPALIVE, b"\0"), "0102 0014"),
    ("type 0", message(0), "0103 00"),
    ("type 6", message(6), "0103 06"),
    ("type 255", message(255, bytes(100)), "0103 ff"),
]
OLD_MESSAGES = Parameters(as_number=OUR_AS, hold_time=90, extended_messages=False)


@pytest.mark.parametrize(("data", "expected"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS])
@pytest.mark.parametrize("stage", ["open_sent", "open_confirm", "established"])
def test_rfc4271_6_1_header_error_gets_its_notification(stage: str, data: bytes, expected: str) -> None:
    script = Script(OLD_MESSAGES).start()
    if stage == "open_confirm":
        script.send(message(OPEN, open_body()))
    elif stage == "established":
        script.establish()

    assert_refused(script, data, bytes.fromhex(expected))


def test_rfc4271_6_1_header_error_is_answered_before_the_body_has_come() -> None:
    script = Script(OLD_MESSAGES).establish()

    assert_refused(script, message(UPDATE, size=5000)[:19], bytes.fromhex("0102 1388"))


def test_rfc8654_4_large_message_is_taken_by_who_offered_it_whatever_the_peer_offers() -> None:
    script = Script().establish(capabilities=IPV4 + four_octet_as(THEIR_AS))

    raw = b"\xd0\x63" + len(LARGE).to_bytes(2, "big") + LARGE  # optional transitive attribute 99
    script.send(message(UPDATE, update_body(b"", ORIGIN + AS_PATH + NEXT_HOP + raw, ROUTE)))

    assert script.state is State.ESTABLISHED
    assert script.status.received_routes == 1


def test_rfc8654_4_large_message_is_refused_by_who_did_not_offer_it() -> None:
    capabilities = IPV4 + EXTENDED + four_octet_as(THEIR_AS)
    script = Script(OLD_MESSAGES).establish(capabilities=capabilities)

    assert_refused(script, message(UPDATE, update_body(b"", LARGE)), b"\x01\x02" + (5023).to_bytes(2, "big"))


def test_rfc8654_4_large_open_and_keepalive_are_refused_also_by_who_offered_large_messages() -> None:
    script = Script().establish(capabilities=IPV4 + EXTENDED + four_octet_as(THEIR_AS))

    assert_refused(script, message(KEEPALIVE, size=5000), bytes.fromhex("0102 1388"))
    assert_refused(script, message(OPEN, size=5000), bytes.fromhex("0102 1388"))


# OPEN errors (RFC 4271 §6.2)


def capability(data: bytes) -> bytes:
    """An optional parameters field of one parameter with these capabilities."""
    return bytes((len(data) + 2, 2, len(data))) + data


OPENS = [
    ("version 3", open_body(version=3), "0201 0004"),
    ("version 5", open_body(version=5), "0201 0004"),
    ("AS 0", open_body(as_number=0, capabilities=b""), "0202"),
    ("AS_TRANS without a capability (RFC 6793)", open_body(as_number=23456, capabilities=b""), "0202"),
    ("AS 0 in the capability (RFC 7607)", open_body(capabilities=four_octet_as(0)), "0202"),
    ("AS unlike the capability's", open_body(capabilities=four_octet_as(64999)), "0202"),
    ("router id 0 (RFC 6286)", open_body(router_id="0.0.0.0"), "0203"),
    ("hold time 1", open_body(hold_time=1), "0206"),
    ("hold time 2", open_body(hold_time=2), "0206"),
    ("optional parameter 1 (authentication)", open_body(parameters=b"\x03\x01\x01\x00"), "0204"),
    ("optional parameter 200", open_body(parameters=b"\x02\xc8\x00"), "0204"),
    ("optional parameters longer than said", open_body(parameters=b"\x00\x02\x00"), "0200"),
    ("optional parameters shorter than said", open_body(parameters=b"\x09\x02\x00"), "0200"),
    ("parameter runs over its field", open_body(parameters=b"\x02\x02\x05"), "0200"),
    ("capability runs over its parameter", open_body(parameters=capability(b"\x02\x05")), "0200"),
    ("capability 65 of two octets", open_body(parameters=capability(b"\x41\x02\xfd\xea")), "0200"),
    ("extended form cut short (RFC 9072)", open_body(parameters=b"\xff\xff\x00"), "0200"),
    ("extended form with an odd length", open_body(parameters=b"\xff\xff\x00\x04\x02\x00\x02"), "0200"),
]


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in OPENS], ids=[row[0] for row in OPENS])
def test_rfc4271_6_2_open_error_gets_its_notification(body: bytes, expected: str) -> None:
    assert_refused(Script().start(), message(OPEN, body), bytes.fromhex(expected))


def test_rfc4271_6_2_wrong_peer_as_is_refused() -> None:
    parameters = Parameters(as_number=OUR_AS, peer_as=64999)
    script = Script(parameters).start()

    script.send(message(OPEN, open_body()))

    assert notifications(script.take()) == [b"\x02\x02"]
    assert "peer is AS 65002, not 64999" in script.downs[-1].reason


def test_rfc4271_6_2_right_peer_as_of_four_octets_is_taken() -> None:
    script = Script(Parameters(as_number=OUR_AS, peer_as=4200000000)).start()

    script.establish(as_number=4200000000)

    assert script.status.remote_asn == 4200000000


def test_rfc6286_2_2_same_router_id_in_the_same_as_is_refused() -> None:
    script = Script().start()

    script.send(message(OPEN, open_body(as_number=OUR_AS, router_id="192.0.2.1")))

    assert notifications(script.take()) == [b"\x02\x03"]


def test_rfc6286_2_2_same_router_id_in_another_as_is_taken() -> None:
    Script().start().establish(router_id="192.0.2.1")


def test_rfc6286_2_1_router_id_that_is_no_host_address_is_taken() -> None:
    Script().start().establish(router_id="255.255.255.255")


def test_rfc9072_2_long_optional_parameters_are_read() -> None:
    unknown = b"\x63\xff" + bytes(255)
    capabilities = IPV4 + unknown + unknown + four_octet_as(4200000000)
    field = b"\x02" + len(capabilities).to_bytes(2, "big") + capabilities
    script = Script().start()

    script.establish(as_number=4200000000, parameters=b"\xff\xff" + len(field).to_bytes(2, "big") + field)

    assert script.status.remote_asn == 4200000000


def test_rfc5492_3_unknown_capability_is_no_error() -> None:
    Script().start().establish(capabilities=IPV4 + b"\xf0\x03abc" + four_octet_as(THEIR_AS))


def test_rfc5492_3_peer_without_capabilities_gets_ipv4_and_two_octet_as_numbers() -> None:
    script = Script(Parameters(as_number=OUR_AS, multiprotocol=True)).start()

    script.establish(capabilities=b"")

    assert script.status.families == ("ipv4",)


def test_rfc5492_3_peer_that_refuses_optional_parameters_is_spoken_to_without() -> None:
    script = Script().start()
    (first,) = script.take()
    assert first[1][9] > 0

    script.send(message(NOTIFICATION, b"\x02\x04"))
    script.run(1.0)

    assert script.take() == [(OPEN, bytes.fromhex("04 fde9 005a c0000201 00"))]
    script.establish(capabilities=b"")
    script.announce("203.0.113.1")
    assert (
        UPDATE,
        bytes.fromhex("0000 0012 40010100 4002040201fde9 400304c0000201 20cb007101"),
    ) in script.take()


def test_rfc5492_3_capabilities_are_tried_again_when_their_absence_is_refused_too() -> None:
    script = Script().start()
    sizes = []

    for _ in range(3):
        sizes.append(script.take()[-1][1][9])
        script.send(message(NOTIFICATION, b"\x02\x04"))
        script.run(5.0)

    assert [size > 0 for size in sizes] == [True, False, True]


# Finite state machine errors (RFC 6608)

REFRESH_IPV4 = b"\x00\x01\x00\x01"
UNEXPECTED = [
    ("open_sent", KEEPALIVE, b"", "0501 04"),
    ("open_sent", UPDATE, bytes(4), "0501 02"),
    ("open_sent", ROUTE_REFRESH, REFRESH_IPV4, "0501 05"),
    ("open_confirm", OPEN, open_body(), "0502 01"),
    ("open_confirm", UPDATE, bytes(4), "0502 02"),
    ("open_confirm", ROUTE_REFRESH, REFRESH_IPV4, "0502 05"),
    ("established", OPEN, open_body(), "0503 01"),
]


@pytest.mark.parametrize(("stage", "kind", "body", "expected"), UNEXPECTED)
def test_rfc6608_4_unexpected_message_gets_state_and_type(
    stage: str, kind: int, body: bytes, expected: str
) -> None:
    script = Script().start()
    if stage == "open_confirm":
        script.send(message(OPEN, open_body()))
    elif stage == "established":
        script.establish()

    assert_refused(script, message(kind, body), bytes.fromhex(expected))


# UPDATE errors (RFC 4271 §6.3, RFC 7606), on an external session with four-octet AS numbers


def announcement(*attributes: bytes, announced: bytes = ROUTE) -> bytes:
    return update_body(b"", b"".join(attributes), announced)


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


@pytest.mark.parametrize("size", [1, 7, 18, 19, 20, 100])
def test_messages_in_pieces_are_the_same_messages(size: int) -> None:
    script = Script().start()
    stream = message(OPEN, open_body()) + message(KEEPALIVE)
    stream += message(UPDATE, announcement(ORIGIN, AS_PATH, NEXT_HOP))
    stream += message(UPDATE, announcement(announced=b"\x21"))

    for start in range(0, len(stream), size):
        if script.open:
            script.send(stream[start : start + size])

    assert notifications(script.take()) == [b"\x03\x0a"]
    assert script.status.received_routes == 1
    assert [down.established for down in script.downs] == [True]


def test_whole_session_in_one_piece_is_a_session() -> None:
    script = Script().start()
    stream = message(OPEN, open_body()) + message(KEEPALIVE)
    stream += message(UPDATE, announcement(ORIGIN, AS_PATH, NEXT_HOP)) + message(NOTIFICATION, b"\x06\x04")

    script.send(stream)

    assert len(script.ups) == 1
    assert [(down.established, down.code, down.subcode) for down in script.downs] == [(True, 6, 4)]


# ROUTE-REFRESH (RFC 2918, RFC 7313)


def test_rfc2918_4_route_refresh_sends_the_family_again() -> None:
    script = Script().establish().announce("203.0.113.1", "203.0.113.2")
    *_, sent = script.take()

    script.send(message(ROUTE_REFRESH, REFRESH_IPV4))

    assert script.take() == [sent]
    assert script.status.advertised_routes == 4


def test_rfc2918_4_route_refresh_for_a_family_not_agreed_on_is_ignored() -> None:
    script = Script().establish().announce("203.0.113.1")
    script.take()

    script.send(message(ROUTE_REFRESH, b"\x00\x02\x00\x01"))
    script.send(message(ROUTE_REFRESH, b"\x40\x04\x00\x47"))

    assert script.take() == []
    assert script.state is State.ESTABLISHED


@pytest.mark.parametrize("subtype", [1, 2, 3, 255])
def test_rfc7313_5_other_subtypes_are_ignored(subtype: int) -> None:
    script = Script().establish().announce("203.0.113.1")
    script.take()

    script.send(message(ROUTE_REFRESH, bytes((0, 1, subtype, 1))))

    assert script.take() == []
    assert script.state is State.ESTABLISHED


@pytest.mark.parametrize("body", [b"", b"\x00\x01\x00", b"\x00\x01\x01\x01\x00", b"\x00\x01\x00\x01\x00\x00"])
def test_rfc7313_5_wrong_length_gets_the_whole_message_back(body: bytes) -> None:
    data = message(ROUTE_REFRESH, body)

    assert_refused(Script().establish(), data, b"\x07\x01" + data)


# NOTIFICATIONs from the neighbour


@pytest.mark.parametrize("stage", ["open_sent", "open_confirm", "established"])
@pytest.mark.parametrize("body", [b"\x06\x02", b"\x02\x01\x00\x04", b"\xc8\xc8\xff"])
def test_rfc4271_6_4_notification_is_never_answered(stage: str, body: bytes) -> None:
    script = Script().start()
    if stage != "open_sent":
        script.send(message(OPEN, open_body()))
    if stage == "established":
        script.send(message(KEEPALIVE))
    script.take()

    script.send(message(NOTIFICATION, body))

    assert script.take() == []
    assert script.open == []
    assert script.downs[-1].reason.startswith(f"Received notification[{body[0]}:{body[1]}]: ")
    comes_back(script)


def test_rfc9003_shutdown_communication_is_shown() -> None:
    script = Script().establish()

    script.send(message(NOTIFICATION, b"\x06\x02\x0bsee ticket7"))

    assert script.downs[-1].reason == (
        'Received notification[6:2]: Cease; Administrative Shutdown: "see ticket7"'
    )


def test_stop_sends_administrative_shutdown_and_stays_idle() -> None:
    script = Script().establish()

    script.stop().run(3600)

    assert script.take() == [(NOTIFICATION, b"\x06\x02")]
    assert script.state is State.IDLE
    assert len(script.attempts) == 1
    assert script.peer.next_timeout() == float("inf")
    assert script.accept() is None


# Timers (RFC 4271 §8 and §10, RFC 9687)


def test_rfc4271_8_2_2_open_sent_has_the_large_hold_timer() -> None:
    script = Script(Parameters(as_number=OUR_AS, hold_time=3)).start()
    script.take()

    script.run(239.9)
    assert script.state is State.OPEN_SENT
    script.run(0.2)

    assert script.take() == [(NOTIFICATION, b"\x04\x00")]
    comes_back(script)


def test_rfc4271_6_5_hold_timer_of_the_smaller_proposal_ends_open_confirm() -> None:
    script = Script().start().send(message(OPEN, open_body(hold_time=9)))
    script.take()

    script.run(8.9)
    assert script.state is State.OPEN_CONFIRM
    script.run(0.2)

    assert notifications(script.take()) == [b"\x04\x00"]
    comes_back(script)


@pytest.mark.parametrize(
    "their_message", [message(KEEPALIVE), message(UPDATE, bytes(4)), message(5, REFRESH_IPV4)]
)
def test_rfc4271_6_5_hold_timer_starts_anew_with_messages(their_message: bytes) -> None:
    script = Script().establish(hold_time=9)

    for _ in range(5):
        script.run(8).send(their_message)
    assert script.state is State.ESTABLISHED
    script.run(9.1)

    assert notifications(script.take()) == [b"\x04\x00"]
    comes_back(script)


def test_rfc4271_6_5_hold_timer_is_not_fed_by_parts_of_messages() -> None:
    script = Script().establish(hold_time=9)

    script.run(8).send(message(KEEPALIVE)[:18]).run(1.1)

    assert notifications(script.take()) == [b"\x04\x00"]


def test_rfc4271_4_2_hold_time_zero_means_no_timers() -> None:
    script = Script().establish(hold_time=0)

    assert script.peer.next_timeout() == float("inf")
    script.run(86400)

    assert script.take() == []
    assert script.state is State.ESTABLISHED
    assert script.status.hold_time == 0


def test_rfc4271_4_2_our_hold_time_zero_means_no_timers() -> None:
    script = Script(Parameters(as_number=OUR_AS, hold_time=0)).establish(hold_time=90)

    script.run(86400)

    assert script.state is State.ESTABLISHED
    assert script.take() == []


@pytest.mark.parametrize(("random", "interval"), [(0.0, 30.0), (0.5, 26.25), (1.0, 22.5)])
def test_rfc4271_10_keepalive_comes_at_a_third_of_the_hold_time_with_jitter(
    random: float, interval: float
) -> None:
    script = Script(random=lambda: random).establish()
    elapsed = []

    for _ in range(5):
        elapsed.append(script.run_to_timer())
        assert script.take() == [(KEEPALIVE, b"")]
        script.send(message(KEEPALIVE))

    assert elapsed == pytest.approx([interval] * 5)


def test_rfc4271_10_keepalives_do_not_pile_up_for_a_peer_that_takes_nothing() -> None:
    script = Script().establish()
    script.is_taking = False

    for _ in range(20):
        script.run(20).send(message(KEEPALIVE))
    script.is_taking = True
    script.pump()

    assert script.take() == [(KEEPALIVE, b"")]


@pytest.mark.parametrize(
    ("hold_time", "send_hold_time", "expected"), [(90, None, 480.0), (300, None, 600.0), (90, 20.0, 20.0)]
)
def test_rfc9687_3_peer_that_takes_no_bytes_is_given_up(
    hold_time: int, send_hold_time: float | None, expected: float
) -> None:
    parameters = Parameters(as_number=OUR_AS, hold_time=hold_time, send_hold_time=send_hold_time)
    script = Script(parameters).establish(hold_time=hold_time)
    script.is_taking = False

    while script.now < expected - 1:
        script.run(1).send(message(KEEPALIVE))
    assert script.state is State.ESTABLISHED
    script.run(1.1)

    assert notifications(script.take()) == [b"\x08\x00"]
    script.is_taking = True
    comes_back(script)


def test_rfc9687_3_peer_that_takes_bytes_is_kept() -> None:
    script = Script(Parameters(as_number=OUR_AS, hold_time=90, send_hold_time=40)).establish()

    for _ in range(200):
        script.run(10).send(message(KEEPALIVE))

    assert script.state is State.ESTABLISHED


def test_rfc9687_3_no_send_hold_timer_without_hold_time() -> None:
    script = Script(Parameters(as_number=OUR_AS, send_hold_time=5)).establish(hold_time=0)
    script.is_taking = False

    script.announce("203.0.113.1").run(3600)

    assert script.state is State.ESTABLISHED


# When to connect


def gaps(script: Script) -> list[float]:
    return [late - early for early, late in pairwise(script.attempts)]


def test_first_attempt_is_made_at_once() -> None:
    assert Script(answer="refuse").start().attempts == [0.0]


def test_connect_retry_begins_under_a_second_and_doubles_to_the_ceiling() -> None:
    script = Script(answer="refuse").start().run(300)

    assert gaps(script)[:8] == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30])


@pytest.mark.parametrize("ceiling", [0.2, 5.0, 120.0])
def test_connect_retry_ceiling_can_be_set(ceiling: float) -> None:
    parameters = Parameters(as_number=OUR_AS, connect_retry_time=ceiling)
    script = Script(parameters, answer="refuse").start().run(1000)

    assert max(gaps(script)) == pytest.approx(ceiling)


def test_connect_retry_jitter_takes_off_up_to_a_quarter() -> None:
    script = Script(answer="refuse", random=lambda: 0.999).start().run(300)

    assert gaps(script)[:3] == pytest.approx([0.375, 0.75, 1.5], rel=0.01)
    assert max(gaps(script)) == pytest.approx(22.5, rel=0.01)


def test_attempt_that_nobody_answers_is_given_up_and_made_again() -> None:
    script = Script(Parameters(as_number=OUR_AS, connect_timeout=3), answer="silence").start()

    script.run(3.1)
    assert script.abandoned == [1]
    assert script.downs[-1].reason == "Connection failed (timed out)"
    assert script.state is State.ACTIVE
    script.run(0.5)

    assert script.attempts == pytest.approx([0.0, 3.5])


def test_penalty_is_forgotten_after_a_stable_session() -> None:
    script = Script(answer="refuse").start().run(100)
    script.answer = "accept"
    script.run(30)
    script.establish(hold_time=0).run(61)

    script.hang_up("connection reset").run(0.6)

    assert gaps(script)[-1] == pytest.approx(script.attempts[-1] - script.attempts[-2])
    assert script.attempts[-1] == pytest.approx(script.now - 0.1)


def test_penalty_is_kept_after_a_short_session() -> None:
    script = Script(answer="refuse").start().run(100)
    script.answer = "accept"
    script.run(30)
    script.establish().run(5)
    attempts = len(script.attempts)

    script.hang_up("connection reset").run(20)

    assert len(script.attempts) == attempts


def count_attempts_in_an_hour(script: Script, reaction: bytes) -> int:
    script.start()
    while script.now < 3600:
        while script.open:
            script.send(reaction)
        if script.run_to_timer() == float("inf"):
            break
    return len(script.attempts)


@pytest.mark.parametrize("body", [b"\x02\x02", b"\x02\x04", b"\x06\x05", b"\x06\x02"])
@pytest.mark.parametrize("random", [0.0, 0.999])
def test_peer_that_rejects_every_open_is_not_stormed(body: bytes, random: float) -> None:
    script = Script(random=lambda: random)

    assert 100 < count_attempts_in_an_hour(script, message(NOTIFICATION, body)) < 170
    assert gaps(script)[0] >= 0.75


def test_peer_whose_open_we_reject_is_not_stormed() -> None:
    assert count_attempts_in_an_hour(Script(), message(OPEN, open_body(version=3))) < 130


def test_peer_that_accepts_only_to_throw_out_is_not_stormed() -> None:
    stream = message(OPEN, open_body()) + message(KEEPALIVE) + message(NOTIFICATION, b"\x03\x08")

    assert count_attempts_in_an_hour(Script(), stream) < 130


def test_idle_hold_refuses_incoming_connections() -> None:
    script = Script().start().send(message(NOTIFICATION, b"\x02\x02"))

    assert script.state is State.IDLE
    assert script.status.retry_in_s == pytest.approx(1.0)
    assert script.accept() is None


def test_passive_peer_never_connects_and_takes_a_connection() -> None:
    script = Script(Parameters(as_number=OUR_AS, passive=True)).start()

    script.run(3600)
    assert script.attempts == []
    assert script.state is State.ACTIVE
    assert script.status.retry_in_s is None
    script.accept()
    script.establish()

    script.hang_up().run(1000)
    assert script.attempts == []
    script.accept()
    script.establish()


def test_second_connection_from_outside_takes_the_place_of_a_silent_one() -> None:
    script = Script(Parameters(as_number=OUR_AS, passive=True)).start()
    first = script.accept()
    assert first is not None

    second = script.accept()

    assert second is not None
    assert script.take(first)[-1] == (NOTIFICATION, b"\x06\x07")
    assert script.open == [second]
    script.establish()


def test_second_connection_from_outside_is_refused_once_the_peer_has_spoken() -> None:
    script = Script(Parameters(as_number=OUR_AS, passive=True)).start()
    script.accept()
    script.send(message(OPEN, open_body()))

    assert script.accept() is None
    script.send(message(KEEPALIVE))
    assert script.state is State.ESTABLISHED
    assert script.accept() is None


# AS numbers of four octets and peers of two (RFC 6793)


def test_rfc6793_4_2_2_old_peer_gets_as_trans_and_as4_path() -> None:
    script = Script(Parameters(as_number=4200000000, hold_time=90)).start()
    ((_, our_open),) = script.take()
    assert our_open[1:3] == bytes.fromhex("5ba0")
    assert four_octet_as(4200000000) in our_open
    script.establish(capabilities=b"")

    script.announce("203.0.113.1", attributes=PathAttributes(prepend=1))

    (body,) = [body for kind, body in script.take() if kind == UPDATE]
    assert body == bytes.fromhex(
        "0000 0021 40010100 40020602025ba05ba0 400304c0000201 c0110a0202fa56ea00fa56ea00 20cb007101"
    )


def test_rfc6793_4_2_1_new_peer_gets_four_octets_and_no_as4_path() -> None:
    script = Script(Parameters(as_number=4200000000)).establish()

    script.announce("203.0.113.1")

    assert (
        UPDATE,
        bytes.fromhex("0000 0014 40010100 4002060201fa56ea00 400304c0000201 20cb007101"),
    ) in script.take()


def test_rfc6793_6_as4_path_from_an_old_peer_is_read_and_a_broken_one_discarded() -> None:
    script = Script().establish(capabilities=b"")
    path = b"\x40\x02\x04\x02\x01\x5b\xa0"
    good = b"\xc0\x11\x06\x02\x01\xfa\x56\xea\x00"
    broken = b"\xc0\x11\x03\x02\x01\xfa"

    script.send(message(UPDATE, announcement(ORIGIN, path, NEXT_HOP, good)))
    script.send(message(UPDATE, announcement(ORIGIN, path, NEXT_HOP, broken)))

    assert script.state is State.ESTABLISHED
    assert script.status.received_routes == 2


# Answers to OPEN


def test_open_offers_what_is_configured() -> None:
    script = Script(Parameters(as_number=OUR_AS, hold_time=90, multiprotocol=True)).start()

    capabilities = "010400010001 010400020001 0200 0600 4104 0000fde9 4600"

    assert script.take() == [
        (OPEN, bytes.fromhex("04 fde9 005a c0000201 1a 02 18" + capabilities)),
    ]


def test_open_over_ipv6_without_multiprotocol_offers_ipv6_alone() -> None:
    script = Script(OLD_MESSAGES, local="2001:db8::1", remote="2001:db8::2").start()

    ((_, body),) = script.take()

    assert body[10:] == bytes.fromhex("02 10 010400020001 0200 4104 0000fde9 4600")


def test_established_begins_with_the_peers_keepalive() -> None:
    script = Script().start()
    script.announce("203.0.113.1")
    script.take()

    script.send(message(OPEN, open_body()))
    assert (script.state, script.take()) == (State.OPEN_CONFIRM, [(KEEPALIVE, b"")])
    script.send(message(KEEPALIVE))

    assert script.state is State.ESTABLISHED
    assert [kind for kind, _ in script.take()] == [UPDATE, UPDATE]


def test_notification_follows_what_was_begun_and_nothing_follows_it() -> None:
    script = Script().establish()
    script.is_taking = False
    script.announce("203.0.113.1").run(30)

    script.stop()

    assert [kind for kind, _ in script.take()] == [KEEPALIVE, NOTIFICATION]
    assert script.peer.data_to_send(1, 65536, script.now) == b""
