"""A whole new set of routes for one block, compared with the old one in steps.

Slots named by the new set are marked in an array of bytes; those that are not marked in the end are dropped.
A set that comes in the order of the last one, as most do, is compared as bytes: no route is looked at by
itself where nothing has changed.
"""

from collections.abc import Iterator
from typing import Final

from rhi.core.attribute_store import ABSENT
from rhi.core.route_block import RouteBlock, Slots, is_uniform

# Pieces that are found as they were cost so much less that so many are done in one step.
_CHEAP: Final = 32

_UNNAMED: Final = 0
_NAMED: Final = 1


class Replacement:
    """Marks what is wanted, then drops the rest. Nothing else may change the block until that is done."""

    def __init__(self, block: RouteBlock) -> None:
        self._block = block
        self._named = bytearray()
        self._guess = 0

    # hot: bench B2, B8
    def put(self, nlri: bytearray, number: int, step: int) -> Iterator[int]:
        """Want these routes with the attributes of `number`; yields after about `step` how many changed."""
        size = step * self._block.record_size
        changed, left = 0, _CHEAP
        for at in range(0, len(nlri), size):
            piece = bytes(nlri[at : at + size])
            slots = self._block.slots_of(piece, self._guess)
            self._guess = slots[-1] + 1
            self._name(slots)
            different = self._block.assign(slots, number)
            self._block.publish(different)
            changed += len(different)
            left -= 1 if isinstance(slots, range) and not different else _CHEAP
            if left <= 0:
                yield changed
                changed, left = 0, _CHEAP
        yield changed

    def drop_others(self, step: int) -> Iterator[int]:
        """Want no longer what was not named; yields after about `step` routes how many were dropped."""
        self._block.is_busy = True
        try:
            yield from self._drop_others(step)
        finally:
            self._block.is_busy = False
        self._block.publish(())

    def _drop_others(self, step: int) -> Iterator[int]:
        few: list[int] = []
        at = 0
        while at < (end := len(self._block.ids)):
            ids = self._block.ids
            self._named.extend(bytes(max(0, end - len(self._named))))
            start = self._named.find(_UNNAMED, at, end)
            if start < 0:
                break
            # a long stretch of one kind costs about as much as a few routes one by one
            longest = min(end, start + step * _CHEAP)
            is_one_kind = is_uniform(ids[start:longest])
            if not is_one_kind:
                longest = min(end, start + step)
            stop = self._named.find(_NAMED, start, longest)
            at = longest if stop < 0 else stop
            if at - start >= step and (is_one_kind or is_uniform(ids[start:at])):
                yield self._drop(range(start, at))
            else:
                few += [slot for slot in range(start, at) if ids[slot] != ABSENT]
            if len(few) >= step:
                yield self._drop(few)
                few = []
        yield self._drop(few)

    def _drop(self, unwanted: Slots) -> int:
        changed = self._block.assign(unwanted, ABSENT) if unwanted else ()
        self._block.publish(changed)
        return len(changed)

    def _name(self, slots: Slots) -> None:
        missing = len(self._block.ids) - len(self._named)
        if missing > 0:
            self._named.extend(bytes(missing))
        if isinstance(slots, range):
            self._named[slots.start : slots.stop] = bytes((_NAMED,)) * len(slots)
            return
        named = self._named
        for slot in slots:
            named[slot] = _NAMED
