"""MP_REACH_NLRI and MP_UNREACH_NLRI, both ways (RFC 4760)."""

import pytest

from rhi.errors import NotificationError
from rhi.model.prefix import to_prefix
from rhi.wire.mp_nlri import MpReach, MpUnreach
from rhi.wire.reader import Reader

GLOBAL = bytes.fromhex("20010db8000000000000000000000001")
LINK_LOCAL = bytes.fromhex("fe800000000000000000000000000001")


def reader(text: str) -> Reader:
    return Reader(bytes.fromhex(text), 3, 9, b"whole")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            MpReach(2, 1, GLOBAL, (to_prefix("2001:db8::9"), to_prefix("2001:db8::/32"))),
            "0002 01 10" + GLOBAL.hex() + "00 80 20010db8000000000000000000000009 20 20010db8",
        ),
        (MpReach(2, 1, GLOBAL + LINK_LOCAL, ()), "0002 01 20" + GLOBAL.hex() + LINK_LOCAL.hex() + "00"),
        (MpReach(1, 1, b"\xc0\x00\x02\x01", (to_prefix("10.0.0.0/8"),)), "0001 01 04 c0000201 00 08 0a"),
        (MpReach(1, 1, GLOBAL, (to_prefix("10.0.0.0/8"),)), "0001 01 10" + GLOBAL.hex() + "00 08 0a"),
    ],
)
def test_mp_reach_bytes_and_value_are_the_same_both_ways(value: MpReach, text: str) -> None:
    assert value.encode() == bytes.fromhex(text)
    assert MpReach.decode(reader(text)) == value


def test_rfc4760_3_reserved_octet_is_ignored() -> None:
    assert MpReach.decode(reader("0001 01 04 c0000201 ff 08 0a")).prefixes == (to_prefix("10.0.0.0/8"),)


@pytest.mark.parametrize("text", ["0019 41 0c 000000000000000000000000 00 ffff", "0002 85 00 00 03 01 02 03"])
def test_mp_reach_unknown_family_is_not_decoded(text: str) -> None:
    cursor = reader(text)

    value = MpReach.decode(cursor)

    assert value.prefixes == ()
    assert cursor.remaining == 0


@pytest.mark.parametrize("length", [0, 1, 4, 15, 17, 24, 31, 33])
def test_rfc2545_3_next_hop_of_ipv6_routes_has_16_or_32_octets(length: int) -> None:
    with pytest.raises(NotificationError, match=f"next hop of {length} octets"):
        MpReach.decode(reader(f"0002 01 {length:02x}" + "20" * length + "00"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (MpUnreach(2, 1, (to_prefix("2001:db8::/32"),)), "0002 01 20 20010db8"),
        (MpUnreach(1, 1, (to_prefix("10.0.0.0/8"), to_prefix("0.0.0.0/0"))), "0001 01 08 0a 00"),
        (MpUnreach(2, 1, (), is_empty=True), "0002 01"),
        (MpUnreach(25, 65, (), is_empty=True), "0019 41"),
    ],
)
def test_mp_unreach_bytes_and_value_are_the_same_both_ways(value: MpUnreach, text: str) -> None:
    assert value.encode() == bytes.fromhex(text)
    assert MpUnreach.decode(reader(text)) == value


def test_mp_unreach_unknown_family_is_not_decoded_and_not_empty() -> None:
    cursor = reader("0019 41 ffff")

    assert MpUnreach.decode(cursor) == MpUnreach(25, 65, (), is_empty=False)
    assert cursor.remaining == 0


@pytest.mark.parametrize("text", ["", "00", "0002", "0002 01 80 20"])
def test_mp_unreach_cut_short_is_the_readers_error(text: str) -> None:
    with pytest.raises(NotificationError) as caught:
        MpUnreach.decode(reader(text))

    assert (caught.value.subcode, caught.value.data) == (9, b"whole")
