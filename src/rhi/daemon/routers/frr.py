"""FRR."""

from typing import Final

from rhi.daemon.routers.session import BGP_PORT, SECRET, Session
from rhi.daemon.routers.text import IP_WORDS, PATHS, RESTART_MINUTES, between, head, hints, prefix_list
from rhi.model.parameters import Role

_ROLES: Final = {Role.ROUTE_SERVER: "rs-server"}


def render(session: Session) -> str:
    """A whole `frr.conf`."""
    lines = [*head(session, "!", _notes(session), is_tested=True), "!"]
    for family in session.families:
        lines += [*_lists(session, family), "!"]
    return "\n".join([*lines, *_router(session)]) + "\n"


def _notes(session: Session) -> list[str]:
    neighbor = _neighbor(session)
    notes = hints(session, multihop=f"`{neighbor} ebgp-multihop 2`", bfd=f"`{neighbor} bfd`")
    if session.router_port != BGP_PORT:
        notes.append(
            f"rhi connects to port {session.router_port}: start bgpd with `-p {session.router_port}`."
        )
    if session.needs_graceful_shutdown:
        notes.append("Routes with GRACEFUL_SHUTDOWN (RFC 8326) get LOCAL_PREF 0 without being told.")
    if session.key is not None and session.is_unnumbered:
        notes.append("A key for a neighbour without an address: by `neighbor ... peer-group`, not tried.")
    return notes


def _lists(session: Session, family: int) -> list[str]:
    word, name = IP_WORDS[family], _name(session)
    lines = prefix_list(
        session, family, lambda number, text: f"{word} prefix-list {name} seq {number} permit {text}", between
    )
    return [*lines, f"{word} prefix-list {name}-NONE seq 5 deny any"]


def _router(session: Session) -> list[str]:
    return [
        f"router bgp {session.router_as}",
        f" bgp router-id {session.router_id}",
        " bgp bestpath as-path multipath-relax",
        *_long_lived(session),
        *(f" {_neighbor(session)} {line}" for line in _options(session)),
        *(line for family in (4, 6) for line in _family(session, family)),
    ]


def _long_lived(session: Session) -> list[str]:
    if session.long_lived_stale_time is None:
        return []
    stale = f" bgp long-lived-graceful-restart stale-time {session.long_lived_stale_time}"
    return [" bgp graceful-restart", stale]


def _options(session: Session) -> list[str]:
    kind = "interface remote-as" if session.is_unnumbered else "remote-as"
    lines = [f"{kind} {session.host_as}", f"description {session.name}"]
    if session.interface and not session.is_unnumbered:
        lines.append(f"interface {session.interface}")
    if session.waits:
        lines.append("passive")
    if session.host_port not in (None, BGP_PORT):
        lines.append(f"port {session.host_port}")
    if session.key is not None:
        lines.append(f"password {SECRET}")
    if session.ttl_security:
        lines.append("ttl-security hops 1")
    lines.append(f"timers {session.keepalive_time} {session.hold_time}")
    if session.role is not None:
        strict = " strict-mode" if session.role_strict else ""
        lines.append(f"local-role {_ROLES.get(session.role, session.role.value)}{strict}")
    if session.extended_next_hop and not session.is_unnumbered:
        lines.append("capability extended-nexthop")
    if session.graceful_restart is not None:
        lines.append("graceful-restart-helper")
    return lines


def _family(session: Session, family: int) -> list[str]:
    neighbor, name = _neighbor(session), _name(session)
    if family not in session.families:
        # FRR's IPv4 is on for every neighbour
        lines = [f"no {neighbor} activate"] if family == 4 else []
    else:
        lines = [
            f"maximum-paths {'ibgp ' if session.is_internal else ''}{PATHS}",
            f"{neighbor} activate",
            f"{neighbor} prefix-list {name} in",
            f"{neighbor} prefix-list {name if session.hears else f'{name}-NONE'} out",
            f"{neighbor} maximum-prefix {session.limit(family)} restart {RESTART_MINUTES}",
        ]
    if not lines:
        return []
    head_line = f" address-family ipv{family} unicast"
    return [head_line, *(f"  {line}" for line in lines), " exit-address-family"]


def _neighbor(session: Session) -> str:
    return f"neighbor {session.host or session.interface}"


def _name(session: Session) -> str:
    return session.name.upper()
