"""What the daemon remembers of the addresses that it has added: a section of the state file."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from rhi.daemon.addresses.spec import Spot
from rhi.daemon.keeper import Store
from rhi.daemon.state import Clocks
from rhi.model.prefix import to_prefix

SECTION: Final = "addresses"


class StateMemory:
    """Spots by interface, such as `{"lo": ["203.0.113.53"]}`."""

    def __init__(self, store: Store | None, saved: Callable[[], Awaitable[object]]) -> None:
        """`saved` waits, for a moment at most, until what has changed is on disk. Without a store nothing
        outlives the daemon.
        """
        self._store = store
        self._saved = saved
        self._spots: frozenset[Spot] = frozenset()

    def load(self) -> frozenset[Spot]:
        """What was there at the last end; nothing when the host has started anew since then."""
        if self._store is None:
            return frozenset()
        found = self._store.take(SECTION, decode_spots) or frozenset()
        self._spots = found if self._store.is_same_boot else frozenset()
        self._store.keep(SECTION, self._keep)
        return self._spots

    def note(self, spots: frozenset[Spot]) -> None:
        """Keep this from now on."""
        self._spots = spots
        if self._store is not None:
            self._store.changed()

    async def noted(self) -> None:
        """Wait until it is kept, or for a moment: an outage because of a full disk would be worse."""
        await self._saved()

    def _keep(self, _: Clocks) -> Callable[[], Any]:
        spots = self._spots
        return lambda: encode_spots(spots)


def encode_spots(spots: frozenset[Spot]) -> dict[str, list[str]]:
    """As it stands in the file."""
    found: dict[str, list[str]] = {}
    for spot in sorted(spots, key=str):
        found.setdefault(spot.interface, []).append(str(spot.prefix))
    return found


def decode_spots(found: Any) -> frozenset[Spot]:
    """From what stands in the file.

    Raises:
        ValueError, AttributeError, TypeError: it is something else.
    """
    return frozenset(
        Spot(str(interface), to_prefix(text)) for interface, texts in found.items() for text in texts
    )
