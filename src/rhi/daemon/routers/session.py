"""What a router has to know of us: one `Session` for each peer of a configuration, in no router's language.

No key is read for it: a sample says where the key is, and leaves a word in its place.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import collapse_addresses
from typing import Final

from rhi.core.export import compile_filter
from rhi.daemon.config.build import BuildError, all_parameters, key_settings, no_key
from rhi.daemon.config.models import Config
from rhi.daemon.config.problems import Problem
from rhi.model.parameters import Parameters, Role
from rhi.model.prefix import FAMILY_OF_VERSION, Family, IPNetwork, Prefix, to_network
from rhi.net.endpoint import ListenAddress, PeerAddress, PeerInterface, parse_peer

BGP_PORT: Final = 179
# Words in a sample that only the router's operator can replace.
HOST_ADDRESS: Final = "HOST_ADDRESS"
INTERFACE: Final = "INTERFACE"
ROUTER_ADDRESS: Final = "ROUTER_ADDRESS"
ROUTER_AS: Final = "ROUTER_AS"
ROUTER_ID: Final = "ROUTER_ID"
SECRET: Final = "SECRET"

_COUNTERPARTS: Final = {
    Role.PROVIDER: Role.CUSTOMER,
    Role.CUSTOMER: Role.PROVIDER,
    Role.ROUTE_SERVER: Role.ROUTE_SERVER_CLIENT,
    Role.ROUTE_SERVER_CLIENT: Role.ROUTE_SERVER,
    Role.PEER: Role.PEER,
}

FindSource = Callable[[PeerAddress], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of a prefix list: all routes of this length inside the network, each of which is ours."""

    network: IPNetwork
    length: int

    @property
    def is_route(self) -> bool:
        """It is one route, and no range of them."""
        return self.network.prefixlen == self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session with us, as the router has it. What the configuration does not say is a word in capitals.

    Attributes:
        peer: the router's name in the configuration.
        name: what the router may call us, and its lists and filters.
        host: our address, as the router sees it; "" if it does not need to know: the peer is an interface.
        is_guess: the configuration does not say our address; this is what the kernel would take now.
        version: of the IP that the session runs over.
        router, router_id, router_as: the router's address, BGP identifier and AS number.
        interface: the router's, for link-local addresses and for neighbours without one.
        host_as: ours.
        host_port: where the router may connect to; None if we do not listen.
        router_port: where we connect to.
        families: versions of IP that routes are exchanged of.
        entries: our routes, by family.
        hears: it should tell us who else announces our routes.
        key: where our TCP MD5 key is; None if there is none.
        role: the router's (RFC 9234).
        The others have the names and the meaning that they have in `rhi.Parameters`.
    """

    peer: str
    name: str
    host: str
    is_guess: bool
    version: int
    router: str
    router_id: str
    router_as: str
    interface: str
    host_as: int
    host_port: int | None
    router_port: int
    families: tuple[int, ...]
    entries: Mapping[int, tuple[Entry, ...]]
    hears: bool
    key: str | None
    role: Role | None
    role_strict: bool
    hold_time: int
    ttl_security: bool
    extended_messages: bool
    extended_next_hop: bool
    graceful_restart: int | None
    long_lived_stale_time: int | None

    @property
    def is_unnumbered(self) -> bool:
        """The neighbour is whoever is at the other end of the interface."""
        return not self.host

    @property
    def is_internal(self) -> bool:
        """Both ends have one AS number, as far as is known."""
        return self.router_as == str(self.host_as)

    @property
    def waits(self) -> bool:
        """The router need not connect, because nobody listens; who finds each other on a link, both try."""
        return self.host_port is None and not self.is_unnumbered

    @property
    def keepalive_time(self) -> int:
        """What goes with the hold time (RFC 4271 §10)."""
        return self.hold_time // 3

    @property
    def needs_graceful_shutdown(self) -> bool:
        """An internal router gets LOCAL_PREF 0 of us beside the community, and needs no rule for it."""
        return not self.is_internal

    def limit(self, *families: int) -> int:
        """Routes to take at most: twice ours and at least ten, so that rhi may get a new one first."""
        return max(10, 2 * sum(self._count(family) for family in families))

    def _count(self, family: int) -> int:
        return sum(2 ** (each.length - each.network.prefixlen) for each in self.entries[family])


def sessions_of(config: Config, find_source: FindSource, only: str | None = None) -> list[Session]:
    """A session for each peer, or for the one of that name.

    `find_source` tells what the kernel takes for our address towards a peer.

    Raises:
        BuildError: there are no peers, or one that is told no route.
    """
    names = peer_names(config)
    problems = [] if names else [Problem(("peers",), "there are none, so no router has a side of it")]
    found = []
    for table in ("peers", "dynamic_peers"):
        for name, parameters in all_parameters(config, table, problems, no_key).items():
            if only in (None, name):
                word = "rhi" if len(names) == 1 else f"rhi{names.index(name) + 1}"
                found.append(_session(config, table, name, parameters, word, find_source))
                if not found[-1].families:
                    problems.append(Problem((table, name), "is told none of the services' addresses"))
    if problems:
        raise BuildError(problems)
    return found


def peer_names(config: Config) -> list[str]:
    """All peers of a configuration, those that connect to us last."""
    return [*config.peers, *config.dynamic_peers]


def _session(
    config: Config, table: str, name: str, parameters: Parameters, word: str, find_source: FindSource
) -> Session:
    end = _end(table, name)
    version = 6 if isinstance(end, PeerInterface) else _version(end, name)
    is_open = parameters.multiprotocol or isinstance(end, PeerInterface)
    families = {4, 6} if is_open else {version}
    entries = {family: _entries(config, parameters, family) for family in sorted(families)}
    listening = _listening(config, version, str(parameters.source_ip))
    host, is_guess = _host(parameters, end, listening, find_source)
    router = ROUTER_ADDRESS if end is None else str(end.address) if isinstance(end, PeerAddress) else ""
    has_zone = isinstance(end, PeerInterface) or (isinstance(end, PeerAddress) and end.zone is not None)
    settings = key_settings(config, getattr(config, table)[name])
    return Session(
        peer=name,
        name=word,
        host=host,
        is_guess=is_guess,
        version=version,
        router=router,
        router_id=router if version == 4 and end is not None else ROUTER_ID,
        router_as=ROUTER_AS if parameters.peer_as is None else str(parameters.peer_as),
        interface=INTERFACE if has_zone else "",
        host_as=parameters.as_number,
        host_port=None if listening is None else listening.port,
        router_port=parameters.port,
        families=tuple(family for family in entries if entries[family]),
        entries=entries,
        hears=any(service.never_last for service in config.services.values()),
        key=_key(settings.password_file, settings.password_env),
        role=None if parameters.role is None else _COUNTERPARTS[parameters.role],
        role_strict=parameters.role_strict,
        hold_time=parameters.hold_time,
        ttl_security=parameters.ttl_security,
        extended_messages=parameters.extended_messages,
        extended_next_hop=version == 6 and is_open and (parameters.extended_next_hop or not host),
        graceful_restart=parameters.graceful_restart,
        long_lived_stale_time=parameters.long_lived_stale_time,
    )


def _end(table: str, name: str) -> PeerAddress | PeerInterface | None:
    """Who is at the other end; None for anybody of a prefix."""
    return parse_peer(name) if table == "peers" else None


def _version(end: PeerAddress | None, name: str) -> int:
    return to_network(name, "dynamic_peers").version if end is None else end.address.version


def _host(
    parameters: Parameters,
    end: PeerAddress | PeerInterface | None,
    listening: ListenAddress | None,
    find_source: FindSource,
) -> tuple[str, bool]:
    """Our address, and whether the configuration leaves it open."""
    if isinstance(end, PeerInterface):
        return "", False
    if parameters.source_ip is not None:
        return str(parameters.source_ip), False
    if listening is not None and not listening.address.is_unspecified:
        return str(listening.address), False
    found = None if end is None else find_source(end)
    return (HOST_ADDRESS, False) if found is None else (found, True)


def _listening(config: Config, version: int, source: str) -> ListenAddress | None:
    """Where a router of that version of IP reaches us."""
    for each in map(ListenAddress.parse, config.listen):
        is_ours = each.address.is_unspecified or source in (str(each.address), "None")
        if each.address.version == version and is_ours and each.port:
            return each
    return None


def _key(file: str | None, variable: str | None) -> str | None:
    if file is not None:
        return f"file {file}"
    return None if variable is None else f"variable {variable} of the environment"


def _entries(config: Config, parameters: Parameters, version: int) -> tuple[Entry, ...]:
    """Our routes of a family that pass the peer's filter, as few entries as say exactly the same."""
    family = FAMILY_OF_VERSION[version]
    passes = compile_filter(parameters, family)
    by_length: dict[int, set[IPNetwork]] = {}
    for prefix in _prefixes(config, family):
        if passes is None or passes(prefix.packed, prefix.length):
            by_length.setdefault(prefix.length, set()).add(prefix.network)
    return tuple(
        Entry(network=network, length=length)
        for length, networks in sorted(by_length.items(), reverse=True)
        for network in collapse_addresses(sorted(networks))  # type: ignore[type-var]  # all of one family
    )


def _prefixes(config: Config, family: Family) -> Iterator[Prefix]:
    for service in config.services.values():
        yield from (prefix for prefix in service.addresses if prefix.family is family)
