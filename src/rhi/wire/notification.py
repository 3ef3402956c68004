"""NOTIFICATION: the last message of a session (RFC 4271 §4.5), with its text for people (RFC 9003)."""

from dataclasses import dataclass
from typing import Final

from rhi.errors import NotificationError
from rhi.model.prefix import FAMILY_OF_CODES
from rhi.wire.iana import CeaseError, ErrorCode, error_text

# What every peer can read: only some take up to 255, and nothing tells which (RFC 9003 §2, §5).
_MAX_SHUTDOWN_OCTETS: Final = 128
# A message of 4096 octets, header and codes taken off: longer ones are not for every peer (RFC 8654 §4).
_MAX_DATA: Final = 4096 - 19 - 2
_PREFIX_LIMIT: Final = (ErrorCode.CEASE, CeaseError.MAXIMUM_NUMBER_OF_PREFIXES_REACHED)
_SHUTDOWN_SUBCODES: Final = (CeaseError.ADMINISTRATIVE_SHUTDOWN, CeaseError.ADMINISTRATIVE_RESET)


@dataclass(frozen=True, slots=True)
class Notification:
    """Why a session ends: error code, subcode and data."""

    code: int
    subcode: int = 0
    data: bytes = b""

    @classmethod
    def of(cls, error: NotificationError) -> "Notification":
        """The message that answers `error`."""
        return cls(error.code, error.subcode, error.data)

    @classmethod
    def shutdown(cls, subcode: CeaseError, message: str = "") -> "Notification":
        """Cease with a shutdown communication, cut to 128 octets of UTF-8 (RFC 9003)."""
        text = message.encode(errors="replace")[:_MAX_SHUTDOWN_OCTETS].decode(errors="ignore").encode()
        return cls(ErrorCode.CEASE, subcode, bytes((len(text),)) + text if text else b"")

    def hard_reset(self) -> "Notification":
        """The same as a Hard Reset: routes are not kept whatever was agreed on (RFC 8538 §3.1)."""
        return Notification(ErrorCode.CEASE, CeaseError.HARD_RESET, self.encode())

    def encode(self) -> bytes:
        """The message body; data that would make the message too long for some peers is cut."""
        return bytes((self.code, self.subcode)) + self.data[:_MAX_DATA]

    @classmethod
    def decode(cls, body: bytes) -> "Notification":
        """From a message body of at least two bytes (the framer sees to that)."""
        return cls(body[0], body[1], body[2:])

    @property
    def text(self) -> str:
        """`Cease; Administrative Shutdown: "maintenance"`: names, then the data in a form to read."""
        text = error_text(self.code, self.subcode)
        if (self.code, self.subcode) == (ErrorCode.CEASE, CeaseError.HARD_RESET) and len(self.data) >= 2:
            inner = Notification.decode(self.data)
            # one inside the other, and no deeper: the peer decides how long the data is
            is_nested = (inner.code, inner.subcode) == (ErrorCode.CEASE, CeaseError.HARD_RESET)
            return f"{text}: {error_text(inner.code, inner.subcode) if is_nested else inner.text}"
        if (self.code, self.subcode) == _PREFIX_LIMIT and len(self.data) == 7:
            codes = int.from_bytes(self.data[:2], "big"), self.data[2]
            family = FAMILY_OF_CODES.get(codes)
            name = "AFI {} SAFI {}".format(*codes) if family is None else family.label
            return f"{text}: {name} {int.from_bytes(self.data[3:], 'big')}"  # RFC 4486 §4
        message = self._shutdown_message()
        if message is not None:
            return f'{text}: "{message}"' if message else text
        return f"{text} (data {self.data.hex()})" if self.data else text

    def _shutdown_message(self) -> str | None:
        """The shutdown communication; None where the data is something else."""
        if self.code != ErrorCode.CEASE or self.subcode not in _SHUTDOWN_SUBCODES or not self.data:
            return None
        length = self.data[0]
        if length != len(self.data) - 1:
            return None
        # what a peer wrote goes to terminals and logs: no control characters
        message = self.data[1:].decode(errors="replace")
        return "".join(letter if letter.isprintable() else "?" for letter in message)
