"""Counts the routes in UPDATE messages, and remembers enough to say afterwards which routes are held.

Host routes of IPv4 are counted by a division once every fifth octet has been seen to be 32; everything else
is walked. Attribute sets are looked at once each. Nothing is said about errors: a sender that is measured is
taken to be right, and what it sent can be checked against what it should have sent when the clock has
stopped.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Final

_MED: Final = 4
_MP_REACH: Final = 14
_MP_UNREACH: Final = 15
_EXTENDED_LENGTH: Final = 0x10
_IPV4: Final = b"\x00\x01\x01"
_IPV6: Final = b"\x00\x02\x01"


class AttributeSet:
    """What the counting needs of one set of attributes: MED, and what the MP attributes hold."""

    __slots__ = ("has_multiprotocol", "med", "reach", "unreach")

    def __init__(self, packed: bytes) -> None:
        self.med: int | None = None
        self.reach: tuple[bytes, bytes] | None = None
        self.unreach: tuple[bytes, bytes] | None = None
        at = 0
        while at < len(packed):
            flags, code = packed[at], packed[at + 1]
            if flags & _EXTENDED_LENGTH:
                start, length = at + 4, int.from_bytes(packed[at + 2 : at + 4], "big")
            else:
                start, length = at + 3, packed[at + 2]
            at = start + length
            if code == _MED:
                self.med = int.from_bytes(packed[start:at], "big")
            elif code == _MP_REACH:
                after_next_hop = start + 5 + packed[start + 3]
                self.reach = packed[start : start + 3], packed[after_next_hop:at]
            elif code == _MP_UNREACH:
                self.unreach = packed[start : start + 3], packed[start + 3 : at]
        self.has_multiprotocol = self.reach is not None or self.unreach is not None


class Counter:
    """What one peer has announced and withdrawn since `reset`.

    Attributes:
        announced, withdrawn: number of routes in UPDATEs; one that is sent twice counts twice.
        meds: routes announced, by MED.
        watched: family and NLRI record of the one route that `watched_change` is about.
        watched_change: what came last for it, `announced` or `withdrawn`; "" for nothing.
    """

    def __init__(self, *, keeps_log: bool) -> None:
        """`keeps_log` is needed for `held`, and costs the memory of all NLRI received."""
        self.announced = 0
        self.withdrawn = 0
        self.meds: dict[int | None, int] = {}
        self.watched: tuple[bytes, bytes] | None = None
        self.watched_change = ""
        self._keeps_log = keeps_log
        self._log: list[tuple[bytes, bool, bytes]] = []
        self._sets: dict[bytes, AttributeSet] = {}

    def reset(self) -> None:
        """Count from zero; what is held stays."""
        self.announced = self.withdrawn = 0
        self.meds.clear()

    def update(self, body: bytes) -> None:
        """Count an UPDATE's routes."""
        end_of_withdrawn = 2 + (body[0] << 8 | body[1])
        end = end_of_withdrawn + 2 + (body[end_of_withdrawn] << 8 | body[end_of_withdrawn + 1])
        if end_of_withdrawn > 2:
            self._count(_IPV4, body[2:end_of_withdrawn], None)
        packed = body[end_of_withdrawn + 2 : end]
        if not packed:
            return
        known = self._sets.get(packed)
        if known is None:
            known = AttributeSet(packed)
            if not known.has_multiprotocol:
                self._sets[packed] = known
        if len(body) > end:
            self._count(_IPV4, body[end:], known)
        if known.has_multiprotocol:
            if known.unreach is not None:
                self._count(*known.unreach, None)
            if known.reach is not None:
                self._count(*known.reach, known)

    def held(self) -> set[bytes]:
        """Family and NLRI record of each route that has been announced and not withdrawn."""
        found: set[bytes] = set()
        for family, is_announcement, nlri in self._log:
            records = {family + record for record in split(nlri)}
            if is_announcement:
                found |= records
            else:
                found -= records
        return found

    def _count(self, family: bytes, nlri: bytes, announced_with: AttributeSet | None) -> None:
        number = count(nlri)
        if announced_with is None:
            self.withdrawn += number
        else:
            self.announced += number
            self.meds[announced_with.med] = self.meds.get(announced_with.med, 0) + number
        if self.watched is not None and _holds(nlri, family, self.watched):
            self.watched_change = "withdrawn" if announced_with is None else "announced"
        if self._keeps_log and nlri:
            self._log.append((family, announced_with is not None, nlri))


def count(nlri: bytes) -> int:
    """Number of routes in an NLRI field."""
    number, rest = divmod(len(nlri), 5)
    if not rest and nlri[::5] == b"\x20" * number:
        return number
    number, at, end = 0, 0, len(nlri)
    while at < end:
        at += 1 + (nlri[at] + 7 >> 3)
        number += 1
    return number


def split(nlri: bytes) -> list[bytes]:
    """The records of an NLRI field."""
    records, at = [], 0
    while at < len(nlri):
        stop = at + 1 + (nlri[at] + 7 >> 3)
        records.append(nlri[at:stop])
        at = stop
    return records


def _holds(nlri: bytes, family: bytes, watched: tuple[bytes, bytes]) -> bool:
    """Whether a record is in an NLRI field; its octets may also be there by chance, across two."""
    return family == watched[0] and watched[1] in nlri and watched[1] in split(nlri)


def record(prefix: str) -> tuple[bytes, bytes]:
    """Family and NLRI record of a prefix."""
    network = ip_network(prefix)
    size = (network.prefixlen + 7) // 8
    packed = bytes((network.prefixlen,)) + network.network_address.packed[:size]
    return (_IPV4 if network.version == 4 else _IPV6), packed


def meds_to_json(meds: dict[int | None, int]) -> dict[str, Any]:
    """JSON has no None for a key."""
    return {"none" if med is None else str(med): number for med, number in meds.items()}
