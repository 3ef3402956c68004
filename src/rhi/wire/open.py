"""OPEN: the first message of a session (RFC 4271 §4.2), with optional parameters of any length (RFC 9072).

    version (1)  AS (2)  hold time (2)  BGP identifier (4)  optional parameters length (1)  parameters

With RFC 9072 the length is 255, followed by 255 and a length of two octets, and each parameter's own length
has two octets. Whether the values are acceptable is judged in `core.open_policy`.
"""

from dataclasses import dataclass
from typing import Final

from rhi.errors import NotificationError
from rhi.model.parameters import AS_TRANS
from rhi.wire.capabilities import Capability, decode_capabilities, encode_capabilities
from rhi.wire.iana import ErrorCode, OpenError
from rhi.wire.reader import Reader

VERSION: Final = 4
_CAPABILITIES_PARAMETER: Final = 2  # RFC 5492 §4
_MAX_LENGTH: Final = 255  # in the form of RFC 4271, which is used as long as it can be (RFC 9072 §2)
_EXTENDED_LENGTH: Final = 255  # as length and as type of the first parameter: RFC 9072 §2


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """An OPEN message.

    Attributes:
        as_number: as in the two-octet field: AS_TRANS for larger ones, whose number is in a capability.
        hold_time: proposed, in seconds.
        router_id: BGP identifier, four bytes.
        capabilities: in the order of the message.
    """

    as_number: int
    hold_time: int
    router_id: bytes
    capabilities: tuple[Capability, ...] = ()

    def encode(self) -> bytes:
        """The message body."""
        capabilities = encode_capabilities(self.capabilities)
        if not capabilities:
            parameters = b"\0"
        elif len(capabilities) + 2 <= _MAX_LENGTH:
            parameters = (
                bytes((len(capabilities) + 2, _CAPABILITIES_PARAMETER, len(capabilities))) + capabilities
            )
        else:
            parameters = (
                bytes((_EXTENDED_LENGTH, _EXTENDED_LENGTH))
                + (len(capabilities) + 3).to_bytes(2, "big")
                + bytes((_CAPABILITIES_PARAMETER,))
                + len(capabilities).to_bytes(2, "big")
                + capabilities
            )
        return (
            bytes((VERSION,))
            + (self.as_number if self.as_number <= 0xFFFF else AS_TRANS).to_bytes(2, "big")
            + self.hold_time.to_bytes(2, "big")
            + self.router_id
            + parameters
        )

    @classmethod
    def decode(cls, body: bytes) -> "Open":
        """From a message body of at least ten bytes.

        Raises:
            NotificationError: OPEN Message Error with its subcode and data (RFC 4271 §6.2).
        """
        reader = Reader(body, ErrorCode.OPEN_MESSAGE, OpenError.UNSPECIFIC)
        version = reader.uint8()
        if version != VERSION:
            # data: the version we would accept, as two octets
            raise NotificationError(
                ErrorCode.OPEN_MESSAGE,
                OpenError.UNSUPPORTED_VERSION_NUMBER,
                VERSION.to_bytes(2, "big"),
                f"version {version}",
            )
        as_number, hold_time, router_id = reader.uint16(), reader.uint16(), reader.take(4)
        capabilities = _decode_parameters(reader)
        return cls(
            as_number=as_number, hold_time=hold_time, router_id=router_id, capabilities=tuple(capabilities)
        )


def _decode_parameters(reader: Reader) -> list[Capability]:
    length = reader.uint8()
    if length and reader.peek() == _EXTENDED_LENGTH:
        # RFC 9072 §2: type 255 in front tells the extended form, whatever the one-octet length is
        reader.uint8()
        return _read_parameters(reader, reader.uint16(), 2)
    return _read_parameters(reader, length, 1)


def _read_parameters(reader: Reader, length: int, length_size: int) -> list[Capability]:
    block = reader.block(length)
    reader.finish()
    capabilities: list[Capability] = []
    while block.remaining:
        kind = block.uint8()
        value = block.block(int.from_bytes(block.take(length_size), "big"))
        if kind != _CAPABILITIES_PARAMETER:
            raise NotificationError(
                ErrorCode.OPEN_MESSAGE,
                OpenError.UNSUPPORTED_OPTIONAL_PARAMETER,
                detail=f"optional parameter {kind}",
            )
        capabilities += decode_capabilities(value)
    return capabilities
