"""OPEN, both ways, in the short and the extended form, and what is answered when it is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import NotificationError
from rhi.wire.capabilities import Capability, FourOctetAs, Multiprotocol, RouteRefresh, UnknownCapability
from rhi.wire.iana import ErrorCode, OpenError
from rhi.wire.open import Open
from tests.wire.attempt import attempt

ROUTER_ID = b"\xc0\x00\x02\x01"
HEAD = "04 fde8 000a c0000201"  # version 4, AS 65000, hold time 10, 192.0.2.1


def message(*capabilities: Capability) -> Open:
    return Open(as_number=65000, hold_time=10, router_id=ROUTER_ID, capabilities=capabilities)


def filler(size: int) -> tuple[Capability, ...]:
    """Capabilities of `size` octets in all."""
    found: list[Capability] = []
    while size > 257 + 2:
        found.append(UnknownCapability(200, bytes(255)))
        size -= 257
    first = min(size - 2, 100)
    found.append(UnknownCapability(201, bytes(first)))
    if size - 2 > first:
        found.append(UnknownCapability(202, bytes(size - 4 - first)))
    return tuple(found)


PAIRS = [
    (message(), HEAD + "00"),
    (message(RouteRefresh()), HEAD + "04 02 02 02 00"),
    (
        message(Multiprotocol(2, 1), Multiprotocol(1, 1), FourOctetAs(65000)),
        HEAD + "14 02 12 01 04 0002 00 01 01 04 0001 00 01 41 04 0000fde8",
    ),
    (Open(as_number=1, hold_time=0, router_id=b"\xff" * 4), "04 0001 0000 ffffffff 00"),
    (Open(as_number=23456, hold_time=65535, router_id=b"\0" * 4), "04 5ba0 ffff 00000000 00"),
]


@pytest.mark.parametrize(("value", "text"), PAIRS)
def test_open_bytes_and_value_are_the_same_both_ways(value: Open, text: str) -> None:
    assert value.encode() == bytes.fromhex(text)
    assert Open.decode(bytes.fromhex(text)) == value


def test_rfc6793_4_1_number_above_two_octets_is_as_trans() -> None:
    value = Open(as_number=4200000000, hold_time=10, router_id=ROUTER_ID)

    assert value.encode()[1:3] == (23456).to_bytes(2, "big")


def test_rfc5492_4_one_parameter_for_each_capability_is_read_like_one_for_all() -> None:
    # as the seed sends it: IPv6 first
    text = HEAD + "0c 02 06 01 04 0002 00 01 02 02 02 00"

    assert Open.decode(bytes.fromhex(text)).capabilities == (Multiprotocol(2, 1), RouteRefresh())


@pytest.mark.parametrize(
    ("size", "extended"), [(2, False), (252, False), (253, False), (254, True), (300, True), (4000, True)]
)
def test_rfc9072_2_extended_form_is_used_only_above_255_octets(size: int, extended: bool) -> None:
    value = message(*filler(size))

    packed = value.encode()

    assert Open.decode(packed) == value
    if extended:
        # length and type 255, length of all parameters, then one parameter with a length of two octets
        assert packed[9:][:7] == bytes.fromhex("ff ff") + (size + 3).to_bytes(
            2, "big"
        ) + b"\x02" + size.to_bytes(2, "big")
    else:
        assert packed[9:12] == bytes([size + 2, 2, size])


@pytest.mark.parametrize("length", ["ff", "01", "07"])
def test_rfc9072_2_extended_form_is_told_by_the_type_alone(length: str) -> None:
    text = HEAD + length + "ff 0005 02 0002 02 00"

    assert Open.decode(bytes.fromhex(text)).capabilities == (RouteRefresh(),)


def test_rfc9072_2_length_of_255_with_another_type_is_the_short_form() -> None:
    packed = bytes.fromhex(HEAD + "ff 02 fd c8 fb") + bytes(251)

    assert Open.decode(packed).capabilities == (UnknownCapability(200, bytes(251)),)


def test_rfc9072_2_extended_form_may_be_empty() -> None:
    assert Open.decode(bytes.fromhex(HEAD + "ff ff 0000")) == message()


def fault(text: str) -> tuple[int, int, str]:
    with pytest.raises(NotificationError) as caught:
        Open.decode(bytes.fromhex(text))
    assert caught.value.detail
    return caught.value.code, caught.value.subcode, caught.value.data.hex()


@pytest.mark.parametrize("version", ["00", "01", "03", "05", "ff"])
def test_rfc4271_6_2_other_version_is_answered_with_ours_in_two_octets(version: str) -> None:
    assert fault(version + HEAD[2:] + "00") == (2, OpenError.UNSUPPORTED_VERSION_NUMBER, "0004")


def test_rfc4271_6_2_version_is_judged_before_anything_else() -> None:
    assert fault("03 ffff") == (2, OpenError.UNSUPPORTED_VERSION_NUMBER, "0004")


@pytest.mark.parametrize(
    "parameters",
    [
        "04 01 02 00 00",  # the authentication of RFC 1771
        "02 03 00",
        "02 00 00",
        "06 02 02 02 00 63 00",
        "ff ff 0003 01 0000",
        "ff ff 0003 ff 0000",
    ],
)
def test_rfc4271_6_2_unknown_optional_parameter_is_refused(parameters: str) -> None:
    assert fault(HEAD + parameters) == (2, OpenError.UNSUPPORTED_OPTIONAL_PARAMETER, "")


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "01",
        "04 02 02 02",
        "05 02 02 02 00",
        "03 02 02 02 00",
        "00 02",
        "01 02",
        "02 02 01",
        "04 02 02 02 01",
        "04 02 03 02 00",
        "04 02 02 41 04",
        "06 02 04 02 00 41 04",
        "ff ff",
        "ff ff 00",
        "ff ff 0005 02 0002 02",
        "ff ff 0005 02 0003 02 00",
        "ff ff 0004 02 0002 02 00",
        "ff ff 0002 02 00",
    ],
)
def test_rfc4271_6_2_malformed_optional_parameters_are_unspecific(parameters: str) -> None:
    assert fault(HEAD + parameters) == (2, OpenError.UNSPECIFIC, "")


@pytest.mark.parametrize("size", range(10))
def test_open_cut_short_is_an_open_error(size: int) -> None:
    packed = bytes.fromhex(HEAD)[:size]

    assert fault(packed.hex()) == (2, OpenError.UNSPECIFIC, "")


@given(st.binary(max_size=60), st.booleans())
def test_open_any_bytes_decode_or_are_an_open_error(data: bytes, begun: bool) -> None:
    value = attempt(lambda: Open.decode(bytes.fromhex(HEAD) + data if begun else data))

    if isinstance(value, NotificationError):
        assert value.code == ErrorCode.OPEN_MESSAGE
        assert value.subcode in set(OpenError)
        return
    assert Open.decode(value.encode()) == value
