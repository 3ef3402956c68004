"""What should be announced: one table that all peers read, each at its own pace.

Routes of one family and one prefix length are a `RouteBlock`: their NLRI records stand one behind the other
in one buffer, beside an array that names each one's attribute set, so that a run of routes with equal
attributes is sent by slicing the buffer. A route keeps its place (slot) as long as any peer may hold it.

Changes reach the peers in two ways. A few are written to the block's journal, which each reader follows at
its own pace. Many at once, or a journal that has grown too long for a slow reader, tell the readers to walk
over a range of slots and compare. Either way a reader sees only the last state of a slot: memory depends on
the number of routes, never on their history, and a change costs the same however many peers there are.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import Final, Protocol, TypeVar

from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Family, Prefix

T = TypeVar("T")

# Below this many changes in one call, the journal is cheaper for readers than walking from the first to the
# last.
BULK: Final = 512
# So many slots in the range for each change are too many to walk over.
SPARSE: Final = 8
# A journal longer than this and than half the block is dropped, and its readers walk.
MAX_JOURNAL: Final = 4096
# Withdrawn slots are looked over once there are this many and again when as many have come.
MIN_SWEEP: Final = 64

ABSENT: Final = 0  # attribute id of a slot whose route is not wanted


class Reader(Protocol):
    """A peer's view of a block, as the block needs to know it."""

    @property
    def is_behind(self) -> bool:
        """Whether the peer has yet to be told something."""

    @property
    def held(self) -> int:
        """Number of routes the peer has been told."""

    def holds(self, slot: int) -> bool:
        """Whether the peer has been told the route in `slot`."""

    def walk(self, start: int, stop: int) -> None:
        """Compare all slots from `start` to before `stop` when there is time."""

    def journal_dropped(self) -> None:
        """The journal starts anew: walk if anything in it was unread."""


class AttributeStore:
    """Attribute sets by number. Equal sets share one number; one that no route uses is forgotten."""

    def __init__(self) -> None:
        self._ids: dict[PathAttributes, int] = {}
        self._uses: dict[int, int] = {}
        self._free: list[int] = []
        self.by_id: dict[int, PathAttributes] = {}

    def acquire(self, attributes: PathAttributes) -> int:
        """The number of `attributes`; each call counts as one use."""
        number = self._ids.get(attributes)
        if number is None:
            number = self._free.pop() if self._free else len(self.by_id) + 1
            self._ids[attributes] = number
            self.by_id[number] = attributes
            self._uses[number] = 0
        self._uses[number] += 1
        return number

    def release(self, number: int, uses: int = 1) -> None:
        """Give back uses of `number`."""
        left = self._uses[number] - uses
        if left:
            self._uses[number] = left
        else:
            del self._uses[number]
            del self._ids[self.by_id.pop(number)]
            self._free.append(number)

    def add_uses(self, number: int, uses: int) -> None:
        """Count more uses of a number that is in use."""
        self._uses[number] += uses


class RouteBlock:
    """Routes of one family and one prefix length.

    Attributes:
        nlri: the records of all slots, `record_size` bytes each.
        ids: attribute id of each slot, ABSENT where the route is not wanted.
        version: grows with every change.
        size: number of wanted routes.
        counts: the same by attribute id.
        journal: slots that changed, oldest first; `journal_start` counts the entries that came before.
    """

    def __init__(self, family: Family, length: int, store: AttributeStore) -> None:
        self.family = family
        self.length = length
        self.record_size = 1 + (length + 7) // 8
        self.nlri = bytearray()
        self.ids = array("I")
        self.version = 0
        self.size = 0
        self.counts: dict[int, int] = {}
        self.journal = array("I")
        self.journal_start = 0
        self.readers: list[Reader] = []
        self._store = store
        self._slots: dict[bytes, int] = {}
        self._free: list[int] = []
        self._withdrawn: list[int] = []
        self._next_sweep = MIN_SWEEP

    @property
    def journal_end(self) -> int:
        """Number of the next journal entry."""
        return self.journal_start + len(self.journal)

    def packed(self, slot: int) -> bytes:
        """Address bytes of the route in `slot`."""
        start = slot * self.record_size
        return bytes(self.nlri[start + 1 : start + self.record_size])

    def get(self, packed: bytes) -> int:
        """Attribute id of a route; ABSENT when it is not wanted."""
        slot = self._slots.get(packed)
        return ABSENT if slot is None else self.ids[slot]

    def put(self, packed: bytes, number: int) -> None:
        """Want a route with the attributes of `number`, which the caller has acquired for it."""
        slot = self._slots.get(packed)
        if slot is None:
            slot = self._new_slot(packed)
        self._assign(slot, number)
        self._publish((slot,))

    def drop(self, packed: bytes) -> bool:
        """Want a route no longer; false when it was not wanted."""
        slot = self._slots.get(packed)
        if slot is None or self.ids[slot] == ABSENT:
            return False
        self._assign(slot, ABSENT)
        self._publish((slot,))
        return True

    def put_all(self, wanted: Iterable[tuple[bytes, int]]) -> int:
        """Want these routes, by attribute id; uses are counted here. Returns how many changed."""
        ids, slots = self.ids, self._slots
        changed = []
        for packed, number in wanted:
            slot = slots.get(packed, -1)
            if slot < 0:
                slot = self._new_slot(packed)
            elif ids[slot] == number:
                continue
            self._store.add_uses(number, 1)
            self._assign(slot, number)
            changed.append(slot)
        self._publish(changed)
        return len(changed)

    def drop_all(self, unwanted: Iterable[bytes]) -> int:
        """Want these routes no longer. Returns how many had been wanted."""
        ids, slots = self.ids, self._slots
        found = [slots.get(packed, -1) for packed in unwanted]
        changed = [slot for slot in found if slot >= 0 and ids[slot] != ABSENT]
        for slot in changed:
            self._assign(slot, ABSENT)
        self._publish(changed)
        return len(changed)

    def known(self) -> list[bytes]:
        """Address bytes of all routes that have a slot, wanted or not."""
        return list(self._slots)

    def routes(self) -> Iterator[tuple[bytes, int]]:
        """Address bytes and attribute id of each wanted route."""
        ids = self.ids
        return ((packed, ids[slot]) for packed, slot in self._slots.items() if ids[slot] != ABSENT)

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
        if len(self._withdrawn) >= MIN_SWEEP and not any(reader.is_behind for reader in self.readers):
            self._sweep()

    def _new_slot(self, packed: bytes) -> int:
        record = bytes((self.length,)) + packed
        if self._free:
            slot = self._free.pop()
            self.nlri[slot * self.record_size : (slot + 1) * self.record_size] = record
        else:
            slot = len(self.ids)
            self.ids.append(ABSENT)
            self.nlri += record
        self._slots[packed] = slot
        return slot

    def _assign(self, slot: int, number: int) -> None:
        before = self.ids[slot]
        self.size += int(number != ABSENT) - int(before != ABSENT)
        if before != ABSENT:
            left = self.counts[before] - 1
            if left:
                self.counts[before] = left
            else:
                del self.counts[before]
            self._store.release(before)
        if number != ABSENT:
            self.counts[number] = self.counts.get(number, 0) + 1
        else:
            self._withdrawn.append(slot)
        self.ids[slot] = number

    def _publish(self, slots: Iterable[int]) -> None:
        """Let readers know, and tidy up."""
        changed = list(slots)
        self.version += len(changed)
        if self.readers and changed:
            start, stop = min(changed), max(changed) + 1
            # a walk over slots that lie far apart would compare many that have not changed
            if len(changed) >= BULK and stop - start <= SPARSE * len(changed):
                for reader in self.readers:
                    reader.walk(start, stop)
            else:
                self.journal.extend(changed)
                if len(self.journal) > max(MAX_JOURNAL, len(self.ids) // 2):
                    self._drop_journal()
        if len(self._withdrawn) >= self._next_sweep:
            self._sweep()

    def _drop_journal(self) -> None:
        for reader in self.readers:
            reader.journal_dropped()
        self.journal_start = self.journal_end
        self.journal = array("I")

    def _sweep(self) -> None:
        """Free the slots of withdrawn routes that no peer holds any more."""
        if not self.counts and not any(reader.held for reader in self.readers):
            self._reset()
            return
        candidates = {slot for slot in self._withdrawn if self.ids[slot] == ABSENT}
        held = {slot for slot in candidates if any(reader.holds(slot) for reader in self.readers)}
        for slot in candidates - held:
            del self._slots[self.packed(slot)]
            self._free.append(slot)
        self._withdrawn = list(held)
        self._next_sweep = max(MIN_SWEEP, 2 * len(held))

    def _reset(self) -> None:
        """Start from an empty buffer: nothing is wanted, and no reader holds anything."""
        self._slots.clear()
        self._free.clear()
        self._withdrawn.clear()
        self._next_sweep = MIN_SWEEP
        self.nlri = bytearray()
        self.ids = array("I")
        self._drop_journal()


class RouteTable:
    """Desired routes of all families.

    Attributes:
        version: grows with every change.
        is_complete: all that should be announced is known.
        is_replacing: `replace_in_steps` is under way.
    """

    def __init__(self) -> None:
        self.version = 0
        self.is_complete = True
        self.is_replacing = False
        self.store = AttributeStore()
        self._blocks: dict[tuple[Family, int], RouteBlock] = {}

    def __len__(self) -> int:
        return sum(block.size for block in self._blocks.values())

    def __contains__(self, prefix: Prefix) -> bool:
        block = self._blocks.get((prefix.family, prefix.length))
        return block is not None and block.get(prefix.packed) != ABSENT

    @property
    def may_end_rib(self) -> bool:
        """Peers may be told End-of-RIB: what there is is all there should be."""
        return self.is_complete and not self.is_replacing

    def get(self, prefix: Prefix) -> PathAttributes | None:
        """The attributes of a wanted route; None when it is not wanted."""
        block = self._blocks.get((prefix.family, prefix.length))
        return None if block is None else self.store.by_id.get(block.get(prefix.packed))

    def announce(self, prefix: Prefix, attributes: PathAttributes) -> bool:
        """Want a route; false when it was wanted like that already."""
        block = self._block(prefix.family, prefix.length)
        before = block.get(prefix.packed)
        if before != ABSENT and self.store.by_id[before] == attributes:
            return False
        block.put(prefix.packed, self.store.acquire(attributes))
        self.version += 1
        return True

    def withdraw(self, prefix: Prefix) -> bool:
        """Want a route no longer; false when it was not wanted."""
        block = self._blocks.get((prefix.family, prefix.length))
        if block is None or not block.drop(prefix.packed):
            return False
        self.version += 1
        return True

    def replace(self, routes: Mapping[Prefix, PathAttributes]) -> int:
        """Want exactly these routes. Returns how many were added, changed or removed."""
        return sum(self.replace_in_steps(routes, len(routes) + len(self) + 1))

    def replace_in_steps(self, routes: Mapping[Prefix, PathAttributes], step: int) -> Iterator[int]:
        """`replace` in pieces of `step` routes, so that a large set need not hold up everything else.

        Yields after each piece how many routes it has changed. What is new or different comes first, then
        what is not wanted any more. Nothing else may change the table until the last piece is done.
        """
        self.is_replacing = True
        try:
            yield from self._replace_in_steps(routes, step)
        finally:
            self.is_replacing = False

    def _replace_in_steps(self, routes: Mapping[Prefix, PathAttributes], step: int) -> Iterator[int]:
        wanted: dict[tuple[Family, int], dict[bytes, int]] = {key: {} for key in self._blocks}
        numbers: dict[PathAttributes, int] = {}
        last: PathAttributes | None = None
        number = ABSENT
        for count, ((family, length, packed), attributes) in enumerate(routes.items(), 1):
            if attributes is not last:
                last, number = attributes, numbers.get(attributes, ABSENT)
                if number == ABSENT:
                    number = numbers[attributes] = self.store.acquire(attributes)
            wanted.setdefault((family, length), {})[packed] = number
            if count % step == 0:
                yield 0
        for key, block_wanted in wanted.items():
            for piece in _pieces(block_wanted.items(), step):
                yield self._changed(self._block(*key).put_all(piece))
        for key, block_wanted in wanted.items():
            block = self._block(*key)
            for known in _pieces(block.known(), step):
                yield self._changed(
                    block.drop_all([packed for packed in known if packed not in block_wanted])
                )
        for number in numbers.values():
            self.store.release(number)

    def clear_in_steps(self, step: int, kept: Set[Prefix]) -> Iterator[int]:
        """Want no route any more but those in `kept`, which may grow while this goes on.

        Yields after each piece of `step` routes how many it has withdrawn. Routes may be announced meanwhile
        if they are put into `kept` first.
        """
        for (family, length), block in list(self._blocks.items()):
            for known in _pieces(block.known(), step):
                yield self._changed(
                    block.drop_all([each for each in known if Prefix(family, length, each) not in kept])
                )

    def routes(self) -> Iterator[tuple[Prefix, PathAttributes]]:
        """All wanted routes, in no particular order."""
        for (family, length), block in self._blocks.items():
            for packed, number in block.routes():
                yield Prefix(family, length, packed), self.store.by_id[number]

    def blocks(self, family: Family) -> list[RouteBlock]:
        """The blocks of one family, in the order they came to be."""
        return [block for (its_family, _), block in self._blocks.items() if its_family is family]

    def count(self, family: Family) -> int:
        """Number of wanted routes of one family."""
        return sum(block.size for block in self.blocks(family))

    def _changed(self, count: int) -> int:
        self.version += count
        return count

    def _block(self, family: Family, length: int) -> RouteBlock:
        block = self._blocks.get((family, length))
        if block is None:
            block = self._blocks[family, length] = RouteBlock(family, length, self.store)
        return block


def _pieces(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, the last one shorter."""
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece
