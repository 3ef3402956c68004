"""Framing and its errors (RFC 4271 §6.1), and ROUTE-REFRESH."""

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import NotificationError
from rhi.wire.iana import ErrorCode, HeaderError, MessageType, RouteRefreshError
from rhi.wire.messages import (
    HEADER_SIZE,
    KEEPALIVE,
    MARKER,
    MAX_EXTENDED_MESSAGE_SIZE,
    MAX_MESSAGE_SIZE,
    Framer,
    RouteRefreshMessage,
    encode_message,
)
from tests.wire.attempt import attempt

Found = list[tuple[int, bytes]]


def header(size: int, kind: int) -> bytes:
    return MARKER + size.to_bytes(2, "big") + bytes([kind])


def framer(max_message_size: int = MAX_MESSAGE_SIZE) -> Framer:
    result = Framer()
    result.max_message_size = max_message_size
    return result


def fault(data: bytes, max_message_size: int = MAX_MESSAGE_SIZE) -> tuple[int, int, str]:
    with pytest.raises(NotificationError) as caught:
        list(framer(max_message_size).feed(data))
    assert caught.value.detail
    return caught.value.code, caught.value.subcode, caught.value.data.hex()


def test_rfc4271_4_1_message_is_marker_length_type_and_body() -> None:
    assert encode_message(MessageType.UPDATE, b"\0\0\0\0") == bytes.fromhex("ff" * 16 + "0017 02 00000000")
    assert bytes.fromhex("ff" * 16 + "0013 04") == KEEPALIVE


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (MessageType.OPEN, bytes(10)),
        (MessageType.UPDATE, bytes(4)),
        (MessageType.NOTIFICATION, bytes(2)),
        (MessageType.KEEPALIVE, b""),
        (MessageType.ROUTE_REFRESH, bytes(4)),
        (MessageType.UPDATE, bytes(4077)),
    ],
)
def test_framer_message_of_each_type_is_the_same_both_ways(kind: MessageType, body: bytes) -> None:
    assert list(framer().feed(encode_message(kind, body))) == [(kind, body)]


# --- errors


@pytest.mark.parametrize("at", range(16))
def test_rfc4271_6_1_marker_that_is_not_all_ones_is_not_synchronized(at: int) -> None:
    data = bytearray(KEEPALIVE)
    data[at] = 0xFE

    assert fault(bytes(data)) == (1, HeaderError.CONNECTION_NOT_SYNCHRONIZED, "")


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (MessageType.OPEN, 0),
        (MessageType.OPEN, 18),
        (MessageType.OPEN, 28),
        (MessageType.OPEN, 4097),
        (MessageType.UPDATE, 22),
        (MessageType.UPDATE, 4097),
        (MessageType.UPDATE, 65535),
        (MessageType.NOTIFICATION, 20),
        (MessageType.NOTIFICATION, 4097),
        (MessageType.KEEPALIVE, 18),
        (MessageType.KEEPALIVE, 20),
        (MessageType.ROUTE_REFRESH, 18),
        (MessageType.ROUTE_REFRESH, 4097),
        (99, 18),
        (99, 4097),
    ],
)
def test_rfc4271_6_1_bad_length_is_sent_back(kind: int, size: int) -> None:
    assert fault(header(size, kind)) == (1, HeaderError.BAD_MESSAGE_LENGTH, f"{size:04x}")


@pytest.mark.parametrize("kind", [0, 6, 128, 255])
def test_rfc4271_6_1_unknown_type_is_sent_back(kind: int) -> None:
    assert fault(header(19, kind)) == (1, HeaderError.BAD_MESSAGE_TYPE, f"{kind:02x}")
    assert fault(header(4096, kind)) == (1, HeaderError.BAD_MESSAGE_TYPE, f"{kind:02x}")


def test_rfc4271_6_1_marker_is_judged_before_length_and_length_before_type() -> None:
    assert fault(bytes(16) + header(18, 99)[16:])[1] == HeaderError.CONNECTION_NOT_SYNCHRONIZED
    assert fault(header(18, 99))[1] == HeaderError.BAD_MESSAGE_LENGTH


@pytest.mark.parametrize(
    ("kind", "shortest"),
    [
        (MessageType.OPEN, 29),
        (MessageType.UPDATE, 23),
        (MessageType.NOTIFICATION, 21),
        (MessageType.KEEPALIVE, 19),
        (MessageType.ROUTE_REFRESH, 19),
    ],
)
def test_rfc4271_6_1_shortest_message_of_each_type_is_taken(kind: MessageType, shortest: int) -> None:
    body = bytes(shortest - HEADER_SIZE)

    assert list(framer().feed(header(shortest, kind) + body)) == [(kind, body)]


@pytest.mark.parametrize("kind", [MessageType.UPDATE, MessageType.NOTIFICATION, MessageType.ROUTE_REFRESH])
@pytest.mark.parametrize("size", [4096, 4097, 65535])
def test_rfc8654_4_extended_message_is_taken_when_it_was_offered(kind: MessageType, size: int) -> None:
    body = bytes(size - HEADER_SIZE)

    assert list(framer(MAX_EXTENDED_MESSAGE_SIZE).feed(header(size, kind) + body)) == [(kind, body)]


@pytest.mark.parametrize(
    ("kind", "size"), [(MessageType.OPEN, 4097), (MessageType.KEEPALIVE, 20), (MessageType.KEEPALIVE, 4097)]
)
def test_rfc8654_4_open_and_keepalive_are_never_extended(kind: MessageType, size: int) -> None:
    assert fault(header(size, kind), MAX_EXTENDED_MESSAGE_SIZE) == (
        1,
        HeaderError.BAD_MESSAGE_LENGTH,
        f"{size:04x}",
    )


def test_framer_gives_what_came_before_the_error() -> None:
    found, error = outcome([KEEPALIVE + KEEPALIVE + bytes(19)])

    assert found == [(MessageType.KEEPALIVE, b"")] * 2
    assert error == (1, HeaderError.CONNECTION_NOT_SYNCHRONIZED, b"")


def test_framer_after_an_error_stays_in_error() -> None:
    broken = framer()
    for data in (bytes(19), KEEPALIVE):
        with pytest.raises(NotificationError):
            list(broken.feed(data))


# --- feeding

BODIES = st.one_of(
    st.tuples(st.just(MessageType.KEEPALIVE), st.just(b"")),
    st.tuples(st.just(MessageType.OPEN), st.binary(min_size=10, max_size=40)),
    st.tuples(st.just(MessageType.UPDATE), st.binary(min_size=4, max_size=40)),
    st.tuples(st.just(MessageType.NOTIFICATION), st.binary(min_size=2, max_size=10)),
    st.tuples(st.just(MessageType.ROUTE_REFRESH), st.binary(max_size=8)),
)
STREAMS = st.lists(
    st.one_of(BODIES.map(lambda pair: encode_message(*pair)), st.binary(max_size=30)), max_size=5
).map(b"".join)


def outcome(chunks: list[bytes]) -> tuple[Found, tuple[int, int, bytes] | None]:
    """Messages found in chunks fed one after the other, and the error that ended it."""
    found: Found = []
    cutter = framer()
    try:
        for chunk in chunks:
            for message in cutter.feed(chunk):
                found.append(message)
    except NotificationError as error:
        return found, (error.code, error.subcode, error.data)
    return found, None


@given(STREAMS)
def test_framer_fed_byte_by_byte_finds_the_same_as_at_once(stream: bytes) -> None:
    assert outcome([stream[i : i + 1] for i in range(len(stream))]) == outcome([stream])


@given(STREAMS, st.lists(st.integers(0, 200), max_size=6))
def test_framer_fed_in_any_pieces_finds_the_same_as_at_once(stream: bytes, cuts: list[int]) -> None:
    edges = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    pieces = [stream[start:end] for start, end in itertools.pairwise(edges)]

    assert outcome(pieces) == outcome([stream])


@given(st.lists(BODIES, max_size=8))
def test_framer_finds_all_messages_of_a_stream(messages: list[tuple[MessageType, bytes]]) -> None:
    stream = b"".join(encode_message(kind, body) for kind, body in messages)

    assert outcome([stream]) == (messages, None)


def test_framer_memory_does_not_grow_with_the_stream() -> None:
    message = encode_message(MessageType.UPDATE, bytes(4077))
    cutter = framer()

    tracemalloc.start()
    for _ in range(100):
        assert len(list(cutter.feed(message[:4000]))) == 0
        assert len(list(cutter.feed(message[4000:]))) == 1
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert kept < 3 * MAX_MESSAGE_SIZE


def test_framer_refuses_a_header_before_its_body_is_waited_for() -> None:
    assert fault(header(4097, MessageType.UPDATE))[1] == HeaderError.BAD_MESSAGE_LENGTH
    assert list(framer().feed(header(4096, MessageType.UPDATE))) == []


def test_framer_reader_that_stops_early_finds_the_rest_later() -> None:
    cutter = framer()
    for message in cutter.feed(KEEPALIVE + encode_message(MessageType.UPDATE, bytes(4))):
        assert message == (MessageType.KEEPALIVE, b"")
        break

    assert list(cutter.feed(b"")) == [(MessageType.UPDATE, bytes(4))]


def test_framer_limit_raised_between_messages_holds_for_the_next() -> None:
    cutter = framer()
    found = []

    for message in cutter.feed(KEEPALIVE + header(5000, MessageType.UPDATE) + bytes(4981)):
        found.append(message)
        cutter.max_message_size = MAX_EXTENDED_MESSAGE_SIZE

    assert [kind for kind, _ in found] == [MessageType.KEEPALIVE, MessageType.UPDATE]


# --- ROUTE-REFRESH


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (RouteRefreshMessage(1, 1), "0001 00 01"),
        (RouteRefreshMessage(2, 1, 1), "0002 01 01"),
        (RouteRefreshMessage(25, 70, 2), "0019 02 46"),
    ],
)
def test_rfc2918_3_route_refresh_is_the_same_both_ways(value: RouteRefreshMessage, text: str) -> None:
    assert value.encode() == bytes.fromhex(text)
    assert RouteRefreshMessage.decode(bytes.fromhex(text)) == value


@pytest.mark.parametrize(
    "text", ["", "00", "0001", "0001 00", "0001 00 01 00", "0001 01 01 00", "0002 02 01 0000", "0001 ff"]
)
def test_rfc7313_5_wrong_length_is_sent_back_with_the_whole_message(text: str) -> None:
    body = bytes.fromhex(text)

    with pytest.raises(NotificationError) as caught:
        RouteRefreshMessage.decode(body)

    error = caught.value
    assert (error.code, error.subcode) == (
        ErrorCode.ROUTE_REFRESH_MESSAGE,
        RouteRefreshError.INVALID_MESSAGE_LENGTH,
    )
    assert error.data == encode_message(MessageType.ROUTE_REFRESH, body)


def test_rfc7313_5_unknown_subtype_is_left_to_be_ignored_whatever_follows() -> None:
    assert RouteRefreshMessage.decode(bytes.fromhex("0001 03 01 ffff")) == RouteRefreshMessage(1, 1, 3)


@given(st.binary(max_size=12))
def test_route_refresh_any_bytes_decode_or_are_its_error(body: bytes) -> None:
    value = attempt(lambda: RouteRefreshMessage.decode(body))

    if isinstance(value, NotificationError):
        assert (value.code, value.subcode) == (7, 1)
        return
    assert value.encode() == body[:4]
