"""BIRD 2."""

from typing import Final

from rhi.daemon.routers.session import BGP_PORT, SECRET, Entry, Session
from rhi.daemon.routers.text import PATHS, head, hints
from rhi.model.parameters import Role

_ROLES: Final = {Role.ROUTE_SERVER: "rs_server", Role.ROUTE_SERVER_CLIENT: "rs_client"}


def render(session: Session) -> str:
    """A whole `bird.conf`."""
    notes = hints(
        session,
        multihop=f"`multihop 2;` in protocol {session.name}",
        bfd="`bfd on;` in the protocol, and a `protocol bfd {}`",
    )
    lines = [*head(session, "#", notes, is_tested=True), "", *_router(session), ""]
    for family in session.families:
        lines += [*_filter(session, family), ""]
    return "\n".join([*lines, *_protocol(session)]) + "\n"


def _router(session: Session) -> list[str]:
    kernel = [
        f"protocol kernel {{ ipv{family} {{ import none; export where source = RTS_BGP; }}; "
        f"merge paths on limit {PATHS}; }} # ECMP"
        for family in session.families
    ]
    return [
        "# Of the router itself: leave out what it has already.",
        f"router id {session.router_id};",
        "protocol device {}",
        "protocol direct { ipv4; ipv6; }",
        *kernel,
    ]


def _filter(session: Session, family: int) -> list[str]:
    name = _name(session, family)
    routes = ",\n".join(f"    {_pattern(entry)}" for entry in session.entries[family])
    heeding = "    if (65535, 0) ~ bgp_community then bgp_local_pref = 0; # graceful shutdown (RFC 8326)"
    return [
        f"define {name}_routes = [",
        routes,
        "];",
        f"filter {name} {{",
        f"    if ! (net ~ {name}_routes) then reject;",
        *([heeding] if session.needs_graceful_shutdown else []),
        "    accept;",
        "}",
    ]


def _protocol(session: Session) -> list[str]:
    return [
        f"protocol bgp {session.name} {{",
        *(f"    {line}" for line in [*_ends(session), *_options(session)]),
        *(f"    {_channel(session, family)}" for family in session.families),
        "}",
    ]


def _ends(session: Session) -> list[str]:
    port = f" port {session.router_port}" if session.router_port != BGP_PORT else ""
    if session.is_unnumbered:
        return [
            f"local{port} as {session.router_as};",
            f"neighbor range fe80::/10 as {session.host_as};",
            f'interface "{session.interface}";',
            f'dynamic name "{session.name}";',
        ]
    router = f" {session.router}" if session.router and not session.interface else ""
    remote = f" port {session.host_port}" if session.host_port not in (None, BGP_PORT) else ""
    interface = [f'interface "{session.interface}";'] if session.interface else []
    waiting = ["passive;"] if session.waits else []
    return [
        f"local{router}{port} as {session.router_as};",
        f"neighbor {session.host}{remote} as {session.host_as};",
        *interface,
        *waiting,
    ]


def _options(session: Session) -> list[str]:
    lines = [f"hold time {session.hold_time};"]
    if session.hold_time:
        lines.append(f"keepalive time {session.keepalive_time};")
    if session.key is not None:
        lines.append(f'password "{SECRET}";')
    if session.ttl_security:
        lines += ["direct;", "ttl security on;"]
    if session.role is not None:
        lines.append(f"local role {_ROLES.get(session.role, session.role.value)};")
        lines += ["require roles on;"] if session.role_strict else []
    if session.extended_messages:
        lines.append("enable extended messages on;")
    if session.graceful_restart is not None:
        lines.append("graceful restart aware;")
    if session.long_lived_stale_time is not None:
        lines.append("long lived graceful restart aware;")
    return lines


def _channel(session: Session, family: int) -> str:
    next_hop = " extended next hop on;" if family == 4 and session.extended_next_hop else ""
    export = f"where net ~ {_name(session, family)}_routes" if session.hears else "none"
    return (
        f"ipv{family} {{ import filter {_name(session, family)}; export {export}; "
        f"import limit {session.limit(family)} action restart;{next_hop} }};"
    )


def _pattern(entry: Entry) -> str:
    return f"{entry.network}{'' if entry.is_route else f'{{{entry.length},{entry.length}}}'}"


def _name(session: Session, family: int) -> str:
    return f"{session.name}_{family}"
