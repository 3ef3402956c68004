"""Checks of single values: ranges at their edges, and lists of communities."""

import itertools
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given

from rhi.model.checks import (
    MAX_COMMUNITIES,
    MAX_PREPEND,
    optional_uint32,
    to_communities,
    to_extended_communities,
    to_large_communities,
    to_next_hop,
    to_prepend,
)
from rhi.model.communities import Community, LargeCommunity
from tests.model.anything import ANYTHING, HUGE, refusal, refusal_or_none


@pytest.mark.parametrize(
    "text", ["192.0.2.1", "127.0.0.1", "223.255.255.255", "2001:db8::1", "fe80::1", "::1"]
)
def test_to_next_hop_unicast_address_is_taken(text: str) -> None:
    assert to_next_hop(text, "next hop") == ip_address(text)


@pytest.mark.parametrize("text", ["0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "ff02::1"])
def test_to_next_hop_other_address_is_refused(text: str) -> None:
    assert (
        refusal(to_next_hop, text, "next hop")
        == f"next hop {text}: cannot be a next hop; give a unicast address"
    )


def test_to_next_hop_zone_has_no_place_on_the_wire() -> None:
    message = refusal(to_next_hop, "fe80::1%eth0", "next_hop_6")

    assert message == "next_hop_6 fe80::1%eth0: has a zone; give the address without %eth0"


@pytest.mark.parametrize("value", [None, 0, 1, 0xFFFFFFFF])
def test_optional_uint32_in_range_is_kept(value: int | None) -> None:
    assert optional_uint32(value, "med") is value


@pytest.mark.parametrize("value", [-1, 1 << 32, pytest.param(HUGE, id="huge"), True, 1.0, "1", b"1", [1]])
def test_optional_uint32_anything_else_is_refused(value: Any) -> None:
    message = refusal(optional_uint32, value, "med")

    assert message.startswith("med ")
    assert message.endswith(": must be a number from 0 to 4294967295")


def test_rfc4271_4_3_prepend_fits_into_one_segment_with_our_own_number() -> None:
    assert MAX_PREPEND + 1 == 255
    assert to_prepend(0) == 0
    assert to_prepend(MAX_PREPEND) == MAX_PREPEND


@pytest.mark.parametrize("value", [-1, MAX_PREPEND + 1, pytest.param(HUGE, id="huge"), True, None, 1.0, "1"])
def test_to_prepend_anything_else_is_refused(value: Any) -> None:
    assert refusal(to_prepend, value).endswith(": must be a number from 0 to 254")


def test_to_communities_keeps_order_and_drops_repetitions() -> None:
    values: list[Any] = ["65000:2", "65000:1", 65000 << 16 | 2, Community("65000:1")]

    assert to_communities(values) == (Community("65000:2"), Community("65000:1"))


def test_rfc8092_5_large_communities_are_sent_once_each() -> None:
    values: list[Any] = ["1:2:3", (1, 2, 3), "1:2:4"]

    assert to_large_communities(values) == (LargeCommunity(1, 2, 3), LargeCommunity(1, 2, 4))


def test_to_extended_communities_keeps_order_and_drops_repetitions() -> None:
    values = ["ro:1:1", "rt:1:1", "soo:1:1"]

    assert [str(item) for item in to_extended_communities(values)] == ["ro:1:1", "rt:1:1"]


def test_communities_as_many_as_allowed_are_taken() -> None:
    numbers = range(MAX_COMMUNITIES)

    assert len(to_communities(numbers)) == MAX_COMMUNITIES
    assert len(to_large_communities([(0, 0, n) for n in numbers])) == MAX_COMMUNITIES
    assert len(to_extended_communities([f"rt:1:{n}" for n in numbers])) == MAX_COMMUNITIES


def test_communities_one_more_than_allowed_is_refused() -> None:
    refusal(to_communities, range(MAX_COMMUNITIES + 1))


@pytest.mark.parametrize(
    ("convert", "values", "what"),
    [
        (to_communities, itertools.count(), "communities"),
        (to_large_communities, ((0, 0, n) for n in itertools.count()), "large communities"),
        (to_extended_communities, (f"rt:1:{n}" for n in itertools.count()), "extended communities"),
    ],
)
def test_communities_more_than_allowed_are_refused_without_reading_all(
    convert: Any, values: Any, what: str
) -> None:
    assert refusal(convert, values) == f"{what}: too many; at most {MAX_COMMUNITIES} are possible"


@pytest.mark.parametrize("convert", [to_communities, to_large_communities, to_extended_communities])
@pytest.mark.parametrize("values", ["65000:1", b"\x00\x01", {"65000:1": 1}, 5, None])
def test_communities_single_value_is_not_taken_apart(convert: Any, values: Any) -> None:
    assert refusal(convert, values).endswith(": must be a list")


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (to_communities, Community("65000:1")),
        (to_large_communities, LargeCommunity(1, 2, 3)),
        (to_extended_communities, [bytes(7)]),
        (to_large_communities, [(1, 2, -3)]),
    ],
)
def test_communities_value_that_cannot_be_encoded_is_refused(convert: Any, value: Any) -> None:
    refusal(convert, value)


@given(ANYTHING)
def test_checks_anything_is_taken_or_one_sentence(value: Any) -> None:
    refusal_or_none(to_next_hop, value, "what")
    refusal_or_none(optional_uint32, value, "what")
    refusal_or_none(to_prepend, value)
    for convert in (to_communities, to_large_communities, to_extended_communities):
        refusal_or_none(convert, value)
        refusal_or_none(convert, [value])
