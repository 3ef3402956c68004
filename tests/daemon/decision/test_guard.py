from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from rhi.daemon.decision.guard import FLOOR, RATE, SUSPICION, Guarded, Members, guard
from rhi.daemon.decision.spec import Group, Quota
from rhi.model.prefix import Prefix, to_prefix
from tests.daemon.decision.build import address

A, B, C, D = (to_prefix(address(number)) for number in range(1, 5))


def members(
    announced: Iterable[Prefix],
    wanted: Iterable[Prefix],
    failed_at: dict[Prefix, float] | None = None,
    **more: Any,
) -> Members:
    """Of a group of four, those that are announced and those that are wanted."""
    return Members(
        **{
            "total": 4,
            "wanted": len(set(wanted)),
            "failing": frozenset(announced) - frozenset(wanted),
            "last": frozenset(),
            "lately": frozenset(),
            "failed_at": dict.fromkeys([A, B, C, D], 0.0) | (failed_at or {}),
            "kept": {},
            "is_shared": True,
            "ordered": frozenset(),
            "forced": frozenset(),
            **more,
        }
    )


def test_guard_without_rules_keeps_nothing() -> None:
    guarded = guard(Group(name="g"), members([A, B, C, D], []), (), 0.0)

    assert guarded == Guarded(kept={}, withdrawals=(), next_at=None, tripped={})


def test_guard_keeps_as_many_as_the_floor_asks_and_those_that_failed_last() -> None:
    group = Group(name="g", floor=Quota(count=3))

    guarded = guard(group, members([A, B, C, D], [D], {A: 1.0, B: 3.0, C: 2.0}), (), 5.0)

    assert guarded.kept == {B: FLOOR, C: FLOOR}
    assert guarded.tripped == {FLOOR: "1 of 4 addresses would be left, and the floor is 3"}


def test_guard_goes_on_keeping_what_it_kept() -> None:
    group = Group(name="g", floor=Quota(count=1))

    guarded = guard(group, members([A, B], [], {A: 1.0, B: 3.0}, kept={A: RATE}), (), 5.0)

    assert guarded.kept == {A: FLOOR}


def test_guard_counts_routes_that_come_towards_the_floor() -> None:
    group = Group(name="g", floor=Quota(count=1))

    guarded = guard(group, members(announced=[A], wanted=[B]), (), 0.0)

    assert guarded.kept == {}


def test_guard_reads_a_floor_in_percent_of_all_addresses() -> None:
    group = Group(name="g", floor=Quota(percent=Fraction(50)))

    guarded = guard(group, members([A, B, C, D], []), (), 0.0)

    assert len(guarded.kept) == 2


def test_guard_lets_no_more_leave_within_the_window_than_allowed_and_says_when_it_goes_on() -> None:
    group = Group(name="g", max_withdrawals=2, window=60.0)

    first = guard(group, members([A, B, C], []), (), 100.0)
    later = guard(group, members(first.kept, []), first.withdrawals, 160.0)

    assert set(first.kept.values()) == {RATE}
    assert len(first.kept) == 1
    assert first.next_at == 160.0
    assert first.tripped == {RATE: "1 addresses wait: at most 2 may leave within 60 s"}
    assert later.kept == {}


def test_guard_takes_the_failure_of_all_at_once_for_a_fault_of_something_shared() -> None:
    group = Group(name="g", suspect_within=10.0)

    together = guard(group, members([A, B, C], [], {A: 100.0, B: 104.0, C: 110.0}), (), 110.0)
    apart = guard(group, members([A, B, C], [], {A: 50.0, B: 104.0, C: 110.0}), (), 110.0)
    some = guard(group, members([A, B, C], [C], {A: 100.0, B: 104.0}), (), 110.0)
    single = guard(group, members([A], [], {A: 100.0}, is_shared=False), (), 110.0)

    assert together.kept == dict.fromkeys([A, B, C], SUSPICION)
    assert apart.kept == some.kept == single.kept == {}


def test_guard_brings_back_what_left_just_before_it_was_all_of_them() -> None:
    group = Group(name="g", suspect_within=10.0)
    failed_at = {A: 100.0, B: 104.0, C: 110.0}

    guarded = guard(group, members([C], [], failed_at, lately=frozenset([A, B])), (), 110.0)

    assert guarded.kept == dict.fromkeys([A, B, C], SUSPICION)


def test_guard_suspects_nothing_that_an_operator_has_withdrawn() -> None:
    group = Group(name="g", suspect_within=10.0)

    guarded = guard(group, members([A, B, C], [], ordered=frozenset([C])), (), 0.0)

    assert guarded.kept == dict.fromkeys([A, B], SUSPICION)


def test_guard_gives_way_to_force_and_counts_it() -> None:
    group = Group(name="g", floor=Quota(count=4), max_withdrawals=1)

    guarded = guard(group, members([A, B], [B], forced=frozenset([A]), ordered=frozenset([A])), (), 7.0)

    assert guarded.kept == {}
    assert guarded.withdrawals == (7.0,)


def test_guard_remembers_no_more_withdrawals_than_it_needs() -> None:
    group = Group(name="g", max_withdrawals=1, window=60.0)

    guarded = guard(
        group, members([A, B, C], [], forced=frozenset([A, B, C]), ordered=frozenset([A, B, C])), (1.0,), 7.0
    )

    assert guarded.withdrawals == (7.0,)


def test_guard_counts_what_stays_as_the_last_origin_towards_the_floor_and_as_failed() -> None:
    group = Group(name="g", floor=Quota(count=2), suspect_within=10.0)
    failed_at = {A: 100.0, B: 50.0}

    apart = guard(group, members([B], [], failed_at, last=frozenset([A])), (), 110.0)
    together = guard(group, members([B], [], {A: 100.0, B: 99.0}, last=frozenset([A])), (), 110.0)

    assert apart.kept == {B: FLOOR}
    assert together.kept == {A: SUSPICION, B: SUSPICION}


def test_guard_names_the_same_rule_for_each_address_when_it_is_asked_again() -> None:
    group = Group(name="g", floor=Quota(count=1), max_withdrawals=0)
    failed_at = {A: 1.0, B: 3.0, C: 2.0}

    first = guard(group, members([A, B, C], [], failed_at, kept={A: FLOOR}), (), 5.0)
    again = guard(group, members([A, B, C], [], failed_at, kept=first.kept), (), 5.0)

    assert first.kept == {A: FLOOR, B: RATE, C: RATE}
    assert again == first


def test_guard_looks_again_when_what_left_before_the_others_counts_no_more() -> None:
    group = Group(name="g", floor=Quota(count=1), suspect_within=10.0)
    failed_at = {A: 80.0, B: 101.0, C: 104.0}

    guarded = guard(group, members([A], [], failed_at, lately=frozenset([B, C])), (), 105.0)

    assert guarded.kept == {A: FLOOR}
    assert guarded.next_at == 111.0
