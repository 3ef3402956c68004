"""What samples have in common: comments in front, and prefix lists of those that resemble each other."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from rhi.daemon.routers.session import (
    BGP_PORT,
    HOST_ADDRESS,
    INTERFACE,
    ROUTER_ADDRESS,
    ROUTER_AS,
    ROUTER_ID,
    SECRET,
    Entry,
    Session,
)

UNTESTED: Final = "Untested: written from documentation"
# How many paths to spread packets over: what all of them take, and hosts enough for one address.
PATHS: Final = 16
# Minutes until a router tries again after more routes than the limit.
RESTART_MINUTES: Final = 5

# Routers in the manner of IOS begin a line with the family.
IP_WORDS: Final = {4: "ip", 6: "ipv6"}

LET_RHI_WAIT: Final = "let rhi wait, by listen and passive = true in its configuration"


def comments(mark: str, lines: Iterable[str]) -> list[str]:
    """The lines as comments; what they quote of a configuration cannot end one."""
    return [f"{mark} {''.join(c if c.isprintable() else '?' for c in line)}" for line in lines]


def head(session: Session, mark: str, notes: Iterable[str] = (), *, is_tested: bool = False) -> list[str]:
    """The comments that a sample begins with: what it is, what to fill in, what to know."""
    lines = [] if is_tested else [UNTESTED]
    lines.append(f"The router's side of peer {session.peer}, as rhi sample says it.")
    return comments(mark, [*lines, *_to_fill_in(session), *notes])


def _to_fill_in(session: Session) -> Iterator[str]:
    if HOST_ADDRESS in session.host:
        yield f"Fill in {HOST_ADDRESS}: the address that rhi connects from; source_ip in its configuration."
    if session.is_guess:
        yield f"{session.host} is what this host connects from now; source_ip in its configuration fixes it."
    if session.router == ROUTER_ADDRESS:
        inside = f", inside {session.peer}" if "/" in session.peer else ""
        yield f"Fill in {ROUTER_ADDRESS}: this router's address{inside}."
    if session.router_id == ROUTER_ID:
        yield f"Fill in {ROUTER_ID}: an IPv4 address of this router."
    if session.router_as == ROUTER_AS:
        yield f"Fill in {ROUTER_AS}: this router's AS number; peer_as in the configuration of rhi."
    if session.interface == INTERFACE:
        yield f"Fill in {INTERFACE}: the interface of this router that the host is at."
    if session.key is not None:
        yield f"Fill in {SECRET}: the TCP MD5 key; rhi has it in {session.key}."


def cannot(
    session: Session, *, roles: bool, ports: bool, next_hops: bool, unnumbered: bool, stale: bool = False
) -> list[str]:
    """Notes of what is asked for and is not in a sample; the flags say what the router can, as we know it."""
    found = []
    if session.role is not None and not roles:
        hurts = "; role_strict will end the session" if session.role_strict else ""
        found.append(f"Not here: roles (RFC 9234); this router's is {session.role.value}{hurts}.")
    if not ports:
        if session.router_port != BGP_PORT:
            found.append(f"Not here: port {session.router_port}, which rhi connects to.")
        if session.host_port not in (None, BGP_PORT):
            found.append(f"Not here: port {session.host_port}, which rhi listens on.")
    if session.is_unnumbered and not unnumbered:
        found.append(
            f"Not here: a neighbour without an address; {HOST_ADDRESS} is the host's link-local one."
        )
    if session.extended_next_hop and not next_hops:
        found.append("Not here: IPv4 routes with IPv6 next hops (RFC 8950).")
    if session.long_lived_stale_time is not None and not stale:
        found.append("Not here: long-lived graceful restart (RFC 9494).")
    return found


def hints(session: Session, multihop: str, bfd: str | None) -> list[str]:
    """Notes of what may be wanted besides; the arguments are the router's words, None where it has none."""
    found = []
    # an interface has its neighbours on one link
    if not session.ttl_security and not session.is_internal and not session.interface:
        found.append(f"With another router in between: {multihop}.")
    if bfd is not None:
        found.append(f"With a BFD daemon on the host, for rhi has none: {bfd}.")
        if session.graceful_restart is not None:
            found[-1] += " Not together with graceful restart, which it defeats."
    return found


def at_link(session: Session) -> str:
    """Our address, with the router's interface where it is a link-local one."""
    host = session.host or HOST_ADDRESS
    return f"{host}%{session.interface}" if session.interface else host


def neighbour_lines(session: Session, *, waiting: str, key: str, ttl: str, restart: str) -> list[str]:
    """What is said of a neighbour; the arguments are the router's words for what not every session has."""
    asked = {
        waiting: session.waits,
        key: session.key is not None,
        ttl: session.ttl_security,
        restart: session.graceful_restart is not None,
    }
    return [
        f"remote-as {session.host_as}",
        f"description {session.name}",
        f"timers {session.keepalive_time} {session.hold_time}",
        *(line for line, is_asked in asked.items() if is_asked),
    ]


def family_name(session: Session, family: int) -> str:
    """What lists and route maps of one family are called."""
    return f"{session.name.upper()}-{family}"


def draining_name(session: Session) -> str:
    """What the list of communities that a drain sends is called."""
    return f"{session.name.upper()}-DRAINING"


def route_maps(
    session: Session, name: str, match: str, heeding: Iterable[str], end: Iterable[str] = ()
) -> list[str]:
    """Take what `match` says, routes that are drained as `heeding` does; tell what `match` says, or nothing.

    `end` closes each but the last.
    """
    lines = []
    if session.needs_graceful_shutdown:
        lines += [f"route-map {name}-IN permit 10", match, *heeding, *end]
    lines += [f"route-map {name}-IN permit 20", match, *end]
    told = [f"route-map {name}-OUT permit 10", match] if session.hears else [f"route-map {name}-OUT deny 10"]
    return [*lines, *told]


def prefix_list(
    session: Session, family: int, write: Callable[[int, str], str], exactly: Callable[[Entry], str]
) -> list[str]:
    """Numbered lines; `write` makes one of its number and text, `exactly` says the length of a range."""
    return [
        write(5 * number, f"{entry.network}{'' if entry.is_route else f' {exactly(entry)}'}")
        for number, entry in enumerate(session.entries[family], 1)
    ]


def between(entry: Entry) -> str:
    """A range in the words of IOS: routes of one length."""
    bits = entry.network.max_prefixlen
    return f"ge {entry.length}" if entry.length == bits else f"ge {entry.length} le {entry.length}"
