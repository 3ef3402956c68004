"""Who asks: a token for clients over TCP, the kernel's word for those over the Unix socket."""

import asyncio
import hmac
import pwd
import socket
import struct
from typing import Final

_CREDENTIALS: Final = struct.Struct("iII")


def is_authorized(header: str | None, token: bytes) -> bool:
    """Whether an Authorization header holds the token (RFC 6750 §2.1), compared in constant time."""
    scheme, _, given = (header or "").partition(" ")
    found = given.strip().encode("utf-8", "surrogateescape")
    return hmac.compare_digest(found, token) and scheme.lower() == "bearer"


def user_of(transport: asyncio.BaseTransport | None) -> str:
    """The user behind a Unix socket, as `ann` or `uid 1000`; `api` for others.

    May block: the name is looked up.
    """
    sock = None if transport is None else transport.get_extra_info("socket")
    if sock is None or sock.family != socket.AF_UNIX:
        return "api"
    try:
        packed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except OSError:
        return "api"
    _, uid, _ = _CREDENTIALS.unpack(packed)
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
