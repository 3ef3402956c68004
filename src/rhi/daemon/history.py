"""What the daemon has decided and seen, in order, for people, logs and the event stream.

The last entries are kept in memory. Whoever follows has a queue of bounded length; one who does not keep up
is told how much was missed instead of being waited for.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from rhi.daemon.kinds import EntryKind

KEPT: Final = 1000
# Entries that a follower may be behind.
MAX_BEHIND: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened.

    Attributes:
        number: grows by one with each entry.
        time: of day.
        kind: what sort; see `kinds`.
        subject: what it is about: an address, a service, a peer.
        text: one sentence.
        data: the same for programs.
    """

    number: int
    time: datetime
    kind: str
    subject: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "number": self.number,
            "time": self.time.isoformat(timespec="milliseconds"),
            "kind": self.kind,
            "subject": self.subject,
            "text": self.text,
            **({"data": dict(self.data)} if self.data else {}),
        }


class Follower:
    """Entries from now on, for one listener."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._missed = 0
        self._news = asyncio.Event()

    def add(self, entry: Entry) -> None:
        """Have the listener told; never waits."""
        if len(self._entries) >= MAX_BEHIND:
            self._missed += 1
        else:
            self._entries.append(entry)
        self._news.set()

    async def next(self) -> tuple[list[Entry], int]:
        """What has come since the last call, at least one entry, and how many were missed after those."""
        await self._news.wait()
        self._news.clear()
        entries, missed = list(self._entries), self._missed
        self._entries.clear()
        self._missed = 0
        return entries, missed


class History:
    """The last entries, and those who follow."""

    def __init__(self, now: Callable[[], datetime], log: Callable[[Entry], None]) -> None:
        """`now` tells the time of day; `log` gets every entry."""
        self._now = now
        self._log = log
        self._number = 0
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._followers: set[Follower] = set()

    def add(self, kind: EntryKind, subject: str, text: str, **data: Any) -> Entry:
        """Note that something happened."""
        self._number += 1
        entry = Entry(number=self._number, time=self._now(), kind=kind, subject=subject, text=text, data=data)
        self._entries.append(entry)
        self._log(entry)
        for follower in self._followers:
            follower.add(entry)
        return entry

    def entries(self, *, after: int = 0, limit: int = KEPT) -> list[Entry]:
        """The last `limit` entries whose number is above `after`, oldest first."""
        found = [entry for entry in self._entries if entry.number > after]
        return found[len(found) - min(limit, len(found)) :]

    @property
    def followers(self) -> int:
        """How many follow."""
        return len(self._followers)

    @contextmanager
    def following(self) -> Iterator[Follower]:
        """A listener from here to the end of the block."""
        follower = Follower()
        self._followers.add(follower)
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    async def follow(self) -> AsyncIterator[tuple[list[Entry], int]]:
        """Entries as they come; see `Follower.next`. Ends when its user stops asking."""
        with self.following() as follower:
            while True:
                yield await follower.next()
