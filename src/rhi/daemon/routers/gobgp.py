"""GoBGP, its TOML."""

from rhi.daemon.routers.session import BGP_PORT, SECRET, Session
from rhi.daemon.routers.text import at_link, cannot, head, hints


def render(session: Session) -> str:
    """A whole `gobgpd.toml`."""
    notes = [
        *cannot(session, roles=False, ports=True, next_hops=True, unnumbered=True, stale=True),
        *hints(
            session,
            multihop="[neighbors.ebgp-multihop.config] with enabled = true and multihop-ttl = 2",
            bfd=None,
        ),
        "The kernel gets routes by FRR's zebra only: [zebra.config].",
    ]
    parts = [*head(session, "#", notes, is_tested=True), "", *_global(session), "", *_neighbour(session)]
    for family in session.families:
        parts += ["", *_prefixes(session, family)]
    return "\n".join([*parts, "", *_sets(session), "", *_import(session), "", *_export(session)]) + "\n"


def _global(session: Session) -> list[str]:
    port = [f"  port = {session.router_port}"] if session.router_port != BGP_PORT else []
    return [
        "# Of the router itself: leave out what it has already.",
        "[global.config]",
        f"  as = {session.router_as}",
        f'  router-id = "{session.router_id}"',
        *port,
        "[global.use-multiple-paths.config]",
        "  enabled = true",
        "[global.apply-policy.config]",
        f'  import-policy-list = ["{session.name}-in"]',
        '  default-import-policy = "accept-route"',
        f'  export-policy-list = ["{session.name}-out"]',
        '  default-export-policy = "accept-route"',
    ]


def _neighbour(session: Session) -> list[str]:
    key = [f'    auth-password = "{SECRET}"'] if session.key is not None else []
    return [
        "[[neighbors]]",
        "  [neighbors.config]",
        _address(session),
        f"    peer-as = {session.host_as}",
        *key,
        "  [neighbors.timers.config]",
        f"    hold-time = {session.hold_time}",
        f"    keepalive-interval = {session.keepalive_time}",
        *_transport(session),
        *_restart(session),
        *(line for family in session.families for line in _family(session, family)),
    ]


def _address(session: Session) -> str:
    if session.is_unnumbered:
        return f'    neighbor-interface = "{session.interface}"'
    return f'    neighbor-address = "{at_link(session)}"'


def _transport(session: Session) -> list[str]:
    lines = ["  [neighbors.transport.config]", f"    passive-mode = {str(session.waits).lower()}"]
    if session.host_port not in (None, BGP_PORT):
        lines.append(f"    remote-port = {session.host_port}")
    if session.ttl_security:
        lines += ["  [neighbors.ttl-security.config]", "    enabled = true", "    ttl-min = 255"]
    return lines


def _restart(session: Session) -> list[str]:
    if session.graceful_restart is None:
        return []
    is_long = session.long_lived_stale_time is not None
    return [
        "  [neighbors.graceful-restart.config]",
        "    enabled = true",
        "    helper-only = true",
        "    notification-enabled = true",
        *(["    long-lived-enabled = true"] if is_long else []),
        f"    restart-time = {session.graceful_restart}",
    ]


def _family(session: Session, family: int) -> list[str]:
    lines = [
        "  [[neighbors.afi-safis]]",
        "    [neighbors.afi-safis.config]",
        f'      afi-safi-name = "ipv{family}-unicast"',
        "    [neighbors.afi-safis.prefix-limit.config]",
        f"      max-prefixes = {session.limit(family)}",
    ]
    if session.graceful_restart is not None:
        lines += ["    [neighbors.afi-safis.mp-graceful-restart.config]", "      enabled = true"]
    if session.long_lived_stale_time is not None:
        lines += [
            "    [neighbors.afi-safis.long-lived-graceful-restart.config]",
            "      enabled = true",
            f"      restart-time = {session.long_lived_stale_time}",
        ]
    return lines


def _prefixes(session: Session, family: int) -> list[str]:
    lines = ["[[defined-sets.prefix-sets]]", f'  prefix-set-name = "{session.name}-{family}"']
    for entry in session.entries[family]:
        lines += [
            "  [[defined-sets.prefix-sets.prefix-list]]",
            f'    ip-prefix = "{entry.network}"',
            f'    masklength-range = "{entry.length}..{entry.length}"',
        ]
    return lines


def _sets(session: Session) -> list[str]:
    bits = 32 if session.version == 4 else 128
    who = "fe80::/10" if session.is_unnumbered else f"{session.host}/{bits}"
    lines = [
        "[[defined-sets.neighbor-sets]]",
        f'  neighbor-set-name = "{session.name}"',
        f'  neighbor-info-list = ["{who}"]',
    ]
    if session.needs_graceful_shutdown:
        lines += [
            "[[defined-sets.bgp-defined-sets.community-sets]]",
            f'  community-set-name = "{session.name}-graceful-shutdown"',
            '  community-list = ["^65535:0$"]',
        ]
    return lines


def _import(session: Session) -> list[str]:
    lines = ["[[policy-definitions]]", f'  name = "{session.name}-in"']
    if session.needs_graceful_shutdown:
        lines.append("  # graceful shutdown (RFC 8326): 0 would leave LOCAL_PREF as it is")
        for family in session.families:
            lines += _statement(session, f"in-draining-{family}", family=family, is_draining=True)
    for family in session.families:
        lines += _statement(session, f"in-{family}", family=family)
    return [*lines, *_statement(session, "in-others")]


def _export(session: Session) -> list[str]:
    lines = ["[[policy-definitions]]", f'  name = "{session.name}-out"']
    for family in session.families if session.hears else ():
        lines += _statement(session, f"out-{family}", family=family)
    return [*lines, *_statement(session, "out-others")]


def _statement(session: Session, label: str, *, family: int = 0, is_draining: bool = False) -> list[str]:
    """One about routes from or to us; without a family it refuses them."""
    there = "policy-definitions.statements"
    lines = [
        f"  [[{there}]]",
        f'    name = "{session.name}-{label}"',
        f"    [{there}.conditions.match-neighbor-set]",
        f'      neighbor-set = "{session.name}"',
    ]
    if family:
        prefixes = f'      prefix-set = "{session.name}-{family}"'
        lines += [f"    [{there}.conditions.match-prefix-set]", prefixes]
    if is_draining:
        communities = f'      community-set = "{session.name}-graceful-shutdown"'
        lines += [f"    [{there}.conditions.bgp-conditions.match-community-set]", communities]
    word = "accept" if family else "reject"
    lines += [f"    [{there}.actions]", f'      route-disposition = "{word}-route"']
    if is_draining:
        lines += [f"    [{there}.actions.bgp-actions]", "      set-local-pref = 1"]
    return lines
