"""BGP roles and Only To Customer (RFC 9234); IPv4 routes with IPv6 next hops (RFC 8950)."""

from typing import Any

import pytest

from rhi.model.attributes import NO_ATTRIBUTES
from rhi.model.parameters import Parameters
from rhi.model.prefix import to_prefix
from rhi.testing.pair import Pair

ROUTE, ROUTE6 = to_prefix("192.0.2.80"), to_prefix("2001:db8::80")
COUNTERPARTS = {
    "provider": "customer",
    "customer": "provider",
    "rs": "rs-client",
    "rs-client": "rs",
    "peer": "peer",
}


def roles(ours: str | None, theirs: str | None, *, strict: bool = False, their_as: int = 65002) -> Pair:
    return Pair(
        Parameters(as_number=65001, role=ours, role_strict=strict),
        Parameters(as_number=their_as, role=theirs, passive=True),
    ).start()


@pytest.mark.parametrize("ours", COUNTERPARTS)
@pytest.mark.parametrize("theirs", COUNTERPARTS)
def test_rfc9234_4_2_roles_must_be_counterparts(ours: str, theirs: str) -> None:
    made = roles(ours, theirs)

    assert made.left.peer.is_established is (COUNTERPARTS[ours] == theirs)
    if COUNTERPARTS[ours] != theirs:
        assert "[2:11]: OPEN Message Error; Role Mismatch" in str(made.left.events)


def test_rfc9234_4_2_role_that_is_not_told_is_refused_only_by_the_strict() -> None:
    assert roles("customer", None).left.peer.is_established
    assert not roles("customer", None, strict=True).left.peer.is_established


def test_rfc9234_roles_are_for_external_peers() -> None:
    assert roles("customer", "customer", their_as=65001).left.peer.is_established


@pytest.mark.parametrize(
    ("ours", "marked"),
    [("provider", True), ("rs", True), ("peer", True), ("customer", False), ("rs-client", False)],
)
def test_rfc9234_5_routes_down_and_sideways_are_marked(ours: str, marked: bool) -> None:
    made = roles(ours, COUNTERPARTS[ours])
    made.edit(lambda table: table.announce(ROUTE, NO_ATTRIBUTES))

    attributes = made.right.routes[ROUTE]
    assert attributes is not None
    assert attributes.get("only_to_customer") == (65001 if marked else None)


def over_ipv6(*, is_link_local: bool = False, **ours: Any) -> Pair:
    return Pair(
        Parameters(**{"as_number": 65001, "multiprotocol": True, "extended_next_hop": True, **ours}),
        Parameters(as_number=65002, multiprotocol=True, extended_next_hop=True, passive=True),
        addresses=("fe80::1", "fe80::2") if is_link_local else ("2001:db8::1", "2001:db8::2"),
    ).start()


def told(made: Pair) -> dict[str, object]:
    made.edit(lambda table: (table.announce(ROUTE, NO_ATTRIBUTES), table.announce(ROUTE6, NO_ATTRIBUTES)))
    return {str(prefix): (seen or {})["next_hop"] for prefix, seen in made.right.routes.items()}


def test_rfc8950_ipv4_route_takes_the_ipv6_address_of_the_session() -> None:
    assert told(over_ipv6()) == {"192.0.2.80": "2001:db8::1", "2001:db8::80": "2001:db8::1"}


def test_rfc8950_link_local_session_sends_its_address_in_both_places() -> None:
    both = "fe80::1,fe80::1"

    assert told(over_ipv6(is_link_local=True)) == {"192.0.2.80": both, "2001:db8::80": both}


def test_rfc8950_link_local_session_of_ours_alone_sends_its_address_with_ipv6_routes() -> None:
    made = Pair(
        Parameters(as_number=65001, multiprotocol=True, extended_next_hop=True),
        Parameters(as_number=65002, multiprotocol=True, passive=True),
        addresses=("fe80::1", "fe80::2"),
    ).start()

    assert told(made)["2001:db8::80"] == "fe80::1,fe80::1"


def test_rfc8950_ipv4_next_hop_that_is_given_is_used() -> None:
    assert told(over_ipv6(next_hop_4="192.0.2.1"))["192.0.2.80"] == "192.0.2.1"


def test_rfc8950_withdrawn_route_leaves() -> None:
    made = over_ipv6()
    told(made)

    made.edit(lambda table: table.withdraw(ROUTE))

    assert list(made.right.routes) == [ROUTE6]


def test_rfc8950_without_the_offer_the_router_id_is_the_next_hop() -> None:
    assert told(over_ipv6(extended_next_hop=False))["192.0.2.80"] == "192.0.2.1"


def test_rfc8950_message_sizes_hold_with_next_hops_in_the_attribute() -> None:
    made = over_ipv6(extended_messages=False)
    made.edit(
        lambda table: table.replace(
            {to_prefix(f"10.0.{i // 250}.{i % 250}"): NO_ATTRIBUTES for i in range(5000)}
        )
    )

    assert len(made.right.routes) == 5000
