"""Attribute sets by number, so that a table of routes holds a number for each route instead of an object."""

from typing import Final

from rhi.model.attributes import PathAttributes

ABSENT: Final = 0  # stands for no attributes: a route that is not wanted


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
