"""Whether sessions can come up: peers, interfaces, sources, keys, router ids. Pure."""

from collections.abc import Iterator, Mapping

from rhi.daemon.config.build import Setup, key_settings
from rhi.daemon.config.models import Config
from rhi.daemon.doctor.finding import Finding, error, named, warning
from rhi.daemon.doctor.next_hops import loopback_traps, routes_without_way
from rhi.daemon.doctor.system import System, sysctl_word
from rhi.model.parameters import Parameters
from rhi.model.prefix import IPAddress
from rhi.net.endpoint import PeerAddress, PeerInterface, parse_peer


def sessions(config: Config, setup: Setup, system: System) -> Iterator[Finding]:
    """All of this kind."""
    yield from _router_id(setup, system)
    for name, parameters in setup.peers.items():
        peer = parse_peer(name)
        if isinstance(peer, PeerInterface):
            yield from _unnumbered(peer, system)
        else:
            yield from _peer(peer, parameters, setup, system)
    yield from routes_without_way(setup)
    yield from _passwords(config, system)


def _router_id(setup: Setup, system: System) -> Iterator[Finding]:
    own, subject = setup.router_id, f"router_id {setup.router_id}"
    if str(own) in setup.peers and not own.is_loopback:
        yield warning(
            "router-id-peer", subject, "is the address of a peer, whose own router id it often is; internal "
            "peers refuse a router id that is theirs", "use an address of this host",
        )  # fmt: skip
    elif not system.has(own):
        yield warning(
            "router-id-foreign", subject, "is not an address of this host, so nothing keeps another "
            "host from having it too", "use an address of this host",
        )  # fmt: skip
    for peer in system.peers or ():
        if peer.remote_router_id == str(own):
            yield error(
                "router-id-same", f"peer {peer.name}", f"has our router id, {own}",
                "give one of the two another",
            )  # fmt: skip


def _unnumbered(peer: PeerInterface, system: System) -> Iterator[Finding]:
    interface, subject = system.interfaces.get(peer.name), f"peer {peer}"
    if interface is None:
        yield error(
            "no-interface", subject, "there is no such interface", "correct its name, or bring it about"
        )
        return
    if not interface.is_up:
        yield error(
            "interface-down", subject, "the interface is down",
            f"connect it, and bring it up: ip link set {peer} up",
        )  # fmt: skip
    elif system.number(f"net/ipv6/conf/{peer}/disable_ipv6"):
        yield error(
            "no-ipv6", subject, "IPv6 is off on it, and neighbours are found by their link-local addresses",
            f"set net.ipv6.conf.{sysctl_word(peer.name)}.disable_ipv6 = 0",
        )  # fmt: skip


def _peer(peer: PeerAddress, parameters: Parameters, setup: Setup, system: System) -> Iterator[Finding]:
    subject, is_own = f"peer {peer}", system.has(peer.address)
    yield from _source(subject, parameters.source_ip, system)
    if peer.zone is not None and peer.zone not in system.interfaces:
        yield error(
            "no-interface", subject, f"there is no interface {peer.zone}",
            "correct its name, or bring it about",
        )  # fmt: skip
    why = "" if is_own or peer.zone is not None else system.no_route(peer.address)
    if why:
        yield error(
            "no-route", subject, f"cannot be reached: {why}", "add the address or route that leads there"
        )
    if not parameters.passive and (is_own or peer.address.is_loopback):
        listener = system.listener(peer.address, parameters.port)
        if listener is None:
            yield warning(
                "peer-silent", subject, f"is on this host, and nobody listens on port {parameters.port}",
                "start the routing daemon, and have it wait for connections there",
            )  # fmt: skip
        yield from loopback_traps(subject, peer, parameters, listener, setup, system)


def _source(subject: str, source: IPAddress | None, system: System) -> Iterator[Finding]:
    if source is None or system.has(source):
        return
    if not system.number(f"net/ipv{source.version}/ip_nonlocal_bind"):
        yield error(
            "source-foreign", subject, f"source_ip {source} is not an address of this host, so no connection "
            "can begin there", "add it to an interface, or leave source_ip out",
        )  # fmt: skip


def _passwords(config: Config, system: System) -> Iterator[Finding]:
    keyed = [
        name
        for table in ("peers", "dynamic_peers")
        for name, peer in getattr(config, table).items()
        if _has_key(config, table, name)
    ]
    if keyed and not system.has_md5:
        yield error(
            "no-md5", f"peer {keyed[0]}", "has a password, and this kernel has no TCP MD5 signatures",
            "use one with CONFIG_TCP_MD5SIG, or leave the password out at both ends",
        )  # fmt: skip
    plain = [name for name in config.peers if name not in keyed]
    yield from _drops(_waiting(keyed, system), _waiting(plain, system), system.key_drops)


def _has_key(config: Config, table: str, name: str) -> bool:
    source = key_settings(config, getattr(config, table)[name])
    return source.password_file is not None or source.password_env is not None


def _waiting(names: list[str], system: System) -> list[str]:
    """Those without a session, as far as a daemon can be asked; else all."""
    return [name for name in names if not system.is_up(name)]


def _drops(keyed: list[str], plain: list[str], drops: Mapping[str, int]) -> Iterator[Finding]:
    """What the kernel dropped since it began: a hint, since it counts for all peers and programs together."""
    rules = (
        ("TCPMD5NotFound", keyed, "without the signature that the password asks for",
         "set the same password at the other end"),
        ("TCPMD5Failure", keyed, "with a signature by another password",
         "compare the passwords of both ends"),
        ("TCPMD5Unexpected", plain, "with a signature, where no password is set",
         "set the password that the other end has"),
    )  # fmt: skip
    for counter, names, what, remedy in rules:
        count = drops.get(counter, 0)
        if count and names:
            segments = "1 TCP segment" if count == 1 else f"{count} TCP segments"
            yield warning(
                "key-drops", f"peer {named(names)}",
                f"since it began the kernel has dropped {segments} {what}, of these or other connections",
                remedy,
            )  # fmt: skip
