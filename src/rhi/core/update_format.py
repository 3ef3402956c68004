"""UPDATE messages of one family from NLRI records: how many fit into one, and their bytes.

Routes that a peer gets with equal attributes differ in their NLRI records only, so that full messages of them
begin and end with the same bytes: these are made once, and the records are put between them.
"""

from typing import Final

from rhi.core.export import UPDATE_OVERHEAD, Exported
from rhi.model.prefix import Family
from rhi.wire.attributes import OPTIONAL, attribute_header
from rhi.wire.iana import AttributeCode, MessageType
from rhi.wire.messages import encode_message
from rhi.wire.update import update_body

_MP_UNREACH_OVERHEAD: Final = 4 + 2 + 1


class UpdateFormat:
    """UPDATEs of one family, no longer than the peer takes. An `Exported` of None withdraws.

    Attributes:
        max_message_size: bytes of the longest message.
    """

    def __init__(self, family: Family, max_message_size: int) -> None:
        self.max_message_size = max_message_size
        self._family = family
        self._is_ipv4 = family is Family.IPV4_UNICAST
        self._codes = family.afi.to_bytes(2, "big") + bytes((family.safi,))

    def room(self, exported: Exported | None) -> int:
        """Bytes for records in one message."""
        if exported is not None:
            return exported.room(self.max_message_size)
        room = self.max_message_size - UPDATE_OVERHEAD
        return room if self._is_ipv4 else room - _MP_UNREACH_OVERHEAD

    # hot: bench B1, B4, B5
    def messages(self, exported: Exported | None, nlri: bytes, record_size: int) -> bytes:
        """The records in as few messages as they fit into."""
        size = self.room(exported) // record_size * record_size
        if len(nlri) <= size:
            return self._message(exported, nlri)
        # the records of a full message are taken out again, to have what stands before and behind them
        full = self._message(exported, bytes(size))
        behind = self._bytes_behind(exported)
        head, tail = full[: len(full) - behind - size], full[len(full) - behind :]
        parts: list[bytes] = []
        whole = len(nlri) // size * size
        for at in range(0, whole, size):
            parts += (head, nlri[at : at + size], tail)
        if whole < len(nlri):
            parts.append(self._message(exported, nlri[whole:]))
        return b"".join(parts)

    def _message(self, exported: Exported | None, nlri: bytes) -> bytes:
        return encode_message(MessageType.UPDATE, self._body(exported, nlri))

    def _body(self, exported: Exported | None, nlri: bytes) -> bytes:
        if exported is None:
            if self._is_ipv4:
                return update_body(nlri, b"", b"")
            header = attribute_header(AttributeCode.MP_UNREACH_NLRI, OPTIONAL, 3 + len(nlri))
            return update_body(b"", header + self._codes + nlri, b"")
        if not exported.next_hop:
            return update_body(b"", exported.before + exported.after, nlri)
        value = self._codes + bytes((len(exported.next_hop),)) + exported.next_hop + b"\0" + nlri
        header = attribute_header(AttributeCode.MP_REACH_NLRI, OPTIONAL, len(value))
        return update_body(b"", exported.before + header + value + exported.after, b"")

    def _bytes_behind(self, exported: Exported | None) -> int:
        """Bytes that stand behind the records in a message."""
        if exported is None:
            return 2 if self._is_ipv4 else 0  # the length of no attributes
        return len(exported.after) if exported.next_hop else 0
