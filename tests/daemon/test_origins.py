from typing import Any

import pytest

from rhi.daemon.origins import Origins, is_ours
from rhi.model.prefix import Prefix, to_prefix

OURS, OTHER = to_prefix("203.0.113.1"), to_prefix("198.51.100.1")


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"as_path": "65000 65001"}, True),
        ({"as_path": "65000 {65001 65002}"}, True),
        ({"as_path": "65000 165001"}, False),
        ({"as_path": "", "originator_id": "192.0.2.10"}, True),
        ({"as_path": "", "originator_id": "192.0.2.11"}, False),
        ({}, False),
    ],
)
def test_route_that_comes_back_is_our_own_by_its_path_or_its_originator(
    attributes: dict[str, Any], expected: bool
) -> None:
    assert is_ours(attributes, {"65001"}, "192.0.2.10") is expected


def make() -> tuple[Origins, list[tuple[Prefix, bool]]]:
    told: list[tuple[Prefix, bool]] = []
    origins = Origins(lambda prefix, is_shown: told.append((prefix, is_shown)))
    origins.watch({OURS})
    return origins, told


def test_origins_tell_when_the_first_peer_shows_an_address_and_when_the_last_does_so_no_longer() -> None:
    origins, told = make()

    origins.route("a", OURS, is_there=True)
    origins.route("a", OURS, is_there=True)
    origins.route("b", OURS, is_there=True)
    origins.route("a", OURS, is_there=False)
    assert told == [(OURS, True)]
    origins.route("b", OURS, is_there=False)
    origins.route("b", OURS, is_there=False)

    assert told == [(OURS, True), (OURS, False)]


def test_origins_remember_nothing_but_what_is_watched() -> None:
    origins, told = make()

    origins.route("a", OTHER, is_there=True)
    origins.route("a", OURS, is_there=True)
    origins.watch({OTHER})
    origins.peer_down("a")

    assert told == [(OURS, True), (OURS, False)]
    assert not origins.is_watched(OURS)


def test_origins_forget_what_a_lost_peer_showed() -> None:
    origins, told = make()
    origins.route("a", OURS, is_there=True)

    origins.peer_down("b")
    origins.peer_down("a")

    assert told == [(OURS, True), (OURS, False)]
