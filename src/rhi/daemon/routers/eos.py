"""Arista EOS."""

from rhi.daemon.routers.session import SECRET, Session
from rhi.daemon.routers.text import (
    IP_WORDS,
    PATHS,
    RESTART_MINUTES,
    at_link,
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
    neighbor = f"neighbor {_who(session)}"
    notes = [
        *cannot(session, roles=False, ports=False, next_hops=True, unnumbered=True),
        *hints(session, multihop=f"`{neighbor} ebgp-multihop 2`", bfd=f"`{neighbor} bfd`"),
    ]
    lines = [*head(session, "!", notes), "!"]
    if session.needs_graceful_shutdown:
        lines += [f"ip community-list {draining_name(session)} permit 65535:0", "!"]
    for family in session.families:
        lines += [*_filters(session, family), "!"]
    lines += [f"router bgp {session.router_as}", f"   router-id {session.router_id}"]
    lines += [f"   maximum-paths {PATHS} ecmp {PATHS}", *(f"   {each}" for each in _neighbour(session))]
    for family in (4, 6):
        lines += _family(session, family)
    return "\n".join(lines) + "\n"


def _filters(session: Session, family: int) -> list[str]:
    word, name = IP_WORDS[family], family_name(session, family)
    match = f"   match {word} address prefix-list {name}"
    lines = [
        f"{word} prefix-list {name}",
        *prefix_list(
            session,
            family,
            lambda number, text: f"   seq {number} permit {text}",
            lambda entry: f"eq {entry.length}",
        ),
        "!",
    ]
    heeding = [f"   match community {draining_name(session)}", "   set local-preference 0"]
    return [*lines, *route_maps(session, name, match, heeding, ["!"])]


def _neighbour(session: Session) -> list[str]:
    neighbor = f"neighbor {_who(session)}"
    first = []
    if session.is_unnumbered:
        group = f"peer-group {session.name.upper()} remote-as {session.host_as}"
        first = [f"{neighbor} peer group", f"neighbor interface {session.interface} {group}"]
    options = neighbour_lines(
        session,
        waiting="passive",
        key=f"password 0 {SECRET}",
        ttl="ttl maximum-hops 1",
        restart="graceful-restart-helper",
    )
    limit = [
        f"maximum-routes {session.limit(*session.families)}",
        f"idle-restart-timer {RESTART_MINUTES * 60}",
    ]
    return [*first, *(f"{neighbor} {each}" for each in [*options, *limit])]


def _family(session: Session, family: int) -> list[str]:
    neighbor = f"neighbor {_who(session)}"
    lines = [f"{neighbor} activate"]
    if family not in session.families:
        lines = [f"no {neighbor} activate"]
    else:
        name = family_name(session, family)
        lines += [f"{neighbor} route-map {name}-IN in", f"{neighbor} route-map {name}-OUT out"]
        if family == 4 and session.extended_next_hop:
            lines.append(f"{neighbor} next-hop address-family ipv6")
    return ["   !", f"   address-family ipv{family}", *(f"      {each}" for each in lines)]


def _who(session: Session) -> str:
    """A neighbour without an address is configured as a peer group."""
    return session.name.upper() if session.is_unnumbered else at_link(session)
