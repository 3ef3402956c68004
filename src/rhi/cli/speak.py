"""`rhi speak`: announce routes to one peer until told to stop.

The session runs in its own thread; the main thread reads standard input, or waits for a signal.
"""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from rhi.cli.arguments import (
    Parser,
    checked,
    fail,
    ignore_stop_signals,
    number,
    one_sentence,
    stop_signals,
)
from rhi.cli.draining import Draining
from rhi.cli.keys import ao_keys_from_file, password_from_environment, password_from_file
from rhi.cli.lines import (
    Announce,
    Clear,
    Command,
    Complete,
    Drain,
    Flush,
    Undrain,
    Withdraw,
    parse_command,
    read_lines,
    read_routes,
)
from rhi.cli.output import Printer, complain
from rhi.errors import InvalidValueError
from rhi.model.attributes import NO_ATTRIBUTES, PathAttributes
from rhi.model.communities import Community
from rhi.model.events import Event, SessionDown, SessionUp
from rhi.model.parameters import (
    MAX_RESTART_TIME,
    MAX_STALE_TIME,
    Parameters,
    Role,
    to_as_number,
    to_role,
    to_router_id,
)
from rhi.model.prefix import FAMILY_OF_VERSION, Prefix, to_address, to_ipv4, to_ipv6, to_prefix
from rhi.model.route_set import RouteSet
from rhi.net.drain_plan import DEFAULT_WAIT, MAX_WAIT
from rhi.net.endpoint import ListenAddress, PeerAddress, PeerInterface, os_error_text, parse_peer
from rhi.threaded import Pool

PROG: Final = "rhi speak"
# How long the peer may take to come up and to acknowledge, at `flush` and at the end of input.
FLUSH_TIMEOUT: Final = 5.0
ROLES: Final = ", ".join(role.value for role in Role)

# Options that make no sense without another one.
_NEEDS: Final = {
    "--passive": "--listen ADDR:PORT",
    "--extended-next-hop": "--multiprotocol",
    "--role-strict": "--role ROLE",
    "--long-lived-stale-time": "--graceful-restart S",
    "--keep-routes": "--graceful-restart S",
    "--complete-within": "--stdin",
}

EPILOG: Final = """\
example, a host route to the router 192.0.2.1, from AS 65001, with our own address as router id:
  rhi speak 65001 192.0.2.10 192.0.2.1 203.0.113.10

lines of --stdin:
  announce ROUTE [med N] [local-pref N] [next-hop ADDR] [prepend N] [origin igp|egp|incomplete]
                 [community A:B]... [large-community A:B:C]... [extended-community rt:A:B]...
  withdraw ROUTE
  clear            withdraw everything
  drain [ROUTE]... mark these routes, or all, for graceful shutdown (RFC 8326), and withdraw them the seconds
                   of --drain later, else 30 s; a route that is announced again stays
  undrain          cancel all drains
  flush            wait until the peer's TCP has acknowledged everything, at most 5 s, and say so
  complete         all is announced: send the End-of-RIB that --complete-within holds back
Lines of --routes FILE are those of announce, with or without that word; # begins a comment.

End of input (after a flush) and the signals TERM and INT end the session with Cease/Administrative Shutdown,
and the peer drops the routes, unless --keep-routes is given. So keep the pipe open for as long as they are to
stay. With --drain all routes are drained first; a second signal ends that at once.
Exit codes: 0 done, 1 failed or a line of input was refused, 2 wrong usage.
"""


def parser() -> Parser:
    """The verb's arguments."""
    result = Parser(
        PROG,
        description="Announce routes to one peer until told to stop. An address is a host route.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = result.add_argument
    add(
        "-m",
        "--multiprotocol",
        action="store_true",
        help="offer IPv4 and IPv6, whatever the session runs over",
    )
    add(
        "-4",
        "--next-hop-4",
        metavar="ADDR",
        type=_next_hop(4),
        help="next hop of IPv4 routes (our end of the session)",
    )
    add(
        "-6",
        "--next-hop-6",
        metavar="ADDR",
        type=_next_hop(6),
        help="next hop of IPv6 routes (our end of the session)",
    )
    add("--port", metavar="N", type=number("port", 1, 65535), default=179, help="the peer's TCP port (179)")
    add(
        "--hold-time",
        metavar="S",
        type=_hold_time,
        default=10,
        help="hold time to propose, in seconds; 0 for no timers (10)",
    )
    add("--source", metavar="ADDR", type=_address("source"), help="local address to connect from")
    add("--peer-as", metavar="N", type=_as_number("peer AS"), help="AS number that the peer must have")
    add("--med", metavar="N", type=number("med", 0, 0xFFFFFFFF), help="MED of all routes")
    add(
        "--local-pref",
        metavar="N",
        type=number("local-pref", 0, 0xFFFFFFFF),
        help="LOCAL_PREF (100; iBGP only)",
    )
    add(
        "--community",
        metavar="A:B",
        type=checked(Community),
        action="append",
        default=[],
        help="community of all routes, or a name such as no-export; may be repeated",
    )
    key = result.add_mutually_exclusive_group().add_argument
    key("--password-file", metavar="FILE", help="file with the TCP MD5 key")
    key("--password-env", metavar="NAME", help="environment variable with the TCP MD5 key")
    key(
        "--ao-key-file",
        metavar="FILE",
        help="file with TCP-AO keys (RFC 5925), lines of SEND_ID RECEIVE_ID ALGORITHM KEY",
    )
    add(
        "--ttl-security",
        action="store_true",
        help="the peer is on our link: send TTL 255, accept no less (RFC 5082)",
    )
    add(
        "--extended-next-hop",
        action="store_true",
        help="over IPv6, offer IPv4 routes with an IPv6 next hop (RFC 8950; needs -m)",
    )
    add("--role", metavar="ROLE", type=checked(to_role), help=f"what we are to the peer (RFC 9234): {ROLES}")
    add("--role-strict", action="store_true", help="refuse a peer that does not tell its own role")
    add(
        "--graceful-restart",
        metavar="S",
        type=number("graceful restart", 1, MAX_RESTART_TIME),
        help="have the peer keep the routes for so many seconds when the session breaks (RFC 4724)",
    )
    add(
        "--long-lived-stale-time",
        metavar="S",
        type=number("long-lived stale time", 1, MAX_STALE_TIME),
        help="and then for so many more as a last resort (RFC 9494)",
    )
    add(
        "--complete-within",
        metavar="S",
        type=number("complete within", 1, MAX_RESTART_TIME),
        help="hold End-of-RIB back until the command `complete`, at most so many seconds (needs --stdin)",
    )
    add(
        "--keep-routes",
        action="store_true",
        help="at the end, leave the routes to graceful restart instead of taking them back",
    )
    add(
        "--maximum-prefixes",
        metavar="N",
        type=number("maximum prefixes", 1, 0xFFFFFFFF),
        help="end the session when the peer announces more routes of one family (no limit)",
    )
    add(
        "--drain",
        metavar="S",
        type=number("drain", 0, int(MAX_WAIT)),
        help="at the end, mark all for graceful shutdown, and withdraw it so many seconds later (RFC 8326)",
    )
    add(
        "--graceful-shutdown",
        action="store_true",
        help="mark all routes from the start: other paths are better (RFC 8326)",
    )
    add(
        "--message", metavar="TEXT", default="", help="say that to the peer's operators at the end (RFC 9003)"
    )
    add(
        "--no-quarantine",
        action="store_true",
        help="send routes that the peer answers with an UPDATE error again and again",
    )
    add("--passive", action="store_true", help="do not connect, wait for the peer (needs --listen)")
    add(
        "--listen",
        metavar="ADDR:PORT",
        type=checked(ListenAddress.parse),
        action="append",
        default=[],
        help="accept the peer's connection there; may be repeated",
    )
    add("--routes", metavar="FILE", help="file with more routes, one a line")
    add("--stdin", action="store_true", help="read commands from standard input")
    add("--json", action="store_true", help="print events as JSON lines, the status last")
    add("as_number", metavar="AS_NUMBER", type=_as_number("AS number"), help="our AS number")
    add(
        "router_id",
        metavar="ROUTER_ID",
        type=checked(to_router_id),
        help="our BGP identifier: an IPv4 address of this host",
    )
    add(
        "peer",
        metavar="PEER",
        type=checked(parse_peer),
        help="address of the peer, fe80::1%%eth0 with its zone; or an interface, for the one neighbour on it",
    )
    add(
        "routes_given",
        metavar="ROUTE",
        nargs="*",
        default=[],
        type=checked(to_prefix),
        help="address or prefix",
    )
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments_parser = parser()
    arguments = arguments_parser.parse(words)
    for option, needed in _NEEDS.items():
        if _is_given(arguments, option) and not _is_given(arguments, needed.partition(" ")[0]):
            arguments_parser.error(f"{option} needs {needed}")
    if arguments.drain is not None and arguments.keep_routes:
        arguments_parser.error(
            "--drain withdraws the routes, and --keep-routes leaves them: give one of both"
        )
    with one_sentence(PROG):
        routes = RouteSet() if arguments.routes is None else _read_routes(arguments.routes)
        for prefix in arguments.routes_given:
            routes.add(prefix, NO_ATTRIBUTES)
        parameters = _parameters(arguments)
        return _speak(arguments, parameters, routes)


class Watcher(Printer):
    """Prints events, and knows whether the session is up.

    Attributes:
        is_up: set while the session is established.
        may_print: events wait for it in their thread: a peer nearby is up before the pool can tell where it
            listens, and that is the first line.
    """

    def __init__(self, *, as_json: bool) -> None:
        super().__init__(as_json=as_json)
        self.is_up = threading.Event()
        self.may_print = threading.Event()

    def on_event(self, event: Event) -> None:
        if isinstance(event, SessionUp):
            self.is_up.set()
        elif isinstance(event, SessionDown):
            self.is_up.clear()
        self.may_print.wait()
        super().on_event(event)


def _is_given(arguments: argparse.Namespace, option: str) -> bool:
    return bool(getattr(arguments, option[2:].replace("-", "_")))


def _speak(arguments: argparse.Namespace, parameters: Parameters, routes: RouteSet) -> int:
    watcher = Watcher(as_json=arguments.json)
    standard_input: StandardInput | None = None
    unsent = UnsentFamily(arguments.peer, parameters)
    for run in routes.runs():
        unsent.mind(next(run.prefixes()))
    with stop_signals():
        pool = Pool(
            arguments.router_id,
            {str(arguments.peer): parameters},
            routes,
            watcher,
            listen=arguments.listen,
            complete_within=arguments.complete_within,
        )
        try:
            _greet(watcher, arguments, pool)
            watcher.may_print.set()
            draining = Draining(pool, DEFAULT_WAIT if arguments.drain is None else arguments.drain)
            if arguments.stdin:
                standard_input = StandardInput(pool, watcher, unsent, draining, as_json=arguments.json)
                standard_input.obey(has_routes=bool(routes))
                if arguments.drain is None:
                    draining.wait()
            else:
                while True:
                    signal.pause()
        finally:
            ignore_stop_signals()
            watcher.may_print.set()  # also when a signal came before the first line
            if arguments.drain is not None:
                with stop_signals():  # one more ends it at once
                    pool.drain(wait=arguments.drain).wait()
                ignore_stop_signals()
            # before the end of the session takes it all away
            status = pool.status() if arguments.json else {}
            pool.close(arguments.message, keep_routes=arguments.keep_routes)
            if arguments.json:
                watcher.write_status(status)
    return 1 if standard_input is not None and standard_input.has_failed else 0


def _greet(watcher: Printer, arguments: argparse.Namespace, pool: Pool) -> None:
    if arguments.json:
        for address in pool.listen_addresses:
            watcher.write_listening(address, arguments.as_number)
        return
    does = "waiting for it" if arguments.passive else f"connecting to port {arguments.port}"
    if isinstance(arguments.peer, PeerInterface):
        does = f"looking for the neighbour on it, {does}"
    does += "".join(f", listening on {address}" for address in pool.listen_addresses)
    us = f"AS {arguments.as_number}, router id {arguments.router_id}"
    watcher.write(f"{arguments.peer} {does}, as {us}")


class UnsentFamily:
    """Says once when routes are of the family that this session will not carry."""

    def __init__(self, peer: PeerAddress | PeerInterface, parameters: Parameters) -> None:
        self._carried = FAMILY_OF_VERSION[6 if isinstance(peer, PeerInterface) else peer.address.version]
        self._is_told = parameters.multiprotocol or isinstance(peer, PeerInterface)

    def mind(self, prefix: Prefix) -> None:
        """Look at a route that is to be announced."""
        if self._is_told or prefix.family is self._carried:
            return
        self._is_told = True
        complain(
            f"{PROG}: {prefix} and the like will not be sent: a session with this peer carries "
            f"{self._carried.label} routes only, unless -m is given"
        )


class StandardInput:
    """Carries out the lines of standard input.

    Attributes:
        has_failed: a line was refused, or the peer was not told everything at the end of input.
    """

    def __init__(
        self, pool: Pool, watcher: Watcher, unsent: UnsentFamily, draining: Draining, *, as_json: bool
    ) -> None:
        self._pool = pool
        self._draining = draining
        self._watcher = watcher
        self._unsent = unsent
        self._as_json = as_json
        self.has_failed = False
        self._line = 0

    def obey(self, *, has_routes: bool) -> None:
        """Until the end of input. `has_routes`: there is something to send already."""
        if sys.stdin is None:
            fail(PROG, "standard input is closed, and --stdin reads from it", 1)
        for line in read_lines(sys.stdin.buffer):
            self._line += 1
            try:
                if isinstance(line, InvalidValueError):
                    raise line
                command = parse_command(line)
            except InvalidValueError as error:
                self.has_failed = True
                complain(f"{PROG}: standard input, line {self._line}: {error}")
            else:
                has_routes |= command is not None
                self._carry_out(command)
        behind = self._flush() if has_routes else {}
        for peer, lag in behind.items():
            self.has_failed = True
            complain(f"{PROG}: end of input, but {peer} {lag}")

    def _carry_out(self, command: Command | None) -> None:
        match command:
            case Announce(route):
                self._unsent.mind(route.prefix)
                self._pool.announce(route)
            case Withdraw(prefix):
                self._pool.withdraw(prefix)
            case Clear():
                self._pool.replace([], allow_empty=True)
            case Drain(prefixes):
                self._draining.begin(prefixes)
            case Undrain():
                self._draining.cancel()
            case Complete():
                self._pool.mark_complete()
            case Flush():
                behind = self._flush()
                if self._as_json:
                    self._watcher.write_json({"event": "flushed", "behind": dict(behind)})
                else:
                    text = ", ".join(f"{peer} {lag}" for peer, lag in behind.items())
                    self._watcher.write(f"behind: {text}" if text else "flushed")

    def _flush(self) -> Mapping[str, str]:
        """Who is behind after FLUSH_TIMEOUT; unlike in the library, a peer that is not up counts."""
        deadline = time.monotonic() + FLUSH_TIMEOUT
        if not self._watcher.is_up.wait(FLUSH_TIMEOUT):
            return dict.fromkeys(self._pool.status(), "is not established")
        return self._pool.flush(max(0.0, deadline - time.monotonic())).behind


def _read_routes(path: str) -> RouteSet:
    try:
        with open(path, "rb") as file:
            return read_routes(file, path)
    except OSError as error:
        fail(PROG, f"cannot read {path}: {os_error_text(error)}", 1)
    except InvalidValueError as error:
        fail(PROG, str(error), 1)


def _parameters(arguments: argparse.Namespace) -> Parameters:
    return Parameters(
        as_number=arguments.as_number,
        hold_time=arguments.hold_time,
        source_ip=arguments.source,
        next_hop_4=arguments.next_hop_4,
        next_hop_6=arguments.next_hop_6,
        multiprotocol=arguments.multiprotocol,
        med=arguments.med,
        local_pref=arguments.local_pref,
        communities=arguments.community,
        graceful_shutdown=arguments.graceful_shutdown,
        peer_as=arguments.peer_as,
        port=arguments.port,
        passive=arguments.passive,
        password=_password(arguments),
        ao_keys=() if arguments.ao_key_file is None else ao_keys_from_file(PROG, arguments.ao_key_file),
        ttl_security=arguments.ttl_security,
        extended_next_hop=arguments.extended_next_hop,
        graceful_restart=arguments.graceful_restart,
        long_lived_stale_time=arguments.long_lived_stale_time,
        role=arguments.role,
        role_strict=arguments.role_strict,
        maximum_prefixes=arguments.maximum_prefixes,
        quarantine=not arguments.no_quarantine,
    )


def _password(arguments: argparse.Namespace) -> bytes | None:
    if arguments.password_file is not None:
        return password_from_file(PROG, arguments.password_file)
    return None if arguments.password_env is None else password_from_environment(PROG, arguments.password_env)


def _as_number(what: str) -> Callable[[str], int]:
    return checked(lambda text: to_as_number(text, what))


def _address(what: str) -> Callable[[str], object]:
    return checked(lambda text: to_address(text, what))


def _next_hop(version: int) -> Callable[[str], object]:
    convert = to_ipv4 if version == 4 else to_ipv6
    return checked(lambda text: PathAttributes(next_hop=convert(text, "next hop")).next_hop)


def _hold_time(text: str) -> int:
    value = number("hold time", 0, 65535)(text)
    if value in (1, 2):
        raise argparse.ArgumentTypeError(f"hold time {value}: must be 0 (no timers) or 3 to 65535 seconds")
    return value
