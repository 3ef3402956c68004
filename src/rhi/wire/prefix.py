"""NLRI fields: a length in bits, then as many address octets as it covers (RFC 4271 §4.3, RFC 4760 §5).

A received field is checked and counted on its bytes. `Prefix` objects are made when somebody looks at them,
so that routes which nobody wants cost little more than reading them.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, overload

from rhi.model.prefix import Family, Prefix
from rhi.wire.reader import Reader

# Octets that a prefix takes in the field, by its length octet; a length that its family does not have takes
# more than any field holds.
_STRIDES: Final = {
    family: tuple((length + 15) // 8 if length <= family.bits else 0x10000 for length in range(256))
    for family in Family
}


class Prefixes(Sequence[Prefix]):
    """The prefixes of one received NLRI field, in order; equal to a tuple of the same.

    Attributes:
        family: of all of them.
        packed: the field as it came.
    """

    __slots__ = ("_count", "family", "packed")

    def __init__(self, family: Family, packed: bytes, count: int) -> None:
        """`packed` has been checked, and holds `count` prefixes: made by `decode`."""
        self.family = family
        self.packed = packed
        self._count = count

    @classmethod
    def decode(cls, reader: Reader, family: Family) -> "Prefixes":
        """All prefixes up to the end of `reader`.

        Raises:
            NotificationError: the reader's error, for a length too large or octets missing (RFC 7606 §5.3).
        """
        packed = reader.rest()
        count = _count(packed, _STRIDES[family])
        if count is None:
            raise reader.fail(_why_broken(packed, family))
        return cls(family, packed, count)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Prefix]:
        family = self.family
        for nlri in split_nlri(self.packed):
            yield Prefix(family, nlri[0], nlri[1:])

    @overload
    def __getitem__(self, index: int) -> Prefix: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Prefix, ...]: ...

    def __getitem__(self, index: int | slice) -> Prefix | tuple[Prefix, ...]:
        return tuple(self)[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prefixes | tuple):
            return NotImplemented
        return len(self) == len(other) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


def encode_prefixes(prefixes: Iterable[Prefix]) -> bytes:
    """The prefixes as they stand in an NLRI field; those of a received one as they came."""
    if isinstance(prefixes, Prefixes):
        return prefixes.packed
    return b"".join([bytes((prefix.length,)) + prefix.packed for prefix in prefixes])


def split_nlri(packed: bytes) -> Iterator[bytes]:
    """Each prefix of a correct field: its length octet, and its address octets.

    Bits past a prefix's length are of no meaning (RFC 4271 §4.3) and are cleared: equal prefixes are equal
    bytes.
    """
    at, end = 0, len(packed)
    while at < end:
        length = packed[at]
        stop = at + (length + 15) // 8
        nlri = packed[at:stop]
        spare = -length % 8
        if spare and nlri[-1] & ((1 << spare) - 1):
            nlri = nlri[:-1] + bytes((nlri[-1] >> spare << spare,))
        yield nlri
        at = stop


def _count(packed: bytes, strides: tuple[int, ...]) -> int | None:
    """How many prefixes a field holds; None when it is broken."""
    # hot: bench/receive.py
    end = len(packed)
    if not end:
        return 0
    # one length in all of them, as in a table of host routes: two comparisons for the whole field
    stride = strides[packed[0]]
    count, rest = divmod(end, stride)
    if not rest and packed[::stride] == packed[:1] * count:
        return count
    at = count = 0
    while at < end:
        at += strides[packed[at]]
        count += 1
    return count if at == end else None


def _why_broken(packed: bytes, family: Family) -> str:
    at, strides = 0, _STRIDES[family]
    while at + strides[packed[at]] <= len(packed):
        at += strides[packed[at]]
    length = packed[at]
    if length > family.bits:
        return f"prefix length {length} is above {family.bits}"
    return f"{len(packed) - at - 1} octets left for a prefix of {length} bits"
