"""`AoKey`: one key of TCP-AO (RFC 5925), which signs the segments of a session.

RFC 5925 calls it a master key tuple, without the addresses: those are the peer's. Both ends number a key,
each from its own side: what we send with `send_id` the peer knows under that number as its `receive_id`.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from rhi.errors import InvalidValueError
from rhi.model.wording import shown

MAX_AO_KEY_BYTES: Final = 80  # Linux: TCP_AO_MAXKEYLEN
_FIELDS: Final = ("key", "send_id", "receive_id", "algorithm")


class AoAlgorithm(enum.Enum):
    """The algorithms of RFC 5926 §2.1; the values are the words of configuration."""

    HMAC_SHA_1_96 = "hmac-sha-1-96"
    AES_128_CMAC_96 = "aes-128-cmac-96"


@dataclass(frozen=True, slots=True, init=False)
class AoKey:
    """One key of TCP-AO.

    Attributes:
        key: the master key, 1 to 80 bytes; text stands for its UTF-8. Never printed.
        send_id: number of the key in what we send, 0 to 255 (RFC 5925 §3.1: SendID).
        receive_id: number of the key in what the peer sends, 0 to 255 (RecvID).
        algorithm: an `AoAlgorithm`, or its word; HMAC-SHA-1-96 unless given.

    Raises:
        InvalidValueError: a value is out of range; the message names it.
    """

    key: bytes = field(repr=False)
    send_id: int
    receive_id: int
    algorithm: AoAlgorithm

    def __init__(
        self,
        key: bytes | str,
        send_id: int,
        receive_id: int,
        algorithm: AoAlgorithm | str = AoAlgorithm.HMAC_SHA_1_96,
    ) -> None:
        object.__setattr__(self, "key", to_secret(key, "ao_keys: key", MAX_AO_KEY_BYTES))
        object.__setattr__(self, "send_id", _key_id(send_id, "send_id"))
        object.__setattr__(self, "receive_id", _key_id(receive_id, "receive_id"))
        object.__setattr__(self, "algorithm", to_ao_algorithm(algorithm))


def to_ao_keys(values: Iterable[AoKey | Mapping[str, Any]]) -> tuple[AoKey, ...]:
    """Keys of one peer, from keys or from JSON objects with their fields.

    Raises:
        InvalidValueError: not a key, or two with the same number in one direction.
    """
    # what is wrong may hold a key, so it is not shown
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | Mapping):
        raise InvalidValueError(f"ao_keys of type {type(values).__name__}: must be a list of rhi.AoKey")
    keys = tuple(_to_ao_key(value) for value in values)
    for name in ("send_id", "receive_id"):
        numbers = [getattr(key, name) for key in keys]
        twice = {number for number in numbers if numbers.count(number) > 1}
        if twice:
            raise InvalidValueError(f"ao_keys: two keys have {name} {min(twice)}; number each key once")
    return keys


def to_ao_algorithm(value: AoAlgorithm | str) -> AoAlgorithm:
    """An algorithm, also from its word.

    Raises:
        InvalidValueError: there is no such algorithm.
    """
    if isinstance(value, AoAlgorithm):
        return value
    for algorithm in AoAlgorithm:
        if value == algorithm.value:
            return algorithm
    known = " or ".join(algorithm.value for algorithm in AoAlgorithm)
    raise InvalidValueError(f"ao_keys: algorithm {shown(value)}: must be {known}")


def to_secret(value: bytes | str, what: str, limit: int) -> bytes:
    """The bytes of a key, 1 to `limit`; InvalidValueError begins with `what`, and never holds the key."""
    try:
        key = value.encode() if isinstance(value, str) else value
    except UnicodeEncodeError:
        raise InvalidValueError(
            f"{what}: has a letter that UTF-8 does not know; give other text or bytes"
        ) from None
    if not isinstance(key, bytes):
        raise InvalidValueError(f"{what} of type {type(value).__name__}: must be text or bytes")
    if not 1 <= len(key) <= limit:
        raise InvalidValueError(f"{what}: must have 1 to {limit} bytes, this one has {len(key)}")
    return key


def _to_ao_key(value: AoKey | Mapping[str, Any]) -> AoKey:
    if isinstance(value, AoKey):
        return value
    if not isinstance(value, Mapping):
        raise InvalidValueError(f"ao_keys: has a {type(value).__name__}; each must be an rhi.AoKey")
    if not set(_FIELDS[:3]) <= value.keys() <= set(_FIELDS):
        raise InvalidValueError(f"ao_keys: each has {', '.join(_FIELDS[:3])} and perhaps {_FIELDS[3]}")
    return AoKey(**value)


def _key_id(value: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 255:
        raise InvalidValueError(f"ao_keys: {what} {shown(value)}: must be 0 to 255")
    return value
