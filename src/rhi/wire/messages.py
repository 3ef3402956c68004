"""Message framing: the 19-octet header, its errors, and the small messages (RFC 4271 §4.1 and §6.1).

`Framer` turns received bytes into (type, body) pairs. Its memory is bounded by one message: a header is
judged as soon as it is complete, before its body is waited for.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from rhi.errors import NotificationError
from rhi.wire.iana import ErrorCode, HeaderError, MessageType, RouteRefreshError
from rhi.wire.reader import Reader

MARKER: Final = b"\xff" * 16
HEADER_SIZE: Final = 19
MAX_MESSAGE_SIZE: Final = 4096
MAX_EXTENDED_MESSAGE_SIZE: Final = 65535  # RFC 8654 §2
_END_OF_REFRESH: Final = 2  # RFC 7313 §3.2

# Shortest and longest possible message of each type; None is the session's limit.
# OPEN and KEEPALIVE are never extended (RFC 8654 §4); the wrong length of a ROUTE-REFRESH is another error.
_SIZES: Final[dict[int, tuple[int, int | None]]] = {
    MessageType.OPEN: (29, MAX_MESSAGE_SIZE),
    MessageType.UPDATE: (23, None),
    MessageType.NOTIFICATION: (21, None),
    MessageType.KEEPALIVE: (19, 19),
    MessageType.ROUTE_REFRESH: (19, None),
}


def encode_message(kind: int, body: bytes = b"") -> bytes:
    """A whole message."""
    return MARKER + (HEADER_SIZE + len(body)).to_bytes(2, "big") + bytes((kind,)) + body


KEEPALIVE: Final = encode_message(MessageType.KEEPALIVE)


class Framer:
    """Cuts a stream of received bytes into messages.

    Attributes:
        max_message_size: 65,535 on a session in which we offered it, whatever the peer offered (RFC 8654 §4).
    """

    def __init__(self) -> None:
        self.max_message_size = MAX_MESSAGE_SIZE
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages completed by `data`, each as type and body.

        Nothing is taken in before the first message is asked for.

        Raises:
            NotificationError: Message Header Error with its subcode and data; the stream is of no use after.
        """
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= HEADER_SIZE:
                size = self._judge_header(bytes(buffer[at : at + HEADER_SIZE]))
                if len(buffer) - at < size:
                    break
                start = at + HEADER_SIZE
                at += size
                yield buffer[start - 1], bytes(buffer[start:at])
        finally:
            del buffer[:at]

    def _judge_header(self, header: bytes) -> int:
        if header[:16] != MARKER:
            raise NotificationError(
                ErrorCode.MESSAGE_HEADER,
                HeaderError.CONNECTION_NOT_SYNCHRONIZED,
                detail="marker is not all ones",
            )
        size, kind = header[16] << 8 | header[17], header[18]
        limits = _SIZES.get(kind)
        shortest, longest = limits or (HEADER_SIZE, None)
        if not shortest <= size <= min(longest or self.max_message_size, self.max_message_size):
            raise NotificationError(
                ErrorCode.MESSAGE_HEADER,
                HeaderError.BAD_MESSAGE_LENGTH,
                header[16:18],
                f"message of {size} octets",
            )
        if limits is None:
            raise NotificationError(
                ErrorCode.MESSAGE_HEADER, HeaderError.BAD_MESSAGE_TYPE, header[18:], f"message type {kind}"
            )
        return size


class RouteRefreshMessage(NamedTuple):
    """ROUTE-REFRESH: send all routes of one family again (RFC 2918 §3); `subtype` is of RFC 7313."""

    afi: int
    safi: int
    subtype: int = 0

    def encode(self) -> bytes:
        """The message body."""
        return self.afi.to_bytes(2, "big") + bytes((self.subtype, self.safi))

    @classmethod
    def decode(cls, body: bytes) -> "RouteRefreshMessage":
        """From a message body.

        Raises:
            NotificationError: ROUTE-REFRESH Message Error, Invalid Message Length; its data is the whole
                message (RFC 7313 §5). A subtype other than 0, 1 and 2 may be followed by anything: the
                message is to be ignored.
        """
        whole = encode_message(MessageType.ROUTE_REFRESH, body)
        reader = Reader(
            body, ErrorCode.ROUTE_REFRESH_MESSAGE, RouteRefreshError.INVALID_MESSAGE_LENGTH, whole
        )
        afi, subtype, safi = reader.uint16(), reader.uint8(), reader.uint8()
        if subtype <= _END_OF_REFRESH:
            reader.finish()
        return cls(afi, safi, subtype)
