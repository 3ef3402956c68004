"""What one peer was sent, route by route: for those who have to know rather than to count.

`SentRoutes` belongs to one moment, and may be asked from any thread. This one is of a peer without a session;
`rhi.core.sent` has that of an established one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix

NO_SESSION: Final = "no_session"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRoute:
    """One route that the peer holds from us.

    Attributes:
        prefix: the destination.
        attributes: by name, decoded from the bytes that were sent; None while the peer has asked for the
            route again (RFC 2918).
    """

    prefix: Prefix
    attributes: Mapping[str, Any] | None = field(hash=False)


class SentRoutes:
    """What a peer holds from us: nothing, because there is no session."""

    def routes(self, *, after: Prefix | None = None, limit: int | None = None) -> list[SentRoute]:
        """In address order, at most `limit` of those behind `after`."""
        return []

    def find(self, prefix: Prefix) -> SentRoute | None:
        """One route, if the peer holds it."""
        return None

    def obstacle(self, prefix: Prefix, attributes: PathAttributes) -> str:
        """Why a route of these attributes would not be sent; empty when it would."""
        return NO_SESSION


NOTHING_SENT: Final = SentRoutes()


def address_order(prefix: Prefix) -> tuple[int, bytes, int]:
    """For `sorted`: IPv4 first, then by address, then by length."""
    return prefix.family.afi, prefix.packed, prefix.length
