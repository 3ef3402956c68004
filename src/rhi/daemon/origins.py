"""Who else announces our addresses: what peers show of them.

A router sends back what it has chosen, and not to the one it has it from; so a route that comes in for an
address of ours means that the router prefers somebody else's. Some do send us what they have from us, which
`is_ours` tells. Only addresses that are watched are remembered, however much a peer sends.
"""

from collections.abc import Callable, Mapping, Set
from typing import Any

from rhi.model.prefix import Prefix


def is_ours(attributes: Mapping[str, Any], own_as: Set[str], router_id: str) -> bool:
    """Whether a route that comes in is our own: our AS number is in its path.

    From an internal peer that reflects routes it has our router id as its originator (RFC 4456 §8): FRR sends
    a route to all clients that are told the same, also to the one that it has it from.
    """
    path = str(attributes.get("as_path", "")).replace("{", "").split()
    return not own_as.isdisjoint(path) or attributes.get("originator_id") == router_id


class Origins:
    """Addresses that peers show, by peer."""

    def __init__(self, tell: Callable[[Prefix, bool], None]) -> None:
        """`tell` gets an address, and whether any peer shows it, whenever that changes."""
        self._tell = tell
        self._watched: frozenset[Prefix] = frozenset()
        self._shown_by: dict[Prefix, set[str]] = {}

    def watch(self, addresses: set[Prefix]) -> None:
        """Remember these addresses, and forget others."""
        self._watched = frozenset(addresses)
        for prefix in self._shown_by.keys() - addresses:
            del self._shown_by[prefix]
            self._tell(prefix, False)

    def is_watched(self, prefix: Prefix) -> bool:
        """Whether news of an address is wanted. May be asked from any thread."""
        return prefix in self._watched

    def route(self, peer: str, prefix: Prefix, *, is_there: bool) -> None:
        """A peer shows an address, or does so no longer."""
        if not is_there:
            self._hide(peer, prefix)
        elif self.is_watched(prefix):
            is_new = prefix not in self._shown_by
            self._shown_by.setdefault(prefix, set()).add(peer)
            if is_new:
                self._tell(prefix, True)

    def peer_down(self, peer: str) -> None:
        """All that a peer showed is gone, or not known any more."""
        for prefix in [prefix for prefix, peers in self._shown_by.items() if peer in peers]:
            self._hide(peer, prefix)

    def _hide(self, peer: str, prefix: Prefix) -> None:
        peers = self._shown_by.get(prefix, set())
        if peer not in peers:
            return
        peers.discard(peer)
        if not peers:
            del self._shown_by[prefix]
            self._tell(prefix, False)
