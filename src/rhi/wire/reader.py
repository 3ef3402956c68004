"""A bounded cursor over received bytes: reading past the end is impossible.

A `Reader` is given the error that running out of bytes means where it is used, so that decoders contain no
length arithmetic of their own.
"""

from rhi.errors import NotificationError


class Reader:
    """Reads big-endian numbers and byte strings from the front of `data`."""

    __slots__ = ("_at", "_data", "_end", "_error")

    def __init__(self, data: bytes, code: int, subcode: int, error_data: bytes = b"") -> None:
        """`code`, `subcode` and `error_data` make the NotificationError raised when bytes run out."""
        self._data = data
        self._at = 0
        self._end = len(data)
        self._error = (code, subcode, error_data)

    @property
    def remaining(self) -> int:
        """Bytes left."""
        return self._end - self._at

    @property
    def error_data(self) -> bytes:
        """Data field of this reader's error."""
        return self._error[2]

    def fail(self, detail: str) -> NotificationError:
        """The error of this reader, to be raised by a decoder that found a fault of its own."""
        return NotificationError(*self._error, detail)

    def take(self, count: int) -> bytes:
        """The next `count` bytes.

        Raises:
            NotificationError: there are not so many.
        """
        start = self._at
        if count > self._end - start:
            raise self.fail(f"{count} bytes wanted, {self._end - start} left")
        self._at = start + count
        return self._data[start : self._at]

    def rest(self) -> bytes:
        """All bytes left."""
        return self.take(self._end - self._at)

    def peek(self) -> int | None:
        """The next octet without reading it; None at the end."""
        return self._data[self._at] if self._at < self._end else None

    def uint8(self) -> int:
        """One octet."""
        return self.take(1)[0]

    def uint16(self) -> int:
        """Two octets, network byte order."""
        return int.from_bytes(self.take(2), "big")

    def uint32(self) -> int:
        """Four octets, network byte order."""
        return int.from_bytes(self.take(4), "big")

    def block(self, count: int) -> "Reader":
        """A reader of the next `count` bytes alone, with the same error."""
        return Reader(self.take(count), *self._error)

    def finish(self) -> None:
        """Insist that everything has been read."""
        if self._at != self._end:
            raise self.fail(f"{self._end - self._at} bytes too many")
