"""Addresses that are only announced while they are on this host."""

import pytest

from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import Group, Presence, Quota
from rhi.model.prefix import to_prefix
from tests.daemon.decision.build import DOWN, UP, World, address, override, service, specs

VIP = to_prefix(address(1))


def world_of(presence: Presence, **fields: object) -> World:
    world = World(service("dns", address(1)), **fields)
    world.presence[VIP] = presence
    return world


@pytest.mark.parametrize("presence", [Presence.PENDING, Presence.ABSENT])
def test_presence_of_a_healthy_address_is_waited_for(presence: Presence) -> None:
    world = world_of(presence)

    world.decide(dns=UP)
    assert world.announced == set()
    assert world.reconciler.wants(VIP)

    world.presence[VIP] = Presence.HERE
    world.decide()
    assert world.announced == {address(1)}


def test_presence_that_is_pending_leaves_an_announced_address_as_it_is() -> None:
    world = world_of(Presence.HERE)
    world.decide(dns=UP)

    world.presence[VIP] = Presence.PENDING
    world.decide()
    assert world.announced == {address(1)}

    world.decide(dns=DOWN)
    assert world.announced == set()


def test_presence_that_is_lost_withdraws_whatever_keeps_the_address_otherwise() -> None:
    """No floor, no rule of the last origin and no operator makes an address answer that is not here."""
    world = World(
        service("dns", address(1), never_last=True), groups=(Group(name="default", floor=Quota(count=1)),)
    )
    world.overrides["dns"] = override(Action.ANNOUNCE)
    world.decide(dns=UP)
    assert world.announced == {address(1)}

    world.presence[VIP] = Presence.ABSENT
    world.decide()

    assert world.announced == set()


def test_presence_of_one_address_is_nothing_to_the_others() -> None:
    world = World(service("dns", address(1), address(2)))
    world.decide(dns=UP)

    world.presence[VIP] = Presence.ABSENT
    world.decide()

    assert world.announced == {address(2)}


def test_presence_that_is_pending_holds_end_of_rib_for_what_is_wanted() -> None:
    """A peer that keeps our routes over a restart must not drop one while its address is being added."""
    world = world_of(Presence.PENDING)

    world.decide(dns=UP)
    assert not world.reconciler.is_decided

    world.presence[VIP] = Presence.ABSENT
    world.decide()
    assert world.reconciler.is_decided

    world.presence[VIP] = Presence.PENDING
    world.decide(dns=DOWN)
    assert world.reconciler.is_decided


def test_presence_of_absent_addresses_is_no_failure_that_makes_a_guard_suspicious() -> None:
    group = Group(name="default", suspect_within=5.0)
    world = World(service("a", address(1)), service("b", address(2)), groups=(group,))
    world.decide(a=UP, b=UP)

    world.presence = {to_prefix(address(number)): Presence.ABSENT for number in (1, 2)}
    world.decide()

    assert world.announced == set()


def test_presence_is_remembered_for_addresses_that_come_by_a_reload() -> None:
    world = world_of(Presence.ABSENT)
    world.decide(dns=UP)

    world.configure(specs(service("web", address(1), checks=("dns",))))
    world.decide()

    assert world.announced == set()


def test_presence_wishes_are_told_when_they_may_have_changed() -> None:
    world = world_of(Presence.PENDING)

    assert world.decide(dns=UP).wishes == {VIP}
    assert world.decide().wishes == frozenset()
    assert world.decide(dns=DOWN).wishes == {VIP}
    assert world.reconciler.wants(VIP) is False
    assert world.reconciler.wants(to_prefix(address(9))) is False
