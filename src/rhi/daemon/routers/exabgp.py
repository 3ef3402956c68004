"""ExaBGP, as a receiver: it hands routes to a program."""

from dataclasses import replace

from rhi.daemon.routers.session import BGP_PORT, HOST_ADDRESS, ROUTER_ADDRESS, SECRET, Entry, Session
from rhi.daemon.routers.text import LET_RHI_WAIT, cannot, head, hints


def render(session: Session) -> str:
    """A whole configuration."""
    notes = [
        *cannot(session, roles=False, ports=True, next_hops=True, unnumbered=False),
        *hints(session, multihop="nothing is needed", bfd=None),
        "ExaBGP keeps no table and filters nothing: the program has to refuse what is none of these:",
        *(f"  {_described(entry)}" for family in session.families for entry in session.entries[family]),
    ]
    if session.graceful_restart is not None:
        notes.append("Not here: graceful restart; there is no table that could be kept.")
    if session.waits and session.ttl_security:
        notes.append(f"A listening ExaBGP answers with another TTL than 255: {LET_RHI_WAIT}.")
    if session.interface:
        notes.append("Not here: the interface; ExaBGP takes a link-local address without one only.")
        session = replace(session, interface="", router=session.router or ROUTER_ADDRESS)
    lines = [*head(session, "#", notes, is_tested=True), "", *_process(), "", *_neighbour(session)]
    return "\n".join(lines) + "\n"


def _process() -> list[str]:
    return [
        "process events {",
        "\trun /usr/local/bin/exabgp-events; # yours; it must keep its standard output open",
        "\tencoder json;",
        "}",
    ]


def _neighbour(session: Session) -> list[str]:
    families = [f"\t\tipv{family} unicast;" for family in session.families]
    return [
        f"neighbor {session.host or HOST_ADDRESS} {{",
        *(f"\t{line}" for line in _options(session)),
        "\tfamily {",
        *families,
        "\t}",
        *(["\tnexthop { ipv4 unicast ipv6; }"] if session.extended_next_hop else []),
        "\tapi {",
        "\t\tprocesses [ events ];",
        "\t\tneighbor-changes;",
        "\t\treceive { parsed; update; notification; }",
        "\t}",
        "}",
    ]


def _options(session: Session) -> list[str]:
    lines = [
        f"router-id {session.router_id};",
        f"local-address {session.router};",
        f"local-as {session.router_as};",
        f"peer-as {session.host_as};",
        f"hold-time {session.hold_time};",
        f"passive {str(session.waits).lower()};",
        f"listen {session.router_port};",
    ]
    if session.host_port not in (None, BGP_PORT):
        lines.append(f"connect {session.host_port};")
    if session.key is not None:
        lines.append(f"md5-password {SECRET};")
    if session.ttl_security:
        lines += ["outgoing-ttl 255;", "incoming-ttl 255;"]
    return lines


def _described(entry: Entry) -> str:
    return str(entry.network) if entry.is_route else f"every /{entry.length} of {entry.network}"
