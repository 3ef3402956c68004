"""What a session has announced so lately that its peer may yet refuse it.

A NOTIFICATION for an UPDATE does not say for which one, and comes a while after it. Whatever the peer had
longer than the settling time, and has been heard of since, is taken for good: it is proven.

The messages themselves are kept, which costs no work while all is well, and are read only when the peer has
refused one of them.
"""

from collections import deque
from collections.abc import Iterator
from itertools import repeat
from typing import Final, NamedTuple

from rhi.core.export import Exported
from rhi.model.prefix import FAMILY_OF_CODES, Family, Prefix
from rhi.wire.iana import AttributeCode, AttributeFlag, ErrorCode, MessageType
from rhi.wire.messages import HEADER_SIZE
from rhi.wire.prefix import Prefixes
from rhi.wire.reader import Reader

# The least hold time there is (RFC 4271 §4.2): who leaves its input alone for longer loses sessions.
SETTLING_TIME: Final = 3.0
# Some 100,000 IPv4 host routes with attributes in common. To act on the refusal of so many takes 0.4 s, in
# which nobody else is served: less than a keepalive interval of the least hold time.
MAX_BYTES: Final = 1 << 19
# Where a message's length and type stand.
_SIZE_AT: Final = HEADER_SIZE - 3
_KIND_AT: Final = HEADER_SIZE - 1


class Announcement(NamedTuple):
    """A route as it was sent."""

    prefix: Prefix
    exported: Exported


class Recent:
    """The UPDATEs of one session that are not proven.

    Attributes:
        settling_time: in seconds.
    """

    def __init__(self, settling_time: float, *, has_keepalives: bool) -> None:
        """`has_keepalives`: the peer has to be heard of, since hold time is not 0."""
        self.settling_time = settling_time
        self._has_keepalives = has_keepalives
        self._heard_at = float("-inf")
        self._messages: deque[tuple[float, list[bytes]]] = deque()
        self._size = 0
        self._dropped_at = float("-inf")

    def add(self, messages: list[bytes], now: float) -> None:
        """These have been handed out."""
        self._messages.append((now, messages))
        self._size += sum(map(len, messages))
        while self._size > MAX_BYTES:
            self._dropped_at = self._forget_oldest()

    def heard(self, now: float) -> None:
        """The peer has sent something."""
        self._heard_at = now
        while self._messages and self.is_proven(self._messages[0][0], now):
            self._forget_oldest()

    def is_proven(self, instant: float, now: float) -> bool:
        """Whether the peer would have refused by now what was handed out at `instant`."""
        return now >= self.proven_at(instant)

    def proven_at(self, instant: float) -> float:
        """When `is_proven` becomes true for `instant`; infinity while the peer has yet to be heard of."""
        if self._has_keepalives and self._heard_at <= instant:
            return float("inf")
        return instant + self.settling_time

    def unproven(self, now: float) -> list[Announcement] | None:
        """What the peer may have refused, each once; None when that was more than is kept."""
        if not self.is_proven(self._dropped_at, now):
            return None
        found: dict[Announcement, None] = {}
        for instant, messages in self._messages:
            if not self.is_proven(instant, now):
                for message in messages:
                    found.update(dict.fromkeys(announcements(message)))
        return list(found)

    def _forget_oldest(self) -> float:
        instant, messages = self._messages.popleft()
        self._size -= sum(map(len, messages))
        return instant


def announcements(messages: bytes) -> Iterator[Announcement]:
    """The routes that one or several whole messages of ours announce."""
    at = 0
    while at < len(messages):
        size = int.from_bytes(messages[at + _SIZE_AT : at + _KIND_AT], "big")
        if messages[at + _KIND_AT] == MessageType.UPDATE:
            yield from _announced(messages[at + HEADER_SIZE : at + size])
        at += size


def _announced(body: bytes) -> Iterator[Announcement]:
    reader = Reader(body, ErrorCode.UPDATE_MESSAGE, 0)
    reader.take(reader.uint16())
    exported, family, nlri = _cut_attributes(reader.block(reader.uint16()))
    prefixes = Prefixes.decode(Reader(nlri or reader.rest(), ErrorCode.UPDATE_MESSAGE, 0), family)
    return map(Announcement, prefixes, repeat(exported))


def _cut_attributes(reader: Reader) -> tuple[Exported, Family, bytes]:
    """The `Exported` that an attribute list was made of; family and routes of its MP_REACH_NLRI, if any."""
    before, after, next_hop, nlri = bytearray(), bytearray(), b"", b""
    family = Family.IPV4_UNICAST
    while reader.remaining:
        flags, code = reader.uint8(), reader.uint8()
        length = reader.take(2 if flags & AttributeFlag.EXTENDED_LENGTH else 1)
        value = reader.take(int.from_bytes(length, "big"))
        if code == AttributeCode.MP_REACH_NLRI:
            fields = Reader(value, ErrorCode.UPDATE_MESSAGE, 0)
            family = FAMILY_OF_CODES[fields.uint16(), fields.uint8()]
            next_hop = fields.take(fields.uint8())
            fields.uint8()
            nlri = fields.rest()
        else:
            part = before if code < AttributeCode.MP_REACH_NLRI else after
            part += bytes((flags, code)) + length + value
    return Exported(bytes(before), bytes(after), next_hop), family, nlri
