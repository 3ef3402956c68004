"""Where ARP undoes what BGP does, and where it does not."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import pytest

from rhi.daemon.addresses.arp import INTERVAL, PAUSE, SUBJECT, ArpWatch, arp_traps, read_setting
from rhi.daemon.addresses.picture import AddressNews, LinkNews, Network, Picture
from rhi.daemon.alarms import Alarms
from rhi.daemon.history import History
from rhi.model.prefix import to_prefix
from tests.health import virtual

VIP = to_prefix("192.0.2.53")
ON_LO = {VIP: ["lo"]}
ETH0 = Network("eth0", IPv4Address("192.0.2.10").packed, 24)
GOOD = {"eth0/arp_ignore": 1, "eth0/arp_announce": 2}


def traps(
    settings: Mapping[str, int], places: Any = ON_LO, networks: tuple[Network, ...] = (ETH0,)
) -> list[str]:
    return arp_traps(places, networks, settings.get)


def test_lesson_13_an_address_on_lo_that_answers_arp_is_told_with_the_remedy() -> None:
    """What was left on lo answered ARP for years in somebody's network."""
    assert traps({}) == [
        "192.0.2.53 on lo: eth0 is in the same network, 192.0.2.0/24, where neighbours reach this host by "
        "ARP whatever BGP says; set net.ipv4.conf.eth0.arp_ignore = 1 and net.ipv4.conf.eth0.arp_announce = 2"
    ]


@pytest.mark.parametrize(
    ("settings", "advice"),
    [
        (GOOD, ""),
        ({"all/arp_ignore": 1, "all/arp_announce": 2}, ""),
        ({"all/arp_ignore": 2, "eth0/arp_announce": 2}, ""),
        ({"eth0/arp_ignore": 8, "eth0/arp_announce": 2}, ""),
        ({"eth0/arp_ignore": 1}, "set net.ipv4.conf.eth0.arp_announce = 2"),
        ({"eth0/arp_ignore": 1, "eth0/arp_announce": 1}, "set net.ipv4.conf.eth0.arp_announce = 2"),
        ({"eth0/arp_announce": 2}, "set net.ipv4.conf.eth0.arp_ignore = 1"),
        # the larger one counts, and 3 answers for all but addresses of scope host
        ({"all/arp_ignore": 3, **GOOD}, "set net.ipv4.conf.eth0.arp_ignore = 1"),
        ({"lo/arp_ignore": 1, "lo/arp_announce": 2}, "arp_ignore = 1 and"),
    ],
)
def test_arp_settings_that_are_missing_are_named(settings: Mapping[str, int], advice: str) -> None:
    found = traps(settings)

    assert bool(found) == bool(advice)
    assert advice in "".join(found)


@pytest.mark.parametrize(
    ("places", "network"),
    [
        ({to_prefix("203.0.113.53"): ["lo"]}, ETH0),
        ({VIP: ["lo"]}, Network("eth0", IPv4Address("192.0.2.10").packed, 32)),
        ({VIP: ["lo", "eth0"]}, ETH0),
        ({VIP: []}, ETH0),
        ({to_prefix("2001:db8::53"): ["lo"]}, ETH0),
        ({to_prefix("192.0.2.0/28"): ["lo"]}, ETH0),
    ],
    ids=["another network", "a host route", "there too", "nowhere", "IPv6", "a range"],
)
def test_arp_is_no_trap(places: Any, network: Network) -> None:
    assert traps({}, places, (network,)) == []


def test_arp_trap_of_many_addresses_is_one_sentence() -> None:
    many = {to_prefix(f"192.0.2.{number}"): ["lo"] for number in range(50, 60)}

    (found,) = traps({}, many)

    assert found.startswith("192.0.2.50, 192.0.2.51, 192.0.2.52 and 7 more on lo: eth0")


def test_arp_settings_are_read_from_the_kernel() -> None:
    assert read_setting("lo/arp_ignore") in range(9)
    assert read_setting("none0/arp_ignore") is None


def with_watch(test: Callable[[Alarms, ArpWatch, dict[str, int]], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        settings: dict[str, int] = {}
        alarms = Alarms(History(lambda: datetime(2024, 1, 1, tzinfo=UTC), lambda entry: None))
        watch = ArpWatch(alarms, lambda: [VIP], settings.get)
        try:
            await test(alarms, watch, settings)
        finally:
            watch.close()

    virtual.run(main())


def test_arp_alarm_comes_with_the_address_and_goes_with_the_settings() -> None:
    picture = Picture()
    for index, name in ((1, "lo"), (2, "eth0")):
        picture.apply(LinkNews(index, name, is_gone=False, has_arp=name == "eth0"))
    picture.apply(AddressNews(2, ETH0.packed, 24, is_gone=False))

    async def test(alarms: Alarms, watch: ArpWatch, settings: dict[str, int]) -> None:
        watch.note(picture)
        await asyncio.sleep(2 * PAUSE)
        assert alarms.all == []

        picture.apply(AddressNews(1, VIP.packed, 32, is_gone=False))
        watch.note(picture)
        watch.note(picture)
        await asyncio.sleep(2 * PAUSE)
        assert [alarm.subject for alarm in alarms.all] == [SUBJECT]

        settings.update(GOOD)
        await asyncio.sleep(INTERVAL)
        assert alarms.all == []

    with_watch(test)
