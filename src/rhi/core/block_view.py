"""One peer's record of one block, and the UPDATEs that it takes to bring it up to date.

For each slot of a `RouteBlock` the view keeps one small number: which `Exported` the peer was sent last (0:
none). A view finds differences by following the block's journal and by walking over ranges of slots. Where a
stretch of slots is of one kind on both sides, which is the usual case of a full table, its NLRI is one slice
of the block's buffer and no route is looked at by itself. What several peers get alike is made once
(`shared_updates`).
"""

from array import array
from typing import TYPE_CHECKING, Final

from rhi.core.route_block import RouteBlock, is_uniform
from rhi.core.shared_updates import ChangedSlots, Told

if TYPE_CHECKING:
    from rhi.core.adj_rib_out import AdjRibOut

NOT_SENT: Final = 0
STALE: Final = 1  # sent, but to be sent again because the peer asked (RFC 2918)

# Slots compared one by one in one `pull`, some 2 µs each: comparing a whole table must hold up nobody, also
# when it makes few bytes.
_MAX_COMPARED: Final = 4096
# Journal entries looked at before the messages found so far are handed out.
_JOURNAL_STEP: Final = 2048

_MARK_STALE: Final = bytes([NOT_SENT]) + bytes([STALE]) * 255


class Batch:
    """UPDATE messages in the making: slots gathered by the number they are to be sent with."""

    def __init__(self, rib: "AdjRibOut", out: list[bytes], limit: int) -> None:
        self._rib = rib
        self._out = out
        self._slots: dict[tuple[int, int], list[int]] = {}
        self._limit = limit
        self._compared = 0
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Enough bytes have been made, or enough slots compared, for one `pull`."""
        return self._size >= self._limit or self._compared >= _MAX_COMPARED

    def count(self, slots: int) -> None:
        """So many slots have been compared one by one."""
        self._compared += slots

    def add(self, view: "BlockView", number: int, slot: int) -> None:
        """Send `slot` with `number`; NOT_SENT withdraws it."""
        key = (id(view), number)
        slots = self._slots.get(key)
        if slots is None:
            slots = self._slots[key] = []
        slots.append(slot)
        if len(slots) >= self._rib.capacity(view.block, number):
            self.flush(view, key)

    def add_run(self, view: "BlockView", number: int, start: int, stop: int) -> None:
        """Send all slots from `start` to before `stop`, in as many messages as it takes."""
        block, exported, layout = view.block, self._rib.exported(number), self._rib.format
        key = exported, layout.max_message_size, start, stop
        is_shared = len(block.readers) > 1
        messages = block.shared_runs.get(key, block.records_version) if is_shared else None
        if messages is None:
            nlri = bytes(memoryview(block.nlri)[start * block.record_size : stop * block.record_size])
            messages = layout.messages(exported, nlri, block.record_size)
            if is_shared:
                block.shared_runs.put(key, messages)
        self.emit(number, messages, stop - start)

    def most_messages(self) -> int:
        """Number of full messages that are still wanted, at least one."""
        return max(1, (self._limit - self._size) // self._rib.format.max_message_size)

    def flush(self, view: "BlockView", key: tuple[int, int]) -> None:
        """Make the message of one gathering."""
        slots = self._slots.pop(key)
        nlri, record = view.block.nlri, view.block.record_size
        records = b"".join([nlri[s * record : (s + 1) * record] for s in slots])
        messages = self._rib.format.messages(self._rib.exported(key[1]), records, record)
        self.emit(key[1], messages, len(slots))

    def flush_all(self, view: "BlockView") -> None:
        """Make the messages of all gatherings of `view`, withdrawals first."""
        for key in sorted(key for key in self._slots if key[0] == id(view)):
            self.flush(view, key)

    def emit(self, number: int, messages: bytes, count: int) -> None:
        """Hand out messages with `count` routes."""
        self._out.append(messages)
        self._size += len(messages)
        if number == NOT_SENT:
            self._rib.withdrawn += count
        else:
            self._rib.advertised += count


class BlockView:
    """One peer's record of one block."""

    def __init__(self, block: RouteBlock) -> None:
        self.block = block
        self.sent = array("B")
        self.held = 0
        self._cursor = block.journal_end
        self._walk_at = 0
        self._walk_end = len(block.ids)
        block.attach(self)

    def held_in(self, start: int, stop: int) -> int:
        sent = self.sent[start:stop]
        return len(sent) - (sent.tobytes() if sent.itemsize == 1 else sent).count(NOT_SENT)

    def walk(self, start: int, stop: int) -> None:
        if self.is_walking:
            start, stop = min(start, self._walk_at), max(stop, self._walk_end)
        self._walk_at, self._walk_end = start, stop

    def walk_all(self) -> None:
        """Compare everything."""
        self.walk(0, max(len(self.block.ids), len(self.sent)))

    def journal_dropped(self) -> None:
        if self._cursor < self.block.journal_end:
            self.walk_all()
        self._cursor = self.block.journal_end

    @property
    def is_walking(self) -> bool:
        """A range of slots has yet to be compared."""
        return self._walk_at < self._walk_end

    @property
    def is_behind(self) -> bool:
        return self._walk_at < self._walk_end or self._cursor < self.block.journal_end

    def mark_stale(self) -> None:
        """Everything the peer holds is to be sent again."""
        if self.sent.typecode == "B":
            self.sent = array("B", self.sent.tobytes().translate(_MARK_STALE))
        else:
            self.sent = array(self.sent.typecode, [STALE if number else NOT_SENT for number in self.sent])
        self.walk_all()

    def widen(self, number: int) -> None:
        """Make room for `number` in the record."""
        if number >> (8 * self.sent.itemsize):
            self.sent = array("H" if number < 1 << 16 else "I", self.sent)

    def follow_journal(self, rib: "AdjRibOut", batch: Batch) -> None:
        """Send what the journal tells of until `batch` is full."""
        missing = len(self.block.ids) - len(self.sent)
        if missing > 0:
            self.sent.frombytes(bytes(missing * self.sent.itemsize))
        while self._cursor < self.block.journal_end and not batch.is_full:
            start = self._cursor - self.block.journal_start
            step = self.block.journal[start : start + _JOURNAL_STEP]
            if len(self.block.readers) > 1 and rib.policy.passes[self.block.family] is None:
                self._tell_shared(rib, batch, self._cursor, step)
            else:
                self._compare(rib, batch, dict.fromkeys(step))
            self._cursor += len(step)

    # hot: bench B9
    def _tell_shared(self, rib: "AdjRibOut", batch: Batch, start: int, entries: "array[int]") -> None:
        """Send what differs in the slots of journal entries; made once for all peers told the same."""
        block = self.block
        changed = block.shared_changes.stretch(start, entries, block.ids, block.version)
        by_id = {number: rib.number(block, number) for number in changed.distinct_ids}
        numbers = tuple(map(by_id.__getitem__, changed.ids))
        sent = changed.values(self.sent)
        batch.count(len(changed.slots))
        if numbers == sent:
            return
        meanings = tuple(rib.exported(number) for number in sorted({*numbers}))
        key = rib.format.max_message_size, numbers, sent, meanings
        told = changed.get(key)
        if told is None:
            told = self._make(rib, changed, numbers, sent)
            changed.put(key, told)
        for slot, number in told.sent:
            self.sent[slot] = number
        self.held += told.held
        for number, messages, count in told.messages:
            batch.emit(number, messages, count)

    def _make(
        self, rib: "AdjRibOut", changed: ChangedSlots, numbers: tuple[int, ...], sent: tuple[int, ...]
    ) -> Told:
        nlri, record = self.block.nlri, self.block.record_size
        records: dict[int, list[bytes]] = {}
        different = []
        for slot, number, before in zip(changed.slots, numbers, sent, strict=True):
            if number != before:
                records.setdefault(number, []).append(bytes(nlri[slot * record : (slot + 1) * record]))
                different.append((slot, number))
        messages = [
            (number, rib.format.messages(rib.exported(number), b"".join(found), record), len(found))
            for number, found in sorted(records.items())
        ]
        return Told(messages, different, sent.count(NOT_SENT) - numbers.count(NOT_SENT))

    # hot: bench B1, B4, B5
    def compare_range(self, rib: "AdjRibOut", batch: Batch) -> None:
        """Send what the range to walk over lacks until `batch` is full; finish its messages."""
        self._walk_end = min(self._walk_end, len(self.block.ids))
        while self._walk_at < self._walk_end and not batch.is_full:
            self._walk_at = self._walk_step(rib, batch, self._walk_at, self._walk_end)
        batch.flush_all(self)

    def _walk_step(self, rib: "AdjRibOut", batch: Batch, start: int, end: int) -> int:
        """Compare slots from `start` on, a run of one kind if there is one; returns where to go on."""
        block = self.block
        number = rib.wanted(self, start)
        capacity = rib.capacity(block, number)
        for messages in (batch.most_messages(), 1) if rib.policy.passes[block.family] is None else ():
            stop = min(end, start + messages * capacity)
            if is_uniform(block.ids[start:stop]) and is_uniform(self.sent[start:stop]):
                self._send_run(batch, number, start, stop)
                return stop
        stop = min(end, start + capacity, start + _MAX_COMPARED)
        self._compare(rib, batch, range(start, stop))
        return stop

    def _send_run(self, batch: Batch, number: int, start: int, stop: int) -> None:
        """Send slots that are of one kind, unless the peer knows them like that."""
        sent = self.sent[start]
        if sent != number:
            batch.add_run(self, number, start, stop)
            self.sent[start:stop] = array(self.sent.typecode, [number]) * (stop - start)
            self.held += (stop - start) * (int(number != NOT_SENT) - int(sent != NOT_SENT))

    def _compare(self, rib: "AdjRibOut", batch: Batch, slots: "range | dict[int, None]") -> None:
        """Send what differs, slot by slot."""
        batch.count(len(slots))
        for slot in slots:
            number = rib.wanted(self, slot)
            sent = self.sent[slot]
            if number != sent:
                self.sent[slot] = number
                self.held += int(number != NOT_SENT) - int(sent != NOT_SENT)
                batch.add(self, number, slot)
