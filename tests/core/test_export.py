"""A route's attributes as one peer gets them: golden bytes, next hop, filter."""

from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest

from rhi.core.export import Exported, ExportPolicy, HeldBack
from rhi.core.open_policy import Negotiated
from rhi.model.attributes import Origin, PathAttributes
from rhi.model.parameters import Parameters
from rhi.model.prefix import Family, to_prefix

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST


def policy(
    *, local_as: int = 65000, remote_as: int = 65000, four: bool = False, local: str = "10.1.2.3", **more: Any
) -> ExportPolicy:
    negotiated = Negotiated(
        local_as=local_as,
        remote_as=remote_as,
        remote_router_id=IPv4Address("192.0.2.2"),
        hold_time=90,
        families=(V4, V6),
        four_octet_as=four,
        route_refresh=True,
        max_message_size=4096,
    )
    parameters = Parameters(as_number=local_as, **more)
    return ExportPolicy(parameters, negotiated, ip_address(local), IPv4Address("192.0.2.1"))


def exported(made: ExportPolicy, family: Family = V4, **attributes: Any) -> Exported:
    found = made.export(PathAttributes(**attributes), family)
    assert isinstance(found, Exported)
    return found


def test_golden_internal_route_of_the_seed_has_21_octets() -> None:
    found = exported(policy(local_pref=123456789))

    assert found.before == bytes.fromhex("40010100 400200 4003040a010203 400504075bcd15")
    assert len(found.before) == 21
    assert (found.after, found.next_hop) == (b"", b"")


def test_golden_external_route_of_the_seed_has_18_octets() -> None:
    found = exported(policy(remote_as=65001, local_pref=123456789))

    assert found.before == bytes.fromhex("40010100 4002040201fde8 4003040a010203")
    assert len(found.before) == 18


def test_export_all_attributes_stand_in_ascending_order_around_mp_reach() -> None:
    found = exported(
        policy(four=True, next_hop_6="2001:db8::9"),
        V6,
        origin=Origin.INCOMPLETE,
        med=1,
        local_pref=2,
        communities=["1:2"],
        extended_communities=["rt:1:2"],
        large_communities=["1:2:3"],
    )

    assert found.before == bytes.fromhex("40010102 400200 80040400000001 40050400000002 c0080400010002")
    assert found.after == bytes.fromhex("c010080002000100000002 c0200c000000010000000200000003")
    assert found.next_hop == ip_address("2001:db8::9").packed


def test_export_own_values_win_over_the_peers_also_zero_and_empty() -> None:
    made = policy(med=9, local_pref=9, communities=["9:9"], prepend=3)

    assert exported(made, med=0, local_pref=0, communities=[]) == exported(policy(med=0, local_pref=0))
    assert exported(made) == exported(policy(), med=9, local_pref=9, communities=["9:9"])


def test_export_local_pref_never_goes_to_external_peers() -> None:
    assert exported(policy(remote_as=1), local_pref=5) == exported(policy(remote_as=1))


def test_export_prepend_repeats_our_number_for_external_peers_only() -> None:
    assert b"\x02\x03\xfd\xe8\xfd\xe8\xfd\xe8" in exported(policy(remote_as=1), prepend=2).before
    assert exported(policy(prepend=7), prepend=2) == exported(policy())
    assert exported(policy(remote_as=1, prepend=2), prepend=0) == exported(policy(remote_as=1))


def test_export_as4_path_only_where_it_is_needed() -> None:
    old = exported(policy(local_as=4200000000, remote_as=1))
    new = exported(policy(local_as=4200000000, remote_as=1, four=True))

    assert b"\x40\x02\x04\x02\x01\x5b\xa0" in old.before
    assert old.after == bytes.fromhex("c011060201fa56ea00")
    assert new.after == b""


@pytest.mark.parametrize(
    ("own", "peers", "local", "expected"),
    [
        ("192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.7"),
        (None, "192.0.2.8", "192.0.2.9", "192.0.2.8"),
        (None, None, "192.0.2.9", "192.0.2.9"),
        (None, None, "127.0.0.1", "127.0.0.1"),
        (None, None, "169.254.1.1", "169.254.1.1"),  # link-local peering of cloud routers
        (None, None, "2001:db8::1", "192.0.2.1"),  # the router id
        ("2001:db8::7", None, "2001:db8::1", "192.0.2.1"),
        (None, None, "fe80::1%eth0", "192.0.2.1"),
    ],
)
def test_export_ipv4_next_hop(own: str | None, peers: str | None, local: str, expected: str) -> None:
    found = exported(policy(local=local, next_hop_4=peers), next_hop=own)

    assert b"\x40\x03\x04" + ip_address(expected).packed in found.before


@pytest.mark.parametrize(
    ("own", "peers", "local", "expected"),
    [
        ("2001:db8::7", "2001:db8::8", "2001:db8::9", "2001:db8::7"),
        (None, "2001:db8::8", "2001:db8::9", "2001:db8::8"),
        (None, None, "2001:db8::9", "2001:db8::9"),
        (None, None, "::1", "::1"),
        (None, None, "192.0.2.9", None),
        ("192.0.2.7", None, "192.0.2.9", None),
        (None, None, "fe80::1%eth0", None),
        (None, None, "::", None),
    ],
)
def test_export_ipv6_next_hop(own: str | None, peers: str | None, local: str, expected: str | None) -> None:
    found = policy(local=local, next_hop_6=peers).export(PathAttributes(next_hop=own), V6)

    if expected is None:
        assert found == HeldBack("no_next_hop")
    else:
        assert isinstance(found, Exported)
        assert found.next_hop == ip_address(expected).packed
        assert b"\x40\x03" not in found.before


@pytest.mark.parametrize(
    ("accept", "reject", "route", "expected"),
    [
        ([], [], "203.0.113.1", True),
        ([], ["203.0.113.0/24"], "203.0.113.1", False),
        ([], ["203.0.113.0/24"], "203.0.114.1", True),
        ([], ["203.0.113.0/24"], "203.0.113.0/24", False),
        ([], ["203.0.113.0/24"], "203.0.112.0/23", True),  # not inside
        (["203.0.113.1"], ["0.0.0.0/0"], "203.0.113.1", True),
        (["203.0.113.1"], ["0.0.0.0/0"], "203.0.113.2", False),
        (["203.0.113.0/24"], ["203.0.113.1"], "203.0.113.1", True),  # accept wins, however short
        (["203.0.113.1"], [], "203.0.113.2", True),
        ([], ["0.0.0.0/0"], "0.0.0.0/0", False),
        ([], ["0.0.0.0/0"], "2001:db8::1", True),
        (["2001:db8::/32"], ["::/0"], "2001:db8:ffff::/48", True),
        (["2001:db8::/32"], ["::/0"], "2001:db9::1", False),
        ([], ["10.0.0.0/9"], "10.128.0.0/9", True),
        ([], ["10.128.0.0/9"], "10.200.0.0/13", False),
    ],
)
def test_export_filter_accept_beats_reject_else_pass(
    accept: list[str], reject: list[str], route: str, expected: bool
) -> None:
    prefix = to_prefix(route)
    passes = policy(accept=accept, reject=reject).passes[prefix.family]

    assert (passes is None or passes(prefix.packed, prefix.length)) is expected


@pytest.mark.parametrize(
    ("peers", "route"), [({}, {"graceful_shutdown": True}), ({"graceful_shutdown": True}, {})]
)
def test_rfc8326_4_marked_route_has_the_community_besides_its_others_and_local_pref_zero(
    peers: dict[str, Any], route: dict[str, Any]
) -> None:
    plain = exported(policy(**peers), **route)
    own = exported(policy(communities=["1:1"], **peers), communities=["1:2", "1:3"], local_pref=200, **route)
    from_peer = exported(policy(communities=["1:1"], local_pref=200, **peers), **route)

    assert bytes.fromhex("40050400000000 c00804ffff0000") in plain.before
    assert bytes.fromhex("40050400000000 c0080c 00010002 00010003 ffff0000") in own.before
    assert bytes.fromhex("40050400000000 c00808 00010001 ffff0000") in from_peer.before


def test_rfc8326_4_marked_route_has_the_community_once() -> None:
    found = exported(policy(), communities=["graceful-shutdown", "1:2"], graceful_shutdown=True)

    assert bytes.fromhex("c00808 ffff0000 00010002") in found.before


@pytest.mark.parametrize("remote_as", [65000, 1])
@pytest.mark.parametrize("family", [V4, V6])
def test_rfc8326_4_mark_that_no_message_has_room_for_is_left_out(family: Family, remote_as: int) -> None:
    """It takes 4 to 7 octets, which must not be what a route is withdrawn for."""
    made = policy(remote_as=remote_as, next_hop_6="2001:db8::9")
    large, extended = [f"1:1:{n}" for n in range(250)], [f"rt:1:{n}" for n in range(10)]
    marks = set()
    for count in range(220, 250):
        communities = [f"1:{n}" for n in range(count)]
        fill = {"communities": communities, "large_communities": large, "extended_communities": extended}
        plain = exported(made, family, **fill)
        marked = exported(made, family, graceful_shutdown=True, **fill)
        fits = plain.room(4096) > family.size
        has_mark = b"\xff\xff\x00\x00" in marked.before

        assert (marked.room(4096) > family.size) is fits
        assert (b"\x40\x05\x04\x00\x00\x00\x00" in marked.before) is (remote_as == 65000)
        marks.add((fits, has_mark))

    assert marks == {(True, True), (True, False), (False, False)}


def test_rfc8326_4_marked_route_to_an_external_peer_has_no_local_pref() -> None:
    found = exported(policy(remote_as=1), graceful_shutdown=True)

    assert found == exported(policy(remote_as=1), communities=["graceful-shutdown"])
