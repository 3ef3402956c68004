"""The stream of events: the history as server-sent events, for as long as the client reads.

A client that comes back with `Last-Event-ID` gets what it has missed, as far as the history still has it. One
that does not read has its entries counted instead of kept, and is dropped when a write does not get through.
"""

import asyncio
import json
from typing import Final

from aiohttp import web

from rhi.daemon.history import Entry, History

# Seconds after which a comment is sent, so that a client that has gone is noticed.
HEARTBEAT: Final = 15.0
# Seconds that a write may take.
STALL_TIME: Final = 10.0
MAX_STREAMS: Final = 32


async def send_events(response: web.StreamResponse, history: History, after: int, kind: str) -> None:
    """Send entries with a number above `after`, until the client leaves or does not read.

    Raises:
        TimeoutError: it does not read.
        ConnectionError: it has left.
    """
    with history.following() as follower:
        await _send(response, b"retry: 2000\n\n")
        backlog = _missed_since(history, after)
        last = after if backlog and backlog[0].number > after else 0
        if backlog and backlog[0].number > last + 1:
            await _send(response, b"event: missed\ndata: %d\n\n" % (backlog[0].number - last - 1))
        # an entry that comes in the meantime is also with the follower; numbers tell
        for entry in backlog:
            last = entry.number
            await _send_entry(response, entry, kind)
        while True:
            try:
                entries, missed = await asyncio.wait_for(follower.next(), HEARTBEAT)
            except TimeoutError:
                await _send(response, b": still here\n\n")
                continue
            for entry in entries:
                if entry.number > last:
                    last = entry.number
                    await _send_entry(response, entry, kind)
            if missed:
                await _send(response, b"event: missed\ndata: %d\n\n" % missed)


def last_event_id(header: str | None) -> int:
    """The number of the last entry that a client has seen; 0 when it does not say."""
    is_number = header is not None and header.isascii() and header.isdecimal() and len(header) < 20
    return int(header or 0) if is_number else 0


def _missed_since(history: History, after: int) -> list[Entry]:
    """What a client that comes back has missed: all, when the numbers have begun anew with the daemon."""
    if not after:
        return []
    newest = history.entries(limit=1)
    has_restarted = not newest or newest[0].number < after
    return history.entries(after=0 if has_restarted else after)


async def _send_entry(response: web.StreamResponse, entry: Entry, kind: str) -> None:
    if not kind or entry.kind == kind:
        data = json.dumps(entry.to_json(), default=str)
        await _send(response, f"id: {entry.number}\nevent: {entry.kind}\ndata: {data}\n\n".encode())


async def _send(response: web.StreamResponse, data: bytes) -> None:
    await asyncio.wait_for(response.write(data), STALL_TIME)
