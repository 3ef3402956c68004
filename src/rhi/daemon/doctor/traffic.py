"""Whether traffic follows the routes to this host, is taken here, and ends when it should. Pure."""

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address

from rhi.daemon.addresses.arp import arp_traps
from rhi.daemon.addresses.picture import Network
from rhi.daemon.addresses.spec import is_single
from rhi.daemon.config.build import Setup
from rhi.daemon.config.models import Config
from rhi.daemon.doctor.finding import Finding, named, warning
from rhi.daemon.doctor.system import LOOPBACK, System, sysctl_word
from rhi.model.prefix import IPAddress, Prefix


def traffic(config: Config, setup: Setup, system: System) -> Iterator[Finding]:
    """All of this kind."""
    absent = {
        name: _absent(service.prefixes, system)
        for name, service in setup.specs.services.items()
        if config.services[name].address_mode != "own"  # the daemon puts those there itself
    }
    wanting = [name for name, addresses in absent.items() if addresses]
    if wanting:
        yield _not_here(wanting, [each for name in wanting for each in absent[name]], system)
    yield from _arp(setup, system)
    yield from _reverse_path(setup, system)
    yield from _graceful_restart(setup, wanting)


def _absent(prefixes: tuple[Prefix, ...], system: System) -> list[IPAddress]:
    """Single addresses that no interface has."""
    addresses = (ip_address(each.packed) for each in prefixes if is_single(each))
    return [each for each in addresses if not system.has(each)]


def _not_here(services: list[str], addresses: list[IPAddress], system: System) -> Finding:
    first, is_one = addresses[0], len(addresses) == 1
    are, it, as_in = ("is", "it", "") if is_one else ("are", "them", ", as in")
    forwards = system.number("net/ipv4/ip_forward" if first.version == 4 else "net/ipv6/conf/all/forwarding")
    elsewhere = ", unless this host passes them on" if forwards else ""
    return warning(
        "address-absent", f"service {named(services)}",
        f"{named(addresses)} {are} on no interface of this host, so traffic to {it} is drawn here and "
        f"refused{elsewhere}",
        f"add {it}{as_in}: ip address add {first}/{first.max_prefixlen} dev {LOOPBACK}",
    )  # fmt: skip


def _arp(setup: Setup, system: System) -> Iterator[Finding]:
    """Addresses on one interface that neighbours of another find by ARP, whatever BGP says."""
    prefixes = {each for one in setup.specs.services.values() for each in one.prefixes}
    places = {each: system.interfaces_of(ip_address(each.packed)) for each in prefixes if is_single(each)}
    networks = [
        Network(name, each.ip.packed, each.network.prefixlen)
        for name, interface in system.interfaces.items()
        for each in interface.addresses
        if name != LOOPBACK and isinstance(each.ip, IPv4Address)
    ]
    for sentence in arp_traps(places, networks, lambda name: system.number(f"net/ipv4/conf/{name}")):
        text, _, remedy = sentence.rpartition("; ")
        yield warning("arp", "addresses", text, remedy)


def _reverse_path(setup: Setup, system: System) -> Iterator[Finding]:
    """Strict filtering (RFC 3704 §2.2) where traffic may come in on one of several interfaces."""
    is_ipv4 = any(each.family.size == 4 for one in setup.specs.services.values() for each in one.prefixes)
    uplinks = [
        name
        for name, interface in system.interfaces.items()
        if name != LOOPBACK and interface.is_up
        and any(isinstance(each.ip, IPv4Address) and not each.ip.is_loopback for each in interface.addresses)
    ]  # fmt: skip
    if not is_ipv4 or len(uplinks) < 2:
        return
    for name in uplinks:
        values = [system.number(f"net/ipv4/conf/{each}/rp_filter") or 0 for each in ("all", name)]
        if max(values) == 1:
            yield warning(
                "rp-filter", f"interface {name}", "drops packets whose way back is another interface "
                "(rp_filter = 1), as it may be with several uplinks",
                f"set net.ipv4.conf.{sysctl_word(name)}.rp_filter = 2",
            )  # fmt: skip


def _graceful_restart(setup: Setup, absent: list[str]) -> Iterator[Finding]:
    """Routes that a peer keeps while this daemon is away need a data path that stays."""
    for name, parameters in setup.peers.items():
        seconds = parameters.graceful_restart
        if seconds and absent:
            yield warning(
                "restart-path", f"peer {name}",
                f"keeps routes for {seconds} s while the daemon is away, and the addresses of service "
                f"{named(absent)} are not on this host to be served meanwhile",
                "put them on lo for good, or leave graceful_restart out",
            )  # fmt: skip
