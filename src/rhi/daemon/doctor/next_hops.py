"""Whether the routes of a session can be followed: families, next hops, the traps of loopback. Pure.

Next hops on the loopback interface are what goes wrong when another routing daemon on the same host passes
the routes on. Which of them takes what is in docs/routers/README.md, and tests hold that against the daemons.
"""

from collections.abc import Iterator
from typing import Final

from rhi.daemon.config.build import Setup
from rhi.daemon.doctor.finding import Finding, error, named, warning
from rhi.daemon.doctor.system import Listener, System
from rhi.model.parameters import Parameters
from rhi.model.prefix import Family, IPAddress
from rhi.net.endpoint import PeerAddress, PeerInterface, parse_peer

_FRR: Final = "FRR"
_GOBGP: Final = "GoBGP"
# Programs that answer for a peer on this host, by file or by name; two of them are called bgpd.
_DAEMONS: Final = {
    "/usr/lib/frr/bgpd": _FRR,
    "gobgpd": _GOBGP,
    "bird": "BIRD",
    "bird6": "BIRD",
    "bgpd": "OpenBGPD",
}
_VERSIONS: Final = {4: Family.IPV4_UNICAST, 6: Family.IPV6_UNICAST}


def loopback_traps(
    subject: str,
    peer: PeerAddress,
    parameters: Parameters,
    listener: Listener | None,
    setup: Setup,
    system: System,
) -> Iterator[Finding]:
    """What a routing daemon on this host makes of our routes; `listener` is its socket, if there is one."""
    daemon = _daemon(listener)
    # later releases do, with allow-reserved-ranges
    is_refused = daemon == _FRR and not system.is_up(str(peer))
    if is_refused and peer.address.version == 4 and peer.address.is_loopback:
        yield error(
            "frr-loopback", subject, "FRR 8.4 resets sessions over 127.0.0.0/8 (nexthop_set failed)",
            "put a small network on lo, and peer from its second address: docs/routers/README.md, FRR",
        )  # fmt: skip
    for version in _VERSIONS:
        next_hop = _next_hop(peer, parameters, version)
        if next_hop is not None and _has_routes(setup, version):
            yield from _trap(subject, daemon, version, next_hop, system)


def _next_hop(peer: PeerAddress, parameters: Parameters, version: int) -> IPAddress | None:
    """What routes of a family go out with: as given, or our end of the session; None when they do not."""
    is_same = version == peer.address.version
    given: IPAddress | None = parameters.next_hop_4 if version == 4 else parameters.next_hop_6
    if not (is_same or parameters.multiprotocol):
        return None
    # our end of a session with an address of this host is that address, unless a source is given
    return given or ((parameters.source_ip or peer.address) if is_same else None)


def _trap(subject: str, daemon: str, version: int, next_hop: IPAddress, system: System) -> Iterator[Finding]:
    field = f"next_hop_{version}"
    if daemon == _GOBGP:
        if version == 4 and next_hop.is_loopback:
            yield error(
                "gobgp-next-hop", subject, f"GoBGP refuses IPv4 routes with the loopback next hop {next_hop}",
                f"set {field} to an address of this host that is not loopback",
            )  # fmt: skip
    elif daemon == _FRR:
        if next_hop.is_loopback or system.is_bound(next_hop):
            yield error(
                "frr-next-hop", subject, f"FRR refuses routes with the next hop {next_hop}, an address of "
                "this host", f"set {field} to the second address of a network on lo: docs/routers/README.md, "
                "FRR",
            )  # fmt: skip
    elif next_hop.is_loopback:
        yield warning(
            "loopback-next-hop", subject, f"IPv{version} routes have the loopback next hop {next_hop}, which "
            "leads nowhere once they leave this host", "have the daemon there rewrite it (next hop self; "
            f"docs/routers has recipes), or set {field} to an address that others can reach",
        )  # fmt: skip


def _daemon(listener: Listener | None) -> str:
    """Which routing daemon it is; empty when that cannot be told."""
    if listener is None or listener.owner is None:
        return ""
    owner = listener.owner
    return _DAEMONS.get(owner.program) or _DAEMONS.get(owner.name) or ""


def routes_without_way(setup: Setup) -> Iterator[Finding]:
    """Routes of a family that no session carries, or that lack a next hop there."""
    for version, family in _VERSIONS.items():
        services = [
            service
            for service in setup.specs.services.values()
            if any(prefix.family is family for prefix in service.prefixes)
        ]
        carrying = {peer: each for peer, each in setup.peers.items() if _carries(peer, each, version)}
        if services and setup.peers and not carrying and not setup.dynamic_peers:
            yield error(
                "family-not-carried", f"service {named([each.name for each in services])}",
                f"no peer takes its IPv{version} routes", "set multiprotocol = true for a peer, at both ends",
            )  # fmt: skip
        dependent = [each.name for each in services if each.attributes.next_hop is None]
        for peer, each in carrying.items() if dependent else ():
            if _lacks_next_hop(peer, each, version):
                yield error(
                    "no-next-hop", f"peer {peer}",
                    f"IPv{version} routes of service {named(dependent)} have no next hop there, and are held "
                    "back", f"set next_hop_{version} to an address of this host",
                )  # fmt: skip


def _carries(name: str, parameters: Parameters, version: int) -> bool:
    peer = parse_peer(name)
    return isinstance(peer, PeerInterface) or parameters.multiprotocol or peer.address.version == version


def _lacks_next_hop(name: str, parameters: Parameters, version: int) -> bool:
    peer = parse_peer(name)
    if isinstance(peer, PeerInterface) or peer.address.version == version:
        return False
    # RFC 8950: over IPv6, IPv4 routes may have its next hop
    is_extended = version == 4 and parameters.extended_next_hop
    return getattr(parameters, f"next_hop_{version}") is None and not is_extended


def _has_routes(setup: Setup, version: int) -> bool:
    family = _VERSIONS[version]
    return any(each.family is family for one in setup.specs.services.values() for each in one.prefixes)
