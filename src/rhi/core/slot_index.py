"""Slots by address: dictionaries that never have to grow by much at once.

A dictionary that is full is copied into one twice as large, and nobody else has a turn meanwhile: 20 ms for
700,000 routes. So a dictionary that would have to is left as it is, and new addresses go to another one. An
address is in one of them at most; who looks for one asks them all, which are few: their size is raised when
there are more. Many that are all above what a dictionary holds are not looked for in it: who gives addresses
in order, as files and lists often have them, pays for one dictionary only.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

Key = int | bytes

# What a dictionary of 2**19 places takes before it grows: CPython fills two thirds of them. Growing to that
# size has taken 5 ms.
LAYER_SIZE: Final = 2**20 // 3
# Above this many, dictionaries may become larger, so that asking them all stays cheap.
FEW_LAYERS: Final = 4


class _Layer(dict[Key, int]):
    """One dictionary, of keys of one type."""

    __slots__ = ("highest",)

    def __init__(self) -> None:
        super().__init__()
        # no key has been above it; may be too high when keys have been removed
        self.highest: Any = None

    def rise(self, highest: Any) -> None:
        """Keys as high as that come."""
        if self.highest is None or highest > self.highest:
            self.highest = highest


class SlotIndex:
    """The slot of each address that has one."""

    def __init__(self) -> None:
        self._layers = [_Layer()]

    def __bool__(self) -> bool:
        return any(self._layers)

    def get(self, key: Key) -> int | None:
        """The slot of `key`; None when it has none."""
        for layer in self._layers:
            slot = layer.get(key)
            if slot is not None:
                return slot
        return None

    def put(self, key: Key, slot: int) -> None:
        """Give `key` a slot, or another one."""
        for layer in self._layers:
            if key in layer:
                layer[key] = slot
                return
        layer = self._open(1)
        layer[key] = slot
        layer.rise(key)

    # hot: bench B2, B8
    def put_missing(self, keys: Sequence[Key], slots: Sequence[int]) -> list[int]:
        """Give the keys that have none, at least one in all, the slots beside them; the slots of all."""
        layer = self._open(len(keys))
        others = self._others_with(keys) if len(self._layers) > 1 else []
        layer.rise(max(keys))
        put = layer.setdefault
        if not others:
            return list(map(put, keys, slots))
        found = list(map(others[0].get, keys))
        for other in others[1:]:
            get = other.get
            found = [get(key) if at is None else at for key, at in zip(keys, found, strict=True)]
        return [
            put(key, slot) if at is None else at for key, slot, at in zip(keys, slots, found, strict=True)
        ]

    def move(self, keys: Sequence[Key], slots: Sequence[int]) -> None:
        """Give keys that all have slots, in the dictionary that was filled last, other ones."""
        self._layers[-1].update(zip(keys, slots, strict=True))

    def remove(self, keys: Iterable[Key]) -> None:
        """Forget keys that all have slots."""
        layers = self._layers
        for key in keys:
            for layer in layers:
                if layer.pop(key, None) is not None:
                    break
        if not all(layers):
            self._layers = [layer for layer in layers if layer] or [_Layer()]

    def forget_some(self, most: int) -> None:
        """Forget so many, whichever; all that are left if there are fewer."""
        while most > 0 and self:
            layer = self._layers[-1]
            for _ in range(min(most, len(layer))):
                layer.popitem()
                most -= 1
            if not layer:
                self._layers = self._layers[:-1] or [_Layer()]

    def _others_with(self, keys: Sequence[Key]) -> list[_Layer]:
        """Dictionaries but the last that have any of the keys."""
        lowest: Any = min(keys)
        return [
            layer
            for layer in self._layers[:-1]
            if layer.highest >= lowest and not layer.keys().isdisjoint(keys)
        ]

    def _open(self, count: int) -> _Layer:
        """The dictionary for `count` new keys, which is the last."""
        layers = self._layers
        size = LAYER_SIZE << max(0, len(layers) - FEW_LAYERS)
        if layers[-1] and len(layers[-1]) + count > size:
            layers.append(_Layer())
        return layers[-1]
