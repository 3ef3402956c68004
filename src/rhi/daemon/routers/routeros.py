"""MikroTik RouterOS 7."""

from rhi.daemon.routers.session import BGP_PORT, SECRET, Entry, Session
from rhi.daemon.routers.text import PATHS, at_link, cannot, head, hints

_AFIS = {4: "ip", 6: "ipv6"}


def render(session: Session) -> str:
    """A script for `/import`, of release 7.20 and later."""
    notes = [
        *cannot(session, roles=True, ports=True, next_hops=False, unnumbered=False),
        *hints(session, multihop="multihop=yes", bfd="use-bfd=yes"),
        "Release 7.20 and later; before, as and router-id stand in the connection.",
        "Above the limit no more is taken until /routing/bgp/session/clear.",
    ]
    if session.role_strict:
        notes.append("Not here: to insist on our role.")
    if session.graceful_restart is not None:
        notes.append("Not here: help with graceful restart.")
    lines = [*head(session, "#", notes), "/routing/filter/rule", *_rules(session), *_instance(session)]
    return "\n".join([*lines, "/routing/bgp/connection", f"add {' '.join(_connection(session))}"]) + "\n"


def _rules(session: Session) -> list[str]:
    ours = [_accept(entry) for family in session.families for entry in session.entries[family]]
    heeding = "if (bgp-communities includes 65535:0) {set bgp-local-pref 0}"
    chains = {
        "in": [*([heeding] if session.needs_graceful_shutdown else []), *ours, "reject"],
        "out": [*(ours if session.hears else []), "reject"],
    }
    return [
        f'add chain={session.name}-{way} rule="{rule}"' for way, rules in chains.items() for rule in rules
    ]


def _accept(entry: Entry) -> str:
    if entry.is_route:
        return f"if (dst=={entry.network}) {{accept}}"
    return f"if (dst in {entry.network} && dst-len=={entry.length}) {{accept}}"


def _instance(session: Session) -> list[str]:
    settings = f"as={session.router_as} router-id={session.router_id} multipath={PATHS}"
    return ["/routing/bgp/instance", f"add name={session.name} {settings}"]


def _connection(session: Session) -> list[str]:
    local = [f"local.address={session.router}"] if session.router and not session.interface else []
    port = [f"remote.port={session.host_port}"] if session.host_port not in (None, BGP_PORT) else []
    port += [f"local.port={session.router_port}"] if session.router_port != BGP_PORT else []
    ttl = ["local.ttl=255", "remote.ttl=255"] if session.ttl_security else []
    key = [f"tcp-md5-key={SECRET}"] if session.key is not None else []
    times = [f"hold-time={session.hold_time}s", f"keepalive-time={session.keepalive_time}s"]
    limits = [
        f"input.limit-process-routes-ipv{family}={session.limit(family)}" for family in session.families
    ]
    return [
        f"name={session.name}",
        f"instance={session.name}",
        *local,
        f"remote.address={at_link(session)}",
        f"remote.as={session.host_as}",
        *port,
        f"local.role={_role(session)}",
        f"connect={'no' if session.waits else 'yes'}",
        "listen=yes",
        f"afi={','.join(_AFIS[family] for family in session.families)}",
        *(times if session.hold_time else ["hold-time=infinity"]),
        *ttl,
        *key,
        f"input.filter={session.name}-in",
        *limits,
        f"output.filter-chain={session.name}-out",
    ]


def _role(session: Session) -> str:
    if session.is_internal:
        return "ibgp"
    return "ebgp" if session.role is None else f"ebgp-{session.role.value}"
