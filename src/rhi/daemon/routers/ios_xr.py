"""Cisco IOS XR."""

from dataclasses import replace

from rhi.daemon.routers.session import HOST_ADDRESS, SECRET, Session
from rhi.daemon.routers.text import PATHS, RESTART_MINUTES, cannot, family_name, head, hints, neighbour_lines


def render(session: Session) -> str:
    """Commands of the configuration mode."""
    notes = [
        *cannot(session, roles=False, ports=False, next_hops=False, unnumbered=False),
        *hints(
            session, multihop="`ebgp-multihop 2` in the neighbor", bfd="`bfd fast-detect` in the neighbor"
        ),
    ]
    if session.is_unnumbered:
        session = replace(session, interface="")  # nowhere below
    elif session.interface:
        notes.append(f"Not here: a link-local neighbour; {session.interface} has to be given as well.")
    lines = [*head(session, "!", notes), "!"]
    for family in session.families:
        lines += [*_filters(session, family), "!"]
    kind = "ibgp" if session.is_internal else "ebgp"
    lines += [f"router bgp {session.router_as}", f" bgp router-id {session.router_id}"]
    lines += [" bgp bestpath as-path multipath-relax"]
    for family in session.families:
        lines += [f" address-family ipv{family} unicast", f"  maximum-paths {kind} {PATHS}", " !"]
    return "\n".join([*lines, *_neighbour(session), "!"]) + "\n"


def _filters(session: Session, family: int) -> list[str]:
    name = family_name(session, family)
    entries = [
        f"  {entry.network}{'' if entry.is_route else f' eq {entry.length}'}"
        for entry in session.entries[family]
    ]
    heeding = [
        "  if community matches-any (65535:0) then",
        "    set local-preference 0",
        "  endif",
    ]
    sending = [f"  if destination in {name} then", "    pass", "  endif"] if session.hears else ["  drop"]
    return [
        f"prefix-set {name}",
        *[f"{entry}," for entry in entries[:-1]],
        entries[-1],
        "end-set",
        f"route-policy {name}-IN",
        f"  if not destination in {name} then",
        "    drop",
        "  endif",
        *(heeding if session.needs_graceful_shutdown else []),
        "  pass",
        "end-policy",
        f"route-policy {name}-OUT",
        *sending,
        "end-policy",
    ]


def _neighbour(session: Session) -> list[str]:
    options = neighbour_lines(
        session,
        waiting="session-open-mode passive-only",
        key=f"password clear {SECRET}",
        ttl="ttl-security",
        restart="graceful-restart",
    )
    lines = [f" neighbor {session.host or HOST_ADDRESS}", *(f"  {line}" for line in options)]
    for family in session.families:
        name = family_name(session, family)
        lines += [
            f"  address-family ipv{family} unicast",
            f"   route-policy {name}-IN in",
            f"   route-policy {name}-OUT out",
            f"   maximum-prefix {session.limit(family)} 75 restart {RESTART_MINUTES}",
            "  !",
        ]
    return [*lines, " !"]
