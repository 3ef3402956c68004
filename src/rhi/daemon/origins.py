"""Who else announces our addresses: what peers show of them.

A router sends back what it has chosen, and not to the one it has it from; so a route that comes in for an
address of ours means that the router prefers somebody else's. Only addresses that are watched are remembered,
however much a peer sends.
"""

from collections.abc import Callable

from rhi.model.prefix import Prefix


class Origins:
    """Addresses that peers show, by peer."""

    def __init__(self, tell: Callable[[set[Prefix]], None]) -> None:
        """`tell` gets all addresses that any peer shows, whenever that changes."""
        self._tell = tell
        self._watched: frozenset[Prefix] = frozenset()
        self._shown_by: dict[Prefix, set[str]] = {}

    def watch(self, addresses: set[Prefix]) -> None:
        """Remember these addresses, and forget others."""
        self._watched = frozenset(addresses)
        for prefix in [prefix for prefix in self._shown_by if prefix not in addresses]:
            del self._shown_by[prefix]

    def is_watched(self, prefix: Prefix) -> bool:
        """Whether news of an address is wanted. May be asked from any thread."""
        return prefix in self._watched

    def route(self, peer: str, prefix: Prefix, *, is_there: bool) -> None:
        """A peer shows an address, or does so no longer."""
        peers = self._shown_by.get(prefix, set())
        if not self.is_watched(prefix) or is_there == (peer in peers):
            return
        if is_there:
            self._shown_by.setdefault(prefix, set()).add(peer)
        else:
            peers.discard(peer)
            if not peers:
                del self._shown_by[prefix]
        self._tell(set(self._shown_by))

    def peer_down(self, peer: str) -> None:
        """All that a peer showed is gone, or not known any more."""
        shown = [prefix for prefix, peers in self._shown_by.items() if peer in peers]
        for prefix in shown:
            self._shown_by[prefix].discard(peer)
            if not self._shown_by[prefix]:
                del self._shown_by[prefix]
        if shown:
            self._tell(set(self._shown_by))
