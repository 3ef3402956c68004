"""What a neighbour gets for its mistakes in headers, order and length, byte by byte.

NOTIFICATION bodies are written out as code, subcode and data of RFC 4271 §6, RFC 6608, RFC 7313 and RFC 8654.
After each of them the session comes back by itself. For OPENs and UPDATEs see test_open_exchange and
test_update_errors.
"""

import pytest

from rhi.model.status import State
from tests.core.answers import (
    AS_PATH,
    LARGE,
    NEXT_HOP,
    OLD_MESSAGES,
    ORIGIN,
    REFRESH_IPV4,
    ROUTE,
    announcement,
    assert_refused,
    comes_back,
)
from tests.core.script import (
    EXTENDED,
    IPV4,
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
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


# Finite state machine errors (RFC 6608)

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


# Messages in pieces


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
