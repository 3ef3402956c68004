"""What parts of a file must be to each other: names that are used must be there, addresses be given once."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from rhi.daemon.config.address_rules import broken_address_rules
from rhi.daemon.config.lifecycle import broken_lifecycle
from rhi.daemon.config.models import Config, DampingSettings
from rhi.daemon.config.problems import Problem
from rhi.errors import InvalidValueError
from rhi.model.prefix import Prefix, to_network
from rhi.model.wording import no_such
from rhi.net.endpoint import PeerAddress, PeerInterface, parse_peer


def broken_rules(config: Config) -> list[Problem]:
    """All that is wrong with a file whose parts are right by themselves."""
    return [
        *_peers(config),
        *_services(config),
        *_shared_addresses(config),
        *broken_lifecycle(config),
        *broken_address_rules(config),
        *_api(config),
        *_emptiness(config),
    ]


def _peers(config: Config) -> Iterator[Problem]:
    seen: dict[PeerAddress | PeerInterface, str] = {}
    for name, peer in config.peers.items():
        path = ("peers", name)
        try:
            address = parse_peer(name)
        except InvalidValueError as error:
            yield Problem(path, _without("peer", str(error)))
        else:
            if address in seen:
                yield Problem(path, f"is the same peer as {seen[address]}; name each peer once")
            seen[address] = name
        yield from _template(config, path, peer.template)
        if peer.passive and not config.listen:
            yield Problem((*path, "passive"), "waits for the peer to connect, which needs listen = [...]")
    for name, peer in config.dynamic_peers.items():
        path = ("dynamic_peers", name)
        try:
            ip_network(str(to_network(name, "dynamic_peers")))
        except InvalidValueError as error:
            yield Problem(path, _without("dynamic_peers", str(error)))
        yield from _template(config, path, peer.template)
        if not config.listen:
            yield Problem(path, "connect to us, which needs listen = [...]")
    for table in ("peers", "templates", "dynamic_peers"):
        for name, settings in getattr(config, table).items():
            if settings.password_file is not None and settings.password_env is not None:
                yield Problem((table, name, "password_env"), "stands beside password_file: give one of them")


def _template(config: Config, path: tuple[str, ...], name: str | None) -> Iterator[Problem]:
    if name is not None and name not in config.templates:
        yield Problem((*path, "template"), no_such("template", name, config.templates))


def _services(config: Config) -> Iterator[Problem]:
    for name, service in config.services.items():
        path = ("services", name)
        if service.group != "default" and service.group not in config.groups:
            yield Problem((*path, "group"), no_such("group", service.group, config.groups))
        for number, check in enumerate(service.checks):
            if isinstance(check, str) and check not in config.checks:
                yield Problem((*path, "checks", number), no_such("check", check, config.checks))
        count = service.policy.count or 0
        if count > len(service.checks) and not (count == 1 and not service.checks):
            yield Problem(
                (*path, "policy"), f"{service.policy}: more than the {len(service.checks)} checks there are"
            )
        if service.checks and service.policy.of(len(service.checks)) == 0:
            text = f"{service.policy}: passes whatever the checks say; must be at least 1"
            yield Problem((*path, "policy"), text)
        if service.bands and "policy" in service.model_fields_set:
            yield Problem(
                (*path, "policy"), "stands beside bands, which say what is healthy: give one of them"
            )
        names = [band.name for band in service.bands]
        for number, band in enumerate(names):
            if band in names[:number] or band == "unhealthy":
                yield Problem(
                    (*path, "bands", number, "name"), f"{band!r}: is there already; give another name"
                )
        if service.damping is not None:
            yield from _damping((*path, "damping"), service.damping)
        if service.next_hop is not None:
            yield from _next_hops(path, service.next_hop, service.addresses)


def _damping(path: tuple[str, ...], damping: DampingSettings) -> Iterator[Problem]:
    if damping.reuse >= damping.suppress:
        yield Problem((*path, "reuse"), f"{damping.reuse:g}: must be below suppress, {damping.suppress:g}")
    elif damping.reuse * 2 ** min(64.0, damping.max_suppress / damping.half_life) < damping.suppress:
        text = f"{damping.max_suppress:g}: is too short to ever reach suppress, {damping.suppress:g}"
        yield Problem((*path, "max_suppress"), text)


def _next_hops(path: tuple[str, ...], next_hop: str, prefixes: Iterable[Prefix]) -> Iterator[Problem]:
    for prefix in prefixes:
        if (":" in next_hop) != (prefix.family.size == 16):
            text = f"{next_hop}: is of another address family than {prefix}; make it a service of its own"
            yield Problem((*path, "next_hop"), text)
            return


def _shared_addresses(config: Config) -> Iterator[Problem]:
    first: dict[Prefix, str] = {}
    for name, service in config.services.items():
        for prefix in service.addresses:
            other = first.setdefault(prefix, name)
            if other == name:
                continue
            for field in ("share", "group"):
                ours, theirs = getattr(service, field), getattr(config.services[other], field)
                if ours != theirs:
                    text = (
                        f"{ours!r}: service {other}, which has {prefix} too, says {theirs!r}; they must agree"
                    )
                    yield Problem(("services", name, field), text)


def _api(config: Config) -> Iterator[Problem]:
    api = config.api
    if api.listen is not None and api.token_file is None and api.token_env is None:
        yield Problem(("api", "listen"), "needs token_file or token_env, so that not everybody may use it")
    if api.token_file is not None and api.token_env is not None:
        yield Problem(("api", "token_env"), "stands beside token_file: give one of them")


def _emptiness(config: Config) -> Iterator[Problem]:
    if not config.services and not config.allow_empty:
        yield Problem(("services",), "there are none: write allow_empty = true if nothing is to be announced")
    if not config.peers and not config.dynamic_peers and not config.allow_empty:
        yield Problem(("peers",), "there are none: write allow_empty = true if nobody is to be told")


def _without(prefix: str, sentence: str) -> str:
    return sentence.removeprefix(prefix).lstrip()
