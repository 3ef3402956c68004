"""From the options of ExaBGP's healthcheck to services: what is announced, what is checked, what gets worse.

A service has one MED, and ExaBGP counts it up from address to address, so that each address becomes a service
of its own then, with the checks in common.
"""

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Final, NamedTuple

from rhi.daemon.importing.command_check import TIMEOUTS, hint, set_pace
from rhi.daemon.importing.draft import Draft, Service, SourceError, Table
from rhi.daemon.importing.exabgp_addresses import Network, Place, places, set_place
from rhi.daemon.importing.exabgp_options import REMARKS
from rhi.errors import InvalidValueError
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity

# As many services as a file can sensibly hold, and the addresses that the configuration takes.
MAX_SERVICES: Final = 1024
MAX_ADDRESSES: Final = 65536
MAX_MED: Final = 0xFFFFFFFF
# The environment that programs of checks have.
_VARIABLES: Final = frozenset({"PATH", "LANG"})


class Bundle(NamedTuple):
    """Addresses that are told alike.

    Attributes:
        addresses: as the configuration has them.
        increase: what is added to each metric.
        version: of IP; None when they are of both.
        place: where they are on the host.
    """

    addresses: list[str]
    increase: int
    version: int | None
    place: Place


def add_healthcheck(draft: Draft, options: argparse.Namespace, name: str, addresses: Sequence[str]) -> None:
    """The services of one healthcheck.

    Args:
        name: when the options have none.
        addresses: when the options have none.

    Raises:
        SourceError: it cannot be converted.
    """
    if not options.ips and not addresses:
        raise SourceError(
            f"{options.name or name}: has no --ip, and so announces what is on the loopback interface; "
            "name the addresses by --address"
        )
    bundles = _bundles(options, addresses)
    services = [draft.add_service(options.name or name) for _ in bundles]
    first = services[0].table
    _remark(draft, first, options)
    checks = _checks(draft, options, services)
    noted = {""}
    for service, bundle in zip(services, bundles, strict=True):
        table = service.table
        table.set("addresses", bundle.addresses[0] if len(bundle.addresses) == 1 else bundle.addresses)
        if bundle.place.note not in noted:
            noted.add(bundle.place.note)
            draft.note(table, bundle.place.note)
        set_place(table, bundle.place)
        if len(services) > 1 and checks:
            table.set("checks", checks)
        _attributes(draft, table, options, bundle, is_first=table is first)
    _restrict(draft, options, services)


def _bundles(options: argparse.Namespace, addresses: Sequence[str]) -> list[Bundle]:
    networks = options.ips or list(map(_to_network, addresses))
    if options.deaggregate_networks:
        networks = _hosts(networks, MAX_ADDRESSES if options.increase == 0 else MAX_SERVICES)
    start = options.start_ip % len(networks)
    networks = networks[start:] + networks[:start]
    place = places(options, networks)
    if options.increase == 0 or len(networks) == 1:
        parts: dict[tuple[int | None, Place], list[str]] = {}
        for each in networks:
            version = each.version if options.next_hop is not None else None
            parts.setdefault((version, place[each]), []).append(_route(each))
        return [Bundle(part, 0, version, where) for (version, where), part in parts.items()]
    if len(networks) > MAX_SERVICES:
        raise SourceError(
            f"{len(networks)} addresses, each with a metric of its own: at most {MAX_SERVICES} are "
            "converted; give --increase 0 if all may have the same"
        )
    # of an address that is named twice the last metric is in force
    by_network = {
        each: Bundle([_route(each)], number * options.increase, each.version, place[each])
        for number, each in enumerate(networks)
    }
    return list(by_network.values())


def _to_network(text: str) -> Network:
    try:
        return IPv6Network(text) if ":" in text else IPv4Network(text)
    except ValueError as error:
        raise SourceError(f"address {text!r}: {error}") from None


def _hosts(networks: Iterable[Network], limit: int) -> list[Network]:
    hosts: list[Network] = []
    for network in networks:
        if len(hosts) + network.num_addresses > limit:
            raise SourceError(
                f"--deaggregate-networks of {network}: more than {limit} routes; write a range, "
                f"{network[0]}-{network[-1]}, in a service of your own"
            )
        hosts += [_to_network(str(address)) for address in network]
    return hosts


def _route(network: Network) -> str:
    return str(network.network_address if network.prefixlen == network.max_prefixlen else network)


def _remark(draft: Draft, table: Table, options: argparse.Namespace) -> None:
    """Notes on options that need no equivalent, and on those that have none."""
    for name, why in REMARKS.items():
        value = getattr(options, name)
        if value not in (None, False):
            shown = "" if value is True else f" {value if isinstance(value, str | int) else ', '.join(value)}"
            draft.note(table, f"--{name.replace('_', '-')}{shown}: {why}")
    if options.interval == 0:
        draft.note(table, "--interval 0: healthcheck ends after one announcement; here the check goes on")
    if options.debug:
        draft.log.set("level", "debug")


def _checks(draft: Draft, options: argparse.Namespace, services: list[Service]) -> list[str]:
    """The checks, in the service when there is but one; else the names of those that they share."""
    names: list[str] = []
    name = options.name or services[0].table.title.removeprefix("service ")

    def new(kind: str) -> Table:
        if len(services) == 1:
            table = Table(f"{services[0].table.title}, check {kind}")
            services[0].checks.append(table)
            return table
        names.append(
            f"{name}-{kind}" if f"{name}-{kind}" not in draft.checks else f"{services[0].table.title} {kind}"
        )
        return draft.add_check(names[-1])

    if options.command is not None:
        _command(draft, options, new("command"))
    if options.disable is not None:
        _disable(draft, options, new)
    return names


def _command(draft: Draft, options: argparse.Namespace, table: Table) -> None:
    table.set("type", "exec")
    # by a shell, as there
    table.set("command", ["/bin/sh", "-c", options.command])
    for variable in sorted(set(re.findall(r"\$\{?([A-Z_][A-Z0-9_]*)", options.command)) - _VARIABLES):
        draft.note(table, f"the command uses ${variable}: give it by environment = {{ {variable} = ... }}")
    if not options.timeout:
        draft.note(table, f"--timeout 0: there is always a time-out, {TIMEOUTS[1]:g} s here")
    interval = options.interval or 5.0
    set_pace(
        draft,
        table,
        interval=interval,
        fast_interval=options.fast_interval,
        timeout=options.timeout or TIMEOUTS[1],
        rise=max(1, options.rise),
        fall=max(1, options.fall),
    )
    hint(table, options.command)


def _disable(draft: Draft, options: argparse.Namespace, new: Callable[[str], Table]) -> None:
    table = new("disable")
    table.set("type", "file")
    if not options.disable.startswith("/"):
        draft.note(table, f"--disable {options.disable}: a path must begin with /; from ExaBGP's directory?")
    table.set("path", options.disable if options.disable.startswith("/") else f"/{options.disable}")
    table.set("present", False)
    if not options.withdraw_on_down:
        table.set("kind", "dependency", "makes the route worse as on_degraded says, and withdraws nothing")
    interval = options.interval or 5.0
    set_pace(draft, table, interval=interval, timeout=1.0, rise=1, fall=1)


def _attributes(
    draft: Draft, table: Table, options: argparse.Namespace, bundle: Bundle, *, is_first: bool
) -> None:
    """Attributes of the routes, and how they get worse. Notes are made of the first of several services."""
    note = (lambda text: draft.note(table, text)) if is_first else (lambda text: None)
    # each service has its own
    table.set("med", _metric(lambda text: draft.note(table, text), options.up_metric + bundle.increase))
    if options.local_preference >= 0:
        table.set("local_pref", options.local_preference)
    paths = {
        state: _prepend(draft, note, getattr(options, f"{state}_as_path") or options.as_path)
        for state in ("up", "down", "disabled")
    }
    if paths["up"]:
        table.set("prepend", paths["up"])
    _communities(table, options, note)
    if options.next_hop is not None:
        if options.next_hop.version == bundle.version:
            table.set("next_hop", str(options.next_hop))
        else:
            draft.note(table, f"--next-hop {options.next_hop}: is of the other address family")
    if options.withdraw_on_down:
        return
    worse = _worse(note, options, paths, "down")
    table.set("on_unhealthy", worse)
    if options.disable is not None:
        table.set("on_degraded", _worse(note, options, paths, "disabled"))


def _worse(
    note: Callable[[str], None], options: argparse.Namespace, paths: dict[str, int], state: str
) -> dict[str, Any]:
    """What a state adds to the attributes of a service that is up."""
    worse: dict[str, Any] = {}
    metric = getattr(options, f"{state}_metric") - options.up_metric
    if metric < 0:
        note(f"--{state}-metric {getattr(options, f'{state}_metric')}: is better than that of up; it stays")
    if metric > MAX_MED:
        note(f"--{state}-metric {getattr(options, f'{state}_metric')}: is more than a MED can be")
    worse["med_add"] = min(max(0, metric), MAX_MED)
    prepend = paths[state] - paths["up"]
    if prepend < 0:
        note(f"--{state}-as-path: is shorter than that of up; it stays")
    if prepend > 0:
        worse["prepend_add"] = prepend
    if options.disabled_community:
        communities = _parsed(options.disabled_community, _community, "--disabled-community", note)
        if communities:
            worse["communities"] = communities
        if options.community:
            note("--disabled-community: is added to --community, and does not replace it")
    return worse


def _metric(note: Callable[[str], None], value: int) -> int:
    if not 0 <= value <= MAX_MED:
        note(f"metric {value}: must be 0 to {MAX_MED}")
    return min(max(0, value), MAX_MED)


def _prepend(draft: Draft, note: Callable[[str], None], path: str | None) -> int:
    """How many times more our AS number stands in a path; the path itself cannot be told."""
    words = re.findall(r"[^\s,\[\]]+", path or "")
    if not words:
        return 0
    ours = str(draft.as_number) if draft.as_number is not None else words[0]
    if any(word != ours for word in words):
        note(f"as-path [ {' '.join(words)} ]: is left out: a path has our own AS number only, once or more")
        return 0
    if draft.as_number is None:
        note(f"as-path [ {' '.join(words)} ]: {ours} is taken for our own AS number")
    return min(len(words) - 1, 254)


def _communities(table: Table, options: argparse.Namespace, note: Callable[[str], None]) -> None:
    kinds: tuple[tuple[str, Callable[[str], str]], ...] = (
        ("community", _community),
        ("large_community", lambda text: str(LargeCommunity.parse(text))),
        ("extended_community", _extended),
    )
    for name, parse in kinds:
        text = getattr(options, name)
        found = _parsed(text, parse, f"--{name.replace('_', '-')}", note) if text else []
        if found:
            table.set(name.removesuffix("y") + "ies", found)


def _parsed(text: str, parse: Callable[[str], str], option: str, note: Callable[[str], None]) -> list[str]:
    found = []
    for word in re.findall(r"[^\s,\[\]]+", text):
        try:
            found.append(parse(word))
        except (InvalidValueError, ValueError) as error:
            note(f"{option} {word}: left out: {error}")
    return found


def _community(text: str) -> str:
    is_hexadecimal = re.fullmatch("0[xX][0-9a-fA-F]{1,8}", text)
    community = Community(int(text, 16) if is_hexadecimal else text)
    return community.well_known_name or str(community)


def _extended(text: str) -> str:
    """In our words: `target:` is `rt:`, and without a word it is that too."""
    kind, _, rest = text.partition(":")
    words = {"target": "rt", "origin": "ro", "bandwidth": "lb"}
    if kind in words:
        value = rest.replace("L", "")
        if kind == "bandwidth":
            first, _, rate = value.partition(":")
            value = f"{first}:{int(float(rate))}"
        return str(ExtendedCommunity.parse(f"{words[kind]}:{value}"))
    is_target = text.count(":") == 1
    return str(ExtendedCommunity.parse(f"rt:{text.replace('L', '')}" if is_target else text))


def _restrict(draft: Draft, options: argparse.Namespace, services: Sequence[Service]) -> None:
    """Routes that only some neighbors get are kept from the others by these peers' filters."""
    if not options.neighbors or "*" in options.neighbors:
        return
    routes = [each.table.values["addresses"] for each in services]
    keep_from(draft, [*draft.peers, *draft.dynamic_peers], options.neighbors, routes)


def keep_from(draft: Draft, peers: Iterable[str], chosen: Iterable[str], addresses: Sequence[Any]) -> None:
    """Have `peers` that are not `chosen` not get `addresses`."""
    flat = [each for part in addresses for each in (part if isinstance(part, list) else [part])]
    for name in sorted(set(peers) - set(chosen)):
        table = draft.add_peer(name)
        rejected = table.values.get("reject", [])
        table.set(
            "reject",
            [*rejected, *(each for each in flat if each not in rejected)],
            "for other neighbors only",
        )
