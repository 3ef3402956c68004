"""OPENs byte by byte: what we offer, what we take of theirs, what is refused and how (RFC 4271 §6.2).

Capabilities: RFC 5492; identifiers: RFC 6286; AS numbers of four octets and peers of two: RFC 6793; long
parameters: RFC 9072.
"""

import pytest

from rhi.model.attributes import PathAttributes
from rhi.model.parameters import Parameters
from rhi.model.status import State
from tests.core.answers import NEXT_HOP, OLD_MESSAGES, ORIGIN, announcement, assert_refused
from tests.core.script import (
    IPV4,
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    OUR_AS,
    THEIR_AS,
    UPDATE,
    Script,
    four_octet_as,
    message,
    notifications,
    open_body,
)


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
