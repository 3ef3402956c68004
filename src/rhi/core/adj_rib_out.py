"""What one peer holds of one family, and the UPDATEs that lead from there to what it should hold.

For each slot of a `RouteBlock` the peer's view keeps one small number: which `Exported` the peer was sent
last (0: none). UPDATEs are made when there is room for them, by comparing that number with what the route's
attributes come out as now, so that only the last state of a route is ever sent, and nothing that is the same.

    RouteBlock.ids  --ExportPolicy-->  wanted number  --compare-->  sent number, UPDATE

A view finds differences by following the block's journal and by walking over ranges of slots. Where a stretch
of slots is of one kind on both sides, which is the usual case of a full table, its NLRI is one slice of the
block's buffer and no route is looked at by itself.
"""

import enum
from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Final

from rhi.core.attribute_store import ABSENT
from rhi.core.block_view import NOT_SENT, Batch, BlockView
from rhi.core.export import TOO_LARGE, Exported, ExportPolicy, HeldBack
from rhi.core.route_block import RouteBlock
from rhi.core.route_table import RouteTable
from rhi.core.update_format import UpdateFormat
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Family, Prefix
from rhi.model.sent import address_order
from rhi.wire.iana import MessageType, RefreshSubtype
from rhi.wire.messages import RouteRefreshMessage, encode_message
from rhi.wire.update import end_of_rib_body

_FIRST_NUMBER: Final = 2

# Attribute sets whose Exported are remembered from one `pull` to the next.
_MOST_ENCODED: Final = 64
# Numbers of Exported are collected when so many are known, and again when they have doubled.
_MIN_COLLECT: Final = 128
# A block, its records, and the number each slot was sent with.
HeldCopy = tuple[RouteBlock, bytes, "array[int]"]


class _Refresh(enum.Enum):
    """How far the answer to a ROUTE-REFRESH is that has to be marked (RFC 7313 §4)."""

    NONE = "none"
    ASKED = "asked"
    RUNNING = "running"


class _Exports:
    """The `Exported` values of one peer and family, by number. Numbers of unused ones are given out again."""

    def __init__(self) -> None:
        self.by_number: dict[int, Exported] = {}
        self._numbers: dict[Exported, int] = {}
        self._free: list[int] = []
        self._collect_at = _MIN_COLLECT

    def number(self, exported: Exported) -> int:
        """The number of `exported`."""
        number = self._numbers.get(exported)
        if number is None:
            number = self._free.pop() if self._free else len(self.by_number) + _FIRST_NUMBER
            self._numbers[exported] = number
            self.by_number[number] = exported
        return number

    def collect(self, views: "list[BlockView]") -> None:
        """Forget what no slot was sent with. Only between two computations of UPDATEs."""
        if len(self.by_number) < self._collect_at:
            return
        used: set[int] = set().union(*(view.sent for view in views))
        for number in [number for number in self.by_number if number not in used]:
            del self._numbers[self.by_number.pop(number)]
            self._free.append(number)
        self._collect_at = max(_MIN_COLLECT, 2 * len(self.by_number))


class AdjRibOut:
    """Adj-RIB-Out of one peer and one family (RFC 4271 §3.2).

    Attributes:
        policy: what becomes of a route's attributes on the way to this peer.
        format: makes the messages.
        advertised, withdrawn: routes put into UPDATEs so far.
        end_of_rib_sent: the whole table has been handed over, and End-of-RIB after it.
    """

    def __init__(
        self,
        table: RouteTable,
        family: Family,
        policy: ExportPolicy,
        max_message_size: int,
        *,
        marks_refresh: bool = False,
    ) -> None:
        """`marks_refresh`: the peer wants BoRR and EoRR around the answer to a ROUTE-REFRESH (RFC 7313)."""
        self.family = family
        self.policy = policy
        self.advertised = 0
        self.withdrawn = 0
        self.end_of_rib_sent = False
        self._table = table
        self._blocks = table.blocks(family)
        self.format = UpdateFormat(family, max_message_size)
        self._exports = _Exports()
        self._views: list[BlockView] = []
        self._encoded: dict[PathAttributes, Exported | HeldBack] = {}
        self._wanted: dict[int, int] = {ABSENT: NOT_SENT}
        self._capacities: dict[tuple[int, int], int] = {}
        self._any_held_back = False
        self._marks_refresh = marks_refresh
        self._refreshing = _Refresh.NONE
        self._open_views()

    def __len__(self) -> int:
        return sum(view.held for view in self._views)

    @property
    def is_pending(self) -> bool:
        """Whether `pull` has something to say."""
        return self._is_behind or self._refreshing is not _Refresh.NONE or self._is_end_of_rib_due

    @property
    def _is_end_of_rib_due(self) -> bool:
        return not self.end_of_rib_sent and self._table.may_end_rib

    @property
    def _is_behind(self) -> bool:
        # asked several times for each change: a loop costs a third of `any`
        for view in self._views:
            if view.is_behind:
                return True
        return len(self._views) < len(self._blocks)

    def pull(self, limit: int) -> list[bytes]:
        """UPDATEs of at least `limit` bytes in all, or all there are; End-of-RIB the first time.

        Each value is one or several whole messages.

        What is returned counts as sent. Nothing may come of it although there is more to do: ask again while
        `is_pending`, after others have had their turn.
        """
        out: list[bytes] = []
        if not self.is_pending:
            return out
        self._open_views()
        self._exports.collect(self._views)
        # numbers are stable during one pull only
        self._wanted = {ABSENT: NOT_SENT}
        self._capacities.clear()
        batch = Batch(self, out, limit)
        if self._refreshing is _Refresh.ASKED:
            self._refreshing = _Refresh.RUNNING
            out.append(self._refresh_mark(RefreshSubtype.BEGINNING))
        # single changes first: they must not wait behind a full table
        for view in self._views:
            view.follow_journal(self, batch)
        for view in self._views:
            view.compare_range(self, batch)
        if self._is_behind:
            return out
        if self._refreshing is _Refresh.RUNNING:
            self._refreshing = _Refresh.NONE
            out.append(self._refresh_mark(RefreshSubtype.END))
        if self._is_end_of_rib_due:
            self.end_of_rib_sent = True
            out.append(encode_message(MessageType.UPDATE, end_of_rib_body(self.family)))
        return out

    def tidy(self) -> None:
        """Nothing is pending, and the last bytes are on their way: let go of routes that are withdrawn."""
        for view in self._views:
            if not view.is_behind:
                view.block.reader_caught_up()

    def change_policy(self, policy: ExportPolicy) -> None:
        """Send what comes out differently under another policy; withdraw only what it no longer passes."""
        self.policy = policy
        self._encoded.clear()
        for view in self._views:
            view.walk_all()

    def refresh(self) -> None:
        """Send everything again (RFC 2918 §4), between BoRR and EoRR where those are agreed on (RFC 7313)."""
        if self._marks_refresh:
            self._refreshing = _Refresh.ASKED
        for view in self._views:
            view.mark_stale()

    def close(self) -> None:
        """The session is over: the peer holds nothing any more."""
        for view in self._views:
            view.block.detach(view)
        self._views.clear()

    def routes(self) -> "list[HeldCopy]":
        """Copies of what the peer holds, quickly made; `held_routes` reads them."""
        return [(view.block, bytes(view.block.nlri), view.sent[:]) for view in self._views]

    def exports(self) -> dict[int, Exported]:
        """What the numbers in these copies stand for."""
        return dict(self._exports.by_number)

    def held_back(self) -> dict[str, int]:
        """Number of routes that cannot be sent to this peer, by reason."""
        if not self._any_held_back:
            return {}
        found: dict[str, int] = {}
        for view in self._views:
            exports = {number: self._export(view.block, number) for number in view.block.counts}
            reasons = {number: each.reason for number, each in exports.items() if isinstance(each, HeldBack)}
            counts = count_passing(view.block, self.policy) if reasons else {}
            for number in counts.keys() & reasons.keys():
                found[reasons[number]] = found.get(reasons[number], 0) + counts[number]
        return found

    def wanted(self, view: BlockView, slot: int) -> int:
        """Number that `slot` should have been sent with."""
        block = view.block
        attribute_id = block.ids[slot]
        if attribute_id == ABSENT:
            return NOT_SENT
        passes = self.policy.passes[self.family]
        if passes is not None and not passes(block.packed(slot), block.length):
            return NOT_SENT
        number = self._wanted.get(attribute_id)
        return self.number(block, attribute_id) if number is None else number

    def number(self, block: RouteBlock, attribute_id: int) -> int:
        """Number that routes of `block` with these attributes should have been sent with, filter aside."""
        number = self._wanted.get(attribute_id)
        if number is None:
            exported = self._export(block, attribute_id)
            if isinstance(exported, HeldBack):
                self._any_held_back = True
                number = NOT_SENT
            else:
                number = self._exports.number(exported)
                for each in self._views:
                    each.widen(number)
            self._wanted[attribute_id] = number
        return number

    def capacity(self, block: RouteBlock, number: int) -> int:
        """How many records of `block` fit into one message with the attributes of `number`."""
        key = (block.record_size, number)
        found = self._capacities.get(key)
        if found is None:
            found = self._capacities[key] = self.format.room(self.exported(number)) // block.record_size
        return found

    def exported(self, number: int) -> Exported | None:
        """What `number` stands for; None for NOT_SENT."""
        return None if number == NOT_SENT else self._exports.by_number[number]

    def _refresh_mark(self, subtype: RefreshSubtype) -> bytes:
        message = RouteRefreshMessage(self.family.afi, self.family.safi, subtype)
        return encode_message(MessageType.ROUTE_REFRESH, message.encode())

    def _export(self, block: RouteBlock, attribute_id: int) -> Exported | HeldBack:
        attributes = self._table.store.by_id[attribute_id]
        exported = self._encoded.get(attributes)
        if exported is None:
            if len(self._encoded) >= _MOST_ENCODED:
                self._encoded.clear()
            exported = self._encoded[attributes] = self.policy.export(attributes, self.family)
        if isinstance(exported, Exported) and self.format.room(exported) < block.record_size:
            return HeldBack(TOO_LARGE)
        return exported

    def _open_views(self) -> None:
        for block in self._blocks[len(self._views) :]:
            self._views.append(BlockView(block))


def count_passing(block: RouteBlock, policy: ExportPolicy) -> Mapping[int, int]:
    """Number of wanted routes that the filter lets through, by attribute id."""
    passes = policy.passes[block.family]
    if passes is None:
        return block.counts
    version, counts = policy.passing.get(block, (-1, {}))
    if version != block.version:
        counts = Counter(number for packed, number in block.routes() if passes(packed, block.length))
        policy.passing[block] = block.version, counts
    return counts


def held_routes(copies: list[HeldCopy]) -> list[tuple[Prefix, int]]:
    """The routes in copies made by `AdjRibOut.routes` in address order, and the number each was sent with."""
    found = []
    for block, nlri, sent in copies:
        record = block.record_size
        found += [
            (Prefix(block.family, block.length, nlri[slot * record + 1 : (slot + 1) * record]), number)
            for slot, number in enumerate(sent)
            if number != NOT_SENT
        ]
    return sorted(found, key=lambda item: address_order(item[0]))
