"""What should be announced: one table that all peers read, each at its own pace.

Routes of one family and one prefix length are a `RouteBlock`; this is the set of them, with the attribute
sets that they share. A whole new set of routes comes packed, and is compared with what is there run by run
(`Replacement`).
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Final

from rhi.core.attribute_store import ABSENT, AttributeStore
from rhi.core.replacement import Replacement
from rhi.core.route_block import RouteBlock, Slots
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Family, Prefix
from rhi.model.route_set import RouteSet

# Routes of a whole set compared in one step: a millisecond or two.
REPLACE_STEP: Final = 4096


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
        self._by_family: dict[Family, list[RouteBlock]] = {family: [] for family in Family}

    def __len__(self) -> int:
        return sum(block.size for block in self._blocks.values())

    def __contains__(self, prefix: Prefix) -> bool:
        block = self._blocks.get((prefix.family, prefix.length))
        return block is not None and block.get(prefix.packed) != ABSENT

    def attributes(self, prefix: Prefix) -> PathAttributes | None:
        """What a route is wanted with; None when it is not wanted."""
        block = self._blocks.get((prefix.family, prefix.length))
        number = ABSENT if block is None else block.get(prefix.packed)
        return None if number == ABSENT else self.store.by_id[number]

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

    def replace(self, routes: RouteSet | Mapping[Prefix, PathAttributes]) -> int:
        """Want exactly these routes. Returns how many were added, changed or removed."""
        wanted = routes if isinstance(routes, RouteSet) else RouteSet.of(routes)
        return sum(self.replace_in_steps(wanted, REPLACE_STEP))

    def replace_in_steps(self, routes: RouteSet, step: int) -> Iterator[int]:
        """`replace` in pieces of `step` routes, so that a large set need not hold up everything else.

        Yields after each piece how many routes it has changed. What is new or different comes first, then
        what is not wanted any more. Nothing else may change the table until the last piece is done.
        """
        self.is_replacing = True
        try:
            for changed in self._replace_in_steps(routes, step):
                self.version += changed
                yield changed
        finally:
            self.is_replacing = False

    def _replace_in_steps(self, routes: RouteSet, step: int) -> Iterator[int]:
        replacements: dict[RouteBlock, Replacement] = {}
        for run in routes.runs():
            block = self._block(run.family, run.length)
            replacement = replacements.setdefault(block, Replacement(block))
            number = self.store.acquire(run.attributes)
            try:
                yield from replacement.put(run.nlri, number, step)
            finally:
                self.store.release(number)
        for block in list(self._blocks.values()):
            yield from (replacements.get(block) or Replacement(block)).drop_others(step)

    def clear_in_steps(self, step: int, kept: Set[Prefix]) -> Iterator[int]:
        """Want no route any more but those in `kept`, which may grow while this goes on.

        Yields after each piece of `step` routes how many it has withdrawn. Routes may be announced meanwhile
        if they are put into `kept` first.
        """
        for block in list(self._blocks.values()):
            for start in range(0, len(block.ids), step):
                # places may have been let go of since the range was laid out
                slots: Slots = range(start, min(start + step, len(block.ids)))
                if kept:
                    slots = [slot for slot in slots if block.prefix(slot) not in kept]
                changed = block.assign(slots, ABSENT) if slots else ()
                block.publish(changed)
                self.version += len(changed)
                yield len(changed)

    def routes(self) -> Iterator[tuple[Prefix, PathAttributes]]:
        """All wanted routes, in no particular order."""
        for (family, length), block in self._blocks.items():
            for packed, number in block.routes():
                yield Prefix(family, length, packed), self.store.by_id[number]

    def tidy(self) -> bool:
        """Let go of some of what is nobody's any longer; true when there is more, after others' turn."""
        return any(block.tidy() for block in self._blocks.values())

    def blocks(self, family: Family) -> Sequence[RouteBlock]:
        """The blocks of one family, in the order they came to be; grows with the table."""
        return self._by_family[family]

    def count(self, family: Family) -> int:
        """Number of wanted routes of one family."""
        return sum(block.size for block in self.blocks(family))

    def _block(self, family: Family, length: int) -> RouteBlock:
        block = self._blocks.get((family, length))
        if block is None:
            block = self._blocks[family, length] = RouteBlock(family, length, self.store)
            self._by_family[family].append(block)
        return block
