"""Communities of all three kinds, between text, numbers and bytes."""

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rhi.model.communities import WELL_KNOWN, Community, ExtendedCommunity, LargeCommunity
from tests.model.anything import ANYTHING, HUGE, refusal, refusal_or_none

UINT32 = st.integers(0, 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("65000:100", 65000 << 16 | 100),
        (" 65000:100 ", 65000 << 16 | 100),
        ("0:0", 0),
        ("65535:65535", 0xFFFFFFFF),
        (0, 0),
        (0xFFFFFFFF, 0xFFFFFFFF),
        (Community("1:2"), 0x10002),
    ],
)
def test_community_text_and_number_give_32_bits(value: int | str, number: int) -> None:
    assert int(Community(value)) == number


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("graceful-shutdown", 0xFFFF0000),  # RFC 8326 §4
        ("gshut", 0xFFFF0000),
        ("GRACEFUL_SHUTDOWN", 0xFFFF0000),
        ("accept-own", 0xFFFF0001),  # RFC 7611 §2.1
        ("llgr-stale", 0xFFFF0006),  # RFC 9494 §5
        ("no-llgr", 0xFFFF0007),
        ("blackhole", 0xFFFF029A),  # RFC 7999 §5
        ("no-export", 0xFFFFFF01),  # RFC 1997
        ("no_export", 0xFFFFFF01),
        ("no-advertise", 0xFFFFFF02),
        ("no-export-subconfed", 0xFFFFFF03),
        ("local-as", 0xFFFFFF03),
        ("no-peer", 0xFFFFFF04),  # RFC 3765
        ("nopeer", 0xFFFFFF04),
    ],
)
def test_community_well_known_name_gives_its_number(name: str, number: int) -> None:
    assert int(Community(name)) == number


@pytest.mark.parametrize(("name", "number"), WELL_KNOWN.items())
def test_community_well_known_number_tells_its_name(name: str, number: int) -> None:
    assert Community(number).well_known_name == name


def test_community_other_number_has_no_name() -> None:
    assert Community("65000:1").well_known_name is None


@given(UINT32)
def test_community_reads_back_what_it_prints(number: int) -> None:
    community = Community(number)

    assert Community(str(community)) == community == number
    assert f"{community}" == str(community)


def test_community_prints_as_in_the_seed() -> None:
    assert str(Community(0xFFFFFF01)) == "65535:65281"
    assert repr(Community("65000:100")) == "Community('65000:100')"
    assert json.dumps(str(Community("65000:100"))) == '"65000:100"'


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "1",
        "1:2:3",
        "65536:1",
        "1:65536",
        "-1:1",
        "a:b",
        "1:٣",
        "1: 2",
        "no export",
        "1:" + "9" * 5000,
    ],
)
def test_community_wrong_text_says_what_would_be_right(text: str) -> None:
    message = refusal(Community, text)

    assert message.startswith(f"community {text!r}"[:80])
    assert "write two numbers from 0 to 65535, such as 65000:100, or one of accept-own, blackhole" in message


@pytest.mark.parametrize(
    "value", [-1, 1 << 32, pytest.param(HUGE, id="huge"), True, None, 1.0, b"\x00\x00\x00\x01", [1], object()]
)
def test_community_other_value_says_what_would_be_right(value: Any) -> None:
    assert refusal(Community, value).endswith(": must be 0 to 4294967295, or text such as 65000:100")


@given(st.one_of(ANYTHING, st.text()))
def test_community_anything_is_taken_or_one_sentence(value: Any) -> None:
    refusal_or_none(Community, value)


@given(UINT32, UINT32, UINT32)
def test_large_community_reads_back_what_it_prints(a: int, b: int, c: int) -> None:
    community = LargeCommunity(a, b, c)

    assert str(community) == f"{a}:{b}:{c}"
    assert LargeCommunity.parse(str(community)) == community
    assert LargeCommunity.parse(community) == community
    assert LargeCommunity.parse((a, b, c)) == community


def test_rfc8092_3_large_community_is_three_numbers_of_four_octets() -> None:
    assert LargeCommunity.parse("65551:1:4294967295").pack() == bytes.fromhex("0001000f 00000001 ffffffff")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1:2",
        "1:2:3:4",
        "1:2:4294967296",
        "1:2:-3",
        "1:2:x",
        "1:2:٣",
        (1, 2),
        (1, 2, 3, 4),
        (1, 2, -1),
        (1, 2, True),
        (1, 2, "3"),
        (1, 2, 1 << 32),
        (1, 2, HUGE),
        b"abc",
        {1: 1, 2: 2, 3: 3},
        {1, 2, 3},
        5,
        None,
        iter([1, 2, 3]),
    ],
)
def test_large_community_wrong_value_says_what_would_be_right(value: Any) -> None:
    assert refusal(LargeCommunity.parse, value).endswith(
        ": write three numbers from 0 to 4294967295, such as 65000:1:2"
    )


@pytest.mark.parametrize(
    "values",
    [("1:2:3",), (1,), (1, 2), (1, 2, -3), (1, 2, True), ("1", "2", "3"), ((1, 2, 3),), (HUGE, 1, 1)],
)
def test_large_community_made_of_other_than_three_numbers_is_refused(values: Any) -> None:
    assert refusal(LargeCommunity, *values).endswith(
        ": give three numbers from 0 to 4294967295; text is for parse"
    )


@given(st.one_of(ANYTHING, st.text()))
def test_large_community_anything_is_taken_or_one_sentence(value: Any) -> None:
    refusal_or_none(LargeCommunity.parse, value)


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        ("rt:65000:100", "00 02 fde8 00000064"),  # RFC 4360 §3.1 and §4: two-octet AS specific
        ("RT:65535:4294967295", "00 02 ffff ffffffff"),
        ("ro:65000:1", "00 03 fde8 00000001"),  # RFC 4360 §5
        ("soo:65000:1", "00 03 fde8 00000001"),
        ("rt:192.0.2.1:7", "01 02 c0000201 0007"),  # RFC 4360 §3.2: IPv4 address specific
        ("ro:192.0.2.1:65535", "01 03 c0000201 ffff"),
        ("rt:65536:100", "02 02 00010000 0064"),  # RFC 5668 §2: four-octet AS specific
        ("rt:4294967295:65535", "02 02 ffffffff ffff"),
        ("0x4300DEADBEEF0001", "43 00 deadbeef0001"),
        (" 0x0000000000000000 ", "00 00 000000000000"),
        ("lb:65001:125000000", "40 04 fde9 4cee6b28"),  # 1 Gbit/s (draft-ietf-idr-link-bandwidth §2)
        ("LB:0:0", "40 04 0000 00000000"),
        ("lb:65536:1.5", "40 04 5ba0 3fc00000"),  # AS_TRANS
        ("lb-transitive:65001:125000000", "00 04 fde9 4cee6b28"),
    ],
)
def test_extended_community_text_gives_its_eight_bytes(text: str, packed: str) -> None:
    community = ExtendedCommunity.parse(text)

    assert community.packed == bytes.fromhex(packed)
    assert ExtendedCommunity.parse(community) == community
    assert ExtendedCommunity.parse(community.packed) == community


@given(
    st.one_of(
        st.binary(min_size=8, max_size=8),
        st.tuples(st.integers(0, 3), st.integers(0, 4)).map(lambda kind: bytes([*kind, 0, 0, 1, 2, 3, 4])),
        st.tuples(st.sampled_from([b"\x40\x04", b"\0\x04"]), st.binary(min_size=6, max_size=6)).map(b"".join),
    )
)
@example(bytes.fromhex("02 02 0000fde8 0064"))
@example(bytes.fromhex("02 02 00010000 0064"))
def test_extended_community_reads_back_what_it_prints(packed: bytes) -> None:
    community = ExtendedCommunity(packed)

    assert ExtendedCommunity.parse(str(community)) == community


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        ("00 02 fde8 00000064", "rt:65000:100"),
        ("00 03 fde8 00000064", "ro:65000:100"),
        ("01 02 c0000201 0007", "rt:192.0.2.1:7"),
        ("02 02 00010000 0064", "rt:65536:100"),
        ("02 02 0000fde8 0064", "0x02020000fde80064"),  # rt:65000:100 would be read as the two-octet type
        ("40 04 fde9 4cee6b28", "lb:65001:125000000"),
        ("40 04 fde9 3dcccccd", "lb:65001:0.1"),
        ("00 04 fde9 4cee6b28", "lb-transitive:65001:125000000"),
        ("40 04 fde9 7f800000", "0x4004fde97f800000"),  # no number: infinite, undefined, below zero
        ("40 04 fde9 7fc00000", "0x4004fde97fc00000"),
        ("40 04 fde9 bf800000", "0x4004fde9bf800000"),
        ("40 04 fde9 80000000", "0x4004fde980000000"),
        ("40 02 fde8 00000064", "0x4002fde800000064"),
    ],
)
def test_extended_community_prints_what_reads_back_to_the_same_bytes(packed: str, text: str) -> None:
    assert str(ExtendedCommunity(bytes.fromhex(packed))) == text


@pytest.mark.parametrize(
    "value",
    [
        "",
        "rt:1",
        "rt:1:2:3",
        "xx:1:2",
        "rt:1:4294967296",
        "rt:65536:65536",
        "rt:192.0.2.1:65536",
        "rt:192.0.2.256:1",
        "rt:1.2.3:1",
        "rt:4294967296:1",
        "rt:-1:1",
        "rt:٣:1",
        "lb:65001",
        "lb:65001:",
        "lb:65001:1e9",
        "lb:65001:-1",
        "lb:65001:nan",
        "lb:4294967296:1",
        "lb:192.0.2.1:1",
        "lb:65001:" + "9" * 40,
        "lbx:65001:1",
        "0x12",
        "0x" + "g" * 16,
        b"",
        b"1234567",
        b"123456789",
        5,
        pytest.param(HUGE, id="huge"),
        None,
        [0] * 8,
        bytearray(8),
    ],
)
def test_extended_community_wrong_value_says_what_would_be_right(value: Any) -> None:
    assert refusal(ExtendedCommunity.parse, value).endswith(
        ": write rt:65000:100, ro:192.0.2.1:7, lb:65000:125000000 (bytes per second) "
        "or 0x and sixteen hexadecimal digits"
    )


@pytest.mark.parametrize("value", ["rt:1:2", b"short", bytearray(8), 5, None])
def test_extended_community_made_of_other_than_eight_bytes_is_refused(value: Any) -> None:
    assert refusal(ExtendedCommunity, value).endswith(": give eight bytes; text is for parse")


@pytest.mark.parametrize("community", [LargeCommunity(1, 2, 3), ExtendedCommunity(bytes(8))])
def test_community_of_fields_can_be_copied_and_pickled(community: object) -> None:
    assert copy.deepcopy(community) == pickle.loads(pickle.dumps(community)) == community
    assert not hasattr(community, "__dict__")


@given(st.one_of(ANYTHING, st.text(), st.text(alphabet="rtsolb:.0123456789", max_size=20)))
def test_extended_community_anything_is_taken_or_one_sentence(value: Any) -> None:
    refusal_or_none(ExtendedCommunity.parse, value)
