"""Capabilities, both ways; unknown ones survive (RFC 5492)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import NotificationError
from rhi.model.prefix import Family
from rhi.wire.capabilities import (
    CAPABILITIES,
    BgpRole,
    Capability,
    EnhancedRouteRefresh,
    ExtendedMessage,
    ExtendedNextHop,
    FourOctetAs,
    GracefulRestart,
    LongLivedGracefulRestart,
    Multiprotocol,
    RouteRefresh,
    UnknownCapability,
    decode_capabilities,
    encode_capabilities,
)
from rhi.wire.iana import CapabilityCode
from rhi.wire.reader import Reader

PAIRS: list[tuple[Capability, str]] = [
    (Multiprotocol.of(Family.IPV4_UNICAST), "01 04 0001 00 01"),
    (Multiprotocol.of(Family.IPV6_UNICAST), "01 04 0002 00 01"),
    (Multiprotocol(25, 70), "01 04 0019 00 46"),
    (RouteRefresh(), "02 00"),
    (ExtendedMessage(), "06 00"),
    (FourOctetAs(4200000000), "41 04 fa56ea00"),
    (ExtendedNextHop(((1, 1, 2), (1, 128, 2))), "05 0c 000100010002 000100800002"),
    (BgpRole(3), "09 01 03"),
    (GracefulRestart(120), "40 02 0078"),
    (GracefulRestart(4095, ((2, 1, True), (1, 1, False)), True), "40 0a 8fff 00020180 00010100"),
    (GracefulRestart(0, keeps_on_notification=True), "40 02 4000"),
    (EnhancedRouteRefresh(), "46 00"),
    (
        LongLivedGracefulRestart(((1, 1, True, 86400), (2, 1, False, 1))),
        "47 0e 0001 01 80 015180 0002 01 00 000001",
    ),
    (UnknownCapability(69, bytes(4)), "45 04 00000000"),  # ADD-PATH
    (UnknownCapability(255, bytes(255)), "ff ff" + "00" * 255),
]


def decode(text: str) -> list[Capability]:
    return decode_capabilities(Reader(bytes.fromhex(text), 2, 0))


@pytest.mark.parametrize(("value", "text"), PAIRS)
def test_capability_bytes_and_value_are_the_same_both_ways(value: Capability, text: str) -> None:
    assert encode_capabilities([value]) == bytes.fromhex(text)
    assert decode(text) == [value]


def test_capabilities_keep_their_order_and_repetitions() -> None:
    values = [value for value, _ in PAIRS] + [RouteRefresh(), RouteRefresh()]
    packed = encode_capabilities(values)

    assert decode(packed.hex()) == values


def test_every_capability_with_a_row_has_a_pair() -> None:
    assert {value.code for value, _ in PAIRS} >= set(CAPABILITIES) == set(CapabilityCode)


def test_capabilities_none_is_an_empty_field() -> None:
    assert encode_capabilities([]) == b""
    assert decode("") == []


def test_rfc4760_8_reserved_octet_of_multiprotocol_is_ignored() -> None:
    assert decode("01 04 0001 ff 01") == [Multiprotocol(1, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "01",
        "02 01",
        "01 04 0001 00",
        "46 05 00",
        "46 01 00",
        "05 05 0001000100",
        "09 00",
        "09 02 0303",
        "40 01 00",
        "40 05 0078000101",
        "47 06 000101000000",
        "01 03 0001 00",
        "01 05 0001 00 01 00",
        "02 01 00",
        "06 02 0000",
        "41 02 fde8",
        "41 05 fa56ea0000",
        "41 00",
    ],
)
def test_rfc4271_6_2_malformed_capability_is_an_unspecific_open_error(text: str) -> None:
    with pytest.raises(NotificationError) as caught:
        decode(text)

    assert (caught.value.code, caught.value.subcode, caught.value.data) == (2, 0, b"")


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=8)), max_size=6))
def test_capabilities_whatever_decodes_is_encoded_again(items: list[tuple[int, bytes]]) -> None:
    packed = b"".join(bytes([code, len(value)]) + value for code, value in items)

    try:
        found = decode(packed.hex())
    except NotificationError:
        return

    assert [capability.code for capability in found] == [code for code, _ in items]
    assert decode(encode_capabilities(found).hex()) == found
