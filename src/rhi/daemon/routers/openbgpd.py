"""OpenBGPD."""

from typing import Final

from rhi.daemon.routers.session import BGP_PORT, SECRET, Entry, Session
from rhi.daemon.routers.text import LET_RHI_WAIT, RESTART_MINUTES, at_link, cannot, head, hints

# Less than this it does not take.
_MIN_HOLD_TIME: Final = 3


def render(session: Session) -> str:
    """A whole `bgpd.conf`."""
    notes = [
        *cannot(session, roles=True, ports=True, next_hops=False, unnumbered=False),
        *hints(session, multihop="`multihop 2` in the neighbor", bfd=None),
        "ECMP: OpenBGPD takes one best path for each route.",
    ]
    if session.waits and session.key is not None:
        notes.append(f"A listening OpenBGPD has no key in its portable edition: {LET_RHI_WAIT}.")
    lines = [*head(session, "#", notes, is_tested=True), "", *_router(session), "", *_routes(session), ""]
    return "\n".join([*lines, *_neighbour(session), "", *_rules(session)]) + "\n"


def _router(session: Session) -> list[str]:
    lines = [
        "# Of the router itself: leave out what it has already.",
        f"AS {session.router_as}",
        f"router-id {session.router_id}",
    ]
    if session.router_port != BGP_PORT:
        lines.append(f"listen on {session.router} port {session.router_port}")
    return lines


def _routes(session: Session) -> list[str]:
    entries = [_pattern(entry) for family in session.families for entry in session.entries[family]]
    return [f"prefix-set {session.name} {{", *(f"\t{entry}" for entry in entries), "}"]


def _neighbour(session: Session) -> list[str]:
    zone = f"%{session.interface}" if session.interface else ""
    lines = [f'descr "{session.name}"', f"remote-as {session.host_as}"]
    if session.router:
        lines.append(f"local-address {session.router}{zone}")
    lines += ["passive"] if session.waits else []
    lines += [f"port {session.host_port}"] if session.host_port not in (None, BGP_PORT) else []
    lines += [f"holdtime {session.hold_time}"] if session.hold_time >= _MIN_HOLD_TIME else []
    lines += [f"tcp md5sig password {SECRET}"] if session.key is not None else []
    lines += ["ttl-security yes"] if session.ttl_security else []
    for family in (4, 6):
        lines.append(f"announce IPv{family} {'unicast' if family in session.families else 'none'}")
    if session.role is not None:
        lines.append(f"announce policy {session.role.value}{' enforce' if session.role_strict else ''}")
    lines.append(f"max-prefix {session.limit(*session.families)} restart {RESTART_MINUTES}")
    return [f"neighbor {at_link(session)} {{", *(f"\t{line}" for line in lines), "}"]


def _rules(session: Session) -> list[str]:
    host = at_link(session)
    lines = [
        "# the last rule that fits counts",
        f"deny from {host}",
        f"allow from {host} prefix-set {session.name}",
    ]
    if session.needs_graceful_shutdown:
        lines.append(f"match from {host} community GRACEFUL_SHUTDOWN set {{ localpref 0 }}")
    lines.append(f"deny to {host}")
    if session.hears:
        lines.append(f"allow to {host} prefix-set {session.name}")
    return lines


def _pattern(entry: Entry) -> str:
    return f"{entry.network}{'' if entry.is_route else f' prefixlen = {entry.length}'}"
