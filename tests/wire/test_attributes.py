"""Path attributes: each both ways, and each way in which one can be wrong (RFC 4271 §6.3)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import NotificationError
from rhi.model.attributes import Origin
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.prefix import to_prefix
from rhi.wire.attributes import (
    ATTRIBUTES,
    Aggregator,
    AsSegment,
    Attributes,
    RawAttribute,
    attribute_header,
    decode_attributes,
    encode_attribute,
    encode_attributes,
)
from rhi.wire.faults import MAX_FAULTS, Treatment
from rhi.wire.iana import AttributeCode, ErrorCode, SegmentType, UpdateError
from rhi.wire.mp_nlri import MpReach, MpUnreach
from tests.wire.attempt import attempt

DISCARD, WITHDRAW, RESET = Treatment
SEQUENCE, SET = SegmentType.AS_SEQUENCE, SegmentType.AS_SET
LONG_PATH = (AsSegment(SEQUENCE, (65000,) * 255), AsSegment(SET, (1, 4200000000)))


def decode(data: bytes, *, four_octet_as: bool = True) -> Attributes:
    """Values of attributes from an internal peer, in which nothing is wrong."""
    attributes, faults = decode_attributes(data, four_octet_as=four_octet_as, internal=True)
    assert faults == []
    return attributes


def fault(
    data: str, *, four_octet_as: bool = True, internal: bool = True
) -> tuple[Treatment, int, str, set[int]]:
    """Treatment of the one fault, subcode and data of its NOTIFICATION, and the codes that were kept."""
    result = attempt(
        lambda: decode_attributes(bytes.fromhex(data), four_octet_as=four_octet_as, internal=internal)
    )
    if isinstance(result, NotificationError):
        assert result.code == ErrorCode.UPDATE_MESSAGE
        assert result.detail
        return RESET, result.subcode, result.data.hex(), set()
    attributes, faults = result
    (found,) = faults
    assert found.detail
    return found.treatment, found.subcode, found.data.hex(), set(attributes)


def packed(text: str) -> str:
    return bytes.fromhex(text).hex()


# Attribute code, value, bytes with AS numbers of four octets, bytes with two (None: the same).
PAIRS: list[tuple[AttributeCode, Any, str, str | None]] = [
    (AttributeCode.ORIGIN, Origin.IGP, "40 01 01 00", None),
    (AttributeCode.ORIGIN, Origin.EGP, "40 01 01 01", None),
    (AttributeCode.ORIGIN, Origin.INCOMPLETE, "40 01 01 02", None),
    (AttributeCode.AS_PATH, (), "40 02 00", None),
    (
        AttributeCode.AS_PATH,
        (AsSegment(SEQUENCE, (65000,)),),
        "40 02 06 02 01 0000fde8",
        "40 02 04 02 01 fde8",
    ),
    (
        AttributeCode.AS_PATH,
        (AsSegment(SEQUENCE, (1, 2)), AsSegment(SET, (3,))),
        "40 02 10 02 02 00000001 00000002 01 01 00000003",
        "40 02 0a 02 02 0001 0002 01 01 0003",
    ),
    (AttributeCode.NEXT_HOP, b"\xc0\x00\x02\x01", "40 03 04 c0000201", None),
    (AttributeCode.MULTI_EXIT_DISC, 0, "80 04 04 00000000", None),
    (AttributeCode.MULTI_EXIT_DISC, 4294967295, "80 04 04 ffffffff", None),
    (AttributeCode.LOCAL_PREF, 123456789, "40 05 04 075bcd15", None),
    (AttributeCode.ATOMIC_AGGREGATE, True, "40 06 00", None),
    (
        AttributeCode.AGGREGATOR,
        Aggregator(65000, b"\xc0\x00\x02\x01"),
        "c0 07 08 0000fde8 c0000201",
        "c0 07 06 fde8 c0000201",
    ),
    (
        AttributeCode.COMMUNITIES,
        (Community("65000:100"), Community("no-export")),
        "c0 08 08 fde80064 ffffff01",
        None,
    ),
    (AttributeCode.ORIGINATOR_ID, b"\x01\x02\x03\x04", "80 09 04 01020304", None),
    (
        AttributeCode.CLUSTER_LIST,
        (b"\x01\x02\x03\x04", b"\x05\x06\x07\x08"),
        "80 0a 08 01020304 05060708",
        None,
    ),
    (
        AttributeCode.MP_REACH_NLRI,
        MpReach(2, 1, bytes.fromhex("20010db8000000000000000000000001"), (to_prefix("2001:db8::/32"),)),
        "80 0e 1a 0002 01 10 20010db8000000000000000000000001 00 20 20010db8",
        None,
    ),
    (
        AttributeCode.MP_UNREACH_NLRI,
        MpUnreach(2, 1, (to_prefix("2001:db8::/32"),)),
        "80 0f 08 0002 01 20 20010db8",
        None,
    ),
    (
        AttributeCode.EXTENDED_COMMUNITIES,
        (ExtendedCommunity.parse("rt:65000:100"), ExtendedCommunity.parse("ro:192.0.2.1:7")),
        "c0 10 10 0002fde800000064 0103c00002010007",
        None,
    ),
    (
        AttributeCode.LARGE_COMMUNITY,
        (LargeCommunity(65551, 1, 2), LargeCommunity(4294967295, 0, 0)),
        "c0 20 18 0001000f0000000100000002 ffffffff0000000000000000",
        None,
    ),
    (AttributeCode.ONLY_TO_CUSTOMER, 4200000000, "c0 23 04 fa56ea00", None),
]
# Only towards and from speakers of two-octet AS numbers.
OLD_PAIRS: list[tuple[AttributeCode, Any, str]] = [
    (AttributeCode.AS4_PATH, (AsSegment(SEQUENCE, (4200000000,)),), "c0 11 06 02 01 fa56ea00"),
    (AttributeCode.AS4_AGGREGATOR, Aggregator(4200000000, b"\xc0\x00\x02\x01"), "c0 12 08 fa56ea00 c0000201"),
]


@pytest.mark.parametrize(("code", "value", "four", "two"), PAIRS)
@pytest.mark.parametrize("four_octet_as", [True, False], ids=["as4", "as2"])
def test_attribute_bytes_and_value_are_the_same_both_ways(
    code: AttributeCode, value: Any, four: str, two: str | None, four_octet_as: bool
) -> None:
    data = bytes.fromhex(four if four_octet_as or two is None else two)

    assert encode_attribute(code, value, four_octet_as=four_octet_as) == data
    assert decode(data, four_octet_as=four_octet_as) == {code: value}


@pytest.mark.parametrize(("code", "value", "text"), OLD_PAIRS)
def test_rfc6793_attribute_for_old_speakers_is_the_same_both_ways(
    code: AttributeCode, value: Any, text: str
) -> None:
    assert encode_attribute(code, value, four_octet_as=False) == bytes.fromhex(text)
    assert decode(bytes.fromhex(text), four_octet_as=False) == {code: value}


def test_every_attribute_has_a_pair() -> None:
    assert (
        {pair[0] for pair in PAIRS} | {pair[0] for pair in OLD_PAIRS} == set(ATTRIBUTES) == set(AttributeCode)
    )


@pytest.mark.parametrize("code", AttributeCode)
def test_rfc4271_5_flags_are_those_of_the_attributes_category(code: AttributeCode) -> None:
    well_known = {1, 2, 3, 5, 6}
    optional_non_transitive = {4, 9, 10, 14, 15}

    flags = 0x40 if code in well_known else 0x80 if code in optional_non_transitive else 0xC0

    assert ATTRIBUTES[code].flags == flags


def test_rfc4271_5_attributes_are_written_in_ascending_order() -> None:
    values: Attributes = {code: value for code, value, _, _ in reversed(PAIRS)}
    values[99] = RawAttribute(0xC0, b"x")

    data = encode_attributes(values, four_octet_as=True)

    found = decode(data)
    assert found == values
    assert list(found) == sorted(values)


def test_attributes_empty_list_is_an_empty_field() -> None:
    assert encode_attributes({}, four_octet_as=True) == b""
    assert decode(b"") == {}


@pytest.mark.parametrize(
    ("length", "header"), [(0, "c0 08 00"), (255, "c0 08 ff"), (256, "d0 08 0100"), (65535, "d0 08 ffff")]
)
def test_rfc4271_4_3_extended_length_is_used_only_where_needed(length: int, header: str) -> None:
    assert attribute_header(8, 0xC0, length) == bytes.fromhex(header)


@pytest.mark.parametrize("count", [63, 64])
def test_attribute_around_the_extended_length_is_the_same_both_ways(count: int) -> None:
    values: Attributes = {AttributeCode.COMMUNITIES: tuple(Community(n) for n in range(count))}

    data = encode_attributes(values, four_octet_as=True)

    assert data[0] == (0xC0 if count == 63 else 0xD0)
    assert decode(data) == values


def test_rfc4271_4_3_extended_length_is_read_where_it_was_not_needed() -> None:
    assert decode(bytes.fromhex("50 01 0001 02")) == {AttributeCode.ORIGIN: Origin.INCOMPLETE}


def test_as_path_of_most_numbers_is_the_same_both_ways() -> None:
    data = encode_attribute(AttributeCode.AS_PATH, LONG_PATH, four_octet_as=True)

    assert data[:6] == bytes.fromhex("50 02 0408 02 ff")
    assert decode(data) == {AttributeCode.AS_PATH: LONG_PATH}


def test_rfc6793_4_2_2_numbers_above_two_octets_are_as_trans_for_old_speakers() -> None:
    path = (AsSegment(SEQUENCE, (4200000000, 65000, 65536, 65535)),)

    data = encode_attribute(AttributeCode.AS_PATH, path, four_octet_as=False)

    assert data == bytes.fromhex("40 02 0a 02 04 5ba0 fde8 5ba0 ffff")


def test_rfc6793_4_2_2_aggregator_above_two_octets_is_as_trans_for_old_speakers() -> None:
    value = Aggregator(65536, b"\xc0\x00\x02\x01")

    data = encode_attribute(AttributeCode.AGGREGATOR, value, four_octet_as=False)

    assert data == bytes.fromhex("c0 07 06 5ba0 c0000201")


# --- attributes without a row


@pytest.mark.parametrize("text", ["80 63 03 010203", "c0 63 00", "e0 63 01 ff", "d0 63 0100" + "00" * 256])
def test_unknown_optional_attribute_survives_as_it_came(text: str) -> None:
    data = bytes.fromhex(text)

    values = decode(data)

    assert set(values) == {0x63}
    assert isinstance(values[0x63], RawAttribute)
    assert encode_attributes(values, four_octet_as=True) == data


def test_raw_attribute_loses_an_extended_length_that_it_does_not_need() -> None:
    values = decode(bytes.fromhex("d0 63 0001 ff"))

    assert encode_attributes(values, four_octet_as=True) == bytes.fromhex("c0 63 01 ff")


@pytest.mark.parametrize("text", ["40 63 01 ff", "00 63 00", "50 63 0001 ff", "40 00 00"])
def test_rfc4271_6_3_unknown_well_known_attribute_is_sent_back_whole(text: str) -> None:
    assert fault(text) == (RESET, UpdateError.UNRECOGNIZED_WELL_KNOWN_ATTRIBUTE, packed(text), set())


# --- lists


@pytest.mark.parametrize("text", ["40010100 40010100", "40010100 40010102", "40010100 c00101ff"])
def test_rfc7606_3_g_attribute_that_appears_again_is_discarded_and_the_first_kept(text: str) -> None:
    attributes, faults = decode_attributes(bytes.fromhex(text), four_octet_as=True, internal=False)

    assert attributes == {AttributeCode.ORIGIN: Origin.IGP}
    assert [(each.treatment, each.detail) for each in faults] == [(DISCARD, "ORIGIN appears twice")]


def test_rfc7606_3_g_unknown_attribute_that_appears_again_is_discarded() -> None:
    assert fault("c06300 c06301ff") == (DISCARD, UpdateError.MALFORMED_ATTRIBUTE_LIST, "", {0x63})


def test_rfc7606_3_g_malformed_attribute_is_not_made_good_by_another() -> None:
    attributes, faults = decode_attributes(
        bytes.fromhex("40010103 40010100"), four_octet_as=True, internal=False
    )

    assert attributes == {}
    assert [each.treatment for each in faults] == [WITHDRAW, DISCARD]


@pytest.mark.parametrize("text", ["800f03 0002 01", "800e09 0001 01 04 c0000201 00"])
def test_rfc7606_3_g_mp_attribute_that_appears_twice_ends_the_session(text: str) -> None:
    assert fault(text + text) == (RESET, UpdateError.MALFORMED_ATTRIBUTE_LIST, "", set())


@pytest.mark.parametrize(
    "text", ["40", "40 02", "50 02 00", "40 02 02 00", "50 02 0002 00", "c0 63 ff 00", "00", "80 04 01"]
)
def test_rfc7606_4_attribute_longer_than_the_list_is_treated_as_withdraw(text: str) -> None:
    assert fault("40010100" + text) == (WITHDRAW, UpdateError.MALFORMED_ATTRIBUTE_LIST, "", {1})


@pytest.mark.parametrize("text", ["80 0e", "80 0e 05", "90 0e 00", "80 0f 04 0002 01", "90 0f 0004 0002 01"])
def test_rfc7606_3_j_mp_attribute_longer_than_the_list_ends_the_session(text: str) -> None:
    assert fault("40010100" + text) == (RESET, UpdateError.MALFORMED_ATTRIBUTE_LIST, "", set())


@pytest.mark.parametrize("strong", ["40010103", "40030400000000"])
def test_rfc7606_3_h_faults_are_bounded_and_keep_the_strongest(strong: str) -> None:
    data = bytes.fromhex("80040400000001" * 100 + strong)

    attributes, faults = decode_attributes(data, four_octet_as=True, internal=False)

    assert attributes == {AttributeCode.MULTI_EXIT_DISC: 1}
    assert len(faults) == MAX_FAULTS
    assert {each.treatment for each in faults} == {DISCARD, WITHDRAW}


# --- flags

WITH_ROUTES = (AttributeCode.MP_REACH_NLRI, AttributeCode.MP_UNREACH_NLRI)
WRONG_FLAGS = [
    f"{flags:02x}{text[2:]}"
    for code, _, text, _ in {pair[0]: pair for pair in PAIRS}.values()
    for flags in {0x00, 0x40, 0x80, 0xC0} - {ATTRIBUTES[code].flags}
]


@pytest.mark.parametrize("text", WRONG_FLAGS)
def test_rfc7606_3_c_flags_that_conflict_are_treated_as_withdraw_of_the_routes_that_are_found(
    text: str,
) -> None:
    code = bytes.fromhex(text)[1]
    kept = {code} if code in WITH_ROUTES else set()

    assert fault(text) == (WITHDRAW, UpdateError.ATTRIBUTE_FLAGS, packed(text), kept)


@pytest.mark.parametrize("text", ["c0 0e 03 000201", "40 0f 01 00", "00 0f 05 0001018120"])
def test_rfc7606_3_j_flags_that_conflict_end_the_session_where_routes_cannot_be_found(text: str) -> None:
    assert fault(text) == (RESET, UpdateError.ATTRIBUTE_FLAGS, packed(text), set())


@pytest.mark.parametrize("text", ["80 01 01 07", "80 01 02 0000", "40 04 00"])
def test_rfc4271_6_3_flags_are_judged_before_length_and_value(text: str) -> None:
    assert fault(text) == (WITHDRAW, UpdateError.ATTRIBUTE_FLAGS, packed(text), set())


@pytest.mark.parametrize("flags", [0x60, 0x41, 0x4F, 0x6F])
def test_rfc4271_4_3_partial_and_unused_bits_are_ignored(flags: int) -> None:
    assert decode(bytes([flags, 1, 1, 0])) == {AttributeCode.ORIGIN: Origin.IGP}


# --- lengths

DISCARDED = (AttributeCode.ATOMIC_AGGREGATE, AttributeCode.AGGREGATOR)  # RFC 7606 §3 f


@pytest.mark.parametrize(
    "text",
    [
        "40 01 00",
        "40 01 02 0000",
        "50 01 0000",
        "40 03 00",
        "40 03 03 c00002",
        "40 03 05 c000020100",
        "80 04 03 000000",
        "80 04 05 0000000000",
        "40 05 03 000000",
        "40 05 05 0000000000",
        "40 06 01 00",
        "c0 07 07 0000fde8c00002",
        "c0 07 09 0000fde8c000020100",
        "c0 08 00",
        "c0 08 03 fde800",
        "c0 08 05 fde8006400",
        "e0 08 05 fde8006400",
        "80 09 03 010203",
        "80 09 05 0102030405",
        "80 0a 00",
        "80 0a 05 0102030405",
        "c0 10 00",
        "c0 10 07 00000000000000",
        "c0 10 09 000000000000000000",
        "c0 20 00",
        "c0 20 0b" + "00" * 11,
        "c0 20 0d" + "00" * 13,
        "c0 23 00",
        "c0 23 03 000000",
        "c0 23 05 0000000000",
    ],
)
def test_rfc7606_7_wrong_length_is_treated_as_withdraw_or_discarded(text: str) -> None:
    treatment = DISCARD if bytes.fromhex(text)[1] in DISCARDED else WITHDRAW

    assert fault(text) == (treatment, UpdateError.ATTRIBUTE_LENGTH, packed(text), set())


def test_rfc4271_6_3_aggregator_length_depends_on_the_size_of_as_numbers() -> None:
    text = "c0 07 08 0000fde8 c0000201"

    assert fault(text, four_octet_as=False) == (DISCARD, UpdateError.ATTRIBUTE_LENGTH, packed(text), set())


# --- values


@pytest.mark.parametrize("text", ["40 01 01 03", "40 01 01 ff", "50 01 0001 03", "60 01 01 03"])
def test_rfc7606_7_1_origin_undefined_value_is_treated_as_withdraw(text: str) -> None:
    assert fault(text) == (WITHDRAW, UpdateError.INVALID_ORIGIN, packed(text), set())


@pytest.mark.parametrize(
    "text",
    [
        "40 03 04 00000000",
        "40 03 04 e0000001",
        "40 03 04 ffffffff",
        "40 03 04 f0000001",
        "50 03 0004 00000000",
    ],
)
def test_rfc7606_3_e_next_hop_that_is_no_host_address_is_treated_as_withdraw(text: str) -> None:
    assert fault(text) == (WITHDRAW, UpdateError.INVALID_NEXT_HOP, packed(text), set())


@pytest.mark.parametrize("text", ["00000001", "7f000001", "dfffffff"])
def test_rfc4271_6_3_next_hop_that_is_a_host_address_is_taken(text: str) -> None:
    assert decode(bytes.fromhex("400304" + text)) == {AttributeCode.NEXT_HOP: bytes.fromhex(text)}


@pytest.mark.parametrize(
    "text",
    [
        "40 02 01 02",
        "40 02 02 0200",
        "40 02 06 0001 00000001",
        "40 02 06 0501 00000001",
        "40 02 05 0201 000000",
        "40 02 07 0201 00000001 02",
        "40 02 06 0202 00000001",
        "40 02 04 0201 fde8",
        "40 02 0a 0202 00000001 00000000",
    ],
)
def test_rfc7606_7_2_as_path_that_is_malformed_is_treated_as_withdraw(text: str) -> None:
    assert fault(text) == (WITHDRAW, UpdateError.MALFORMED_AS_PATH, "", set())


def test_rfc7607_2_as_zero_in_as_path_is_treated_as_withdraw_and_in_aggregator_discarded() -> None:
    aggregator = "c0 07 08 00000000 c0000201"

    assert fault("40 02 06 0101 00000000")[0] is WITHDRAW
    assert fault(aggregator) == (DISCARD, UpdateError.ATTRIBUTE_LENGTH, packed(aggregator), set())


@pytest.mark.parametrize(
    "text", ["40 05 04 00000064", "40 05 03 000000", "80 09 04 01020304", "80 0a 04 01020304", "80 0a 00"]
)
def test_rfc7606_7_attribute_of_internal_peers_from_an_external_one_is_discarded(text: str) -> None:
    assert fault(text, internal=False) == (DISCARD, UpdateError.OPTIONAL_ATTRIBUTE, packed(text), set())


def test_rfc5065_3_confederation_segments_are_read() -> None:
    data = bytes.fromhex("40 02 0c 0301 0000fde8 0401 0000fde9")

    path = decode(data)[AttributeCode.AS_PATH]

    assert [segment.kind for segment in path] == [SegmentType.AS_CONFED_SEQUENCE, SegmentType.AS_CONFED_SET]


@pytest.mark.parametrize(
    "text",
    [
        "80 0e 00",
        "80 0e 04 0002 01 10",
        "80 0e 04 0002 01 00",
        "80 0e 05 0002 01 00 00",
        "80 0e 09 0002 01 04 c0000201 00",
        "80 0e 14 0002 01 10 20010db8000000000000000000000001",
        "80 0e 16 0002 01 10 20010db8000000000000000000000001 00 81",
        "80 0e 17 0002 01 10 20010db8000000000000000000000001 00 20 20",
        "80 0f 00",
        "80 0f 02 0002",
        "80 0f 04 0002 01 81",
        "80 0f 05 0002 01 20 20",
        "90 0f 0005 0002 01 20 20",
    ],
)
def test_rfc4760_7_broken_mp_attribute_is_an_optional_attribute_error(text: str) -> None:
    assert fault(text) == (RESET, UpdateError.OPTIONAL_ATTRIBUTE, packed(text), set())


# --- what old speakers send


@pytest.mark.parametrize(
    "text",
    [
        "c0 11 00",
        "c0 11 02 0200",
        "c0 11 05 0201 000000",
        "c0 11 06 0501 00000001",
        "c0 11 06 0202 00000001",
        "c0 11 06 0301 00000001",
        "c0 12 07 0000fde8 c00002",
        "c0 12 09 0000fde8 c0000201 00",
    ],
)
def test_rfc6793_6_malformed_attribute_of_an_old_speaker_is_discarded(text: str) -> None:
    treatment, _, _, kept = fault("40010100" + text, four_octet_as=False)

    assert (treatment, kept) == (DISCARD, {AttributeCode.ORIGIN})


def test_rfc7607_2_as_zero_in_attributes_of_old_speakers_is_discarded() -> None:
    assert fault("c0 11 06 0201 00000000", four_octet_as=False)[0] is DISCARD
    assert fault("c0 12 08 00000000 c0000201", four_octet_as=False)[0] is DISCARD


def test_rfc6793_6_confederation_segments_of_as4_path_are_discarded() -> None:
    data = bytes.fromhex("c0 11 12 0301 00000001 0201 00000002 0401 00000003")

    assert decode(data, four_octet_as=False) == {AttributeCode.AS4_PATH: (AsSegment(SEQUENCE, (2,)),)}


@pytest.mark.parametrize("text", [text for _, _, text in OLD_PAIRS] + ["c0 11 01 00"])
def test_rfc6793_6_attribute_of_old_speakers_from_a_new_one_is_discarded(text: str) -> None:
    assert fault(text, four_octet_as=True) == (DISCARD, UpdateError.OPTIONAL_ATTRIBUTE, packed(text), set())


# --- anything

WIRE_FLAGS = st.sampled_from([0x40, 0x80, 0xC0, 0x50, 0x90, 0xD0, 0xE0])
ANY_ATTRIBUTE = st.builds(
    lambda flags, code, value: (
        bytes([flags, code]) + len(value).to_bytes(2 if flags & 0x10 else 1, "big") + value
    ),
    WIRE_FLAGS,
    st.one_of(st.sampled_from([int(code) for code in AttributeCode]), st.integers(0, 255)),
    st.binary(max_size=40),
)


@given(
    st.one_of(st.binary(max_size=80), st.lists(ANY_ATTRIBUTE, max_size=6).map(b"".join)),
    st.booleans(),
    st.booleans(),
)
def test_attributes_any_bytes_decode_or_are_an_update_error(
    data: bytes, four_octet_as: bool, internal: bool
) -> None:
    found = attempt(lambda: decode_attributes(data, four_octet_as=four_octet_as, internal=internal))

    if isinstance(found, NotificationError):
        assert found.code == ErrorCode.UPDATE_MESSAGE
        assert found.subcode in set(UpdateError)
        assert found.data in data
        return
    values, faults = found
    assert len(faults) <= MAX_FAULTS
    assert all(fault.data in data and fault.subcode in set(UpdateError) for fault in faults)
    again = encode_attributes(values, four_octet_as=four_octet_as)
    values_again, none = decode_attributes(again, four_octet_as=four_octet_as, internal=internal)
    assert none == []
    assert encode_attributes(values_again, four_octet_as=four_octet_as) == again


@given(ANY_ATTRIBUTE, st.booleans(), st.booleans())
def test_attribute_remembered_is_what_decoding_it_gives(
    whole: bytes, four_octet_as: bool, internal: bool
) -> None:
    once, again = (
        attempt(lambda: decode_attributes(whole, four_octet_as=four_octet_as, internal=internal))
        for _ in range(2)
    )

    assert str(once) == str(again)
