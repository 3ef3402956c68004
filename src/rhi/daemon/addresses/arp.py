"""The trap of addresses on loopback interfaces: ARP brings traffic that BGP does not.

Linux answers ARP for any of its addresses on any interface, and names any of them when it asks. So where an
address of a service is in the network of another interface, neighbours there find this host by ARP, also
while its route is withdrawn, and the host that answers last wins among several. Two settings prevent that
(Documentation/networking/ip-sysctl in the kernel): `arp_ignore` 1, 2 or 8, so that only addresses of the
interface are answered for, and `arp_announce` 2, so that only those are named. Of the value for `all` and
that of the interface the larger one counts. IPv6 has no such trap: neighbour discovery goes by the interface.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Final

from rhi.daemon.addresses.picture import Network, Picture
from rhi.daemon.addresses.spec import is_single
from rhi.daemon.alarms import Alarms
from rhi.model.prefix import Family, Prefix

SUBJECT: Final = "addresses and ARP"
# Seconds that changes of addresses are let come together, and that settings are not looked at again.
PAUSE: Final = 1.0
INTERVAL: Final = 60.0
# Addresses that a sentence names.
NAMED: Final = 3
_GOOD: Final = {"arp_ignore": frozenset({1, 2, 8}), "arp_announce": frozenset({2})}
_ADVICE: Final = {"arp_ignore": 1, "arp_announce": 2}

# A setting below net.ipv4.conf, as `eth0/arp_ignore`; None where there is none.
Read = Callable[[str], int | None]


def read_setting(name: str) -> int | None:
    """From /proc."""
    try:
        return int(Path("/proc/sys/net/ipv4/conf", name).read_text())
    except (OSError, ValueError):
        return None


def arp_traps(
    places: Mapping[Prefix, Collection[str]], networks: Iterable[Network], read: Read = read_setting
) -> list[str]:
    """A sentence for each interface whose neighbours find addresses that are elsewhere on this host.

    Args:
        places: addresses, and the interfaces that each is, or is to be, on.
        networks: of interfaces that answer ARP.
    """
    addresses = {
        IPv4Address(prefix.packed): set(interfaces)
        for prefix, interfaces in places.items()
        if prefix.family is Family.IPV4_UNICAST and is_single(prefix) and interfaces
    }
    found = []
    for each in sorted(networks, key=lambda each: (each.interface, each.packed)):
        network = IPv4Interface((each.packed, each.length)).network
        caught = [
            address
            for address, interfaces in addresses.items()
            if each.interface not in interfaces and address in network
        ]
        advice = _advice(each.interface, read) if caught else []
        if advice:
            where = ", ".join(sorted({name for address in caught for name in addresses[address]}))
            found.append(
                f"{_names(caught)} on {where}: {each.interface} is in the same network, {network}, where "
                f"neighbours reach this host by ARP whatever BGP says; set {' and '.join(advice)}"
            )
    return found


def _advice(interface: str, read: Read) -> list[str]:
    """Settings that are missing."""
    found = []
    for name, good in _GOOD.items():
        value = max(read(f"all/{name}") or 0, read(f"{interface}/{name}") or 0)
        if value not in good:
            found.append(f"net.ipv4.conf.{interface}.{name} = {_ADVICE[name]}")
    return found


def _names(addresses: list[IPv4Address]) -> str:
    names = ", ".join(map(str, addresses[:NAMED]))
    return names if len(addresses) <= NAMED else f"{names} and {len(addresses) - NAMED} more"


class ArpWatch:
    """Keeps an alarm about the trap. Made, used and closed in one event loop."""

    def __init__(
        self, alarms: Alarms, addresses: Callable[[], Iterable[Prefix]], read: Read = read_setting
    ) -> None:
        """`addresses` are those that are minded now."""
        self._loop = asyncio.get_running_loop()
        self._alarms = alarms
        self._addresses = addresses
        self._read = read
        self._picture: Picture | None = None
        self._timer: asyncio.TimerHandle | None = None

    def note(self, picture: Picture) -> None:
        """Addresses of this host may have changed."""
        self._picture = picture
        self._in(PAUSE)

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _in(self, seconds: float) -> None:
        when = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > when:
            self.close()
            self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        assert self._picture is not None
        places = {prefix: self._picture.seen(prefix) for prefix in self._addresses() if is_single(prefix)}
        traps = arp_traps(places, self._picture.networks(), self._read)
        self._alarms.set(SUBJECT, "; ".join(traps) or None)
        self._in(INTERVAL)
