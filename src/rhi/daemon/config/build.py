"""From a checked file to what the engine and the decision work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from typing import Any

from rhi.daemon.addresses.spec import DEFAULT_INTERFACE, AddressSpec, Mode
from rhi.daemon.config.lifecycle import notes, restart_time
from rhi.daemon.config.models import Action, Adjust, Config, Peer, PeerSettings, ServiceSettings
from rhi.daemon.config.options import Options, options_of
from rhi.daemon.config.problems import Problem
from rhi.daemon.config.secrets import SecretError, read_secret
from rhi.daemon.decision.spec import (
    Adjustment,
    Band,
    Damping,
    Group,
    OnTrip,
    Service,
    Sharing,
    Specs,
)
from rhi.daemon.policies import OnCrash, OnExit
from rhi.errors import InvalidValueError
from rhi.model.attributes import Origin, PathAttributes
from rhi.model.parameters import Parameters, to_router_id
from rhi.model.prefix import Prefix
from rhi.net.peer_map import parse_peers

# Where a key is: a file, or a variable of the environment.
KeyPlace = tuple[str | None, str | None]
ReadKey = Callable[[str | None, str | None], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """All that a file asks for.

    Attributes:
        router_id, listen, peers, dynamic_peers: as `rhi.Pool` takes them.
        specs: for the decision.
        checks: by the names that services know them by.
        keys: of peers, by the file and the variable of the environment that hold them.
        notes: what is right, and yet may surprise.
        addresses: those that are minded on this host.
        options: of the daemon itself; None leaves them as they are.
    """

    router_id: IPv4Address
    listen: tuple[str, ...]
    peers: Mapping[str, Parameters]
    dynamic_peers: Mapping[str, Parameters]
    specs: Specs
    checks: Mapping[str, Any]
    keys: Mapping[KeyPlace, bytes] = field(default_factory=dict, repr=False, compare=False)
    notes: tuple[str, ...] = ()
    addresses: Mapping[Prefix, AddressSpec] = field(default_factory=dict)
    options: Options | None = None

    @property
    def watches_origins(self) -> bool:
        """Whether what other origins announce matters to any service."""
        return any(service.never_last for service in self.specs.services.values())


class BuildError(Exception):
    """A file that is right by itself cannot be put to use; `problems` say why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = problems


def build(config: Config, read_key: ReadKey = read_secret) -> Setup:
    """What `config` asks for; reads the secrets that it names, or has `read_key` do so.

    Raises:
        BuildError: a secret cannot be read, or fields of a peer do not go together.
    """
    problems: list[Problem] = []
    keys: dict[KeyPlace, bytes] = {}

    def read(file: str | None, variable: str | None) -> bytes | None:
        key = read_key(file, variable)
        if key is not None:
            keys[file, variable] = key
        return key

    peers = all_parameters(config, "peers", problems, read)
    dynamic_peers = all_parameters(config, "dynamic_peers", problems, read)
    if not problems:
        problems += _clashes(peers)
    if problems:
        raise BuildError(problems)
    checks = dict(config.checks)
    services = {}
    for name, settings in config.services.items():
        names = _name_checks(name, settings, checks)
        services[name] = _service(name, settings, names, checks)
    return Setup(
        router_id=to_router_id(config.router_id),
        listen=tuple(config.listen),
        peers=peers,
        dynamic_peers=dynamic_peers,
        specs=Specs(services=services, groups=_groups(config), sharing=_sharing(config)),
        checks=checks,
        keys=keys,
        notes=tuple(notes(config)),
        addresses=_addresses(config),
        options=options_of(config),
    )


def no_key(file: str | None, variable: str | None) -> None:
    """For those who are not to read keys: as if there were none."""


def all_parameters(
    config: Config, table: str, problems: list[Problem], read_key: ReadKey
) -> dict[str, Parameters]:
    """Parameters of the peers in a table of `config`, with the keys that `read_key` finds.

    What is wrong with some of them is added to `problems`, and they are left out.
    """
    found = {}
    settings: Mapping[str, Peer] = getattr(config, table)
    for name, peer in settings.items():
        try:
            found[name] = _parameters(config, peer, read_key)
        except (InvalidValueError, SecretError) as error:
            problems.append(Problem((table, name), str(error)))
    return found


def key_settings(config: Config, peer: Peer) -> PeerSettings:
    """Where it says which key a peer has: its own table, or its template."""
    if peer.template is None or peer.password_file is not None or peer.password_env is not None:
        return peer
    return config.templates[peer.template]


def _parameters(config: Config, peer: Peer, read_key: ReadKey) -> Parameters:
    template = PeerSettings() if peer.template is None else config.templates[peer.template]
    kept_for = restart_time(config, peer)
    values: dict[str, Any] = {
        "as_number": config.as_number,
        "graceful_restart": kept_for,
        **template.parameters(),
        **peer.parameters(),
    }
    source = key_settings(config, peer)
    secret = read_key(source.password_file, source.password_env)
    return Parameters(**values) if secret is None else Parameters(**values, password=secret)


def _clashes(peers: Mapping[str, Parameters]) -> list[Problem]:
    """What the engine would refuse: peers that stand for the same neighbour, a source of another family."""
    try:
        parse_peers(peers)
    except InvalidValueError as error:
        return [Problem(("peers",), str(error))]
    return []


def _name_checks(service: str, settings: ServiceSettings, checks: dict[str, Any]) -> list[str]:
    """Names of a service's checks; its own ones are added to `checks`."""
    names = []
    for check in settings.checks:
        if isinstance(check, str):
            names.append(check)
            continue
        base = f"{service}/{check.name or check.type}"
        name, count = base, 1
        while name in checks:
            count += 1
            name = f"{base}-{count}"
        checks[name] = check
        names.append(name)
    return names


def _service(name: str, settings: ServiceSettings, names: list[str], checks: Mapping[str, Any]) -> Service:
    bands = tuple(
        Band(
            name=band.name,
            at_least=band.at_least,
            recover_at=band.recover_at,
            adjustment=_action(band.action),
        )
        for band in settings.bands
    )
    return Service(
        name=name,
        prefixes=settings.addresses,
        attributes=_attributes(settings),
        checks=tuple(each for each in names if checks[each].kind == "local"),
        dependencies=tuple(each for each in names if checks[each].kind == "dependency"),
        bands=bands or (Band(name="healthy", at_least=settings.policy),),
        unhealthy=_action(settings.on_unhealthy),
        degraded=_adjustment(settings.on_degraded),
        draining=replace(_adjustment(settings.on_drain), graceful_shutdown=True),
        min_up=settings.min_up,
        min_down=settings.min_down,
        damping=None if settings.damping is None else Damping(**settings.damping.model_dump()),
        group=settings.group,
        never_last=settings.never_last,
        on_exit=OnExit(settings.on_exit),
        on_crash=OnCrash(settings.on_crash or "withdraw"),
    )


def _attributes(settings: ServiceSettings) -> PathAttributes:
    return PathAttributes(
        origin=Origin[settings.origin.upper()],
        next_hop=settings.next_hop,
        med=settings.med,
        local_pref=settings.local_pref,
        prepend=settings.prepend,
        communities=settings.communities,
        large_communities=settings.large_communities,
        extended_communities=settings.extended_communities,
    )


def _action(action: Action) -> Adjustment | None:
    return None if action is None else _adjustment(action)


def _adjustment(adjust: Adjust) -> Adjustment:
    return Adjustment(
        med_add=adjust.med_add,
        prepend_add=adjust.prepend_add,
        communities=adjust.communities,
        graceful_shutdown=adjust.graceful_shutdown,
    )


def _groups(config: Config) -> dict[str, Group]:
    groups = {
        name: Group(
            name=name,
            floor=settings.floor,
            max_withdrawals=settings.max_withdrawals,
            window=settings.window,
            suspect_within=settings.suspect_within,
            on_trip=OnTrip(settings.on_trip),
        )
        for name, settings in config.groups.items()
    }
    groups.setdefault("default", Group(name="default"))
    return groups


def _addresses(config: Config) -> dict[Prefix, AddressSpec]:
    """Of services that share one, those that mind it agree but for how long it stays."""
    found: dict[Prefix, AddressSpec] = {}
    for settings in config.services.values():
        if settings.address_mode == "none":
            continue
        mode = Mode(settings.address_mode)
        for prefix in settings.addresses:
            before = found.get(prefix)
            found[prefix] = AddressSpec(
                mode=mode,
                interface=settings.interface or ("" if mode is Mode.CHECK else DEFAULT_INTERFACE),
                linger=max(settings.address_linger, 0.0 if before is None else before.linger),
                is_constant=settings.address_while == "configured",
            )
    return found


def _sharing(config: Config) -> dict[Prefix, Sharing]:
    return {
        prefix: Sharing.ANY
        for settings in config.services.values()
        if settings.share == "any"
        for prefix in settings.addresses
    }
