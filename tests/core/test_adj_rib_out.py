"""UPDATEs from the difference between wanted and sent, pulled a little at a time."""

from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.core import adj_rib_out, block_view, route_block
from rhi.core.adj_rib_out import AdjRibOut, HeldCopy, count_passing, held_routes
from rhi.core.export import Exported, ExportPolicy
from rhi.core.open_policy import Negotiated
from rhi.core.route_table import RouteTable
from rhi.core.update_format import UpdateFormat
from rhi.model.attributes import PathAttributes
from rhi.model.parameters import Parameters
from rhi.model.prefix import Family, Prefix, to_prefix
from rhi.model.route_set import RouteSet
from rhi.wire.iana import AttributeCode
from rhi.wire.messages import HEADER_SIZE
from rhi.wire.update import Update
from tests.core.script import UPDATE, cut

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST
PLAIN = PathAttributes()
END_OF_RIB = bytes(4)
ATTRIBUTES = "40010100 400206020100 00fde9 400304c0000201"


def policy(**more: Any) -> ExportPolicy:
    negotiated = Negotiated(
        local_as=65001,
        remote_as=65002,
        remote_router_id=IPv4Address("192.0.2.2"),
        hold_time=90,
        families=(V4, V6),
        four_octet_as=True,
        route_refresh=True,
        max_message_size=4096,
    )
    router_id = IPv4Address("192.0.2.1")
    return ExportPolicy(Parameters(as_number=65001, **more), negotiated, ip_address(router_id), router_id)


def rib(table: RouteTable, family: Family = V4, size: int = 4096, **more: Any) -> AdjRibOut:
    return AdjRibOut(table, family, policy(**more), size)


def pulled(made: AdjRibOut, limit: int = 1 << 20) -> list[bytes]:
    """UPDATE bodies of one pull."""
    found = cut(b"".join(made.pull(limit)))
    assert all(kind == UPDATE for kind, _ in found)
    return [body for _, body in found]


def host(number: int) -> Prefix:
    return Prefix(V4, 32, (0xCB007100 + number).to_bytes(4, "big"))


def table_of(*routes: str, attributes: PathAttributes = PLAIN) -> RouteTable:
    table = RouteTable()
    for route in routes:
        table.announce(to_prefix(route), attributes)
    return table


def held(copies: list[HeldCopy]) -> list[Prefix]:
    return [prefix for prefix, _ in held_routes(copies)]


def test_pull_empty_table_is_end_of_rib_once() -> None:
    made = rib(RouteTable())

    assert made.is_pending
    assert pulled(made) == [END_OF_RIB]
    assert not made.is_pending
    assert pulled(made) == []


def test_pull_announces_then_says_end_of_rib() -> None:
    made = rib(table_of("203.0.113.1", "203.0.113.2"))

    assert pulled(made) == [
        bytes.fromhex("0000 0014" + ATTRIBUTES + "20cb007101 20cb007102"),
        END_OF_RIB,
    ]
    assert (len(made), made.advertised, made.withdrawn) == (2, 2, 0)


def test_pull_golden_ipv6_announcement_and_withdrawal() -> None:
    table = table_of("2001:db8::/33")
    made = rib(table, V6, next_hop_6="2001:db8::9")

    announced = pulled(made)
    table.replace({})
    withdrawn = pulled(made)

    assert announced == [
        bytes.fromhex(
            "0000 002b 40010100 400206020100 00fde9"
            "800e1b 000201 10 20010db8000000000000000000000009 00 2120010db800"
        ),
        bytes.fromhex("0000 0006 800f03 000201"),
    ]
    assert withdrawn == [bytes.fromhex("0000 000c 800f09 000201 2120010db800")]


def test_pull_golden_announcement_and_withdrawal_are_messages_of_their_own() -> None:
    table = table_of("203.0.113.1")
    made = rib(table)
    pulled(made)

    table.withdraw(host(1))
    table.announce(host(2), PLAIN)

    assert sorted(pulled(made)) == [
        bytes.fromhex("0000 0014" + ATTRIBUTES + "20cb007102"),
        bytes.fromhex("0005 20cb007101 0000"),
    ]


def test_pull_change_of_attributes_is_no_withdrawal() -> None:
    table = table_of("203.0.113.1")
    made = rib(table)
    pulled(made)

    table.announce(host(1), PathAttributes(med=1))

    (body,) = pulled(made)
    assert body[:2] == b"\0\0"
    assert made.withdrawn == 0


def test_pull_change_the_peer_cannot_see_is_not_sent() -> None:
    table = table_of("203.0.113.1")
    made = rib(table, med=5)
    pulled(made)

    table.announce(host(1), PathAttributes(med=5))
    assert pulled(made) == []
    table.announce(host(1), PathAttributes(med=5, local_pref=9))  # not for external peers
    assert pulled(made) == []
    made.change_policy(policy(med=7))
    assert pulled(made) == []


def test_pull_change_taken_back_before_it_was_told_is_not_sent() -> None:
    table = table_of("203.0.113.1")
    made = rib(table)
    pulled(made)

    table.withdraw(host(1))
    table.announce(host(2), PLAIN)
    table.announce(host(1), PLAIN)
    table.withdraw(host(2))

    assert made.is_pending
    assert pulled(made) == []


@pytest.mark.parametrize("limit", [1, 100, 4096, 10_000])
def test_pull_hands_out_little_more_than_the_limit(limit: int) -> None:
    table = RouteTable()
    table.replace({Prefix(V4, 32, i.to_bytes(4, "big")): PLAIN for i in range(5000)})
    made = rib(table)

    sizes = []
    while made.is_pending:
        sizes.append(sum(map(len, made.pull(limit))))

    assert max(sizes) < limit + 2 * 4096
    assert len(made) == 5000


def test_pull_new_changes_do_not_wait_behind_a_full_table() -> None:
    table = RouteTable()
    table.replace({Prefix(V4, 32, i.to_bytes(4, "big")): PLAIN for i in range(5000)})
    made = rib(table)
    pulled(made, 1)

    table.announce(Prefix(V4, 24, b"\xcb\x00\x71"), PLAIN)
    table.announce(Prefix(V4, 32, (4999).to_bytes(4, "big")), PathAttributes(med=1))

    assert any(body.endswith((4999).to_bytes(4, "big")) for body in pulled(made, 1))


@pytest.mark.parametrize("first", [range(600), range(2000, 2600)])
@pytest.mark.parametrize("second", [range(100, 700), range(1200, 1800), range(2300, 3000)])
@pytest.mark.parametrize("limit", [0, 1, 4096])
def test_pull_many_changes_on_top_of_many_changes_reach_the_peer(
    first: range, second: range, limit: int
) -> None:
    table = RouteTable()
    routes = {Prefix(V4, 32, i.to_bytes(4, "big")): PLAIN for i in range(3000)}
    table.replace(routes)
    made = rib(table)
    pulled(made)
    told: set[bytes] = set()

    for part, changed in enumerate((first, second)):
        routes |= {Prefix(V4, 32, i.to_bytes(4, "big")): PathAttributes(med=part) for i in changed}
        table.replace(routes)
        told |= records(pulled(made, limit) if limit and part == 0 else [])
    told |= records(pulled(made))

    assert told >= {i.to_bytes(4, "big") for i in {*first, *second}}
    assert not made.is_pending


def records(bodies: list[bytes]) -> set[bytes]:
    """Host routes announced by UPDATEs without withdrawn routes."""
    fields = [body[4 + int.from_bytes(body[2:4], "big") :] for body in bodies]
    return {field[at + 1 : at + 5] for field in fields for at in range(0, len(field), 5)}


def test_refresh_sends_what_the_peer_holds_again_and_withdraws_what_went() -> None:
    table = table_of("203.0.113.1", "203.0.113.2")
    made = rib(table)
    first, _ = pulled(made)

    made.refresh()
    assert pulled(made) == [first]
    made.refresh()
    table.withdraw(host(1))
    assert sorted(pulled(made)) == [
        bytes.fromhex("0000 0014" + ATTRIBUTES + "20cb007102"),
        bytes.fromhex("0005 20cb007101 0000"),
    ]
    assert pulled(made) == []


def test_refresh_with_more_attribute_sets_than_a_byte_can_number() -> None:
    table = RouteTable()
    table.replace({host(i): PathAttributes(med=i) for i in range(400)})
    made = rib(table)
    pulled(made)
    assert made.routes()[0][2].typecode == "H"

    made.refresh()

    assert len(pulled(made)) == 400


@pytest.mark.parametrize("count", [300, pytest.param(70_000, marks=pytest.mark.slow)])
def test_pull_any_number_of_attribute_sets(count: int) -> None:
    table = RouteTable()
    table.replace({Prefix(V4, 32, i.to_bytes(4, "big")): PathAttributes(med=i) for i in range(count)})
    made = rib(table)
    messages = []

    while made.is_pending:
        messages += pulled(made)

    assert (len(messages), len(made)) == (count + 1, count)
    assert made.routes()[0][2].typecode == ("H" if count < 65536 else "I")


def test_numbers_of_attribute_sets_no_longer_in_use_are_given_out_again() -> None:
    table = RouteTable()
    made = rib(table)

    for med in range(3000):
        table.announce(host(1), PathAttributes(med=med))
        pulled(made)

    assert made.routes()[0][2].typecode == "B"


def test_number_given_out_again_has_the_room_of_its_new_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adj_rib_out, "_MIN_COLLECT", 1)
    table = RouteTable()
    made = rib(table)
    communities = [f"1:{i}" for i in range(250)]

    for step in range(20):
        attributes = PathAttributes(med=step, communities=communities if step % 4 > 1 else [])
        table.replace({Prefix(V4, 32, i.to_bytes(4, "big")): attributes for i in range(1500)})
        assert max(map(len, pulled(made))) + HEADER_SIZE <= 4096

    assert len(made) == 1500


def test_change_policy_filter_withdraws_and_sends_again() -> None:
    table = table_of(*(f"203.0.113.{number}" for number in range(4)))
    made = rib(table)
    pulled(made)

    made.change_policy(policy(reject=["203.0.113.0/31"]))
    assert pulled(made) == [bytes.fromhex("000a 20cb007100 20cb007101 0000")]
    made.change_policy(policy())
    assert pulled(made) == [bytes.fromhex("0000 0014" + ATTRIBUTES + "20cb007100 20cb007101")]


def test_held_back_counts_what_the_peer_ought_to_have() -> None:
    table = table_of("2001:db8::1", "2001:db8::2")
    table.announce(to_prefix("2001:db8::3"), PathAttributes(next_hop="2001:db8::9"))
    made = rib(table, V6)

    pulled(made)
    assert made.held_back() == {"no_next_hop": 2}
    made.change_policy(policy(reject=["2001:db8::2"]))
    pulled(made)
    assert made.held_back() == {"no_next_hop": 1}
    made.change_policy(policy(reject=["::/0"]))
    pulled(made)
    assert made.held_back() == {}


def test_held_back_route_with_attributes_too_large_for_a_message() -> None:
    many = [(1, 2, i) for i in range(250)]
    oversized = PathAttributes(large_communities=many, communities=range(250), prepend=100)
    table = table_of("203.0.113.1")
    table.announce(host(2), oversized)
    made = rib(table, size=4096)

    assert pulled(made)[1:] == [END_OF_RIB]
    assert made.held_back() == {"attributes_too_large": 1}


def test_count_passing_follows_the_filter() -> None:
    table = table_of("203.0.113.1", "203.0.113.2")
    (block,) = table.blocks(V4)

    assert sum(count_passing(block, policy()).values()) == 2
    assert sum(count_passing(block, policy(reject=["203.0.113.1"])).values()) == 1


def test_held_routes_are_in_address_order() -> None:
    table = table_of("203.0.113.2", "203.0.113.0/24", "10.0.0.0/8", "203.0.113.1", "0.0.0.0/0")
    made = rib(table)
    pulled(made)
    copies = made.routes()
    table.replace({})
    pulled(made)

    names = [str(prefix) for prefix in held(copies)]

    assert names == ["0.0.0.0/0", "10.0.0.0/8", "203.0.113.0/24", "203.0.113.1", "203.0.113.2"]
    assert held(made.routes()) == []


def test_two_peers_follow_one_table_at_their_own_pace() -> None:
    table = table_of("203.0.113.1")
    fast, slow = rib(table), rib(table)
    pulled(fast)
    table.announce(host(2), PLAIN)
    pulled(fast)
    table.withdraw(host(1))
    pulled(fast)

    pulled(slow)

    assert held(fast.routes()) == held(slow.routes()) == [host(2)]
    assert (fast.advertised, fast.withdrawn) == (2, 1)
    assert (slow.advertised, slow.withdrawn) == (1, 0)


def test_peers_that_get_the_same_share_what_was_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    encode = UpdateFormat.messages

    def messages(self: UpdateFormat, exported: Exported | None, nlri: bytes, record_size: int) -> bytes:
        made.append(nlri)
        return encode(self, exported, nlri, record_size)

    monkeypatch.setattr(UpdateFormat, "messages", messages)
    table = RouteTable()
    table.replace({Prefix(V4, 32, i.to_bytes(4, "big")): PLAIN for i in range(2000)})
    peers = [rib(table), rib(table), rib(table, med=5), rib(table, size=65535)]

    told = [b"".join(peer.pull(65536)) for peer in peers]

    assert told[0] == told[1]
    assert len({*told}) == 3
    assert len(made) == 3


SOME = st.integers(0, 15)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("announce"), SOME, st.sampled_from([None, 1])),
        st.tuples(st.just("withdraw"), SOME, st.none()),
        st.tuples(st.just("replace"), st.sets(SOME), st.sampled_from([None, 1])),
        st.tuples(st.just("pull"), st.integers(0, 3), st.sampled_from([1, 200, 65536])),
    ),
    max_size=60,
)


@given(steps=STEPS)
def test_peers_that_share_and_lag_in_any_way_end_with_the_table(steps: list[tuple[str, Any, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(route_block, "BULK", 2)
        patch.setattr(route_block, "MIN_SWEEP", 1)
        table = RouteTable()
        peers = [rib(table), rib(table), rib(table, size=60), rib(table, med=5)]
        views: list[dict[Prefix, int | None]] = [{} for _ in peers]

        for verb, what, how in steps:
            if verb == "announce":
                table.announce(host(what), PathAttributes(med=how))
            elif verb == "withdraw":
                table.withdraw(host(what))
            elif verb == "replace":
                table.replace({host(each): PathAttributes(med=how) for each in what})
            else:
                tell(peers[what], views[what], how)
        for peer, view in zip(peers, views, strict=True):
            while peer.is_pending:
                tell(peer, view, 100)
            peer.tidy()

        wanted = {prefix: attributes.med for prefix, attributes in table.routes()}
        assert views[:3] == [wanted] * 3
        assert views[3] == {prefix: 5 if med is None else med for prefix, med in wanted.items()}
        assert [len(peer) for peer in peers] == [len(wanted)] * 4


def tell(peer: AdjRibOut, view: dict[Prefix, int | None], limit: int) -> None:
    """Let a receiver's view follow what is pulled."""
    for body in pulled(peer, limit):
        update = Update.decode(body, four_octet_as=True, internal=False)
        for prefix in update.withdrawn:
            del view[prefix]
        for prefix in update.announced:
            view[prefix] = update.attributes.get(AttributeCode.MULTI_EXIT_DISC)


def test_places_of_withdrawn_routes_are_free_once_the_peer_was_told() -> None:
    table = RouteTable()
    table.replace({host(i): PLAIN for i in range(200)})
    made = rib(table)
    pulled(made)

    for number in range(100):
        table.withdraw(host(number))
    pulled(made)
    made.tidy()
    for number in range(200, 300):
        table.announce(host(number), PLAIN)

    assert len(table.blocks(V4)[0].ids) == 200


def test_close_gives_everything_back() -> None:
    table = table_of("203.0.113.1")
    made = rib(table)
    pulled(made)
    table.replace({})

    made.close()

    (block,) = table.blocks(V4)
    assert (len(block.ids), block.readers, len(made)) == (0, [], 0)


def test_pull_compares_only_so_many_routes_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block_view, "_MAX_COMPARED", 10)
    table = RouteTable()
    table.replace({host(number): PLAIN for number in range(100)})
    made = rib(table, reject=["203.0.113.0/24"])
    pulls = 0

    while made.is_pending:
        pulled(made)
        pulls += 1

    assert (len(made), pulls) == (0, 10)
    assert made.end_of_rib_sent


def test_end_of_rib_waits_for_a_replace_that_comes_in_steps() -> None:
    table = RouteTable()
    made = rib(table)
    steps = table.replace_in_steps(RouteSet.of({host(number): PLAIN for number in range(9)}), 4)
    next(steps)

    assert END_OF_RIB not in pulled(made)
    assert (len(made), made.is_pending) == (4, False)

    assert sum(steps) == 5
    assert pulled(made)[-1] == END_OF_RIB


def test_changes_far_apart_are_followed_in_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhi.core.route_block.BULK", 2)
    table = RouteTable()
    table.replace({host(number): PLAIN for number in range(100)})
    made = rib(table)
    pulled(made)
    compared: list[int] = []
    monkeypatch.setattr(block_view.Batch, "count", lambda _, slots: compared.append(slots))

    changed = PathAttributes(med=1)
    table.replace({host(n): changed if n in (0, 99) else PLAIN for n in range(100)})

    assert len(pulled(made)) == 1
    assert compared == [2]


def test_count_passing_counts_again_only_after_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    table, its_policy = table_of("203.0.113.1", "203.0.113.2"), policy(reject=["203.0.113.2"])
    (block,) = table.blocks(V4)
    first = count_passing(block, its_policy)

    assert count_passing(block, its_policy) is first
    table.announce(to_prefix("203.0.113.3"), PLAIN)
    assert sum(count_passing(block, its_policy).values()) == 2
