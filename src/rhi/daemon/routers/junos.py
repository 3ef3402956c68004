"""Juniper Junos."""

from collections.abc import Iterable
from typing import Final

from rhi.daemon.routers.session import HOST_ADDRESS, SECRET, Entry, Session
from rhi.daemon.routers.text import RESTART_MINUTES, cannot, head, hints

_INETS: Final = {4: "inet", 6: "inet6"}
# Below this Junos wants precise timers.
_LEAST_HOLD_TIME: Final = 20


def render(session: Session) -> str:
    """For `load merge`."""
    return "\n".join([*head(session, "#", _notes(session)), *_policies(session), *_protocol(session)]) + "\n"


def _notes(session: Session) -> list[str]:
    notes = [
        *cannot(session, roles=False, ports=False, next_hops=True, unnumbered=False),
        *hints(
            session,
            multihop="`multihop ttl 2;` in the neighbor",
            bfd="`bfd-liveness-detection { minimum-interval 300; }` in the neighbor",
        ),
    ]
    if session.ttl_security:
        text = "ttl 255 is what we are sent with; a filter on lo0 has to discard BGP of ours with another ttl"
        notes.append(f"TTL security: {text}.")
    if 0 < session.hold_time < _LEAST_HOLD_TIME:
        notes.append("A hold time below 20 s may want `set protocols bgp precision-timers`.")
    if session.graceful_restart is not None:
        notes.append("Junos helps with graceful restart without being told.")
    return notes


def _policies(session: Session) -> list[str]:
    name = session.name
    lists = [
        _block(f"route-filter-list {name}-{f}", map(_filter, session.entries[f])) for f in session.families
    ]
    accepting = [_term(session, family, "accept;") for family in session.families]
    draining: list[list[str]] = []
    communities: list[str] = []
    if session.needs_graceful_shutdown:
        heeding = ["local-preference 0;", "accept;"]
        draining = [_term(session, family, *heeding, is_draining=True) for family in session.families]
        communities = [f"community {name}-draining members 65535:0;"]
    refusing = ["term others {", "    then reject;", "}"]
    sending = accepting if session.hears else []
    return _block(
        "policy-options",
        [
            *_lines(lists),
            *_block(f"policy-statement {name}-in", [*_lines(draining), *_lines(accepting), *refusing]),
            *_block(f"policy-statement {name}-out", [*_lines(sending), *refusing]),
            *_block(f"policy-statement {name}-ecmp", ["then {", "    load-balance per-packet;", "}"]),
            *communities,
        ],
    )


def _term(session: Session, family: int, *actions: str, is_draining: bool = False) -> list[str]:
    label = f"draining-{family}" if is_draining else f"ours-{family}"
    community = [f"community {session.name}-draining;"] if is_draining else []
    conditions = [f"family {_INETS[family]};", f"route-filter-list {session.name}-{family};", *community]
    return _block(f"term {label}", [*_block("from", conditions), *_block("then", actions)])


def _protocol(session: Session) -> list[str]:
    kind = "internal" if session.is_internal else "external"
    forwarding = _block("forwarding-table", [f"export {session.name}-ecmp;"])
    options = [f"router-id {session.router_id};", f"autonomous-system {session.router_as};", *forwarding]
    group = [f"type {kind};", *_block("multipath", ["multiple-as;"]), *_neighbour(session)]
    bgp = _block("bgp", _block(f"group {session.name}", group))
    return [*_block("routing-options", options), *_block("protocols", bgp)]


def _neighbour(session: Session) -> list[str]:
    lines = [f'description "{session.name}";']
    if session.interface:
        lines.append(f"local-interface {session.interface};")
    elif session.router:
        lines.append(f"local-address {session.router};")
    lines += ["passive;"] if session.waits else []
    lines += ["ttl 255;"] if session.ttl_security else []
    lines.append(f"hold-time {session.hold_time};")
    lines += [f'authentication-key "{SECRET}";'] if session.key is not None else []
    lines += [f"import {session.name}-in;", f"export {session.name}-out;", f"peer-as {session.host_as};"]
    for family in session.families:
        limit = [f"maximum {session.limit(family)};", f"teardown 75 idle-timeout {RESTART_MINUTES};"]
        unicast = _block("prefix-limit", limit)
        unicast += ["extended-nexthop;"] if family == 4 and session.extended_next_hop else []
        lines += _block(f"family {_INETS[family]}", _block("unicast", unicast))
    return _block(f"neighbor {session.host or HOST_ADDRESS}", lines)


def _filter(entry: Entry) -> str:
    if entry.is_route:
        return f"{entry.network} exact;"
    return f"{entry.network} prefix-length-range /{entry.length}-/{entry.length};"


def _block(name: str, lines: Iterable[str]) -> list[str]:
    return [f"{name} {{", *(f"    {line}" for line in lines), "}"]


def _lines(blocks: Iterable[list[str]]) -> list[str]:
    return [line for block in blocks for line in block]
