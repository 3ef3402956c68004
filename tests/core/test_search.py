"""Search: the routes at fault are found, with few refusals."""

from collections.abc import Callable
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.core.export import Exported
from rhi.core.recent import Announcement
from rhi.core.search import GROUP_CONVICTION, PARTS, Search
from rhi.model.prefix import Family, Prefix

Oracle = Callable[[Announcement], bool]


def suspect(number: int, attributes: int = 0, family: Family = Family.IPV4_UNICAST) -> Announcement:
    prefix = Prefix(family, family.bits, number.to_bytes(family.size, "big"))
    return Announcement(prefix, Exported(bytes((attributes,)), b"", b""))


def suspects(count: int, attributes: int = 0) -> list[Announcement]:
    return [suspect(number, attributes) for number in range(count)]


def wanted(_: Announcement) -> bool:
    return True


def trial_of(search: Search) -> list[Announcement]:
    return [Announcement(*item) for item in search.trial.items()]


def search_for(refused: list[Announcement], is_bad: Oracle) -> tuple[list[Announcement], int, int]:
    """Convicted routes, refusals and trials of a whole search, with the refusal that it begins with."""
    search = Search()
    convicted = search.refuse(refused)
    refusals, trials = 1, 0
    while search.next_trial(wanted):
        trials += 1
        if any(map(is_bad, trial_of(search))):
            convicted += search.refuse(trial_of(search))
            refusals += 1
        else:
            search.accept()
    assert not search.waiting
    return convicted, refusals, trials


def levels(count: int) -> int:
    """How often `count` routes can be cut into parts, down to one."""
    return ceil(log2(count) / log2(PARTS) - 1e-9)


def test_search_single_suspect_is_convicted_at_once() -> None:
    search = Search()

    convicted = search.refuse(suspects(1))

    assert convicted == suspects(1)
    assert not search.next_trial(wanted)


@pytest.mark.parametrize("count", [2, 7, 8, 9, 64, 65, 1000])
def test_search_one_route_takes_a_refusal_for_each_level(count: int) -> None:
    worst = 0
    for at in range(0, count, max(1, count // 100)):
        convicted, refusals, trials = search_for(suspects(count), {suspect(at)}.__contains__)
        assert convicted == [suspect(at)]
        assert trials <= 2 + 2 * PARTS * levels(count)
        worst = max(worst, refusals)

    assert worst <= 1 + levels(count)


def test_search_one_attribute_set_is_convicted_with_three_refusals_of_its_routes() -> None:
    routes = suspects(5000) + [suspect(10000 + number, 1) for number in range(5000)]

    convicted, refusals, _ = search_for(routes, lambda one: one.exported.before == b"\x01")

    assert set(convicted) == set(routes[5000:])
    assert refusals <= 2 + GROUP_CONVICTION


def test_search_one_attribute_set_among_many_is_found_by_representatives() -> None:
    routes = [suspect(number, number % 64) for number in range(6400)]

    convicted, refusals, _ = search_for(routes, lambda one: one.exported.before == b"\x2a")

    assert {one.exported.before for one in convicted} == {b"\x2a"}
    assert len(convicted) == 100
    assert refusals <= 2 + levels(64) + GROUP_CONVICTION


def test_search_routes_of_an_accepted_set_are_convicted_one_by_one() -> None:
    bad = set(suspects(1000)[100:110])

    convicted, _, _ = search_for(suspects(1000), bad.__contains__)

    assert set(convicted) == bad
    assert len(convicted) == 10


def test_search_same_attributes_in_another_family_are_another_set() -> None:
    six = [suspect(number, family=Family.IPV6_UNICAST) for number in range(50)]

    convicted, _, _ = search_for(suspects(50) + six, lambda one: one.prefix.family is Family.IPV6_UNICAST)

    assert set(convicted) == set(six)


def test_search_tries_the_likely_good_rest_before_it_narrows() -> None:
    search = Search()
    search.clear([(Family.IPV4_UNICAST, suspect(0).exported)])
    search.refuse(suspects(800))
    search.next_trial(wanted)

    search.refuse(trial_of(search))
    search.next_trial(wanted)

    assert trial_of(search) == suspects(800)[100:]


def test_search_last_part_is_cut_up_untried_when_all_others_were_accepted() -> None:
    search = Search()
    search.clear([(Family.IPV4_UNICAST, suspect(0).exported)])
    search.refuse(suspects(64))
    sizes = []

    for _ in range(9):
        search.next_trial(wanted)
        sizes.append(len(search.trial))
        search.accept()

    assert sizes == [8] * 7 + [1, 1]


def test_search_interrupted_trial_is_tried_again() -> None:
    search = Search()
    search.refuse(suspects(100))
    search.next_trial(wanted)
    before = trial_of(search)

    search.interrupt()
    waiting = len(search.waiting)
    search.next_trial(wanted)

    assert waiting == 100
    assert trial_of(search) == before


def test_search_routes_of_a_refused_trial_that_were_not_announced_yet_wait_again() -> None:
    search = Search()
    search.clear([(Family.IPV4_UNICAST, suspect(0).exported)])
    search.refuse(suspects(80))
    search.next_trial(wanted)
    announced, late = trial_of(search)[:4], trial_of(search)[4:]

    search.refuse(announced)

    assert search.waiting.keys() == {one.prefix for one in suspects(80)}
    search.next_trial(wanted)
    assert set(late) <= set(trial_of(search))


def test_search_routes_that_are_not_wanted_any_more_are_not_tried() -> None:
    search = Search()
    search.refuse(suspects(10))

    assert not search.next_trial(lambda _: False)
    assert not search.waiting


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=60),
    st.sets(st.integers(0, 4)),
)
def test_search_convicts_what_is_at_fault_and_sets_of_which_nothing_was_accepted(
    routes: list[tuple[int, bool]], bad_sets: set[int]
) -> None:
    everything = [suspect(number, attributes) for number, (attributes, _) in enumerate(routes)]
    bad = {
        everything[number]
        for number, (attributes, is_bad) in enumerate(routes)
        if is_bad or attributes in bad_sets
    }
    bad = bad or {everything[0]}

    convicted, refusals, _ = search_for(everything, bad.__contains__)

    assert bad <= set(convicted)
    assert len(convicted) == len(set(convicted))
    for innocent in set(convicted) - bad:
        same = [one for one in bad if one.exported == innocent.exported]
        assert len(same) >= GROUP_CONVICTION
    assert refusals <= 1 + len(bad) * (2 + levels(len(everything)))
