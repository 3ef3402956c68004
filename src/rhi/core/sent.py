"""What the peer of an established session was sent, read back from the bytes.

A copy of the Adj-RIB-Outs of one moment. The attributes of a route are those of an UPDATE made like the one
that was sent, and decoded as the peer decodes it: what is shown is what was encoded, not what was meant.
"""

from collections.abc import Mapping
from typing import Any, Final

from rhi.core.adj_rib_out import AdjRibOut, HeldCopy, held_routes
from rhi.core.block_view import NOT_SENT
from rhi.core.export import NOT_NEGOTIATED, TOO_LARGE, Exported, ExportPolicy, HeldBack
from rhi.core.incoming import readable_attributes
from rhi.core.open_policy import Negotiated
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Family, Prefix
from rhi.model.sent import SentRoute, SentRoutes, address_order
from rhi.wire.messages import HEADER_SIZE
from rhi.wire.update import Update

NOT_OFFERED: Final = "family_not_offered"
FILTERED: Final = "filtered"

# Routes that are held back with certain attributes only, by reason.
Kept = Mapping[str, Mapping[Prefix, Exported]]


class SessionRoutes(SentRoutes):
    """See `SentRoutes`."""

    def __init__(
        self,
        ribs: Mapping[Family, AdjRibOut],
        offered: tuple[Family, ...],
        negotiated: Negotiated,
        policy: ExportPolicy,
        kept: Kept,
    ) -> None:
        """Copy what may change.

        Args:
            offered: families that we offered the peer, whatever it answered.
            policy: what becomes of routes, quarantine aside.
            kept: copies of what the quarantine holds.
        """
        self._formats = {family: rib.format for family, rib in ribs.items()}
        self._copies = {family: rib.routes() for family, rib in ribs.items()}
        self._exports = {family: rib.exports() for family, rib in ribs.items()}
        self._offered = offered
        self._negotiated = negotiated
        self._policy = policy
        self._kept = kept

    def prefixes(self) -> list[Prefix]:
        """All routes in address order."""
        return [prefix for prefix, _ in self._numbers()]

    def routes(self, *, after: Prefix | None = None, limit: int | None = None) -> list[SentRoute]:
        """See `SentRoutes.routes`."""
        found = self._numbers()
        if after is not None:
            start = address_order(after)
            found = [item for item in found if address_order(item[0]) > start]
        return [self._route(prefix, number) for prefix, number in found[:limit]]

    def find(self, prefix: Prefix) -> SentRoute | None:
        """See `SentRoutes.find`."""
        for copy in self._copies.get(prefix.family, ()):
            number = _find(copy, prefix)
            if number != NOT_SENT:
                return self._route(prefix, number)
        return None

    def obstacle(self, prefix: Prefix, attributes: PathAttributes) -> str:
        """See `SentRoutes.obstacle`."""
        family = prefix.family
        if family not in self._offered:
            return NOT_OFFERED
        if family not in self._formats:
            return NOT_NEGOTIATED
        passes = self._policy.passes[family]
        if passes is not None and not passes(prefix.packed, prefix.length):
            return FILTERED
        exported = self._policy.export(attributes, family)
        if isinstance(exported, HeldBack):
            return exported.reason
        if self._formats[family].room(exported) < len(_record(prefix)):
            return TOO_LARGE
        return next((reason for reason, kept in self._kept.items() if kept.get(prefix) == exported), "")

    def _numbers(self) -> list[tuple[Prefix, int]]:
        return held_routes([copy for copies in self._copies.values() for copy in copies])

    def _route(self, prefix: Prefix, number: int) -> SentRoute:
        exported = self._exports[prefix.family].get(number)
        attributes = None if exported is None else self._decode(exported, prefix)
        return SentRoute(prefix=prefix, attributes=attributes)

    def _decode(self, exported: Exported, prefix: Prefix) -> Mapping[str, Any]:
        record = _record(prefix)
        message = self._formats[prefix.family].messages(exported, record, len(record))
        update = Update.decode(
            message[HEADER_SIZE:],
            four_octet_as=self._negotiated.four_octet_as,
            internal=self._negotiated.is_internal,
        )
        return readable_attributes(update)


def _record(prefix: Prefix) -> bytes:
    return bytes((prefix.length,)) + prefix.packed


def _find(copy: HeldCopy, prefix: Prefix) -> int:
    """What a route was sent with, NOT_SENT if it is not in this copy."""
    block, nlri, sent = copy
    record = _record(prefix)
    at = nlri.find(record) if block.length == prefix.length else -1
    while at >= 0:
        slot, rest = divmod(at, block.record_size)
        if not rest and slot < len(sent) and sent[slot] != NOT_SENT:
            return sent[slot]
        at = nlri.find(record, at + 1)
    return NOT_SENT
