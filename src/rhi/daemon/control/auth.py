"""Who asks: a token for clients over TCP, the kernel's word for those over the Unix socket."""

import asyncio
import hmac
import pwd
import re
import socket
import struct
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final

_CREDENTIALS: Final = struct.Struct("iII")


def is_authorized(header: str | None, token: bytes) -> bool:
    """Whether an Authorization header holds the token (RFC 6750 §2.1), compared in constant time."""
    scheme, _, given = (header or "").partition(" ")
    found = given.strip().encode("utf-8", "surrogateescape")
    return hmac.compare_digest(found, token) and scheme.lower() == "bearer"


def is_from_another_site(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks on behalf of another site's page.

    Where no token is needed, as with a Unix socket that ssh forwards to somebody's browser, any page that is
    open there could otherwise give orders. Whoever opens our page from a link elsewhere is let in: that asks
    for a document, which its sender cannot read. Programs send none of these headers.
    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        is_link = method == "GET" and headers.get("Sec-Fetch-Mode") == "navigate"
        return site not in ("same-origin", "none") and not is_link
    origin = headers.get("Origin")
    return origin is not None and origin.partition("://")[2] != headers.get("Host", "")


def is_name_of_a_site(host: str) -> bool:
    """Whether a Host header names what anybody may have in the DNS: neither an address nor a local name.

    A browser that was told that name leads here ("DNS rebinding") takes us for the site whose page it shows:
    nothing else tells such a request from one of our own page.
    """
    name = re.sub(r":[0-9]*$", "", host.strip()).lower()
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return "." in name and not name.endswith(".localhost")
    return False


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
