"""What a file says of exits and crashes, service by service, and what that means session by session.

Graceful restart is of a whole session (RFC 4724): a peer keeps all routes of a session that has ended, or
none. So all services that one peer is told must agree on whether their routes are kept; this finds those that
do not.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rhi.core.export import compile_filter
from rhi.daemon.config.models import Config, Peer, PeerSettings, ServiceSettings
from rhi.daemon.config.problems import Problem
from rhi.daemon.drains.machine import Pace
from rhi.daemon.policies import OnCrash
from rhi.errors import InvalidValueError
from rhi.model.parameters import MAX_RESTART_TIME, Parameters
from rhi.model.prefix import Family

# Seconds for the end besides what drains take: sessions, checks and clients that do not end by themselves.
ENDING_TIME: Final = 10.0
TABLES: Final = ("peers", "dynamic_peers")


def broken_lifecycle(config: Config) -> Iterator[Problem]:
    """What is wrong with it."""
    if config.restart_time != int(config.restart_time) or not 1 <= config.restart_time <= MAX_RESTART_TIME:
        text = f"{config.restart_time:g}: must be whole seconds from 1 to {MAX_RESTART_TIME} (RFC 4724 §3)"
        yield Problem(("restart_time",), text)
    contradiction = Pace(**config.drain.model_dump()).contradiction
    if contradiction:
        yield Problem(("drain", "deadline"), contradiction.removeprefix("deadline: "))
    needed = shortest_stop_time(config)
    if config.stop_time is not None and config.stop_time < needed:
        text = f"{config.stop_time:g}: is too short for the drain at the end, which needs {needed:g} seconds"
        yield Problem(("stop_time",), text)
    told: set[tuple[str | int, ...]] = set()
    for table in TABLES:
        for name, peer in getattr(config, table).items():
            for problem in _session(config, table, name, peer):
                # of many peers one is enough to see it
                if problem.path not in told:
                    told.add(problem.path)
                    yield problem
    for name, service in config.services.items():
        if service.on_crash == "warm" and config.state_file is None:
            yield Problem(
                ("services", name, "on_crash"), "'warm': needs state_file, where announced routes are kept"
            )


def shortest_stop_time(config: Config) -> float:
    """Seconds that the end has to be given."""
    if not any(service.on_exit == "drain" for service in config.services.values()):
        return 1.0
    return config.drain.wait + config.drain.age + 2 * config.drain.acknowledge


def stop_time(config: Config) -> float:
    """Seconds from a signal to the end."""
    if config.stop_time is not None:
        return config.stop_time
    has_drains = any(service.on_exit == "drain" for service in config.services.values())
    # addresses that rhi has added are taken away when the withdrawal of their routes has aged
    lingers = [each.address_linger for each in config.services.values() if each.address_mode == "own"]
    return ENDING_TIME + (shortest_stop_time(config) if has_drains else 0.0) + max(lingers, default=0.0)


def restart_time(config: Config, peer: Peer) -> int | None:
    """The restart time for a peer that says none itself; None where no service asks for one."""
    keeps = any(_on_crash(service, False).keeps_routes for _, service in _told(config, peer))
    return int(config.restart_time) if keeps else None


def notes(config: Config) -> list[str]:
    """What is right, and yet may surprise: sentences for whoever starts or checks the file."""
    return [
        f"{table}.{name}: graceful restart is on: this peer keeps our routes when rhi dies, and when its "
        "host does; where BFD ends the session they go at once, so use the one or the other"
        for table in TABLES
        for name, peer in getattr(config, table).items()
        if "graceful_restart" in _settings(config, peer) or restart_time(config, peer) is not None
    ]


def _session(config: Config, table: str, name: str, peer: Peer) -> Iterator[Problem]:
    """Whether the services that one peer is told agree; no more than one problem."""
    has_own = "graceful_restart" in _settings(config, peer)
    first: dict[bool, str] = {}
    for service_name, service in _told(config, peer):
        path: tuple[str, ...] = ("services", service_name)
        policy = _on_crash(service, has_own)
        if service.on_exit == "keep" and not policy.keeps_routes:
            text = '\'keep\': takes graceful restart: give on_crash = "fail-static" or "warm" too'
            yield Problem((*path, "on_exit"), text)
            return
        if has_own and not policy.keeps_routes:
            text = (
                f"'withdraw': {table}.{name} is told it and has graceful_restart, by which it keeps routes; "
                "take the one or the other away"
            )
            yield Problem((*path, "on_crash"), text)
            return
        first.setdefault(policy.keeps_routes, service_name)
        if len(first) == 2:
            text = (
                f"{config.services[first[True]].on_crash!r}: {table}.{name} is told service {first[False]} "
                "too, whose routes are not to be kept, and graceful restart is of a whole session; give both "
                "the same on_crash, or tell them to different peers (accept, reject)"
            )
            yield Problem(("services", first[True], "on_crash"), text)
            return


def _on_crash(service: ServiceSettings, has_own: bool) -> OnCrash:
    """What is not given is as the peer's own `graceful_restart` has it."""
    if service.on_crash is not None:
        return OnCrash(service.on_crash)
    return OnCrash.FAIL_STATIC if has_own else OnCrash.WITHDRAW


def _settings(config: Config, peer: Peer) -> Mapping[str, Any]:
    template = (
        PeerSettings() if peer.template is None else config.templates.get(peer.template, PeerSettings())
    )
    return {**template.parameters(), **peer.parameters()}


def _told(config: Config, peer: Peer) -> Iterator[tuple[str, ServiceSettings]]:
    """Services of which any address passes the filter of the peer."""
    settings = _settings(config, peer)
    try:
        parameters = Parameters(
            as_number=1, accept=settings.get("accept", ()), reject=settings.get("reject", ())
        )
    except InvalidValueError:
        return  # it has a sentence of its own
    filters = {family: compile_filter(parameters, family) for family in Family}
    for name, service in config.services.items():
        for prefix in service.addresses:
            passes = filters[prefix.family]
            if passes is None or passes(prefix.packed, prefix.length):
                yield name, service
                break
