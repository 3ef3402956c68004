"""Where ExaBGP's healthcheck has its addresses on the host, and what a service has to say for the same.

It adds what `--ip` names, to lo or where `--ip-ifname` says, before the first check, and removes it when it
ends; `--dynamic-ip-setup` adds and removes with the state, `--no-ip-setup` leaves out what is done before
the first check. Without `--ip` it announces what it finds on lo.
"""

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal, NamedTuple

from rhi.daemon.importing.draft import Draft, SourceError, Table

Network = IPv4Network | IPv6Network

STATE_FILE: Final = "/var/lib/rhi/state.json"
_LOOPBACK: Final = "lo"


class Place(NamedTuple):
    """What a service says of its addresses on this host.

    Attributes:
        mode: its `address_mode`.
        interface: None for the one that goes without saying.
        is_constant: the addresses are there before the checks pass, and stay when they fail.
        why: in a few words, or ""; neither this nor the note differs by address, so that those of one place
            can be one service.
        note: what is not as it was, or "".
    """

    mode: Literal["none", "check", "own"] = "none"
    interface: str | None = None
    is_constant: bool = False
    why: str = ""
    note: str = ""


def places(options: argparse.Namespace, networks: Iterable[Network]) -> Mapping[Network, Place]:
    """Where each of them was.

    Args:
        networks: what is announced: of `--ip`, or what stands in for it.

    Raises:
        SourceError: an interface is given for an address that is none of `--ip`, as there.
    """
    interfaces = dict(options.ip_ifname or ())
    for network, interface in interfaces.items():
        if network not in options.ips:
            raise SourceError(f"--ip-ifname {network}%{interface}: there is no --ip {network}")
    asked = set(_asked(options.command or ""))
    return {
        each: _place(options, each, interfaces.get(each, _LOOPBACK), is_asked=each in asked)
        for each in networks
    }


def _place(options: argparse.Namespace, network: Network, interface: str, *, is_asked: bool) -> Place:
    if not options.dynamic_ip_setup:
        if not options.ips:
            return Place("check", _LOOPBACK, why="healthcheck took what was on lo when it started")
        if options.no_ip_setup:
            idle = "--ip-ifname: does nothing with --no-ip-setup" if options.ip_ifname else ""
            return Place(note=idle)
    if network.prefixlen < network.max_prefixlen:
        note = (
            "a prefix: healthcheck added each address of it, and rhi adds single addresses only: put what is "
            "needed of it on an interface before"
        )
        return Place("check", note=note)
    where = None if interface == _LOOPBACK else interface
    if not options.dynamic_ip_setup:
        return Place("own", where, is_constant=True, why="as healthcheck did, healthy or not")
    if is_asked:
        note = (
            "--dynamic-ip-setup: the command asks at the address itself, and could never pass while that is "
            "away: it stays, healthy or not"
        )
        return Place("own", where, is_constant=True, note=note)
    return Place("own", where, why="added when healthy, as by --dynamic-ip-setup", note=_dynamic(options))


def _dynamic(options: argparse.Namespace) -> str:
    """What is not as it was with addresses that come and go."""
    parts = []
    if not options.ips:
        parts.append(
            "what is on lo when rhi starts is not its own, and is never removed: take it away before"
        )
    if not options.withdraw_on_down:
        parts.append(
            "an address stays while its route is announced, worse or not, where healthcheck removed it and "
            "left the route: without on_unhealthy both go"
        )
    return f"--dynamic-ip-setup: {'; '.join(parts)}" if parts else ""


def _asked(command: str) -> Iterator[Network]:
    """The addresses that a command names."""
    for word in re.findall(r"\d+(?:\.\d+){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+", command):
        with suppress(ValueError):
            yield ip_network(word)


def set_place(table: Table, place: Place) -> None:
    """Write all but its note into a service."""
    if place.mode == "none":
        return
    table.set("address_mode", place.mode, place.why)
    if place.interface is not None:
        table.set("interface", place.interface)
    if place.is_constant:
        table.set("address_while", "configured")


def need_rights(draft: Draft) -> None:
    """What the daemon needs where it adds addresses, in the head of the file."""
    if any(service.table.values.get("address_mode") == "own" for service in draft.services.values()):
        draft.note(
            draft.head,
            'address_mode = "own": rhi adds and removes addresses, for which its unit has to give it '
            "CAP_NET_ADMIN (docs/systemd.md#rights)",
        )
        draft.head.set("state_file", STATE_FILE, "which addresses rhi has added, over a crash")
