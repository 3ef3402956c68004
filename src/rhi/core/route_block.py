"""Routes of one family and one prefix length: what is wanted of them, and who has yet to be told.

The NLRI records of all routes stand one behind the other in one buffer, beside an array that names each one's
attribute set, so that a run of routes with equal attributes is sent by slicing the buffer. A route keeps its
place (slot) as long as any peer may hold it. Slots are found by address: as a number where an array can read
the addresses as such, else by their bytes, so that a million routes are looked up without making objects.

Changes reach the peers in two ways. A few are written to the block's journal, which each reader follows at
its own pace. Many at once, or a journal that has grown too long for a slow reader, tell the readers to walk
over a range of slots and compare. Either way a reader sees only the last state of a slot: memory depends on
the number of routes, never on their history, and a change costs the same however many peers there are.
"""

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from struct import unpack
from typing import Final, Protocol

from rhi.core.attribute_store import ABSENT, AttributeStore
from rhi.core.shared_updates import SharedChanges, SharedRuns
from rhi.core.slot_index import Key, SlotIndex
from rhi.model.prefix import Family, Prefix

# Below this many changes in one call, the journal is cheaper for readers than walking from the first to the
# last.
BULK: Final = 512
# So many slots in the range for each change are too many to walk over.
SPARSE: Final = 8
# A journal longer than this and than half the block is dropped, and its readers walk.
MAX_JOURNAL: Final = 4096
# Withdrawn slots are looked over once there are this many and again when as many have come.
MIN_SWEEP: Final = 64
# So many slots are looked over at once: a millisecond.
MAX_SWEEP: Final = 4096

# Stands for the length in the record of a slot that is free.
FREE: Final = 255

# Array types that read addresses of so many bytes as numbers, and whether their bytes must be swapped for it.
_WORDS: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}
_IS_SWAPPED: Final = array("H", b"\0\1")[0] != 1

# Slots one behind the other, or anywhere.
Slots = Sequence[int]


class Reader(Protocol):
    """A peer's view of a block, as the block needs to know it."""

    @property
    def is_behind(self) -> bool:
        """Whether the peer has yet to be told something."""

    @property
    def held(self) -> int:
        """Number of routes the peer has been told."""

    def held_in(self, start: int, stop: int) -> int:
        """Number of routes the peer has been told in the slots from `start` to before `stop`."""

    def walk(self, start: int, stop: int) -> None:
        """Compare all slots from `start` to before `stop` when there is time."""

    def journal_dropped(self) -> None:
        """The journal starts anew: walk if anything in it was unread."""


class RouteBlock:
    """Routes of one family and one prefix length.

    Attributes:
        nlri: the records of all slots, `record_size` bytes each.
        records_version: grows when the record of a slot changes; new slots at the end do not count.
        ids: attribute id of each slot, ABSENT where the route is not wanted.
        version: grows with every change.
        size: number of wanted routes.
        counts: the same by attribute id.
        shared_runs, shared_changes: UPDATEs, for peers that get the same.
        is_busy: more is being dropped, so that it is too soon to let go of what has been.
        journal: slots that changed, oldest first; `journal_start` counts the entries that came before, and
            `journal_end` those too.
    """

    def __init__(self, family: Family, length: int, store: AttributeStore) -> None:
        self.family = family
        self.length = length
        self.record_size = 1 + (length + 7) // 8
        self.nlri = bytearray()
        self.records_version = 0
        self.ids = array("I")
        self.version = 0
        self.size = 0
        self.counts: dict[int, int] = {}
        self.is_busy = False
        self.journal = array("I")
        self.journal_start = self.journal_end = 0
        self.readers: list[Reader] = []
        self.shared_runs = SharedRuns()
        self.shared_changes = SharedChanges()
        self._store = store
        self._slots = SlotIndex()
        self._discarded = SlotIndex()
        self._free: list[range] = []
        self._withdrawn: list[range] = []
        self._withdrawn_size = 0
        self._next_sweep = MIN_SWEEP

    def packed(self, slot: int) -> bytes:
        """Address bytes of the route in `slot`."""
        start = slot * self.record_size
        return bytes(self.nlri[start + 1 : start + self.record_size])

    def prefix(self, slot: int) -> Prefix:
        """The route in `slot`."""
        return Prefix(self.family, self.length, self.packed(slot))

    def get(self, packed: bytes) -> int:
        """Attribute id of a route; ABSENT when it is not wanted."""
        slot = self._slots.get(_key(packed))
        return ABSENT if slot is None else self.ids[slot]

    def put(self, packed: bytes, number: int) -> None:
        """Want a route with the attributes of `number`, which the caller has acquired for it."""
        key = _key(packed)
        slot = self._slots.get(key)
        if slot is None:
            slot = self._new_slot(key, bytes((self.length,)) + packed)
        self._assign((slot,), number, {self.ids[slot]: 1})
        self.publish((slot,))

    def drop(self, packed: bytes) -> bool:
        """Want a route no longer; false when it was not wanted."""
        slot = self._slots.get(_key(packed))
        if slot is None or self.ids[slot] == ABSENT:
            return False
        self._assign((slot,), ABSENT, {self.ids[slot]: 1})
        self.publish((slot,))
        return True

    # hot: bench B2, B8
    def slots_of(self, nlri: bytes, guess: int) -> Slots:
        """The slots of records, of which some may come twice; those that are new get one.

        `guess`: the slot that the first may be found in, the others behind it.
        """
        count = len(nlri) // self.record_size
        if self.nlri[guess * self.record_size : (guess + count) * self.record_size] == nlri:
            return range(guess, guess + count)
        keys = _keys(nlri, self.record_size)
        start = len(self.ids)
        fresh = range(start, start + count)
        numbers = list(fresh)
        # compared fast where they are the same objects
        found = self._slots.put_missing(keys, numbers)
        has_place = not self._free or len(self._free[-1]) >= count
        if has_place and found == numbers:
            return self._place_run(keys, nlri, fresh)
        # some have slots already: the others get theirs one by one instead of the numbers just given
        settled = {}
        for at, number in enumerate(found):
            if number == start + at:
                record = nlri[at * self.record_size : (at + 1) * self.record_size]
                settled[number] = self._new_slot(keys[at], record)
        return [settled.get(number, number) for number in found] if settled else found

    def assign(self, slots: Slots, number: int) -> Slots:
        """Want the routes in `slots` with the attributes of `number`, or no longer; uses are counted here.

        Returns the slots for which that was a change: they are to be published.
        """
        ids = self.ids
        before: dict[int, int] | None = None
        if isinstance(slots, range):
            its_ids = ids[slots.start : slots.stop]
            if is_uniform(its_ids):
                changed: Slots = slots if its_ids[0] != number else ()
                before = {its_ids[0]: len(slots)}
            else:
                changed = [slot for slot in slots if ids[slot] != number]
        else:
            changed = list(dict.fromkeys([slot for slot in slots if ids[slot] != number]))
        if changed:
            if number != ABSENT:
                self._store.add_uses(number, len(changed))
            self._assign(changed, number, before or Counter([ids[slot] for slot in changed]))
        return changed

    def publish(self, changed: Slots) -> None:
        """Let readers know of slots that have changed, and tidy up."""
        self.version += len(changed)
        if self.readers and changed:
            is_run = isinstance(changed, range)
            start, stop = (changed[0], changed[-1] + 1) if is_run else (min(changed), max(changed) + 1)
            # a walk over slots that lie far apart would compare many that have not changed
            if len(changed) >= BULK and stop - start <= SPARSE * len(changed):
                for reader in self.readers:
                    reader.walk(start, stop)
            else:
                self.journal.extend(changed)
                self.journal_end += len(changed)
                if len(self.journal) > max(MAX_JOURNAL, len(self.ids) // 2):
                    self._drop_journal()
        # soon enough to keep the memory in proportion; readers that have caught up make it sooner
        if self._withdrawn_size >= max(self._next_sweep, self.size) and not self.is_busy:
            self._sweep()

    def routes(self) -> Iterator[tuple[bytes, int]]:
        """Address bytes and attribute id of each wanted route."""
        return ((self.packed(slot), number) for slot, number in enumerate(self.ids) if number != ABSENT)

    def attach(self, reader: Reader) -> None:
        """Tell `reader` of changes from now on."""
        self.readers.append(reader)

    def detach(self, reader: Reader) -> None:
        """Tell `reader` no more; what it held is nobody's any longer."""
        self.readers.remove(reader)
        self._next_sweep = MIN_SWEEP
        if not self.readers:
            self._drop_journal()
        self._sweep()

    def reader_caught_up(self) -> None:
        """A reader has told its peer everything: withdrawn routes may have become nobody's."""
        is_worth_it = self._withdrawn_size >= MIN_SWEEP and not self.is_busy
        if is_worth_it and not any(reader.is_behind for reader in self.readers):
            self._sweep()

    def tidy(self) -> bool:
        """Let go of some of what is nobody's any longer; true when there is more."""
        self._discarded.forget_some(MAX_SWEEP)
        return bool(self._discarded)

    def _new_slot(self, key: Key, record: bytes) -> int:
        if self._free:
            slots = self._free.pop()
            slot = slots[-1]
            if len(slots) > 1:
                self._free.append(slots[:-1])
            self.nlri[slot * self.record_size : (slot + 1) * self.record_size] = record
            self.records_version += 1
        else:
            slot = len(self.ids)
            self.ids.append(ABSENT)
            self.nlri += record
        self._slots.put(key, slot)
        return slot

    def _place_run(self, keys: Sequence[Key], nlri: bytes, fresh: range) -> range:
        """Slots for records that are all new: the last ones freed, which are enough, else `fresh`."""
        count = len(fresh)
        if not self._free:
            self.nlri += nlri
            self.ids.frombytes(bytes(count * self.ids.itemsize))
            return fresh
        free = self._free.pop()
        slots = free[len(free) - count :]
        if len(free) > count:
            self._free.append(free[: len(free) - count])
        self._slots.move(keys, slots)
        self.nlri[slots.start * self.record_size : slots.stop * self.record_size] = nlri
        self.records_version += 1
        return slots

    def _assign(self, slots: Slots, number: int, before: Mapping[int, int]) -> None:
        """Give all `slots`, each of which has another number, this one; `before` counts those they have."""
        ids, counts = self.ids, self.counts
        if isinstance(slots, range):
            ids[slots.start : slots.stop] = array("I", [number]) * len(slots)
        else:
            for slot in slots:
                ids[slot] = number
        for other, uses in before.items():
            if other != ABSENT:
                self.size -= uses
                self._store.release(other, uses)
                counts[other] -= uses
                if not counts[other]:
                    del counts[other]
        if number != ABSENT:
            self.size += len(slots)
            counts[number] = counts.get(number, 0) + len(slots)
        else:
            self._note_withdrawn(slots)

    def _note_withdrawn(self, slots: Slots) -> None:
        found = [slots] if isinstance(slots, range) else list(_runs(slots))
        if self._withdrawn and self._withdrawn[-1].stop == found[0].start:
            found[0] = range(self._withdrawn.pop().start, found[0].stop)
        self._withdrawn += found
        self._withdrawn_size += len(slots)

    def _drop_journal(self) -> None:
        for reader in self.readers:
            reader.journal_dropped()
        self.journal_start = self.journal_end
        self.journal = array("I")

    def _sweep(self) -> None:
        """Free the slots of withdrawn routes that no peer holds any more, as many as are soon done."""
        if not self.counts and not any(reader.held for reader in self.readers):
            self._reset()
            return
        # who has been told everything holds nothing that is withdrawn
        behind = [reader for reader in self.readers if reader.is_behind and reader.held]
        waiting, self._withdrawn, self._withdrawn_size = self._withdrawn, [], 0
        left = MAX_SWEEP
        while waiting and left > 0:
            slots = waiting.pop()
            if len(slots) > MAX_SWEEP:
                waiting += [slots[MAX_SWEEP:], slots[:MAX_SWEEP]]
            else:
                left -= self._sweep_range(slots, behind, waiting)
        held = self._withdrawn_size
        self._withdrawn += waiting
        self._withdrawn_size += sum(map(len, waiting))
        # go on soon, but not with every change
        self._next_sweep = held + sum(map(len, waiting)) + MAX_SWEEP // 8 if waiting else 2 * held
        self._next_sweep = max(MIN_SWEEP, self._next_sweep)

    def _sweep_range(self, slots: range, behind: list[Reader], waiting: list[range]) -> int:
        """Free `slots`, note them again as withdrawn, or split them into `waiting`; returns what it cost."""
        looked = 8 + 2 * len(behind)
        start, stop, size = slots.start, slots.stop, self.record_size
        its_ids = self.ids[start:stop]
        is_one_kind = is_uniform(its_ids) and FREE not in self.nlri[start * size : stop * size : size]
        if is_one_kind and its_ids[0] != ABSENT:
            return looked  # wanted again
        held = max((reader.held_in(start, stop) for reader in behind), default=0)
        if is_one_kind and not held:
            self._release(slots)
            return len(slots)
        if is_one_kind and held == len(slots):
            self._note_withdrawn(slots)
        elif len(slots) > 1:
            middle = len(slots) // 2
            waiting += [slots[middle:], slots[:middle]]
        return looked

    def _release(self, slots: range) -> None:
        start, stop, size = slots.start, slots.stop, self.record_size
        self._slots.remove(_keys(bytes(self.nlri[start * size : stop * size]), size))
        self.nlri[start * size : stop * size : size] = bytes((FREE,)) * len(slots)
        self.records_version += 1
        self._free.append(slots)

    def _reset(self) -> None:
        """Start from an empty buffer: nothing is wanted, and no reader holds anything."""
        # a million entries take too long to be let go of at once, while there are peers
        self._discarded = self._slots if self.readers else SlotIndex()
        self._slots = SlotIndex()
        self._free.clear()
        self._withdrawn.clear()
        self._withdrawn_size = 0
        self._next_sweep = MIN_SWEEP
        self.nlri = bytearray()
        self.records_version += 1
        self.ids = array("I")
        self._drop_journal()


def is_uniform(values: "array[int]") -> bool:
    """Whether all values, at least one, are the same; a comparison of bytes, not of numbers."""
    packed = values.tobytes()
    # all but the last are what all but the first are; without a copy of either
    return packed.startswith(memoryview(packed)[: -values.itemsize], values.itemsize)


def _runs(slots: Slots) -> Iterator[range]:
    """The same slots as ranges, where they lie one behind the other."""
    start = stop = slots[0]
    for slot in slots:
        if slot != stop:
            yield range(start, stop)
            start = slot
        stop = slot + 1
    yield range(start, stop)


def _key(packed: bytes) -> Key:
    return int.from_bytes(packed, "big") if len(packed) in _WORDS else packed


def _keys(nlri: bytes, record_size: int) -> Sequence[Key]:
    """`_key` of the address bytes of each record, as objects: they are looked up more than once."""
    size = record_size - 1
    word = _WORDS.get(size)
    if word is None:
        return unpack(f"x{size}s" * (len(nlri) // record_size), nlri)
    packed = bytearray(len(nlri) // record_size * size)
    for octet in range(size):
        packed[octet::size] = nlri[1 + octet :: record_size]
    numbers = array(word, bytes(packed))
    if _IS_SWAPPED:
        numbers.byteswap()
    return numbers.tolist()
