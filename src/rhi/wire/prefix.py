"""NLRI fields: a length in bits, then as many address octets as it covers (RFC 4271 §4.3, RFC 4760 §5)."""

from collections.abc import Iterable

from rhi.model.prefix import Family, Prefix
from rhi.wire.reader import Reader


def encode_prefixes(prefixes: Iterable[Prefix]) -> bytes:
    """The prefixes as they stand in an NLRI field."""
    return b"".join([bytes((prefix.length,)) + prefix.packed for prefix in prefixes])


def decode_prefixes(reader: Reader, family: Family) -> list[Prefix]:
    """All prefixes up to the end of `reader`.

    Bits past a prefix's length are of no meaning (RFC 4271 §4.3) and are cleared.

    Raises:
        NotificationError: the reader's error, for a length too large or octets missing.
    """
    prefixes = []
    while reader.remaining:
        length = reader.uint8()
        if length > family.bits:
            raise reader.fail(f"prefix length {length} is above {family.bits}")
        packed = reader.take((length + 7) // 8)
        spare = -length % 8
        if spare and packed[-1] & ((1 << spare) - 1):
            packed = packed[:-1] + bytes((packed[-1] >> spare << spare,))
        prefixes.append(Prefix(family, length, packed))
    return prefixes
