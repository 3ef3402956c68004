"""Routes of one family and length: slots, who is told how, and what is kept."""

import pytest

from rhi.core import route_block
from rhi.core.attribute_store import ABSENT
from rhi.core.route_block import RouteBlock
from rhi.core.route_table import RouteTable
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

    def held_in(self, start: int, stop: int) -> int:
        return len(self.held_slots.intersection(range(start, stop)))

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
    monkeypatch.setattr(route_block, "MAX_JOURNAL", 10)
    table, block, follower = followed(4)

    for med in range(11):
        table.announce(host(1), PathAttributes(med=med))

    assert follower.drops == 1
    assert (len(block.journal), block.journal_start, block.journal_end) == (0, 11, 11)


def test_slots_of_withdrawn_routes_are_used_again_once_nobody_holds_them() -> None:
    table, block, follower = followed(200)
    follower.held_slots = set(range(200))
    follower.is_behind = True
    for number in range(100):
        table.withdraw(host(number))

    table.announce(host(1000), PLAIN)
    assert len(block.ids) == 201  # all slots are held
    follower.held_slots = set(range(100, 201))
    follower.is_behind = False
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
    follower.is_behind = True
    for number in range(99):
        table.withdraw(host(number))
    follower.held_slots = {99}

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
    assert block.get(host(7).packed) == ABSENT


def test_freed_places_are_used_again_however_they_lie() -> None:
    """Also by a run of new routes for which no stretch of freed places is long enough."""
    table, block, _ = followed(2000)

    for turn in range(20):
        table.replace({host(10_000 * turn + 3 * i): PLAIN for i in range(1000 + turn % 3)})

    assert len(block.ids) <= 2 * 2000


def test_places_of_many_routes_that_have_gone_are_let_go_of_in_pieces() -> None:
    table, block, _ = followed(2 * route_block.MAX_SWEEP)

    table.replace({})

    assert len(block.ids) == 0
    assert [table.tidy() for _ in range(3)] == [True, False, False]
