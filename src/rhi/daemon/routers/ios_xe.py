"""Cisco IOS XE."""

from rhi.daemon.routers.session import SECRET, Session
from rhi.daemon.routers.text import (
    IP_WORDS,
    PATHS,
    RESTART_MINUTES,
    at_link,
    between,
    cannot,
    draining_name,
    family_name,
    head,
    hints,
    neighbour_lines,
    prefix_list,
    route_maps,
)


def render(session: Session) -> str:
    """Commands of the configuration mode."""
    neighbor = f"neighbor {at_link(session)}"
    notes = [
        *cannot(session, roles=False, ports=False, next_hops=False, unnumbered=False),
        *hints(session, multihop=f"`{neighbor} ebgp-multihop 2`", bfd=f"`{neighbor} fall-over bfd`"),
    ]
    lines = [*head(session, "!", notes), "!"]
    if session.needs_graceful_shutdown:
        lines += [f"ip community-list standard {draining_name(session)} permit 65535:0", "!"]
    for family in session.families:
        lines += [*_filters(session, family), "!"]
    lines += [f"router bgp {session.router_as}", f" bgp router-id {session.router_id}"]
    lines += [" bgp bestpath as-path multipath-relax", *(f" {neighbor} {each}" for each in _options(session))]
    for family in (4, 6):
        lines += _family(session, neighbor, family)
    return "\n".join(lines) + "\n"


def _filters(session: Session, family: int) -> list[str]:
    word, name = IP_WORDS[family], family_name(session, family)
    lines = prefix_list(
        session, family, lambda number, text: f"{word} prefix-list {name} seq {number} permit {text}", between
    )
    match = f" match {word} address prefix-list {name}"
    heeding = [f" match community {draining_name(session)}", " set local-preference 0"]
    return [*lines, *route_maps(session, name, match, heeding)]


def _options(session: Session) -> list[str]:
    return neighbour_lines(
        session,
        waiting="transport connection-mode passive",
        key=f"password {SECRET}",
        ttl="ttl-security hops 1",
        restart="ha-mode graceful-restart",
    )


def _family(session: Session, neighbor: str, family: int) -> list[str]:
    if family not in session.families:
        off = [" address-family ipv4", f"  no {neighbor} activate", " exit-address-family"]
        return off if family == 4 else []
    name = family_name(session, family)
    return [
        f" address-family ipv{family}{' unicast' if family == 6 else ''}",
        f"  maximum-paths {'ibgp ' if session.is_internal else ''}{PATHS}",
        f"  {neighbor} activate",
        f"  {neighbor} route-map {name}-IN in",
        f"  {neighbor} route-map {name}-OUT out",
        f"  {neighbor} maximum-prefix {session.limit(family)} restart {RESTART_MINUTES}",
        " exit-address-family",
    ]
