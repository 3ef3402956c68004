"""How many routes a peer may announce before the session ends (RFC 4271 §6.7, RFC 4486 §4).

The prefixes that the peer holds up at the moment are kept as NLRI bytes, so the count is exact: a route that
is announced again counts once, and one that is withdrawn no longer. They are never more than the limit.
"""

from collections.abc import Sequence
from typing import Final

from rhi.core.events import EventLog
from rhi.errors import NotificationError
from rhi.model.events import PrefixLimitNear
from rhi.model.prefix import Family, Prefix
from rhi.wire.iana import CeaseError, ErrorCode
from rhi.wire.prefix import encode_prefixes, split_nlri
from rhi.wire.update import Update

# Told when so much of the limit is used; what FRR and others take unless told otherwise.
WARNING_SHARE: Final = 0.75


class PrefixLimit:
    """Counts the routes of one session, each family for itself."""

    def __init__(self, limit: int, log: EventLog) -> None:
        """`limit` is for each family; `log` gets PrefixLimitNear, once for each."""
        self._limit = limit
        self._log = log
        self._held: dict[Family, set[bytes]] = {family: set() for family in Family}
        self._warned: set[Family] = set()

    def take(self, update: Update) -> None:
        """Count one UPDATE.

        Raises:
            NotificationError: Cease, Maximum Number of Prefixes Reached: there are more than the limit.
        """
        # a route in both fields is announced (RFC 4271 §4.3)
        for family, prefixes in update.withdrawals():
            self._held[family].difference_update(split_nlri(encode_prefixes(prefixes)))
        for family, prefixes in update.announcements():
            self._add(family, prefixes)

    def _add(self, family: Family, prefixes: Sequence[Prefix]) -> None:
        held, found = self._held[family], split_nlri(encode_prefixes(prefixes))
        if len(held) + len(prefixes) <= self._limit:
            held.update(found)
        else:
            for nlri in found:
                held.add(nlri)
                if len(held) > self._limit:
                    raise self._exceeded(family)
        if len(held) >= self._limit * WARNING_SHARE and family not in self._warned:
            self._warned.add(family)
            self._log.add(
                PrefixLimitNear(peer=self._log.peer, family=family.label, count=len(held), limit=self._limit)
            )

    def _exceeded(self, family: Family) -> NotificationError:
        return NotificationError(
            ErrorCode.CEASE,
            CeaseError.MAXIMUM_NUMBER_OF_PREFIXES_REACHED,
            family.afi.to_bytes(2, "big") + bytes((family.safi,)) + self._limit.to_bytes(4, "big"),
            "the peer announces more",
        )
