"""Addresses are kept as they should be, whatever others do."""

import asyncio
from dataclasses import replace

from rhi.daemon.addresses.plan import LONGEST_PAUSE, LOSS_WINDOW, MARK, MAX_LOSSES
from rhi.daemon.addresses.spec import AddressSpec, Mode, Spot
from rhi.daemon.addresses.telling import REMOVED
from rhi.daemon.decision.spec import Presence
from rhi.model.prefix import to_prefix
from tests.daemon.addresses.house import FakeMemory, House, run
from tests.daemon.addresses.world import CHECK, OWN, VIP

HERE, PENDING, ABSENT = Presence.HERE, Presence.PENDING, Presence.ABSENT
ON_LO, ON_ETH0 = Spot("lo", VIP), Spot("eth0", VIP)
OTHER = to_prefix("2001:db8::53")


async def announced(**fields: object) -> House:
    """A house whose address is on lo and announced."""
    house = House(**fields)  # type: ignore[arg-type]
    house.configure({VIP: OWN})
    house.kernel.know()
    house.want(VIP, True)
    await house.settle()
    house.announce(VIP)
    house.take()
    return house


def test_keeper_remembers_adds_and_lets_announce_in_this_order() -> None:
    async def main() -> None:
        house = House(obeys=False)
        house.configure({VIP: OWN})
        house.kernel.know()
        assert house.presence(VIP) is PENDING

        house.memory.disk.clear()
        house.want(VIP, True)
        await house.settle()
        assert house.kernel.orders == [], "a crash now would leave an address that nobody remembers"
        house.memory.disk.set()
        await house.settle()
        assert house.presence(VIP) is PENDING
        house.kernel.obey()
        assert house.presence(VIP) is HERE

        assert house.take() == ["remember 203.0.113.53 on lo", "add 203.0.113.53 on lo"]
        assert house.texts() == ["203.0.113.53: is on lo"]

    run(main)


def test_lesson_10_the_keeper_withdraws_waits_for_peers_ages_and_only_then_removes() -> None:
    async def main() -> None:
        house = await announced()
        house.behind = {"192.0.2.1": "an UPDATE"}

        house.want(VIP, False)
        house.withdraw(VIP)
        await house.settle(600.0)
        assert house.take() == ["withdraw 203.0.113.53"]
        assert house.keeper.finding(VIP) is not None

        house.behind = {}
        await house.settle(OWN.linger - 0.1)
        assert house.take() == []
        await house.settle(5.0)

        assert house.take() == ["remove 203.0.113.53 on lo", "remember nothing"]
        assert house.presence(VIP) is PENDING

    run(main)


def test_keeper_goes_by_the_last_withdrawal_and_not_by_a_look_from_before_it() -> None:
    async def main() -> None:
        house = await announced()
        house.behind = {"192.0.2.1": "an UPDATE"}
        house.withdraw(VIP)
        await house.settle(0.1)
        house.announce(VIP)
        house.behind = {}  # all that was sent before the next withdrawal has been acknowledged
        house.withdraw(VIP)
        house.want(VIP, False)
        house.behind = {"192.0.2.1": "the next"}
        await house.settle(60.0)

        assert house.kernel.has(ON_LO)

    run(main)


def test_keeper_leaves_an_address_that_is_announced_again_in_time() -> None:
    async def main() -> None:
        house = await announced()
        house.want(VIP, False)
        house.withdraw(VIP)
        await house.settle(2.0)
        assert house.presence(VIP) is HERE

        house.want(VIP, True)
        house.announce(VIP)
        await house.settle(60.0)

        assert house.take() == ["withdraw 203.0.113.53", "announce 203.0.113.53"]

    run(main)


def test_keeper_puts_back_what_an_operator_has_removed_before_anything_is_withdrawn() -> None:
    async def main() -> None:
        house = await announced()
        changes = house.changes

        house.kernel.remove(ON_LO)
        assert house.presence(VIP) is PENDING
        await house.settle()

        assert house.presence(VIP) is HERE
        assert house.changes == changes + 2
        assert house.take() == ["add 203.0.113.53 on lo"]
        assert "203.0.113.53: somebody has removed it from lo" in house.texts()
        assert house.alarm_texts() == {
            REMOVED: "203.0.113.53: somebody has removed what rhi had added; it is put back"
        }
        await house.settle(LOSS_WINDOW + 1)
        assert house.alarm_texts() == {}

    run(main)


def test_keeper_takes_over_an_address_that_another_program_removes_as_it_ends() -> None:
    async def main() -> None:
        house = House()
        house.configure({VIP: OWN})
        house.kernel.know(ON_LO)
        house.want(VIP, True)
        await house.settle()
        house.announce(VIP)
        assert house.take() == ["announce 203.0.113.53"]

        house.kernel.remove(ON_LO)
        assert house.presence(VIP) is PENDING
        await house.settle()

        assert house.presence(VIP) is HERE
        assert house.take() == ["remember 203.0.113.53 on lo", "add 203.0.113.53 on lo"]
        assert house.memory.spots == {ON_LO}
        assert "addresses of others" not in house.alarm_texts()

    run(main)


def test_keeper_does_not_fight_for_ever() -> None:
    async def main() -> None:
        house = await announced()
        for _ in range(MAX_LOSSES):
            house.kernel.remove(ON_LO)
            await house.settle()

        assert house.presence(VIP) is ABSENT
        assert "removed it 5 times" in house.alarm_texts()["addresses failing"]
        house.withdraw(VIP)
        await house.settle(LONGEST_PAUSE)
        assert house.presence(VIP) is HERE
        assert house.kernel.has(ON_LO)

    run(main)


def test_keeper_says_at_once_that_a_checked_address_has_gone_and_come() -> None:
    async def main() -> None:
        house = House()
        house.configure({VIP: CHECK})
        assert house.presence(VIP) is PENDING
        house.kernel.know(ON_ETH0)
        assert house.presence(VIP) is HERE

        house.kernel.remove(ON_ETH0)
        assert house.presence(VIP) is ABSENT
        assert "is not on any interface" in house.alarm_texts()["addresses missing"]
        house.kernel.add(ON_LO)
        assert house.presence(VIP) is HERE

        await house.settle(60.0)
        assert house.take() == []
        assert house.alarm_texts() == {}

    run(main)


def test_lesson_13_the_end_takes_what_was_added_and_leaves_what_was_not() -> None:
    async def main() -> None:
        house = House()
        house.configure({VIP: OWN, OTHER: OWN})
        house.kernel.know(Spot("lo", OTHER))
        for prefix in (VIP, OTHER):
            house.want(prefix, True)
        await house.settle()
        for prefix in (VIP, OTHER):
            house.announce(prefix)
        assert "where somebody else has put it" in house.alarm_texts()["addresses of others"]

        for prefix in (VIP, OTHER):
            house.withdraw(prefix)
        await house.keeper.release((), house.loop.time() + 60.0)
        await house.keeper.close(1.0)

        assert not house.kernel.has(ON_LO)
        assert house.kernel.has(Spot("lo", OTHER))
        assert house.memory.spots == frozenset()
        assert house.kernel.is_closed

    run(main)


def test_keeper_at_the_end_waits_for_peers_until_the_deadline_and_removes_all_the_same() -> None:
    async def main() -> None:
        house = await announced()
        house.behind = {"192.0.2.1": "an UPDATE"}
        began = house.loop.time()

        house.withdraw(VIP)
        await house.keeper.release((), began + 7.0)
        assert house.kernel.has(ON_LO)
        assert house.loop.time() == began + 7.0
        await house.keeper.close(1.0)

        assert not house.kernel.has(ON_LO)
        assert house.loop.time() < began + 7.5

    run(main)


def test_keeper_at_the_end_does_not_wait_for_a_kernel_that_refuses() -> None:
    async def main() -> None:
        house = await announced()
        house.kernel.problem = "Operation not permitted"
        began = house.loop.time()

        house.withdraw(VIP)
        await house.keeper.release((), began + 60.0)
        await house.keeper.close(2.0)

        assert house.loop.time() - began < 10.0
        assert house.memory.spots == {ON_LO}, "the next life of the daemon finds it"

    run(main)


def test_keeper_at_the_end_keeps_what_routes_are_kept_for() -> None:
    async def main() -> None:
        house = await announced()

        await house.keeper.release({VIP}, house.loop.time() + 60.0)
        await house.keeper.close(1.0)

        assert house.kernel.has(ON_LO)
        assert house.memory.spots == {ON_LO}

    run(main)


def test_keeper_after_a_crash_takes_over_what_it_had_added() -> None:
    async def main() -> None:
        house = House(FakeMemory([], frozenset({ON_LO})))
        house.configure({VIP: OWN})
        house.kernel.know(ON_LO, mark=MARK)
        await house.settle(600.0)
        assert house.presence(VIP) is HERE
        assert house.kernel.has(ON_LO), "nobody knows yet whether it is wanted"

        house.want(VIP, False)
        await house.settle(600.0)
        assert house.kernel.has(ON_LO), "a peer may have the route still"
        house.keeper.settled()
        await house.settle(OWN.linger + 1)

        assert not house.kernel.has(ON_LO)
        assert house.memory.spots == frozenset()

    run(main)


def test_keeper_after_a_crash_removes_what_is_configured_no_more() -> None:
    async def main() -> None:
        house = House(FakeMemory([], frozenset({ON_LO, Spot("eth0", OTHER)})))
        house.configure({VIP: OWN})
        house.kernel.know(ON_LO, Spot("eth0", OTHER), mark=MARK)
        house.want(VIP, True)
        house.keeper.settled()
        await house.settle(60.0)

        assert house.kernel.has(ON_LO)
        assert not house.kernel.has(Spot("eth0", OTHER))
        assert house.memory.spots == {ON_LO}
        assert house.keeper.finding(OTHER) is None

    run(main)


def test_keeper_after_a_crash_leaves_what_somebody_has_added_anew() -> None:
    async def main() -> None:
        house = House(FakeMemory([], frozenset({ON_LO})))
        house.configure({VIP: OWN})
        house.kernel.know(ON_LO, mark=0)
        house.want(VIP, False)
        house.keeper.settled()
        await house.settle(60.0)

        assert house.kernel.has(ON_LO)
        assert house.memory.spots == frozenset()

    run(main)


def test_keeper_tells_a_missing_interface_in_one_alarm_and_goes_on_when_it_comes() -> None:
    spec = replace(OWN, interface="eth1")
    many = [to_prefix(f"198.51.100.{number}") for number in range(1, 6)]

    async def main() -> None:
        house = House()
        house.configure(dict.fromkeys(many, spec))
        house.kernel.know()
        for prefix in many:
            house.want(prefix, True)
        assert house.alarm_texts() == {
            "addresses missing": "198.51.100.1, 198.51.100.2, 198.51.100.3 and 2 more: "
            "there is no interface eth1 to put it on"
        }
        assert house.presence(many[0]) is ABSENT

        house.kernel.link("eth1")
        await house.settle()
        assert house.alarm_texts() == {}
        assert {house.presence(prefix) for prefix in many} == {HERE}

        house.kernel.link("eth1", is_gone=True)
        assert {house.presence(prefix) for prefix in many} == {ABSENT}
        assert not any("somebody has removed" in text for text in house.texts())

    run(main)


def test_keeper_tells_what_the_kernel_refuses_and_tries_again() -> None:
    async def main() -> None:
        house = House(problem="Operation not permitted: rhi needs the capability CAP_NET_ADMIN")
        house.configure({VIP: OWN})
        house.kernel.know()
        house.want(VIP, True)
        await house.settle()
        assert house.presence(VIP) is ABSENT
        assert house.alarm_texts() == {
            "addresses failing": "203.0.113.53: cannot be added to lo: "
            "Operation not permitted: rhi needs the capability CAP_NET_ADMIN"
        }

        house.kernel.problem = ""
        await house.settle(2.0)
        assert house.presence(VIP) is HERE
        assert house.alarm_texts() == {}

    run(main)


def test_keeper_without_netlink_announces_nothing_and_says_so() -> None:
    async def main() -> None:
        house = House()

        def refuse(*_: object) -> None:
            raise PermissionError(1, "")

        house.keeper._open_kernel = refuse  # type: ignore[assignment]
        house.configure({VIP: CHECK})

        assert house.presence(VIP) is PENDING
        assert "cannot be followed" in house.alarm_texts()["addresses"]

    run(main)


def test_lesson_49_a_reload_that_loses_a_service_leaves_its_address_until_peers_know() -> None:
    async def main() -> None:
        house = await announced()
        house.behind = {"192.0.2.1": "an UPDATE"}

        house.configure({})
        del house.wants[VIP]
        house.withdraw(VIP)
        await house.settle(60.0)
        assert house.kernel.has(ON_LO)
        assert house.presence(VIP) is None

        house.configure({VIP: OWN})
        house.want(VIP, True)
        assert house.presence(VIP) is HERE
        house.announce(VIP)
        house.behind = {}
        await house.settle(60.0)
        assert house.kernel.has(ON_LO)

        house.configure({})
        house.withdraw(VIP)
        await house.settle(OWN.linger + 3)
        assert not house.kernel.has(ON_LO)

    run(main)


def test_keeper_hands_an_address_over_when_it_is_only_to_be_checked() -> None:
    async def main() -> None:
        house = await announced()

        house.configure({VIP: CHECK})
        await house.settle(60.0)

        assert house.kernel.has(ON_LO)
        assert house.presence(VIP) is HERE
        assert house.memory.spots == frozenset()
        assert "203.0.113.53: stays on lo: it is its operator's from now on" in house.texts()

    run(main)


def test_keeper_moves_an_address_without_a_moment_in_between() -> None:
    async def main() -> None:
        house = await announced()

        house.configure({VIP: replace(OWN, interface="eth0")})
        assert house.presence(VIP) is PENDING
        await house.settle(60.0)

        assert house.take()[:3] == [
            "remember 203.0.113.53 on eth0, 203.0.113.53 on lo",
            "add 203.0.113.53 on eth0",
            "remove 203.0.113.53 on lo",
        ]
        assert house.memory.spots == {ON_ETH0}

    run(main)


def test_keeper_has_a_constant_address_there_before_any_check_and_after_a_failure() -> None:
    """What listens on the address itself, or is probed there, cannot be up before it."""

    async def main() -> None:
        house = House()
        house.configure({VIP: replace(OWN, is_constant=True)})
        house.kernel.know()
        await house.settle()
        assert house.kernel.has(ON_LO)

        house.want(VIP, False)
        await house.settle(60.0)
        assert house.kernel.has(ON_LO)

    run(main)


def test_keeper_minds_ranges_by_any_address_in_them() -> None:
    network = to_prefix("198.51.100.0/24")

    async def main() -> None:
        house = House()
        house.configure({network: CHECK})
        house.kernel.know()
        assert house.presence(network) is ABSENT

        house.kernel.add(Spot("eth0", to_prefix("198.51.100.7")))
        assert house.presence(network) is HERE
        house.kernel.add(Spot("eth0", to_prefix("203.0.113.7")))
        house.kernel.remove(Spot("eth0", to_prefix("198.51.100.7")))
        assert house.presence(network) is ABSENT

    run(main)


def test_keeper_tells_nothing_of_addresses_that_are_not_minded() -> None:
    async def main() -> None:
        house = House()
        house.configure({}, others=[VIP])
        assert house.keeper.presence == {}
        assert house.keeper.findings() == []
        house.announce(VIP)
        house.withdraw(VIP)
        await asyncio.sleep(0)
        await house.keeper.close(1.0)

    run(main)


def test_keeper_lets_a_route_age_that_was_announced_before_any_decision() -> None:
    """As after a crash, of a service whose routes come back at once."""

    async def main() -> None:
        house = House(FakeMemory([], frozenset({ON_LO})))
        house.keeper.announced([VIP])
        house.configure({VIP: OWN})
        house.kernel.know(ON_LO, mark=MARK)
        house.keeper.settled()
        await house.settle(60.0)
        assert house.presence(VIP) is HERE

        house.behind = {"192.0.2.1": "an UPDATE"}
        house.want(VIP, False)
        house.withdraw(VIP)
        await house.settle(60.0)
        assert house.kernel.has(ON_LO)
        house.behind = {}
        await house.settle(OWN.linger + 1)
        assert not house.kernel.has(ON_LO)

    run(main)


def test_keeper_takes_an_address_over_that_was_announced_before_it_was_minded() -> None:
    async def main() -> None:
        house = House()
        house.configure({}, others=[VIP])
        house.announce(VIP)
        house.wants[VIP] = True

        house.configure({VIP: AddressSpec(mode=Mode.OWN, interface="lo")})
        assert house.presence(VIP) is PENDING, "and so it stays announced"
        house.kernel.know()
        await house.settle()

        assert house.presence(VIP) is HERE
        assert house.kernel.has(ON_LO)

    run(main)
