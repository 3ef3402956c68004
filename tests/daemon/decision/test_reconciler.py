from rhi.daemon.decision.membership import NEVER_THE_LAST
from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.reconciler import Inputs, Reconciler
from rhi.daemon.decision.spec import Adjustment, Group, OnTrip, Quota, Sharing
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import to_prefix
from tests.daemon.decision.build import DOWN, UP, World, address, override, service, specs

FLOOR_1 = Group(name="default", floor=Quota(count=1))


def test_reconciler_announces_what_is_healthy_and_withdraws_what_is_not() -> None:
    world = World(service("a", address(1), address(2)), service("b", address(3)))

    world.decide()
    assert world.announced == set()
    world.decide(a=UP, b=DOWN)
    assert world.announced == {address(1), address(2)}
    world.decide(a=DOWN, b=UP)
    assert world.announced == {address(3)}


def test_reconciler_lets_routes_come_before_it_lets_others_go() -> None:
    world = World(service("a", address(1)), service("b", address(2)))
    world.decide(a=UP, b=DOWN)

    outcome = world.decide(a=DOWN, b=UP)

    assert [change.after is None for change in outcome.changes] == [False, True]


def test_reconciler_changes_attributes_without_a_withdrawal() -> None:
    world = World(service("a", address(1), unhealthy=Adjustment(med_add=50)))
    world.decide(a=UP)

    (change,) = world.decide(a=DOWN).changes

    assert change.before == PathAttributes()
    assert change.after == PathAttributes(med=50)


def test_reconciler_is_decided_once_every_service_is() -> None:
    world = World(service("a", address(1)), service("b", address(2)))

    world.decide(a=UP)
    assert not world.reconciler.is_decided
    world.decide(b=DOWN)
    assert world.reconciler.is_decided


def test_reconciler_keeps_what_it_knows_over_a_reload() -> None:
    world = World(service("a", address(1)), service("b", address(2)))
    world.decide(a=UP, b=UP)

    world.configure(specs(service("a", address(1), attributes=PathAttributes(med=5))))
    outcome = world.decide()

    assert {str(change.prefix): change.after for change in outcome.changes} == {
        address(1): PathAttributes(med=5),
        address(2): None,
    }


def test_reconciler_does_not_let_a_new_service_pull_down_a_live_address() -> None:
    world = World(service("a", address(1)))
    world.decide(a=UP)

    world.configure(specs(service("a", address(1)), service("b", address(1))))
    assert world.decide().changes == ()
    world.decide(b=DOWN)

    assert world.announced == set()


def test_reconciler_moves_an_address_from_one_service_to_another_without_a_withdrawal() -> None:
    world = World(service("a", address(1)))
    world.decide(a=UP)

    world.configure(specs(service("b", address(1))))
    assert world.decide().changes == ()
    world.decide(b=UP)

    assert world.announced == {address(1)}


def test_reconciler_with_a_tripped_guard_holds_or_degrades_what_it_keeps() -> None:
    subject = service("a", address(1), attributes=PathAttributes(med=3), degraded=Adjustment(prepend_add=2))
    holding = World(subject, groups=(FLOOR_1,))
    degrading = World(subject, groups=(Group(name="default", floor=Quota(count=1), on_trip=OnTrip.DEGRADE),))

    for world in (holding, degrading):
        world.decide(a=UP)
        world.decide(a=DOWN)

    assert holding.routes == {address(1): PathAttributes(med=3)}
    assert degrading.routes == {address(1): PathAttributes(med=3, prepend=2)}
    (kept,) = degrading.reconciler.addresses.values()
    assert kept.kept_by == "floor"


def test_reconciler_lets_go_of_what_a_guard_kept_once_others_are_back() -> None:
    world = World(service("a", address(1)), service("b", address(2)), groups=(FLOOR_1,))
    world.decide(a=UP, b=DOWN)
    world.decide(a=DOWN)
    assert world.announced == {address(1)}

    world.decide(b=UP)

    assert world.announced == {address(2)}


def test_reconciler_keeps_the_last_origin_until_another_is_seen() -> None:
    world = World(service("a", address(1), never_last=True))
    world.decide(a=UP)

    world.decide(a=DOWN)
    assert world.routes == {address(1): PathAttributes(med=100)}
    assert world.reconciler.addresses[to_prefix(address(1))].kept_by == NEVER_THE_LAST
    world.other_origins.add(to_prefix(address(1)))
    world.decide()

    assert world.announced == set()


def test_reconciler_brings_back_the_last_origin_when_the_other_is_gone() -> None:
    """It may have left on news that were out of date."""
    world = World(service("a", address(1), never_last=True))
    world.other_origins.add(to_prefix(address(1)))
    world.decide(a=UP)
    world.decide(a=DOWN)
    assert world.announced == set()

    world.other_origins.clear()
    world.decide()
    assert world.routes == {address(1): PathAttributes(med=100)}

    world.overrides["a"] = override(Action.WITHDRAW)
    world.other_origins.add(to_prefix(address(1)))
    world.decide()
    world.other_origins.clear()
    world.decide()
    assert world.announced == set()


def test_reconciler_does_not_announce_what_was_never_healthy_for_want_of_another_origin() -> None:
    world = World(service("a", address(1), never_last=True))

    world.decide(a=DOWN)

    assert world.announced == set()


def test_reconciler_gives_way_to_a_forced_withdrawal_against_floor_and_last_origin() -> None:
    world = World(service("a", address(1), never_last=True), groups=(FLOOR_1,))
    world.decide(a=UP)
    world.overrides["a"] = override(Action.WITHDRAW)
    world.decide()
    assert world.announced == {address(1)}

    world.overrides["a"] = override(Action.WITHDRAW, is_forced=True)
    world.decide()

    assert world.announced == set()


def test_reconciler_answers_for_a_shared_address_by_its_rule() -> None:
    world = World(service("a", address(1)), service("b", address(1)), sharing={address(1): Sharing.ANY})

    world.decide(a=DOWN, b=UP)

    assert world.announced == {address(1)}


def test_reconciler_tells_each_change_of_standing_once() -> None:
    world = World(service("a", address(1)), service("b", address(2)))

    first = world.decide(a=UP)
    second = world.decide(b=UP)

    assert [standing.service for standing in first.standings] == ["a", "b"]
    assert [standing.service for standing in second.standings] == ["b"]


def test_reconciler_without_services_has_nothing_to_say() -> None:
    outcome = Reconciler(specs()).decide(Inputs(), 0.0)

    assert outcome.changes == ()
    assert outcome.next_at is None


def test_reconciler_leaves_an_address_as_it_is_until_the_service_that_has_it_now_knows() -> None:
    """A guard keeps it against the wish of a service that a reload takes it from."""
    world = World(service("a", address(1)), groups=(FLOOR_1,))
    world.decide(a=UP)
    world.decide(a=DOWN)

    world.configure(specs(service("b", address(1)), groups=(FLOOR_1,)))
    assert world.decide().changes == ()
    world.configure(specs(service("b", address(1))))
    assert world.decide().changes == ()
    world.decide(b=DOWN)

    assert world.announced == set()


def test_reconciler_decides_although_a_guard_keeps_an_address_of_a_service_that_is_gone() -> None:
    degrading = Group(name="default", floor=Quota(count=1), on_trip=OnTrip.DEGRADE)
    world = World(service("a", address(1)), groups=(degrading,))
    world.decide(a=UP)
    world.decide(a=DOWN)

    world.configure(specs(service("b", address(1)), groups=(degrading,)))
    world.decide()

    assert world.announced == {address(1)}


def test_reconciler_does_not_take_the_last_origin_for_a_healthy_address_when_all_fail_at_once() -> None:
    """What is only kept for want of another origin has failed with the others, and they stay with it."""
    group = Group(name="default", suspect_within=5.0)
    world = World(service("a", address(1), never_last=True), service("b", address(2)), groups=(group,))
    world.decide(a=UP, b=UP)

    world.decide(1.0, b=DOWN)
    world.decide(1.0, a=DOWN)
    assert world.announced == {address(1), address(2)}

    assert world.decide().changes == ()


def test_reconciler_keeps_an_address_with_the_attributes_it_had_last() -> None:
    world = World(service("a", address(1), attributes=PathAttributes(med=1)), groups=(FLOOR_1,))
    world.decide(a=UP)
    world.configure(specs(service("a", address(1), attributes=PathAttributes(med=2)), groups=(FLOOR_1,)))
    world.decide()

    world.decide(a=DOWN)

    assert world.routes == {address(1): PathAttributes(med=2)}
