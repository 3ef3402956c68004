"""Which packets the icmp check takes for its answer."""

from socket import SOCK_DGRAM, SOCK_RAW

import pytest

from rhi.health.icmp import IcmpCheck

NONCE = bytes(range(16))
HEADER = b"\x45" + bytes(19)


@pytest.mark.parametrize(
    ("address", "kind", "packet", "is_answer"),
    [
        ("192.0.2.1", SOCK_DGRAM, bytes(8) + NONCE, True),
        ("192.0.2.1", SOCK_RAW, HEADER + bytes(8) + NONCE + b"more", True),
        ("192.0.2.1", SOCK_RAW, b"\x46" + bytes(23) + bytes(8) + NONCE, True),
        ("192.0.2.1", SOCK_RAW, HEADER + b"\x08" + bytes(7) + NONCE, False),  # a request
        ("192.0.2.1", SOCK_RAW, HEADER + bytes(8) + NONCE[::-1], False),  # somebody else's
        ("192.0.2.1", SOCK_RAW, HEADER + bytes(8) + NONCE[:-1], False),
        ("192.0.2.1", SOCK_RAW, b"", False),
        ("192.0.2.1", SOCK_RAW, b"\x4f", False),
        ("2001:db8::1", SOCK_RAW, b"\x81" + bytes(7) + NONCE, True),
        ("2001:db8::1", SOCK_RAW, b"\x80" + bytes(7) + NONCE, False),
    ],
)
def test_icmp_packet_is_told_from_others(address: str, kind: int, packet: bytes, is_answer: bool) -> None:
    assert IcmpCheck(address=address)._is_answer(packet, NONCE, kind) is is_answer
