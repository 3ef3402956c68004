"""NLRI fields, both ways (RFC 4271 §4.3, RFC 4760 §5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import NotificationError
from rhi.model.prefix import Family, Prefix, to_prefix
from rhi.wire.prefix import Prefixes, encode_prefixes, split_nlri
from rhi.wire.reader import Reader

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST


def decode(data: bytes, family: Family = V4) -> list[Prefix]:
    return list(received(data, family))


def received(data: bytes, family: Family = V4) -> Prefixes:
    return Prefixes.decode(Reader(data, 3, 10), family)


@pytest.mark.parametrize(
    ("texts", "packed"),
    [
        ([], ""),
        (["0.0.0.0/0"], "00"),
        (["10.0.0.0/8"], "08 0a"),
        (["192.0.2.128/25"], "19 c0000280"),
        (["192.0.2.1"], "20 c0000201"),
        (["10.0.0.0/7", "192.0.2.0/24", "192.0.2.1"], "07 0a  18 c00002  20 c0000201"),
        (["::/0"], "00"),
        (["2001:db8::/32"], "20 20010db8"),
        (["2001:db8::/33"], "21 20010db800"),
        (["2001:db8::1"], "80 20010db8000000000000000000000001"),
    ],
)
def test_rfc4271_4_3_nlri_holds_length_and_as_many_octets_as_it_covers(texts: list[str], packed: str) -> None:
    prefixes = [to_prefix(text) for text in texts]
    family = V6 if any(":" in text for text in texts) else V4

    assert encode_prefixes(prefixes) == bytes.fromhex(packed)
    assert decode(bytes.fromhex(packed), family) == prefixes


@pytest.mark.parametrize(
    ("packed", "text"),
    [
        ("01 ff", "128.0.0.0/1"),
        ("19 c00002ff", "192.0.2.128/25"),
        ("1f c0000203", "192.0.2.2/31"),
        ("0f ffff", "255.254.0.0/15"),
    ],
)
def test_rfc4271_4_3_bits_past_the_length_mean_nothing(packed: str, text: str) -> None:
    assert decode(bytes.fromhex(packed)) == [to_prefix(text)]


@pytest.mark.parametrize(
    ("packed", "family"),
    [
        ("21 c000020100", V4),
        ("ff", V4),
        ("81" + "00" * 17, V6),
        ("20 c00002", V4),
        ("08", V4),
        ("08 0a 20 0a", V4),
    ],
)
def test_rfc4271_6_3_broken_nlri_is_the_readers_error(packed: str, family: Family) -> None:
    with pytest.raises(NotificationError) as caught:
        decode(bytes.fromhex(packed), family)

    assert (caught.value.code, caught.value.subcode, caught.value.data) == (3, 10, b"")


@given(st.binary(max_size=60), st.sampled_from(Family))
def test_nlri_whatever_decodes_is_encoded_to_what_decodes_the_same(data: bytes, family: Family) -> None:
    try:
        prefixes = decode(data, family)
    except NotificationError:
        return

    assert decode(encode_prefixes(prefixes), family) == prefixes
    assert [to_prefix(prefix.network) for prefix in prefixes] == prefixes


# --- received fields are counted on bytes


FIELDS = st.lists(st.integers(0, 32), max_size=40).map(
    lambda lengths: b"".join(bytes((length,)) + b"\xff" * ((length + 7) // 8) for length in lengths)
)


@given(FIELDS, st.binary(max_size=3))
def test_received_prefixes_are_counted_as_they_are_read(field: bytes, more: bytes) -> None:
    try:
        found = received(field + more)
    except NotificationError:
        return

    assert len(found) == len(list(found)) == len(list(split_nlri(found.packed)))


@pytest.mark.parametrize(
    "lengths", [[32] * 800, [24] * 800, [0] * 800, [32] * 800 + [24], [24, 32] * 400, []]
)
def test_received_prefixes_make_no_object_until_looked_at(
    lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr("rhi.wire.prefix.Prefix", lambda *values: made.append(values))
    field = b"".join(bytes((length,)) + b"\x20" * ((length + 7) // 8) for length in lengths)

    found = received(field)

    assert len(found) == len(lengths)
    assert made == []
    assert len(list(found)) == len(made) == len(lengths)


@pytest.mark.parametrize(
    ("packed", "detail"),
    [
        ("21 c000020100", "prefix length 33 is above 32"),
        ("08 0a 20 0a", "1 octets left for a prefix of 32 bits"),
        ("20 0a000001 20 0a000001 ff", "prefix length 255 is above 32"),
    ],
)
def test_received_prefixes_broken_field_is_explained(packed: str, detail: str) -> None:
    with pytest.raises(NotificationError, match=detail):
        received(bytes.fromhex(packed))


def test_received_prefixes_are_a_sequence_equal_to_a_tuple() -> None:
    found = received(bytes.fromhex("08 0a 19 c00002ff"))
    same = (to_prefix("10.0.0.0/8"), to_prefix("192.0.2.128/25"))

    assert found == same == found
    assert found == received(bytes.fromhex("08 0a 19 c0000280"))
    assert found != received(b"\0\0")
    assert found != [1]
    assert hash(found) == hash(same)
    assert (found[0], found[-1], found[1:]) == (same[0], same[1], same[1:])
    assert repr(found) == repr(same)


def test_split_nlri_equal_prefixes_are_equal_bytes() -> None:
    packed = bytes.fromhex("19 c00002ff 19 c0000280 00 20 c0000201")

    assert [nlri.hex() for nlri in split_nlri(packed)] == ["19c0000280", "19c0000280", "00", "20c0000201"]
