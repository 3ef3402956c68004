"""UPDATE, both ways; End-of-RIB; mandatory attributes; the order of checks (RFC 4271 §6.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import NotificationError
from rhi.model.attributes import Origin
from rhi.model.prefix import Family, to_prefix
from rhi.wire.attributes import AsSegment, Attributes, RawAttribute, encode_attributes
from rhi.wire.faults import Fault, Treatment
from rhi.wire.iana import AttributeCode, ErrorCode, SegmentType, UpdateError
from rhi.wire.mp_nlri import MpReach, MpUnreach
from rhi.wire.update import Update, end_of_rib_body, update_body
from tests.wire.attempt import attempt

ROUTE = to_prefix("203.0.113.10")
ROUTE_6 = to_prefix("2001:db8::10")
BASE: Attributes = {
    AttributeCode.ORIGIN: Origin.IGP,
    AttributeCode.AS_PATH: (AsSegment(SegmentType.AS_SEQUENCE, (65000,)),),
}
NEXT_HOP: Attributes = {AttributeCode.NEXT_HOP: b"\xc0\x00\x02\x01"}
LOCAL_PREF: Attributes = {AttributeCode.LOCAL_PREF: 100}
REACH: Attributes = {AttributeCode.MP_REACH_NLRI: MpReach(2, 1, bytes(15) + b"\x01", (ROUTE_6,))}
UNREACH: Attributes = {AttributeCode.MP_UNREACH_NLRI: MpUnreach(2, 1, (ROUTE_6,))}

MESSAGES = [
    (Update(), "0000 0000"),
    (Update(withdrawn=(ROUTE,)), "0005 20 cb00710a 0000"),
    (
        Update(attributes={**BASE, **NEXT_HOP}, announced=(ROUTE, to_prefix("10.0.0.0/8"))),
        "0000 0014 40010100 4002060201 0000fde8 400304c0000201 20 cb00710a 08 0a",
    ),
    (
        Update(withdrawn=(ROUTE,), attributes={**BASE, **NEXT_HOP}, announced=(to_prefix("10.0.0.0/8"),)),
        "0005 20 cb00710a 0014 40010100 4002060201 0000fde8 400304c0000201 08 0a",
    ),
    (
        Update(attributes={**BASE, **REACH}),
        "0000 0036 40010100 4002060201 0000fde8 800e26 0002 01 10 00000000000000000000000000000001 00 80"
        + ROUTE_6.packed.hex(),
    ),
    (Update(attributes=UNREACH), "0000 0017 800f14 0002 01 80" + ROUTE_6.packed.hex()),
]


def decode(body: bytes, *, four_octet_as: bool = True, internal: bool = False) -> Update:
    return Update.decode(body, four_octet_as=four_octet_as, internal=internal)


def fault(body: bytes, *, internal: bool = False) -> tuple[int, int, str]:
    with pytest.raises(NotificationError) as caught:
        decode(body, internal=internal)
    assert caught.value.detail
    return caught.value.code, caught.value.subcode, caught.value.data.hex()


@pytest.mark.parametrize(("value", "text"), MESSAGES)
def test_update_bytes_and_value_are_the_same_both_ways(value: Update, text: str) -> None:
    assert value.encode(four_octet_as=True) == bytes.fromhex(text)
    assert decode(bytes.fromhex(text)) == value


def test_update_with_as_numbers_of_two_octets_is_the_same_both_ways() -> None:
    value = Update(attributes={**BASE, **NEXT_HOP}, announced=(ROUTE,))

    packed = value.encode(four_octet_as=False)

    assert bytes.fromhex("4002040201fde8") in packed
    assert decode(packed, four_octet_as=False) == value


def test_update_lists_routes_of_both_families() -> None:
    value = Update(
        withdrawn=(ROUTE,), attributes={**BASE, **NEXT_HOP, **REACH, **UNREACH}, announced=(ROUTE,)
    )

    assert value.all_announced == (ROUTE, ROUTE_6)
    assert value.all_withdrawn == (ROUTE, ROUTE_6)
    assert Update().all_announced == Update().all_withdrawn == ()


# --- End-of-RIB


@pytest.mark.parametrize(
    ("family", "text"),
    [(Family.IPV4_UNICAST, "0000 0000"), (Family.IPV6_UNICAST, "0000 0006 800f03 0002 01")],
)
def test_rfc4724_2_end_of_rib_is_an_update_without_routes(family: Family, text: str) -> None:
    assert end_of_rib_body(family) == bytes.fromhex(text)
    assert decode(bytes.fromhex(text)).end_of_rib is family


def test_end_of_rib_of_an_unknown_family_is_none_of_ours() -> None:
    assert decode(bytes.fromhex("0000 0006 800f03 0019 41")).end_of_rib is None


@pytest.mark.parametrize(
    "value",
    [
        Update(withdrawn=(ROUTE,)),
        Update(announced=(ROUTE,)),
        Update(attributes=BASE),
        Update(attributes=UNREACH),
        Update(attributes={**BASE, AttributeCode.MP_UNREACH_NLRI: MpUnreach(2, 1, (), is_empty=True)}),
    ],
    ids=["withdrawn", "announced", "attributes", "unreach", "attributes and empty unreach"],
)
def test_end_of_rib_is_nothing_else(value: Update) -> None:
    assert value.end_of_rib is None


def test_update_is_a_value() -> None:
    assert hash(Update(attributes=BASE)) == hash(Update(attributes=BASE))
    assert Update(attributes=BASE) != Update()


# --- errors


@pytest.mark.parametrize(
    "text",
    ["", "00", "0001", "0001 00", "0000", "0000 00", "0000 0001", "0001 00 0001", "ffff 0000", "0000 ffff"],
)
def test_rfc4271_6_3_lengths_beyond_the_message_are_a_malformed_list(text: str) -> None:
    assert fault(bytes.fromhex(text)) == (3, UpdateError.MALFORMED_ATTRIBUTE_LIST, "")


@pytest.mark.parametrize("code", [AttributeCode.ORIGIN, AttributeCode.AS_PATH, AttributeCode.NEXT_HOP])
def test_rfc7606_3_d_missing_mandatory_attribute_is_treated_as_withdraw(code: AttributeCode) -> None:
    attributes = {**BASE, **NEXT_HOP}
    del attributes[code]
    body = Update(attributes=attributes, announced=(ROUTE,)).encode(four_octet_as=True)

    update = decode(body)

    assert update.treatment is Treatment.TREAT_AS_WITHDRAW
    assert update.faults == (
        Fault(code, Treatment.TREAT_AS_WITHDRAW, 3, bytes((code,)), f"{code.name} is missing"),
    )
    assert (update.all_announced, update.all_withdrawn) == ((), (ROUTE,))


def test_malformed_mandatory_attribute_is_not_called_missing_too() -> None:
    attributes = encode_attributes({**BASE, **NEXT_HOP}, four_octet_as=True).replace(b"\1\1\0", b"\1\1\3")

    update = decode(update_body(b"", attributes, b"\x08\x0a"))

    assert [fault.detail for fault in update.faults] == ["ORIGIN: 3 is not defined"]


def test_rfc4271_5_1_5_local_pref_is_mandatory_from_internal_peers() -> None:
    without = Update(attributes={**BASE, **NEXT_HOP}, announced=(ROUTE,)).encode(four_octet_as=True)
    complete = Update(attributes={**BASE, **NEXT_HOP, **LOCAL_PREF}, announced=(ROUTE,)).encode(
        four_octet_as=True
    )

    assert [fault.detail for fault in decode(without, internal=True).faults] == ["LOCAL_PREF is missing"]
    assert decode(without, internal=False).faults == ()
    assert decode(complete, internal=True).all_announced == (ROUTE,)


def test_rfc7606_7_5_local_pref_of_an_external_peer_is_discarded_and_the_routes_stay() -> None:
    body = Update(attributes={**BASE, **NEXT_HOP, **LOCAL_PREF}, announced=(ROUTE,)).encode(
        four_octet_as=True
    )

    update = decode(body, internal=False)

    assert update.treatment is Treatment.ATTRIBUTE_DISCARD
    assert AttributeCode.LOCAL_PREF not in update.attributes
    assert update.all_announced == (ROUTE,)


def test_rfc4760_3_next_hop_is_not_needed_with_mp_reach_alone() -> None:
    assert decode(Update(attributes={**BASE, **REACH}).encode(four_octet_as=True)).all_announced == (ROUTE_6,)


@pytest.mark.parametrize("code", [AttributeCode.ORIGIN, AttributeCode.AS_PATH])
def test_rfc4760_3_mp_reach_needs_the_other_mandatory_attributes(code: AttributeCode) -> None:
    attributes = {**BASE, **REACH}
    del attributes[code]

    update = decode(Update(attributes=attributes).encode(four_octet_as=True))

    assert [fault.code for fault in update.faults] == [code]
    assert (update.all_announced, update.all_withdrawn) == ((), (ROUTE_6,))


def test_rfc4271_6_3_attributes_without_routes_need_not_be_complete() -> None:
    body = Update(withdrawn=(ROUTE,), attributes=UNREACH).encode(four_octet_as=True)

    assert decode(body, internal=True).all_withdrawn == (ROUTE, ROUTE_6)


def test_rfc7606_3_h_strongest_treatment_counts_for_routes_of_all_fields() -> None:
    attributes = {**BASE, **NEXT_HOP, **REACH, **UNREACH}
    broken = bytes.fromhex("40 06 01 00  c0 08 03 000000  80 04 01 00")  # discard, then withdraw twice
    packed = encode_attributes(attributes, four_octet_as=True) + broken

    update = decode(update_body(b"", packed, bytes.fromhex("20 cb00710a")))

    assert [fault.treatment for fault in update.faults] == [1, 2, 2]
    assert update.treatment is Treatment.TREAT_AS_WITHDRAW
    assert update.all_announced == ()
    assert update.all_withdrawn == (ROUTE_6, ROUTE, ROUTE_6)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ("40010103", (3, UpdateError.INVALID_ORIGIN, "40010103")),
        ("c00603000000 40010103", (3, UpdateError.ATTRIBUTE_FLAGS, "c00603000000")),
        ("800f03000201 40", (3, UpdateError.MALFORMED_ATTRIBUTE_LIST, "")),
        ("800e0900010104c000020100", (3, UpdateError.MISSING_WELL_KNOWN_ATTRIBUTE, "01")),
    ],
    ids=["alone", "two", "with routes withdrawn", "with MP_REACH_NLRI that is empty"],
)
def test_rfc7606_5_2_fault_without_reachable_routes_ends_the_session(
    attributes: str, expected: tuple[int, int, str]
) -> None:
    body = update_body(bytes.fromhex("20cb00710a"), bytes.fromhex(attributes), b"")

    assert fault(body) == expected


def test_rfc7606_3_c_mp_reach_with_wrong_flags_is_treated_as_withdraw_of_its_routes() -> None:
    packed = encode_attributes({**BASE, **REACH}, four_octet_as=True).replace(b"\x80\x0e", b"\xc0\x0e")

    update = decode(update_body(b"", packed, b""))

    assert [fault.detail for fault in update.faults] == ["MP_REACH_NLRI has flags 0xc0"]
    assert (update.all_announced, update.all_withdrawn) == ((), (ROUTE_6,))


def test_rfc7606_3_c_mp_unreach_with_wrong_flags_still_withdraws_its_routes() -> None:
    packed = encode_attributes(UNREACH, four_octet_as=True).replace(b"\x80\x0f", b"\xc0\x0f")

    update = decode(update_body(b"", packed, b""))

    assert [fault.detail for fault in update.faults] == ["MP_UNREACH_NLRI has flags 0xc0"]
    assert (update.all_announced, update.all_withdrawn) == ((), (ROUTE_6,))
    # beside other attributes there should be routes announced, which may have been lost (RFC 7606 §5.2)
    assert fault(update_body(b"", packed + bytes.fromhex("40010100"), b""))[1] == UpdateError.ATTRIBUTE_FLAGS


def test_end_of_rib_with_wrong_flags_is_none_and_ends_nothing() -> None:
    update = decode(bytes.fromhex("0000 0006 c00f03 0002 01"))

    assert update.end_of_rib is None
    assert (update.treatment, update.all_withdrawn) == (Treatment.TREAT_AS_WITHDRAW, ())


def test_rfc7606_5_2_discarded_attribute_without_reachable_routes_is_survived() -> None:
    update = decode(update_body(b"", bytes.fromhex("400600 400600"), b""))

    assert update.treatment is Treatment.ATTRIBUTE_DISCARD
    assert update.end_of_rib is None


def test_end_of_rib_is_no_message_with_an_attribute_that_was_discarded() -> None:
    assert decode(bytes.fromhex("0000 000d 800f03 0002 01 40050400000064")).end_of_rib is None
    assert decode(bytes.fromhex("0000 0007 40050400000064")).end_of_rib is None


@pytest.mark.parametrize("nlri", ["21 cb00710a00", "20 cb0071", "ff"])
def test_rfc7606_5_3_broken_nlri_ends_the_session(nlri: str) -> None:
    attributes = encode_attributes({**BASE, **NEXT_HOP}, four_octet_as=True)

    announced = update_body(b"", attributes, bytes.fromhex(nlri))
    withdrawn = update_body(bytes.fromhex(nlri), b"", b"")

    assert fault(announced) == (3, UpdateError.INVALID_NETWORK_FIELD, "")
    assert fault(withdrawn) == (3, UpdateError.INVALID_NETWORK_FIELD, "")


def test_rfc7606_3_j_broken_nlri_is_stronger_than_a_fault_of_an_attribute() -> None:
    body = update_body(b"", bytes.fromhex("40010103"), bytes.fromhex("ff"))

    assert fault(body)[1] == UpdateError.INVALID_NETWORK_FIELD


@pytest.mark.parametrize("kind", [SegmentType.AS_CONFED_SEQUENCE, SegmentType.AS_CONFED_SET])
def test_rfc5065_5_confederation_segment_from_outside_is_treated_as_withdraw(kind: SegmentType) -> None:
    path = (AsSegment(kind, (65000,)), AsSegment(SegmentType.AS_SEQUENCE, (65001,)))
    attributes = {**BASE, **NEXT_HOP, **LOCAL_PREF, AttributeCode.AS_PATH: path}
    body = Update(attributes=attributes, announced=(ROUTE,)).encode(four_octet_as=True)

    from_outside = decode(body, internal=False)

    assert (from_outside.all_announced, from_outside.all_withdrawn) == ((), (ROUTE,))
    assert UpdateError.MALFORMED_AS_PATH in {fault.subcode for fault in from_outside.faults}
    assert AttributeCode.AS_PATH not in from_outside.attributes
    assert decode(body, internal=True).attributes[AttributeCode.AS_PATH] == path


def test_update_unknown_attribute_survives() -> None:
    value = Update(attributes={**BASE, **NEXT_HOP, 99: RawAttribute(0xE0, b"abc")}, announced=(ROUTE,))

    assert decode(value.encode(four_octet_as=True)) == value


@given(st.binary(max_size=80), st.booleans(), st.booleans())
def test_update_any_bytes_decode_or_are_an_update_error(
    body: bytes, four_octet_as: bool, internal: bool
) -> None:
    found = attempt(lambda: decode(body, four_octet_as=four_octet_as, internal=internal))

    if isinstance(found, NotificationError):
        assert found.code == ErrorCode.UPDATE_MESSAGE
        assert found.subcode in set(UpdateError)
        return
    assert found.treatment is not Treatment.SESSION_RESET
    assert found.treatment is not Treatment.TREAT_AS_WITHDRAW or not found.all_announced


@given(
    st.sampled_from(MESSAGES),
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), min_size=1, max_size=3),
)
def test_update_damaged_bytes_decode_or_are_an_update_error(
    message: tuple[Update, str], damage: list[tuple[int, int]]
) -> None:
    body = bytearray.fromhex(message[1])
    for at, value in damage:
        body[at % len(body)] = value

    found = attempt(lambda: decode(bytes(body)))

    assert isinstance(found, Update) or found.code == ErrorCode.UPDATE_MESSAGE
