"""Clients that do not behave: plain sockets, on the Unix socket of a house."""

import asyncio

from tests.daemon.control.house import PATIENCE, House

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(house: House) -> Streams:
    """A connection that is closed with the house."""
    reader, writer = await asyncio.open_unix_connection(str(house.socket), limit=1 << 20)
    house.writers.append(writer)
    return reader, writer


def request(path: str, *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: rhi", *headers, "", ""]).encode()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side closes, however it does."""
    found = b""
    async with asyncio.timeout(PATIENCE):
        try:
            while part := await reader.read(65536):
                found += part
        except ConnectionError:
            pass
    return found
