"""The table all peers read: what is wanted, who is told how, and what is kept."""

from collections.abc import Callable

import pytest

from rhi.core import route_table
from rhi.core.route_table import AttributeStore, RouteBlock, RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Family, Prefix, to_prefix

V4 = Family.IPV4_UNICAST
PLAIN = PathAttributes()


def host(number: int) -> Prefix:
    return Prefix(V4, 32, number.to_bytes(4, "big"))


class Follower:
    """A reader that writes down what it is told, and holds what a test says."""

    def __init__(self) -> None:
        self.walks: list[tuple[int, int]] = []
        self.drops = 0
        self.held_slots: set[int] = set()
        self.is_behind = False

    @property
    def held(self) -> int:
        return len(self.held_slots)

    def holds(self, slot: int) -> bool:
        return slot in self.held_slots

    def walk(self, start: int, stop: int) -> None:
        self.walks.append((start, stop))

    def journal_dropped(self) -> None:
        self.drops += 1


def followed(count: int) -> tuple[RouteTable, RouteBlock, Follower]:
    """A table of `count` host routes whose block has a reader."""
    table = RouteTable()
    table.replace({host(i): PLAIN for i in range(count)})
    (block,) = table.blocks(V4)
    follower = Follower()
    block.attach(follower)
    return table, block, follower


def test_store_equal_sets_share_a_number_and_unused_ones_are_forgotten() -> None:
    store = AttributeStore()
    first, again = store.acquire(PathAttributes(med=1)), store.acquire(PathAttributes(med=1))
    other = store.acquire(PathAttributes(med=2))

    assert first == again != other
    store.release(first)
    assert store.by_id[first] == PathAttributes(med=1)
    store.release(first)
    assert first not in store.by_id
    assert store.acquire(PathAttributes(med=3)) == first


def test_store_uses_are_counted_in_bulk() -> None:
    store = AttributeStore()
    number = store.acquire(PLAIN)

    store.add_uses(number, 3)
    store.release(number, 4)

    assert store.by_id == {}


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


def test_block_holds_ready_nlri_records() -> None:
    table = RouteTable()
    table.announce(to_prefix("203.0.112.0/23"), PLAIN)
    table.announce(to_prefix("10.0.0.0/23"), PLAIN)

    (block,) = table.blocks(V4)

    assert bytes(block.nlri) == bytes.fromhex("17cb0070 170a0000")
    assert block.packed(1) == b"\x0a\x00\x00"


def test_few_changes_are_written_to_the_journal() -> None:
    table, block, follower = followed(10)

    table.withdraw(host(3))
    table.announce(host(10), PLAIN)

    assert list(block.journal) == [3, 10]
    assert follower.walks == []


def test_many_changes_make_readers_walk_over_their_range() -> None:
    table, block, follower = followed(2000)

    table.replace({host(i): PathAttributes(med=1) if 100 <= i < 1900 else PLAIN for i in range(2000)})

    assert follower.walks == [(100, 1900)]
    assert len(block.journal) == 0


def test_nothing_is_published_without_readers() -> None:
    table = RouteTable()
    table.announce(host(1), PLAIN)

    assert list(table.blocks(V4)[0].journal) == []


def test_journal_that_nobody_shortens_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_table, "MAX_JOURNAL", 10)
    table, block, follower = followed(4)

    for med in range(11):
        table.announce(host(1), PathAttributes(med=med))

    assert follower.drops == 1
    assert (len(block.journal), block.journal_start, block.journal_end) == (0, 11, 11)


def test_slots_of_withdrawn_routes_are_used_again_once_nobody_holds_them() -> None:
    table, block, follower = followed(200)
    follower.held_slots = set(range(200))
    for number in range(100):
        table.withdraw(host(number))

    table.announce(host(1000), PLAIN)
    assert len(block.ids) == 201  # all slots are held
    follower.held_slots = set(range(100, 201))
    block.reader_caught_up()
    for number in range(2000, 2100):
        table.announce(host(number), PLAIN)

    assert len(block.ids) == 201
    assert {block.packed(slot) for slot in range(200) if block.ids[slot]} == {
        host(number).packed for number in (*range(100, 200), *range(2000, 2100))
    }


def test_slots_are_kept_while_any_reader_is_behind() -> None:
    table, block, follower = followed(100)
    follower.held_slots = set(range(100))
    for number in range(99):
        table.withdraw(host(number))
    follower.held_slots = {99}
    follower.is_behind = True

    block.reader_caught_up()
    table.announce(host(1000), PLAIN)

    assert len(block.ids) == 101


def test_few_withdrawn_slots_are_not_worth_a_sweep() -> None:
    table, block, follower = followed(100)
    follower.held_slots = {99}
    for number in range(10):
        table.withdraw(host(number))

    block.reader_caught_up()
    table.announce(host(1000), PLAIN)

    assert len(block.ids) == 101


def test_empty_block_that_nobody_holds_starts_anew() -> None:
    table, block, _ = followed(100)

    table.replace({})

    assert (len(block.ids), len(block.nlri), block.size) == (0, 0, 0)


def test_detach_frees_what_the_last_reader_held() -> None:
    table, block, follower = followed(100)
    follower.held_slots = set(range(100))
    table.replace({})
    assert len(block.ids) == 100

    block.detach(follower)

    assert len(block.ids) == 0
    assert block.readers == []


def test_detach_of_one_reader_leaves_the_others_journal() -> None:
    table, block, follower = followed(10)
    other = Follower()
    other.held_slots = {1}
    block.attach(other)
    table.withdraw(host(1))

    block.detach(follower)

    assert list(block.journal) == [1]
    assert other.drops == 0


def test_route_announced_again_takes_its_old_slot() -> None:
    table, block, follower = followed(3)
    follower.held_slots = {0, 1, 2}

    table.withdraw(host(1))
    table.announce(host(1), PathAttributes(med=1))

    assert len(block.ids) == 3
    assert table.store.by_id[block.get(host(1).packed)] == PathAttributes(med=1)
    assert block.get(host(7).packed) == route_table.ABSENT


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
    for count in table.replace_in_steps(wanted, 7):
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
    table, block, _ = followed(5)
    table.announce(Prefix(V4, 24, b"\1\2\3"), PLAIN)
    kept = {host(0)}

    clearing = table.clear_in_steps(2, kept)
    first = next(clearing)
    kept.add(host(4))
    rest = list(clearing)

    assert (first, rest) == (1, [2, 0, 1])
    assert {prefix for prefix, _ in table.routes()} == kept
    assert block.size == 2


def test_clear_in_steps_leaves_what_is_announced_meanwhile() -> None:
    table, _, _ = followed(3)
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
