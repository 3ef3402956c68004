"""What the wire shows: packets with the kernel's time stamps, and routes that an UPDATE withdraws."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

# Linux, asm-generic/socket.h and linux/if_ether.h.
_SO_TIMESTAMPNS: Final = 35
_ETH_P_IP: Final = 0x0800
_UPDATE: Final = 2
_HEADER: Final = 19


class Segment(NamedTuple):
    """A TCP segment; `at` is when the kernel saw it, in seconds since 1970."""

    at: float
    source: str
    source_port: int
    destination: str
    is_reset: bool
    payload: bytes


class Capture:
    """All TCP segments of an interface, with time stamps of the kernel."""

    def __init__(self, interface: str) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_IP))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        self._socket.bind((interface, _ETH_P_IP))
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> Iterator[Segment]:
        """What has come since the last time; what we send is seen when it arrives."""
        while True:
            try:
                data, ancillary, _, address = self._socket.recvmsg(65536, 256)
            except BlockingIOError:
                return
            if address[2] != socket.PACKET_OUTGOING:
                seconds, nanoseconds = struct.unpack("@ll", ancillary[0][2][:16])
                segment = _segment(data, seconds + nanoseconds / 1e9)
                if segment is not None:
                    yield segment


def _segment(data: bytes, at: float) -> Segment | None:
    length = (data[0] & 15) * 4
    if data[9] != socket.IPPROTO_TCP:
        return None
    total = int.from_bytes(data[2:4], "big")
    tcp = data[length:total]
    return Segment(
        at=at,
        source=socket.inet_ntoa(data[12:16]),
        source_port=int.from_bytes(tcp[:2], "big"),
        destination=socket.inet_ntoa(data[16:20]),
        is_reset=bool(tcp[13] & 4),
        payload=tcp[(tcp[12] >> 4) * 4 :],
    )


def withdrawn(payload: bytes) -> list[str]:
    """IPv4 routes, without length, that the UPDATEs of a segment withdraw; speakers send whole messages."""
    found: list[str] = []
    while payload[:16] == b"\xff" * 16 and len(payload) >= _HEADER:
        length = int.from_bytes(payload[16:18], "big")
        if payload[18] == _UPDATE:
            end = _HEADER + 2 + int.from_bytes(payload[19:21], "big")
            found += _prefixes(payload[_HEADER + 2 : end])
        payload = payload[max(length, _HEADER) :]
    return found


def _prefixes(data: bytes) -> Iterator[str]:
    while data:
        size = (data[0] + 7) // 8
        yield socket.inet_ntoa(data[1 : 1 + size].ljust(4, b"\0"))
        data = data[1 + size :]
