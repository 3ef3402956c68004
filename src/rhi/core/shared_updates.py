"""UPDATEs made once for all peers that get the same: update groups without a list of members.

Peers that follow one table at about the same pace ask for the same messages one after the other, so that
remembering the last few is enough. Nobody has to be told who is in a group: what is remembered is found by
all that the messages depend on, and a peer that differs in any of it, or is slower, makes its own.
"""

from array import array
from operator import itemgetter
from typing import Final, NamedTuple

from rhi.core.export import Exported

# What a run of slots depends on besides their records: attributes, longest message, first slot and end.
RunKey = tuple[Exported | None, int, int, int]
# What changes depend on: longest message, number wanted and number sent of each slot, what the numbers mean.
ChangeKey = tuple[int, tuple[int, ...], tuple[int, ...], tuple[Exported | None, ...]]


class SharedRuns:
    """UPDATEs of runs of slots."""

    MAX_RUNS: Final = 16  # of about 64 KiB each

    def __init__(self) -> None:
        self._runs: dict[RunKey, bytes] = {}
        self._version = -1

    def get(self, key: RunKey, records_version: int) -> bytes | None:
        """The messages, or None when they have to be made."""
        if self._version != records_version:
            self._runs.clear()
            self._version = records_version
        return self._runs.get(key)

    def put(self, key: RunKey, messages: bytes) -> None:
        """Remember them; after a `get` that did not find them."""
        if len(self._runs) >= self.MAX_RUNS:
            del self._runs[next(iter(self._runs))]
        self._runs[key] = messages


class Told(NamedTuple):
    """What brings a peer from one state of some slots to another.

    Attributes:
        messages: number that the routes are sent with, bytes, and how many routes; withdrawals first.
        sent: slots whose number changes, with the new one.
        held: by how much the number of routes that the peer holds grows.
    """

    messages: list[tuple[int, bytes, int]]
    sent: list[tuple[int, int]]
    held: int


class ChangedSlots:
    """Slots that a stretch of the journal tells of, and what has been made of them.

    Attributes:
        slots: each once, in the order of their first entry.
        ids: their attribute ids.
        made: by what it depends on.
    """

    MAX_MADE: Final = 8

    def __init__(self, slots: tuple[int, ...], ids: "array[int]") -> None:
        self.slots = slots
        self.ids = self.values(ids)
        self.distinct_ids = frozenset(self.ids)
        self._made: dict[ChangeKey, Told] = {}

    def values(self, values: "array[int]") -> tuple[int, ...]:
        """The values of the slots in an array."""
        if len(self.slots) == 1:
            return (values[self.slots[0]],)
        found: tuple[int, ...] = itemgetter(*self.slots)(values)
        return found

    def get(self, key: ChangeKey) -> Told | None:
        """What was made for peers like this one."""
        return self._made.get(key)

    def put(self, key: ChangeKey, told: Told) -> None:
        """Remember it; after a `get` that did not find it."""
        if len(self._made) >= self.MAX_MADE:
            self._made.clear()
        self._made[key] = told


class SharedChanges:
    """The last few stretches of a journal that peers have asked for."""

    MAX_STRETCHES: Final = 4

    def __init__(self) -> None:
        self._stretches: dict[tuple[int, int], ChangedSlots] = {}
        self._version = -1

    def stretch(self, start: int, entries: "array[int]", ids: "array[int]", version: int) -> ChangedSlots:
        """The slots of journal `entries` that begin at number `start`; `version` is that of the block."""
        if self._version != version:
            self._stretches.clear()
            self._version = version
        key = start, len(entries)
        found = self._stretches.get(key)
        if found is None:
            if len(self._stretches) >= self.MAX_STRETCHES:
                del self._stretches[next(iter(self._stretches))]
            found = self._stretches[key] = ChangedSlots(tuple(dict.fromkeys(entries)), ids)
        return found
