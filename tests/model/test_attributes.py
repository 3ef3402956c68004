"""`PathAttributes` and `Route`: what may be set, and routes that could never be sent."""

import dataclasses
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given

from rhi.errors import InvalidValueError
from rhi.model.attributes import NO_ATTRIBUTES, Origin, PathAttributes, Route, check_next_hop
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.prefix import Family, Prefix, to_prefix
from tests.model.anything import ANYTHING, refusal, refusal_or_none

FIELDS = [field.name for field in dataclasses.fields(PathAttributes)]


def test_rfc4271_5_1_1_origin_codes() -> None:
    assert [(origin.name, int(origin)) for origin in Origin] == [("IGP", 0), ("EGP", 1), ("INCOMPLETE", 2)]


def test_path_attributes_default_is_igp_and_else_the_peers() -> None:
    assert NO_ATTRIBUTES.origin is Origin.IGP
    assert [getattr(NO_ATTRIBUTES, name) for name in FIELDS[1:-1]] == [None] * 7
    assert FIELDS[-1] == "graceful_shutdown"
    assert NO_ATTRIBUTES.graceful_shutdown is False


def test_path_attributes_from_text_hold_values() -> None:
    attributes = PathAttributes(
        origin=Origin.INCOMPLETE,
        next_hop="192.0.2.1",
        med=0,
        local_pref=0,
        prepend=0,
        communities=["65000:1", "no-export"],
        large_communities=["1:2:3"],
        extended_communities=["rt:1:2"],
    )

    assert attributes.origin is Origin.INCOMPLETE
    assert attributes.next_hop == ip_address("192.0.2.1")
    assert (attributes.med, attributes.local_pref, attributes.prepend) == (0, 0, 0)
    assert attributes.communities == (Community("65000:1"), Community("65535:65281"))
    assert attributes.large_communities == (LargeCommunity(1, 2, 3),)
    assert attributes.extended_communities == (ExtendedCommunity.parse("rt:1:2"),)


def test_path_attributes_empty_lists_are_not_the_same_as_none() -> None:
    attributes = PathAttributes(communities=[], large_communities=(), extended_communities=iter(()))

    assert (attributes.communities, attributes.large_communities, attributes.extended_communities) == (
        (),
        (),
        (),
    )
    assert attributes != NO_ATTRIBUTES


def test_path_attributes_equal_content_is_equal_and_hashes_alike() -> None:
    one = PathAttributes(med=1, communities=["no-export"])
    other = PathAttributes(med=1, communities=[0xFFFFFF01])

    assert one == other
    assert hash(one) == hash(other)
    assert one != PathAttributes(med=2, communities=["no-export"])


def test_path_attributes_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        NO_ATTRIBUTES.med = 1  # type: ignore[misc]


def test_path_attributes_replace_checks_again() -> None:
    assert dataclasses.replace(NO_ATTRIBUTES, med=5).med == 5
    refusal(dataclasses.replace, NO_ATTRIBUTES, med=-5)


@pytest.mark.parametrize("value", [0, 1, 2])
def test_path_attributes_origin_code_gives_the_origin(value: Any) -> None:
    assert PathAttributes(origin=value).origin is Origin(value)


@pytest.mark.parametrize("value", ["x", "IGP", 3, -1, True, 1.0, None, [0], b"\0"])
def test_path_attributes_wrong_origin_says_what_would_be_right(value: Any) -> None:
    message = refusal(PathAttributes, origin=value)

    assert message == f"origin {value!r}: must be one of Origin.IGP, Origin.EGP, Origin.INCOMPLETE"


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        ({"next_hop": "0.0.0.0"}, "next hop 0.0.0.0: "),
        ({"next_hop": 5}, "next hop 5: "),
        ({"med": -1}, "med -1: "),
        ({"local_pref": "100"}, "local_pref '100': "),
        ({"prepend": 255}, "prepend 255: "),
        ({"communities": 5}, "communities 5: "),
        ({"communities": "no-export"}, "communities 'no-export': "),
        ({"communities": [None]}, "community None: "),
        ({"large_communities": ["1:2"]}, "large community '1:2': "),
        ({"large_communities": [1, 2, 3]}, "large community 1: "),
        ({"extended_communities": [b"1"]}, "extended community b'1': "),
        ({"graceful_shutdown": 1}, "graceful_shutdown 1: "),
    ],
)
def test_path_attributes_wrong_value_is_named(arguments: dict[str, Any], start: str) -> None:
    assert refusal(PathAttributes, **arguments).startswith(start)


@given(ANYTHING)
def test_path_attributes_anything_is_taken_or_one_sentence(value: Any) -> None:
    for name in FIELDS:
        refusal_or_none(PathAttributes, **{name: value})


def test_route_of_text_has_the_attributes_given() -> None:
    attributes = PathAttributes(med=1)

    assert Route.of("192.0.2.1", attributes) == Route(to_prefix("192.0.2.1"), attributes)
    assert Route.of(ip_network("2001:db8::/32")) == Route(to_prefix("2001:db8::/32"), NO_ATTRIBUTES)


def test_route_of_route_is_that_route() -> None:
    route = Route.of("192.0.2.1", PathAttributes(med=1))

    assert Route.of(route) is route


@pytest.mark.parametrize(
    ("prefix", "next_hop", "family"),
    [("192.0.2.1", "2001:db8::1", "IPv4"), ("2001:db8::1", "192.0.2.1", "IPv6")],
)
def test_route_with_next_hop_of_the_other_family_is_refused(prefix: str, next_hop: str, family: str) -> None:
    message = refusal(Route.of, prefix, PathAttributes(next_hop=next_hop))

    assert message == (
        f"route {prefix}: next hop {next_hop} is of the other address family; give an {family} address"
    )


@pytest.mark.parametrize(("prefix", "next_hop"), [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")])
def test_route_with_next_hop_of_its_own_family_is_taken(prefix: str, next_hop: str) -> None:
    check_next_hop(to_prefix(prefix), PathAttributes(next_hop=next_hop))

    assert Route.of(prefix, PathAttributes(next_hop=next_hop)).attributes.next_hop == ip_address(next_hop)


def test_route_of_text_alone_is_not_a_route() -> None:
    text: Any = "192.0.2.1"

    assert refusal(Route, text) == "route '192.0.2.1': must be a Prefix; use Route.of for other forms"


def test_route_attributes_must_be_path_attributes() -> None:
    attributes: Any = {"med": 1}

    assert refusal(Route.of, "192.0.2.1", attributes) == (
        "route 192.0.2.1: attributes {'med': 1} must be PathAttributes"
    )


@given(ANYTHING)
def test_route_of_anything_is_a_route_or_one_sentence(value: Any) -> None:
    refusal_or_none(Route.of, value)
    refusal_or_none(Route, value)
    refusal_or_none(Route, to_prefix("192.0.2.1"), value)


@pytest.mark.parametrize(
    "made_by_hand",
    [
        Prefix(Family.IPV4_UNICAST, 32, b"\1\2"),
        Prefix(Family.IPV4_UNICAST, 24, b"\1\2\3\4"),
        Prefix(Family.IPV4_UNICAST, 9, b"\1\1"),
        Prefix(Family.IPV4_UNICAST, 33, b"\1\2\3\4\0"),
        Prefix(Family.IPV6_UNICAST, -1, b""),
        Prefix("ipv4", 32, b"\1\2\3\4"),  # type: ignore[arg-type]
        Prefix(Family.IPV4_UNICAST, 32, "1234"),  # type: ignore[arg-type]
    ],
)
def test_prefix_made_by_hand_that_does_not_fit_is_refused(made_by_hand: Prefix) -> None:
    for use in (Route, Route.of, to_prefix):
        with pytest.raises(InvalidValueError, match=r"is no Prefix; make it with rhi\.Route\.of"):
            use(made_by_hand)
