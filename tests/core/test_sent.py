"""What status shows as sent is what was encoded, per route and with the reason where there is none."""

from functools import partial
from typing import Any

import pytest

from rhi.core.export import NO_NEXT_HOP, NOT_NEGOTIATED, TOO_LARGE
from rhi.core.quarantine import QUARANTINED, SUSPECTED
from rhi.core.route_table import RouteTable
from rhi.core.sent import FILTERED, NOT_OFFERED
from rhi.core.timers import NEVER
from rhi.model.attributes import PathAttributes
from rhi.model.parameters import Parameters
from rhi.model.prefix import Prefix, to_prefix
from rhi.model.sent import NO_SESSION, SentRoutes
from rhi.testing.pair import Pair
from tests.core.refusing import Refusing, among, routes

# More than a message holds.
LARGE = PathAttributes(
    large_communities=[(65001, 0, number) for number in range(250)],
    extended_communities=[bytes((0, 2, 0, 0, 0, 0, 0, number)) for number in range(250)],
)


def established(left: dict[str, Any] | None = None, right: dict[str, Any] | None = None) -> Pair:
    pair = Pair(
        Parameters(as_number=65001, **(left or {})),
        Parameters(as_number=65000, passive=True, **(right or {})),
    )
    return pair.start()


def announce(pair: Pair, *routes: tuple[str, PathAttributes]) -> SentRoutes:
    for text, attributes in routes:
        pair.edit(partial(_announce, to_prefix(text), attributes))
    pair.run(1)
    return sent(pair)


def _announce(prefix: Prefix, attributes: PathAttributes, table: RouteTable) -> None:
    table.announce(prefix, attributes)


def sent(pair: Pair) -> SentRoutes:
    assert pair.left.peer.next_timeout() != NEVER
    return pair.left.peer.status(pair.now, lambda _: None).sent  # type: ignore[arg-type, return-value]


def test_sent_routes_have_the_attributes_that_went_on_the_wire() -> None:
    pair = established(
        {"multiprotocol": True, "med": 7, "next_hop_6": "2001:db8::9"}, {"multiprotocol": True}
    )

    routes = announce(
        pair,
        ("203.0.113.1", PathAttributes(prepend=1, communities=["65001:7"])),
        ("2001:db8::1", PathAttributes(med=0)),
        ("203.0.113.0/24", PathAttributes()),
    ).routes()

    assert [str(route.prefix) for route in routes] == ["203.0.113.0/24", "203.0.113.1", "2001:db8::1"]
    assert routes[1].attributes == {
        "origin": "igp",
        "as_path": "65001 65001",
        "next_hop": "192.0.2.1",
        "med": 7,
        "communities": ["65001:7"],
    }
    assert routes[2].attributes is not None
    assert (routes[2].attributes["next_hop"], routes[2].attributes["med"]) == ("2001:db8::9", 0)


def test_sent_routes_come_in_pages() -> None:
    pair = established()
    routes = announce(pair, *[(f"203.0.113.{number}", PathAttributes()) for number in range(1, 6)])

    page = routes.routes(after=to_prefix("203.0.113.2"), limit=2)

    assert [str(route.prefix) for route in page] == ["203.0.113.3", "203.0.113.4"]


def test_sent_routes_find_no_route_across_the_ends_of_others() -> None:
    """Records lie side by side, and their bytes also spell routes that nobody was sent."""
    pair = established()
    routes = announce(pair, ("1.32.9.9", PathAttributes()), ("9.9.7.7", PathAttributes()))

    assert routes.find(to_prefix("9.9.7.7")) is not None
    assert routes.find(to_prefix("9.9.32.9")) is None
    assert routes.find(to_prefix("2001:db8::1")) is None


def test_sent_routes_are_those_of_their_moment() -> None:
    pair = established()
    before = announce(pair, ("203.0.113.1", PathAttributes()))

    pair.edit(lambda table: table.withdraw(to_prefix("203.0.113.1")))
    pair.run(1)

    assert [str(route.prefix) for route in before.routes()] == ["203.0.113.1"]
    assert sent(pair).routes() == []


def test_sent_routes_without_a_session_are_none() -> None:
    pair = established()
    announce(pair, ("203.0.113.1", PathAttributes()))

    pair.disconnect()

    assert sent(pair).routes() == []
    assert sent(pair).obstacle(to_prefix("203.0.113.1"), PathAttributes()) == NO_SESSION


@pytest.mark.parametrize(
    ("left", "right", "route", "attributes", "reason"),
    [
        ({}, {}, "203.0.113.1", PathAttributes(), ""),
        ({}, {}, "2001:db8::1", PathAttributes(), NOT_OFFERED),
        ({"multiprotocol": True}, {}, "2001:db8::1", PathAttributes(), NOT_NEGOTIATED),
        ({"multiprotocol": True}, {"multiprotocol": True}, "2001:db8::1", PathAttributes(), NO_NEXT_HOP),
        ({"reject": ["203.0.113.0/24"]}, {}, "203.0.113.1", PathAttributes(), FILTERED),
        ({"extended_messages": False}, {}, "203.0.113.1", LARGE, TOO_LARGE),
    ],
)
def test_sent_routes_name_what_is_in_the_way(
    left: dict[str, Any], right: dict[str, Any], route: str, attributes: PathAttributes, reason: str
) -> None:
    pair = established(left, right)

    found = announce(pair, (route, attributes))

    assert found.obstacle(to_prefix(route), attributes) == reason
    assert (found.find(to_prefix(route)) is None) == bool(reason)


def test_sent_routes_name_quarantine_for_the_attributes_that_were_refused() -> None:
    bad = to_prefix("192.0.2.66")
    neighbour = Refusing(among([bad])).announce("192.0.2.1", bad).start().run_until_quiet()

    found = neighbour.status.sent

    assert found.find(bad) is None
    assert found.obstacle(bad, PathAttributes()) == QUARANTINED
    assert found.obstacle(bad, PathAttributes(med=9)) == ""
    assert found.obstacle(to_prefix("192.0.2.1"), PathAttributes()) == ""


def test_sent_routes_name_suspicion_while_routes_wait_to_be_tried() -> None:
    bad, *others = routes(20)
    neighbour = Refusing(among([bad])).announce(bad, *others).start()
    while SUSPECTED not in neighbour.status.held_back:
        neighbour.run(0.1)

    found = neighbour.status.sent

    reasons = [found.obstacle(prefix, PathAttributes()) for prefix in (bad, *others)]
    assert reasons.count(SUSPECTED) == neighbour.status.held_back[SUSPECTED]
    assert all(
        reason == "" or found.find(prefix) is None
        for prefix, reason in zip((bad, *others), reasons, strict=True)
    )


def test_sent_routes_that_are_asked_for_leave_the_quarantine_as_it_is() -> None:
    """Asking from another thread must not release anything."""
    bad = to_prefix("192.0.2.66")
    neighbour = Refusing(among([bad])).announce(bad).start().run_until_quiet()
    neighbour.table.announce(bad, PathAttributes(med=9))

    neighbour.status.sent.obstacle(bad, PathAttributes(med=9))

    assert neighbour.parked == {bad}
