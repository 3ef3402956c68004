"""Troubles of others, replayed at the decision; docs/lessons.md has them all, and where each is tested.

`tests/daemon/test_outages.py` shows the guards at a real peer.
"""

from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import ANY, Adjustment, Band, Damping, Group, Quota
from rhi.model.attributes import PathAttributes
from tests.daemon.decision.build import DOWN, STALE, UP, World, address, override, service, specs


def test_lesson_02_service_waits_until_its_data_path_is_programmed() -> None:
    """Addresses were announced seconds before packets could be served; whoever programs them has a check."""
    world = World(service("web", address(1), checks=("server", "data path")))

    world.decide(server=UP)
    assert world.announced == set()
    world.decide(**{"data path": UP})

    assert world.announced == {address(1)}


def test_lesson_03_verdicts_that_come_before_the_configuration_are_not_lost() -> None:
    world = World()
    world.decide(dns=UP)

    world.configure(specs(service("dns", address(1))))
    world.decide()

    assert world.announced == {address(1)}


def test_lesson_06_a_service_that_is_unhealthy_at_the_start_is_decided_like_any_other() -> None:
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


def test_lesson_24_route_stays_while_members_are_replaced_one_after_the_other() -> None:
    """A rolling update withdrew although ready members were there: all count, at every change."""
    pods = ("pod 1", "pod 2", "pod 3")
    world = World(service("web", address(1), checks=pods, bands=(Band(name="up", at_least=ANY),)))
    world.decide(**dict.fromkeys(pods, UP))

    for pod in pods:
        world.decide(1.0, **{pod: DOWN})
        assert world.announced == {address(1)}
        world.decide(1.0, **{pod: UP})


def test_lesson_25_process_that_is_alive_is_no_sign_of_health() -> None:
    """A speaker went on announcing while what it spoke for was dead."""
    world = World(service("web", address(1), checks=("process", "http")))
    world.decide(process=UP, http=UP)

    world.decide(http=DOWN)

    assert world.announced == set()


def test_lesson_26_no_capacity_is_a_reason_to_withdraw_or_not_as_told() -> None:
    """Without a single endpoint the route stayed, and other sites could not take over."""
    servers = ("one", "two")
    enough = (Band(name="enough", at_least=ANY),)
    leaving = service("leaving", address(1), checks=servers, bands=enough)
    staying = service("staying", address(2), checks=servers, bands=enough, unhealthy=Adjustment(med_add=9))
    world = World(leaving, staying)
    world.decide(one=UP, two=UP)

    world.decide(one=DOWN, two=DOWN)

    assert world.routes == {address(2): PathAttributes(med=9)}


def test_lesson_28_a_dead_checker_neither_freezes_a_verdict_nor_withdraws() -> None:
    world = World(service("dns", address(1)))
    world.decide(dns=UP)

    world.decide(dns=STALE)

    assert world.routes == {address(1): PathAttributes(med=100)}
    assert world.reconciler.standings["dns"].is_degraded


def test_lesson_29_one_check_decides_for_thousands_of_addresses_at_once() -> None:
    """One process for each prefix ran out of files."""
    many = [f"198.18.{number >> 8}.{number & 255}" for number in range(2000)]
    world = World(service("dns", *many))

    assert len(world.decide(dns=UP).changes) == 2000
    assert len(world.decide(dns=DOWN).changes) == 2000


def test_lesson_31_service_that_crashes_in_a_loop_is_held_before_others_damp_it() -> None:
    """Endpoints in a crash loop flapped the route until routers upstream suppressed it (RFC 2439)."""
    damping = Damping(half_life=60.0, suppress=3000.0, reuse=1000.0)
    world = World(service("dns", address(1), damping=damping))
    world.decide(dns=UP)

    changes = [
        change
        for _ in range(60)
        for verdict in (DOWN, UP)
        for change in world.decide(1.0, dns=verdict).changes
    ]

    assert len(changes) < 2 * 5  # of 120
    assert world.announced == set()


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


def test_lesson_38_change_of_attributes_never_withdraws() -> None:
    """Other communities in the file made an update, and then a withdraw of the same prefix."""
    world = World(service("dns", address(1), attributes=PathAttributes(communities=["65001:1"])))
    world.decide(dns=UP)

    for attributes in (PathAttributes(communities=["65001:2"]), PathAttributes(), PathAttributes(med=5)):
        world.configure(specs(service("dns", address(1), attributes=attributes)))

        (change,) = world.decide().changes
        assert change.after == attributes


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
