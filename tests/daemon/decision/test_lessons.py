"""Outages of others, replayed: each ends with the addresses still announced."""

from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import Adjustment, Group, Quota
from rhi.model.attributes import PathAttributes
from tests.daemon.decision.build import DOWN, STALE, UP, World, address, override, service, specs


def test_lesson_3_verdicts_that_come_before_the_configuration_are_not_lost() -> None:
    world = World()
    world.decide(dns=UP)

    world.configure(specs(service("dns", address(1))))
    world.decide()

    assert world.announced == {address(1)}


def test_lesson_6_a_service_that_is_unhealthy_at_the_start_is_decided_like_any_other() -> None:
    world = World(service("dns", address(1)))

    world.decide(dns=DOWN)

    assert world.reconciler.is_decided
    assert world.announced == set()


def test_lesson_22_a_verdict_that_is_repeated_changes_nothing() -> None:
    world = World(service("dns", address(1)))
    world.decide(dns=UP)

    for _ in range(5):
        assert world.decide(1.0, dns=UP).changes == ()


def test_lesson_23_a_newcomer_on_a_live_address_does_not_withdraw_it() -> None:
    world = World(service("http", address(1)))
    world.decide(http=UP)

    world.configure(specs(service("http", address(1)), service("https", address(1))))
    world.decide()

    assert world.announced == {address(1)}


def test_lesson_28_a_dead_checker_neither_freezes_a_verdict_nor_withdraws() -> None:
    world = World(service("dns", address(1)))
    world.decide(dns=UP)

    world.decide(dns=STALE)

    assert world.routes == {address(1): PathAttributes(med=100)}
    assert world.reconciler.standings["dns"].is_degraded


def test_lesson_32_the_floor_counts_what_is_announced_with_what_operators_took_out() -> None:
    """A depool threshold that did not count servers disabled by hand was not held."""
    names = ["cp1", "cp2", "cp3", "cp4"]
    group = Group(name="default", floor=Quota(count=2))
    world = World(*[service(name, address(i)) for i, name in enumerate(names)], groups=(group,))
    world.decide(**dict.fromkeys(names, UP))
    for name in names[:2]:
        world.overrides[name] = override(Action.WITHDRAW)
    world.decide()

    world.decide(cp3=DOWN, cp4=DOWN)

    assert len(world.announced) == 2
    assert "floor" in world.reconciler.guards["default"].tripped


def test_lesson_48_a_dead_backbone_degrades_every_site_and_withdraws_none() -> None:
    """Name servers that withdrew themselves because they could not reach the data centres."""
    names = ["ns1", "ns2", "ns3"]
    world = World(
        *[
            service(name, address(i), dependencies=("backbone",), degraded=Adjustment(med_add=500))
            for i, name in enumerate(names)
        ]
    )
    world.decide(**dict.fromkeys(names, UP), backbone=UP)

    world.decide(backbone=DOWN)

    assert world.routes == {address(i): PathAttributes(med=500) for i in range(3)}


def test_lesson_48_services_that_all_fail_at_once_are_not_believed() -> None:
    names = ["ns1", "ns2", "ns3"]
    group = Group(name="default", suspect_within=5.0)
    world = World(*[service(name, address(i)) for i, name in enumerate(names)], groups=(group,))
    world.decide(**dict.fromkeys(names, UP))

    for name in names:
        world.decide(1.0, **{name: DOWN})
    world.decide(3600.0)

    assert world.announced == {address(i) for i in range(3)}
    assert "all at once" in world.reconciler.guards["default"].tripped


def test_lesson_48_once_one_is_back_the_failure_of_the_others_is_their_own() -> None:
    names = ["ns1", "ns2", "ns3"]
    group = Group(name="default", suspect_within=5.0)
    world = World(*[service(name, address(i)) for i, name in enumerate(names)], groups=(group,))
    world.decide(**dict.fromkeys(names, UP))
    world.decide(**dict.fromkeys(names, DOWN))

    world.decide(60.0, ns2=UP)

    assert world.announced == {address(1)}


def test_lesson_49_a_change_that_shrinks_everything_leaves_at_a_bounded_rate() -> None:
    """A service's prefixes were withdrawn everywhere within seconds, minutes before the alarms."""
    names = [f"s{number}" for number in range(20)]
    group = Group(name="default", max_withdrawals=3, window=60.0)
    world = World(*[service(name, address(i)) for i, name in enumerate(names)], groups=(group,))
    world.decide(**dict.fromkeys(names, UP))

    world.decide(**dict.fromkeys(names, DOWN))

    assert len(world.announced) == 17
    assert world.reconciler.guards["default"].tripped


def test_lesson_50_an_empty_set_of_checks_results_does_not_mean_withdraw_everything() -> None:
    """An empty filter value was read as "all"."""
    world = World(service("a", address(1)), service("b", address(2)))
    world.decide(a=UP, b=UP)

    world.verdicts.clear()
    world.decide()

    assert world.announced == {address(1), address(2)}
