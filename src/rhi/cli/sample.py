"""`rhi sample`: the router's side of a configuration file, for a router of your choice."""

import difflib
import socket
from collections.abc import Sequence

from rhi.cli.arguments import Parser, daemon_libraries, fail
from rhi.cli.check import refuse
from rhi.cli.output import write_text
from rhi.errors import RhiError
from rhi.model.wording import shown
from rhi.net.endpoint import PeerAddress

PROG = "rhi sample"
BGP_PORT = 179


def parser() -> Parser:
    """The arguments of the verb."""
    result = Parser(
        prog=PROG,
        description="Print the router's side of a configuration: its neighbour statement for rhi, a filter "
        "for exactly our addresses, and what else both ends have to agree on. Keys are not read.",
    )
    result.add_argument(
        "router",
        metavar="ROUTER",
        help="bird, frr, gobgp, openbgpd, exabgp, ios-xe, ios-xr, junos, eos, sr-linux or routeros",
    )
    result.add_argument("--config", metavar="FILE", required=True, help="the configuration of rhi run")
    result.add_argument("--peer", metavar="NAME", help="this peer only, by its name in the file")
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments = parser().parse(words)
    with daemon_libraries(PROG):
        from rhi.daemon.config.build import BuildError
        from rhi.daemon.config.load import load
        from rhi.daemon.config.problems import ConfigError
        from rhi.daemon.routers.session import peer_names, sessions_of
        from rhi.daemon.routers.table import RENDERERS
    _check_name("ROUTER", arguments.router, list(RENDERERS))
    try:
        config = load(arguments.config)
        if arguments.peer is not None:
            _check_name("--peer", arguments.peer, peer_names(config))
        try:
            sessions = sessions_of(config, _source_towards, arguments.peer)
        except BuildError as error:
            raise ConfigError(arguments.config, error.problems, {}) from None
    except ConfigError as error:
        return refuse(error.problems)
    text = "\n".join(RENDERERS[arguments.router](session) for session in sessions)
    return 0 if write_text(text) else 1


def _check_name(what: str, name: str, known: Sequence[str]) -> None:
    """End the program when there is no such thing, and say which there are."""
    if name not in known:
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known) or 'none'}"
        fail(PROG, f"{what} {shown(name)}: {hint}", 2)


def _source_towards(peer: PeerAddress) -> str | None:
    """What this host's kernel takes for its address towards a peer, without sending anything."""
    with socket.socket(peer.socket_family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(peer.to_socket(BGP_PORT))
        except (OSError, RhiError):
            return None
        return str(PeerAddress.of_socket(asking.getsockname()).address)
