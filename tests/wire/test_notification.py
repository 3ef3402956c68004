"""NOTIFICATION, both ways, with its text for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import NotificationError
from rhi.wire.iana import CeaseError, MessageType
from rhi.wire.messages import MAX_MESSAGE_SIZE, encode_message
from rhi.wire.notification import Notification

SHUTDOWN, RESET = CeaseError.ADMINISTRATIVE_SHUTDOWN, CeaseError.ADMINISTRATIVE_RESET


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Notification(4), "04 00"),
        (Notification(1, 2, b"\x00\x12"), "01 02 0012"),
        (Notification(255, 255, b"\xff"), "ff ff ff"),
        (Notification.shutdown(SHUTDOWN), "06 02"),
        (Notification.shutdown(RESET, "bye"), "06 04 03 627965"),
    ],
)
def test_notification_bytes_and_value_are_the_same_both_ways(value: Notification, text: str) -> None:
    assert value.encode() == bytes.fromhex(text)
    assert Notification.decode(bytes.fromhex(text)) == value


def test_notification_of_error_answers_it() -> None:
    assert Notification.of(NotificationError(2, 1, b"\0\4", "version 3")) == Notification(2, 1, b"\0\4")


@pytest.mark.parametrize("size", [4075, 4076, 65535, 70000])
def test_notification_data_is_cut_to_a_message_that_every_peer_takes(size: int) -> None:
    message = encode_message(MessageType.NOTIFICATION, Notification(7, 1, b"x" * size).encode())

    assert len(message) == min(MAX_MESSAGE_SIZE, 21 + size)


# --- shutdown communication


@pytest.mark.parametrize("message", ["x" * 128, "é" * 64, "x" + "é" * 63])
def test_rfc9003_shutdown_communication_of_128_octets_is_whole(message: str) -> None:
    data = Notification.shutdown(SHUTDOWN, message).data

    assert data == bytes([len(data) - 1]) + message.encode()


@pytest.mark.parametrize(
    ("message", "kept"),
    [("x" * 129, "x" * 128), ("é" * 65, "é" * 64), ("x" + "é" * 64, "x" + "é" * 63), ("€" * 100, "€" * 42)],
)
def test_rfc9003_longer_shutdown_communication_is_cut_between_letters(message: str, kept: str) -> None:
    data = Notification.shutdown(SHUTDOWN, message).data

    assert data == bytes([len(kept.encode())]) + kept.encode()


def test_shutdown_communication_letters_that_utf8_lacks_are_replaced() -> None:
    assert Notification.shutdown(SHUTDOWN, "a\ud800b").data == b"\x03a?b"


@given(st.text(max_size=300))
def test_rfc9003_any_text_is_a_shutdown_communication(message: str) -> None:
    data = Notification.shutdown(SHUTDOWN, message).data

    assert len(data) <= 129
    assert data[1:].decode() in message
    assert data == b"" or data[0] == len(data) - 1


# --- text for people


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Notification(4), "Hold timer expired"),
        (Notification(2, 1, b"\0\4"), "OPEN Message Error; Unsupported Version Number (data 0004)"),
        (Notification(6, 2), "Cease; Administrative Shutdown"),
        (Notification.shutdown(SHUTDOWN, "back at 9"), 'Cease; Administrative Shutdown: "back at 9"'),
        (Notification.shutdown(RESET, "grüße 日本"), 'Cease; Administrative Reset: "grüße 日本"'),
        (Notification(6, 2, b"\0"), "Cease; Administrative Shutdown"),
        (Notification(6, 2, b"\x05abc"), "Cease; Administrative Shutdown (data 05616263)"),
        (Notification(6, 2, b"\x02abc"), "Cease; Administrative Shutdown (data 02616263)"),
        (Notification(6, 3, b"\x03abc"), "Cease; Peer De-configured (data 03616263)"),
        (Notification(2, 2, b"\x03abc"), "OPEN Message Error; Bad Peer AS (data 03616263)"),
        (Notification(6, 2, b"\x04a\x1b[2"), 'Cease; Administrative Shutdown: "a?[2"'),
        (Notification(6, 2, b"\x04a\nb\x00"), 'Cease; Administrative Shutdown: "a?b?"'),
        (Notification(6, 2, b"\x02\xff\xfe"), 'Cease; Administrative Shutdown: "��"'),
        (Notification(6, 2, b"\x05a\xe2\x80\xaeb"), 'Cease; Administrative Shutdown: "a?b"'),
        (
            Notification(6, 1, bytes.fromhex("00010100000064")),
            "Cease; Maximum Number of Prefixes Reached: ipv4 100",
        ),
        (
            Notification(6, 1, bytes.fromhex("00194600000001")),
            "Cease; Maximum Number of Prefixes Reached: AFI 25 SAFI 70 1",
        ),
        (Notification(6, 1, b"\0"), "Cease; Maximum Number of Prefixes Reached (data 00)"),
        (
            Notification(6, 2, bytes([255]) + b"x" * 255),
            'Cease; Administrative Shutdown: "' + "x" * 255 + '"',
        ),
    ],
)
def test_notification_text_shows_names_and_data(value: Notification, text: str) -> None:
    assert value.text == text


@given(st.binary(min_size=2, max_size=40))
def test_notification_text_of_any_bytes_is_printable(body: bytes) -> None:
    value = Notification.decode(body)

    assert value.encode() == body
    assert value.text.isprintable()
