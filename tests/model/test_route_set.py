"""Whole sets of routes: what is taken, what is refused, and that packing in bulk changes nothing."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import InvalidValueError
from rhi.model import route_set as module
from rhi.model.attributes import NO_ATTRIBUTES, PathAttributes, Route
from rhi.model.prefix import Family, Prefix, to_prefix
from rhi.model.route_set import RouteSet, route_set
from tests.model.anything import ANYTHING, refusal, refusal_or_none

OWN, COMMON = PathAttributes(med=1), PathAttributes(med=2)
TEXTS = st.sampled_from(
    ["192.0.2.1", "192.0.2.2", " 192.0.2.2 ", "192.0.2.0/24", "2001:db8::1", "2001:DB8:0::1", "2001:db8::/32"]
)


def routes_of(found: RouteSet) -> dict[Prefix, PathAttributes]:
    """The routes, none of which may have two sets of attributes."""
    routes = set(found.routes())
    assert len(routes) == len(dict(routes))
    return dict(routes)


def test_route_set_list_has_the_attributes_given_but_for_routes_with_their_own() -> None:
    found = route_set(["192.0.2.1", Route.of("192.0.2.2", OWN), ip_address("2001:db8::1")], COMMON)

    assert routes_of(found) == {
        to_prefix("192.0.2.1"): COMMON,
        to_prefix("192.0.2.2"): OWN,
        to_prefix("2001:db8::1"): COMMON,
    }


def test_route_set_mapping_gives_each_route_its_attributes() -> None:
    found = route_set({"192.0.2.1": OWN, "192.0.2.2": COMMON})

    assert routes_of(found) == {to_prefix("192.0.2.1"): OWN, to_prefix("192.0.2.2"): COMMON}


def test_route_set_route_given_twice_is_the_last() -> None:
    found = route_set(["192.0.2.1", Route.of("192.0.2.1/32", OWN)])

    assert routes_of(found) == {to_prefix("192.0.2.1"): OWN}


def test_route_set_hosts_of_one_family_are_one_run_of_records() -> None:
    (run,) = route_set(["192.0.2.1", "192.0.2.2"], OWN).runs()

    assert (run.family, run.length, run.attributes) == (Family.IPV4_UNICAST, 32, OWN)
    assert bytes(run.nlri) == bytes.fromhex("20c0000201 20c0000202")


def test_route_set_runs_hold_equal_attributes_together() -> None:
    routes = {f"192.0.2.{n}": PathAttributes(med=n % 2) for n in range(6)}

    runs = route_set(routes).runs()

    assert [(run.attributes.med, len(run.nlri) // 5) for run in runs] == [(0, 3), (1, 3)]


def test_route_set_is_taken_as_it_is() -> None:
    routes = route_set(["192.0.2.1"])

    assert route_set(routes) is routes


@pytest.mark.parametrize("routes", [[], {}, ()])
def test_route_set_of_nothing_is_false(routes: Any) -> None:
    assert not route_set(routes)


@pytest.mark.parametrize("routes", ["192.0.2.1", ip_network("192.0.2.0/24"), b"ab", 5, None])
def test_route_set_single_value_is_not_taken_apart(routes: Any) -> None:
    assert refusal(route_set, routes) == f"routes {routes!r}: must be a list"


@given(st.one_of(ANYTHING, st.dictionaries(st.sampled_from(["192.0.2.1", "x", "::1"]), ANYTHING)))
def test_route_set_anything_is_taken_or_one_sentence(routes: Any) -> None:
    refusal_or_none(route_set, routes)


@pytest.mark.parametrize("chunk", [1, 2, 4096])
@given(texts=st.lists(TEXTS, max_size=20))
def test_route_set_in_chunks_is_what_each_value_alone_would_be(chunk: int, texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CHUNK", chunk)

        found = route_set([Route.of(text, OWN) if "::1" in text else text for text in texts], COMMON)

    assert set(routes_of(found).items()) == {
        (to_prefix(text), OWN if "::1" in text else COMMON) for text in texts
    }


@pytest.mark.parametrize(
    "wrong", ["192.0.2.01", "192.0.2", "1.2.3.4\0", "\ud800", "192.0.2.1 192.0.2.2", "", 5]
)
@pytest.mark.parametrize("at", [0, 4, 9])
def test_route_set_wrong_value_among_many_is_named(wrong: Any, at: int) -> None:
    values: list[Any] = [f"192.0.2.{n}" for n in range(10)]
    values[at] = wrong

    assert refusal(route_set, values).startswith(f"route {wrong!r}: ")


def test_route_set_next_hop_of_the_other_family_is_refused_with_its_route() -> None:
    attributes = PathAttributes(next_hop="2001:db8::1")

    with pytest.raises(InvalidValueError, match=r"^route 192\.0\.2\.1: next hop 2001:db8::1 is of the other"):
        route_set(["192.0.2.1", "192.0.2.2"], attributes)


def test_route_set_refuses_a_route_with_attributes_twice() -> None:
    routes: Any = {Route.of("192.0.2.1"): PathAttributes(med=1)}

    assert refusal(route_set, routes) == "route 192.0.2.1: has attributes twice; use its prefix as the key"


def test_route_set_of_prefixes_is_the_same() -> None:
    routes = {to_prefix("0.0.0.0/0"): NO_ATTRIBUTES, to_prefix("192.0.2.0/25"): OWN}

    assert routes_of(RouteSet.of(routes)) == routes


def test_route_set_takes_more_routes_after_it_has_been_read() -> None:
    found = route_set(["192.0.2.1"])
    assert len(found.runs()) == 1

    found.add(to_prefix("192.0.2.2"), OWN)
    found.add(to_prefix("192.0.2.1"), OWN)

    assert routes_of(found) == {to_prefix("192.0.2.2"): OWN, to_prefix("192.0.2.1"): OWN}
