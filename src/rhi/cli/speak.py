"""`rhi speak`: announce routes to one peer until told to stop.

The session runs in its own thread; the main thread reads standard input, or waits for a signal.
"""

import argparse
import sys
import threading
import time
from collections.abc import Mapping
from typing import Final

from rhi.cli.arguments import Parser, fail, ignore_stop_signals, one_sentence, stop_signals
from rhi.cli.draining import SIGNAL_TIME, Draining, wait_for
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
from rhi.cli.options import add_options, check_needs
from rhi.cli.output import complain
from rhi.cli.printer import Printer
from rhi.errors import InvalidValueError
from rhi.model.attributes import NO_ATTRIBUTES
from rhi.model.events import Event, SessionDown, SessionUp
from rhi.model.parameters import Parameters
from rhi.model.prefix import FAMILY_OF_VERSION, Prefix
from rhi.model.route_set import RouteSet
from rhi.model.wording import os_error_text
from rhi.net.drain_plan import DEFAULT_WAIT
from rhi.net.dynamic import MAX_DYNAMIC_PEERS, MAX_PER_SOURCE
from rhi.net.endpoint import PeerAddress, PeerInterface
from rhi.threaded import Pool

PROG: Final = "rhi speak"
# How long the peer may take to come up and to acknowledge, at `flush` and at the end of input.
FLUSH_TIMEOUT: Final = 5.0

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
    add_options(result)
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments_parser = parser()
    arguments = arguments_parser.parse(words)
    check_needs(arguments_parser, arguments)
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
        peer: PEER as events call it.
        is_up: set while the session with it is established, whatever dynamic peers do.
        may_print: events wait for it in their thread: a peer nearby is up before the pool can tell where it
            listens, and that is the first line.
    """

    def __init__(self, peer: str, *, as_json: bool) -> None:
        super().__init__(as_json=as_json)
        self.peer = peer
        self.is_up = threading.Event()
        self.may_print = threading.Event()

    def on_event(self, event: Event) -> None:
        if isinstance(event, SessionUp) and event.peer == self.peer:
            self.is_up.set()
        elif isinstance(event, SessionDown) and event.peer == self.peer:
            self.is_up.clear()
        self.may_print.wait()
        super().on_event(event)


def _speak(arguments: argparse.Namespace, parameters: Parameters, routes: RouteSet) -> int:
    watcher = Watcher(str(arguments.peer), as_json=arguments.json)
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
            dynamic_peers=dict.fromkeys(arguments.dynamic, parameters),
            max_dynamic_peers=arguments.max_dynamic_peers or MAX_DYNAMIC_PEERS,
            max_dynamic_peers_per_source=arguments.max_dynamic_peers_per_source or MAX_PER_SOURCE,
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
                    # not pause(): a signal just before it would wait for the next one
                    time.sleep(SIGNAL_TIME)
        finally:
            ignore_stop_signals()
            watcher.may_print.set()  # also when a signal came before the first line
            _end(arguments, pool, watcher)
    return 1 if standard_input is not None and standard_input.has_failed else 0


def _end(arguments: argparse.Namespace, pool: Pool, watcher: Watcher) -> None:
    """Drain if that is asked for, tell the last status, close; stop signals are ignored when this begins."""
    if arguments.drain is not None:
        with stop_signals():  # one more ends it at once
            wait_for(pool.drain(wait=arguments.drain))
        ignore_stop_signals()
    # before the end of the session takes it all away
    status = pool.status() if arguments.json else {}
    pool.close(arguments.message, keep_routes=arguments.keep_routes)
    if arguments.json:
        watcher.write_status(status)


def _greet(watcher: Printer, arguments: argparse.Namespace, pool: Pool) -> None:
    if arguments.json:
        for address in pool.listen_addresses:
            watcher.write_listening(address, arguments.as_number)
        return
    does = "waiting for it" if arguments.passive else f"connecting to port {arguments.port}"
    if isinstance(arguments.peer, PeerInterface):
        does = f"looking for the neighbour on it, {does}"
    does += "".join(f", listening on {address}" for address in pool.listen_addresses)
    if arguments.dynamic:
        does += f", serving {', '.join(map(str, arguments.dynamic))} too"
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
        """Who is behind after FLUSH_TIMEOUT; unlike in the library, PEER counts when it is not up."""
        deadline = time.monotonic() + FLUSH_TIMEOUT
        if not self._watcher.is_up.wait(FLUSH_TIMEOUT):
            return {self._watcher.peer: "is not established"}
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
        prepend=arguments.prepend,
        communities=arguments.community,
        large_communities=arguments.large_community,
        extended_communities=arguments.extended_community,
        accept=arguments.accept,
        reject=arguments.reject,
        graceful_shutdown=arguments.graceful_shutdown,
        peer_as=arguments.peer_as,
        port=arguments.port,
        passive=arguments.passive,
        password=_password(arguments),
        ao_keys=() if arguments.ao_key_file is None else ao_keys_from_file(PROG, arguments.ao_key_file),
        ttl_security=arguments.ttl_security,
        extended_messages=not arguments.no_extended_messages,
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
