"""Every exception a user of rhi may want to catch.

    RhiError
    ├── InvalidValueError (also ValueError)   a value that cannot be sent or configured; the message names it
    │   └── EmptyTableError                   an empty set of routes where none was meant
    ├── ListenError (also OSError)            a listening socket that could not be had
    ├── SocketOptionError (also OSError)      TCP MD5 or TTL security that the kernel refused
    └── NotificationError                     a message from a peer that must be answered by a NOTIFICATION

Nothing a peer sends raises out of `rhi.Pool` or `rhi.Session`: `NotificationError` reaches only those who
use the decoders of `rhi.wire` themselves.
"""

__all__ = [
    "EmptyTableError",
    "InvalidValueError",
    "ListenError",
    "NotificationError",
    "RhiError",
    "SocketOptionError",
]


class RhiError(Exception):
    """Base of all errors raised by rhi."""


class InvalidValueError(RhiError, ValueError):
    """A value is out of range or badly written; the message says what would be right."""


class EmptyTableError(InvalidValueError):
    """`replace` was given no routes and `allow_empty` was not set."""


class ListenError(RhiError, OSError):
    """The address and port to listen on are in use, not ours or not permitted."""


class SocketOptionError(RhiError, OSError):
    """The kernel does not have, or refused, a socket option that was asked for."""


class NotificationError(RhiError):
    """A peer broke the protocol: answer with this NOTIFICATION and close (RFC 4271 §6).

    Attributes:
        code: error code (RFC 4271 §4.5).
        subcode: error subcode, 0 when unspecific.
        data: the data field, as the RFC asks for this error.
        detail: what exactly was wrong, for people; never sent.
    """

    def __init__(self, code: int, subcode: int = 0, data: bytes = b"", detail: str = "") -> None:
        super().__init__(code, subcode, data, detail)
        self.code = int(code)
        self.subcode = int(subcode)
        self.data = bytes(data)
        self.detail = detail

    def __str__(self) -> str:
        return f"NOTIFICATION {self.code}/{self.subcode}{': ' if self.detail else ''}{self.detail}"
