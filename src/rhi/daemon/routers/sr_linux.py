"""Nokia SR Linux."""

from typing import Final

from rhi.daemon.routers.session import SECRET, Session
from rhi.daemon.routers.text import PATHS, at_link, cannot, head, hints

_BGP: Final = "set / network-instance default protocols bgp"
# A longer key it does not take.
_KEY_LENGTH: Final = 20


def render(session: Session) -> str:
    """Commands of the candidate mode, of release 24.3 and later."""
    lines = [*head(session, "#", _notes(session)), *_policies(session)]
    if session.key is not None:
        keychain = f"set / system authentication keychain {session.name}"
        lines += [
            f"{keychain} type tcp-md5",
            f"{keychain} admin-state enable",
            f"{keychain} key 0 algorithm md5",
            f"{keychain} key 0 authentication-key {SECRET}",
        ]
    return "\n".join([*lines, *_router(session), *_group(session), *_neighbour(session)]) + "\n"


def _notes(session: Session) -> list[str]:
    notes = [
        *cannot(session, roles=False, ports=False, next_hops=True, unnumbered=True),
        *hints(
            session,
            multihop="`multihop maximum-hops 2` in the group",
            bfd="`failure-detection enable-bfd true`",
        ),
        "Release 24.3 and later; before, it is `match prefix-set` without `prefix`.",
        "On some platforms `multipath maximum-paths` is `multipath ebgp maximum-paths`.",
        "In later releases `prefix-limit` is `prefix-limit-received`.",
        "Above the limit the session ends for good, unless the timer prefix-limit-restart-timer is set.",
    ]
    if session.ttl_security:
        notes.append("Not here: TTL security; with ttl_security at our end alone no session comes up.")
    if session.key is not None:
        notes.append(f"The key has at most {_KEY_LENGTH} characters here.")
    return notes


def _policies(session: Session) -> list[str]:
    root, name = "set / routing-policy", session.name
    lines = []
    for family in session.families:
        for entry in session.entries[family]:
            lengths = "exact" if entry.is_route else f"{entry.length}..{entry.length}"
            lines.append(
                f"{root} prefix-set {name}-{family} prefix {entry.network} mask-length-range {lengths}"
            )
    if session.needs_graceful_shutdown:
        lines.append(f"{root} community-set {name}-draining member [ 65535:0 ]")
        for family in session.families:
            statement = f"{root} policy {name}-in statement draining-{family}"
            lines += [
                f"{statement} match prefix prefix-set {name}-{family}",
                f"{statement} match bgp community-set {name}-draining",
                f"{statement} action policy-result accept",
                f"{statement} action bgp local-preference set 0",
            ]
    for way in ("in", "out"):
        for family in session.families if way == "in" or session.hears else ():
            statement = f"{root} policy {name}-{way} statement ours-{family}"
            lines += [
                f"{statement} match prefix prefix-set {name}-{family}",
                f"{statement} action policy-result accept",
            ]
        lines.append(f"{root} policy {name}-{way} default-action policy-result reject")
    return lines


def _router(session: Session) -> list[str]:
    lines = [f"{_BGP} autonomous-system {session.router_as}", f"{_BGP} router-id {session.router_id}"]
    for family in session.families:
        unicast = f"{_BGP} afi-safi ipv{family}-unicast"
        lines += [
            f"{unicast} admin-state enable",
            f"{unicast} multipath allow-multiple-as true",
            f"{unicast} multipath maximum-paths {PATHS}",
        ]
    return lines


def _group(session: Session) -> list[str]:
    group = f"{_BGP} group {session.name}"
    lines = [
        f"peer-as {session.host_as}",
        f"import-policy [ {session.name}-in ]",
        f"export-policy [ {session.name}-out ]",
        f"timers hold-time {session.hold_time}",
        f"timers keepalive-interval {session.keepalive_time}",
    ]
    if session.waits:
        lines.append("transport passive-mode true")
    if session.key is not None:
        lines.append(f"authentication keychain {session.name}")
    if session.graceful_restart is not None:
        lines.append("graceful-restart admin-state enable")
    for family in session.families:
        unicast = f"afi-safi ipv{family}-unicast"
        lines += [
            f"{unicast} admin-state enable",
            f"{unicast} prefix-limit max-received-routes {session.limit(family)}",
        ]
        if family == 4 and session.extended_next_hop:
            lines.append(f"{unicast} ipv4-unicast receive-ipv6-next-hops true")
    return [f"{group} {line}" for line in lines]


def _neighbour(session: Session) -> list[str]:
    if session.is_unnumbered:
        link = f"{_BGP} dynamic-neighbors interface {session.interface}"
        return [f"{link} peer-group {session.name}", f"{link} allowed-peer-as [ {session.host_as} ]"]
    neighbor = f"{_BGP} neighbor {at_link(session)}"
    return [f"{neighbor} peer-group {session.name}", f"{neighbor} description {session.name}"]
