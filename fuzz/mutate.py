"""Mutation of seeds: the small damages that find decoders' mistakes."""

import random
from typing import Final

INTERESTING: Final = (0, 1, 2, 4, 15, 16, 19, 23, 32, 33, 64, 127, 128, 129, 254, 255)


def mutate(source: random.Random, seeds: tuple[bytes, ...]) -> bytes:
    """A damaged copy of one of the seeds, or of two spliced."""
    data = bytearray(source.choice(seeds))
    for _ in range(source.choice((1, 1, 2, 3, 8))):
        at = source.randrange(len(data) + 1)
        match source.randrange(6):
            case 0 if at < len(data):
                data[at] = source.choice(INTERESTING)
            case 1 if at < len(data):
                data[at] ^= 1 << source.randrange(8)
            case 2:
                del data[at : at + source.randrange(1, 9)]
            case 3:
                data[at:at] = source.randbytes(source.randrange(1, 9))
            case 4:
                other = source.choice(seeds)
                data[at:] = other[source.randrange(len(other) + 1) :]
            case _:
                data += data[at:]
    return bytes(data[:70000])
