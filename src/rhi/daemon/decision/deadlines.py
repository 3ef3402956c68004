"""When something has to be looked at again: one instant for each name, and the earliest of them at once."""

import heapq

# Entries of the heap that no longer count, before it is made anew.
_MAX_STALE = 64


class Deadlines:
    """Monotonic instants by name.

    A name that gets another instant leaves its old entry in the heap, where it is passed over when its turn
    comes; when more such entries than names have gathered, the heap is made anew. So setting one costs the
    logarithm of their number, and memory is that of the names.
    """

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []

    def __len__(self) -> int:
        """Entries that are kept, with those that no longer count."""
        return len(self._heap)

    def set(self, name: str, at: float | None) -> None:
        """Look at `name` again at `at`, or not at all; what was said of it before is forgotten."""
        if at is None:
            self._at.pop(name, None)
        elif self._at.get(name) != at:
            self._at[name] = at
            heapq.heappush(self._heap, (at, name))
            if len(self._heap) > 2 * len(self._at) + _MAX_STALE:
                self._heap = [(instant, key) for key, instant in self._at.items()]
                heapq.heapify(self._heap)

    def take_due(self, now: float) -> list[str]:
        """The names whose instant has come, which are then no longer waited for."""
        due = []
        while (first := self._first()) is not None and first[0] <= now:
            due.append(first[1])
            del self._at[first[1]]
        return due

    def next(self) -> float | None:
        """The earliest instant; None when nothing is waited for."""
        first = self._first()
        return None if first is None else first[0]

    def copy(self) -> "Deadlines":
        """The same, to go on by itself."""
        new = Deadlines()
        new._at = dict(self._at)
        new._heap = list(self._heap)
        return new

    def _first(self) -> tuple[float, str] | None:
        while self._heap:
            at, name = self._heap[0]
            if self._at.get(name) == at:
                return at, name
            heapq.heappop(self._heap)
        return None
