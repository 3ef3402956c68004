"""The table all peers read: what is wanted, and what a whole new set changes."""

from collections.abc import Callable

from rhi.core.route_table import RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Family, Prefix, to_prefix
from rhi.model.route_set import RouteSet

V4 = Family.IPV4_UNICAST
PLAIN = PathAttributes()


def host(number: int) -> Prefix:
    return Prefix(V4, 32, number.to_bytes(4, "big"))


def test_announce_withdraw_and_replace_tell_what_changed() -> None:
    table = RouteTable()

    assert table.announce(host(1), PLAIN)
    assert not table.announce(host(1), PathAttributes())
    assert table.announce(host(1), PathAttributes(med=1))
    assert not table.withdraw(host(2))
    assert not table.withdraw(to_prefix("2001:db8::1"))
    assert table.replace({host(1): PathAttributes(med=1), host(2): PLAIN}) == 1
    assert table.replace({host(2): PLAIN, host(3): PLAIN}) == 2
    assert table.withdraw(host(2))
    assert not table.withdraw(host(2))
    assert dict(table.routes()) == {host(3): PLAIN}


def test_version_grows_with_changes_only() -> None:
    table = RouteTable()
    changes: list[Callable[[], object]] = [
        lambda: table.announce(host(1), PLAIN),
        lambda: table.announce(host(1), PLAIN),
        lambda: table.withdraw(host(9)),
        lambda: table.replace({host(1): PLAIN}),
        lambda: table.replace({}),
        lambda: table.withdraw(host(1)),
    ]
    versions = []

    for change in changes:
        change()
        versions.append(table.version)

    assert versions == [1, 1, 1, 1, 2, 2]


def test_table_counts_and_contains() -> None:
    table = RouteTable()
    table.replace({to_prefix(text): PLAIN for text in ("203.0.113.1", "0.0.0.0/0", "2001:db8::1")})

    assert len(table) == 3
    assert (table.count(V4), table.count(Family.IPV6_UNICAST)) == (2, 1)
    assert to_prefix("0.0.0.0/0") in table
    assert to_prefix("0.0.0.0/1") not in table
    table.withdraw(to_prefix("0.0.0.0/0"))
    assert to_prefix("0.0.0.0/0") not in table
    assert [block.length for block in table.blocks(V4)] == [32, 0]


def test_replace_keeps_no_attribute_set_that_no_route_uses() -> None:
    table = RouteTable()

    for med in range(5):
        table.replace({host(1): PathAttributes(med=med), host(2): PathAttributes(med=med)})
    assert list(table.store.by_id.values()) == [PathAttributes(med=4)]
    table.replace({})

    assert table.store.by_id == {}


def test_replace_in_steps_ends_like_replace_and_puts_before_it_drops() -> None:
    table, at_once = RouteTable(), RouteTable()
    for each in (table, at_once):
        each.replace({host(i): PLAIN for i in range(30)})
    wanted = {host(i): PathAttributes(med=1) if i % 3 else PLAIN for i in range(20, 60)}

    sizes = []
    changed = 0
    for count in table.replace_in_steps(RouteSet.of(wanted), 7):
        changed += count
        sizes.append(len(table))

    assert dict(table.routes()) == wanted
    assert changed == at_once.replace(wanted)
    assert max(sizes) == 60
    assert table.version == at_once.version
    assert set(table.store.by_id.values()) == {PLAIN, PathAttributes(med=1)}
    table.replace({})
    assert not table.store.by_id


def test_get_gives_the_attributes_of_what_is_wanted() -> None:
    table = RouteTable()
    table.announce(host(1), PathAttributes(med=5))
    table.announce(host(2), PLAIN)
    table.withdraw(host(2))

    assert table.get(host(1)) == PathAttributes(med=5)
    assert (table.get(host(2)), table.get(Prefix(V4, 24, b"\1\2\3\0"))) == (None, None)


def test_clear_in_steps_withdraws_piece_by_piece_what_is_not_kept() -> None:
    table = RouteTable()
    table.replace({host(number): PLAIN for number in range(5)})
    table.announce(Prefix(V4, 24, b"\1\2\3"), PLAIN)
    kept = {host(0)}

    clearing = table.clear_in_steps(2, kept)
    first = next(clearing)
    kept.add(host(4))
    rest = list(clearing)

    assert (first, rest) == (1, [2, 0, 1])
    assert {prefix for prefix, _ in table.routes()} == kept
    assert len(table) == 2


def test_clear_in_steps_leaves_what_is_announced_meanwhile() -> None:
    table = RouteTable()
    table.replace({host(number): PLAIN for number in range(3)})
    kept: set[Prefix] = set()

    clearing = table.clear_in_steps(2, kept)
    next(clearing)
    for prefix in (host(0), host(9)):
        kept.add(prefix)
        table.announce(prefix, PLAIN)
    before = table.version
    list(clearing)

    assert {prefix for prefix, _ in table.routes()} == {host(0), host(9)}
    assert table.version == before + 1
