"""The options of `rhi speak` as a table: one row each, in the order of `--help`.

A row says what an option is called, what its value is, and which other option it makes no sense without. The
values become `Parameters` and arguments of `Pool` in `speak`.
"""

import argparse
from collections.abc import Callable
from typing import Final, NamedTuple

from rhi.cli.arguments import Parser, checked, number
from rhi.model.attributes import PathAttributes
from rhi.model.checks import MAX_PREPEND
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.parameters import MAX_RESTART_TIME, MAX_STALE_TIME, Role, to_as_number, to_role, to_router_id
from rhi.model.prefix import to_address, to_ipv4, to_ipv6, to_network, to_prefix
from rhi.net.drain_plan import MAX_WAIT
from rhi.net.endpoint import ListenAddress, parse_peer


class Option(NamedTuple):
    """One option.

    Attributes:
        names: as on the command line, the long one last.
        metavar: what its value is called; empty for one that has none.
        help: what `--help` says of it.
        type: makes the value of text; raises `argparse.ArgumentTypeError`.
        default: when it is not given; None, or an empty list where it may be repeated.
        repeated: it may be given several times.
        needs: the option, as shown to people, without which it is refused.
        excludes: at most one of those that share this word can be given.
    """

    names: str
    metavar: str
    help: str
    type: Callable[[str], object] = str
    default: object = None
    repeated: bool = False
    needs: str = ""
    excludes: str = ""

    @property
    def long_name(self) -> str:
        """Such as `--hold-time`."""
        return self.names.split()[-1]

    def is_given(self, arguments: argparse.Namespace) -> bool:
        """Whether it was given; for options without a default, as all are that others need."""
        return bool(getattr(arguments, self.long_name[2:].replace("-", "_")))


def add_options(parser: Parser) -> None:
    """All of the table, and the positional arguments."""
    groups: dict[str, Callable[..., object]] = {}
    for option in OPTIONS:
        add: Callable[..., object] = parser.add_argument
        if option.excludes:
            if option.excludes not in groups:
                groups[option.excludes] = parser.add_mutually_exclusive_group().add_argument
            add = groups[option.excludes]
        names = option.names.split()
        if not option.metavar:
            add(*names, action="store_true", help=option.help)
        elif option.repeated:
            add(
                *names,
                metavar=option.metavar,
                help=option.help,
                type=option.type,
                action="append",
                default=[],
            )
        else:
            add(*names, metavar=option.metavar, help=option.help, type=option.type, default=option.default)
    for name, metavar, convert, text in ARGUMENTS:
        parser.add_argument(name, metavar=metavar, type=convert, help=text)
    parser.add_argument(
        "routes_given",
        metavar="ROUTE",
        nargs="*",
        default=[],
        type=checked(to_prefix),
        help="address or prefix",
    )


def check_needs(parser: Parser, arguments: argparse.Namespace) -> None:
    """End the program with a sentence when an option was given without one that it needs."""
    by_name = {option.long_name: option for option in OPTIONS}
    for option in OPTIONS:
        needed = by_name.get(option.needs.partition(" ")[0])
        if needed is not None and option.is_given(arguments) and not needed.is_given(arguments):
            parser.error(f"{option.long_name} needs {option.needs}")


def _as_number(what: str) -> Callable[[str], object]:
    return checked(lambda text: to_as_number(text, what))


def _network(what: str) -> Callable[[str], object]:
    return checked(lambda text: to_network(text, what))


def _next_hop(version: int) -> Callable[[str], object]:
    convert = to_ipv4 if version == 4 else to_ipv6
    return checked(lambda text: PathAttributes(next_hop=convert(text, "next hop")).next_hop)


def _hold_time(text: str) -> int:
    value = number("hold time", 0, 65535)(text)
    if value in (1, 2):
        raise argparse.ArgumentTypeError(f"hold time {value}: must be 0 (no timers) or 3 to 65535 seconds")
    return value


_UINT32: Final = 0xFFFFFFFF
_MOST_DYNAMIC: Final = 1_000_000

OPTIONS: Final = (
    Option("-m --multiprotocol", "", "offer IPv4 and IPv6, whatever the session runs over"),
    Option("-4 --next-hop-4", "ADDR", "next hop of IPv4 routes (our end of the session)", _next_hop(4)),
    Option("-6 --next-hop-6", "ADDR", "next hop of IPv6 routes (our end of the session)", _next_hop(6)),
    Option("--port", "N", "the peer's TCP port (179)", number("port", 1, 65535), 179),
    Option("--hold-time", "S", "hold time to propose, in seconds; 0 for no timers (10)", _hold_time, 10),
    Option(
        "--source", "ADDR", "local address to connect from", checked(lambda text: to_address(text, "source"))
    ),
    Option("--peer-as", "N", "AS number that the peer must have", _as_number("peer AS")),
    Option("--med", "N", "MED of all routes", number("med", 0, _UINT32)),
    Option("--local-pref", "N", "LOCAL_PREF (100; iBGP only)", number("local-pref", 0, _UINT32)),
    Option(
        "--prepend",
        "N",
        "how many times more our AS number stands in the path (0)",
        number("prepend", 0, MAX_PREPEND),
        0,
    ),
    Option(
        "--community",
        "A:B",
        "community of all routes, or a name such as no-export; may be repeated",
        checked(Community),
        repeated=True,
    ),
    Option(
        "--large-community",
        "A:B:C",
        "large community of all routes; may be repeated",
        checked(LargeCommunity.parse),
        repeated=True,
    ),
    Option(
        "--extended-community",
        "X",
        "extended community of all routes: rt:A:B, ro:A:B, link bandwidth as lb:AS:BYTES; may be repeated",
        checked(ExtendedCommunity.parse),
        repeated=True,
    ),
    Option(
        "--accept",
        "PREFIX",
        "announce routes inside of it whatever --reject says; may be repeated",
        _network("accept"),
        repeated=True,
    ),
    Option(
        "--reject",
        "PREFIX",
        "do not announce routes inside of it; may be repeated",
        _network("reject"),
        repeated=True,
    ),
    Option("--password-file", "FILE", "file with the TCP MD5 key", excludes="key"),
    Option("--password-env", "NAME", "environment variable with the TCP MD5 key", excludes="key"),
    Option(
        "--ao-key-file",
        "FILE",
        "file with TCP-AO keys (RFC 5925), lines of SEND_ID RECEIVE_ID ALGORITHM KEY",
        excludes="key",
    ),
    Option("--ttl-security", "", "the peer is on our link: send TTL 255, accept no less (RFC 5082)"),
    Option("--no-extended-messages", "", "do not offer messages above 4096 bytes (RFC 8654)"),
    Option(
        "--extended-next-hop",
        "",
        "over IPv6, offer IPv4 routes with an IPv6 next hop (RFC 8950; needs -m)",
        needs="--multiprotocol",
    ),
    Option(
        "--role",
        "ROLE",
        f"what we are to the peer (RFC 9234): {', '.join(role.value for role in Role)}",
        checked(to_role),
    ),
    Option("--role-strict", "", "refuse a peer that does not tell its own role", needs="--role ROLE"),
    Option(
        "--graceful-restart",
        "S",
        "have the peer keep the routes for so many seconds when the session breaks (RFC 4724)",
        number("graceful restart", 1, MAX_RESTART_TIME),
    ),
    Option(
        "--long-lived-stale-time",
        "S",
        "and then for so many more as a last resort (RFC 9494)",
        number("long-lived stale time", 1, MAX_STALE_TIME),
        needs="--graceful-restart S",
    ),
    Option(
        "--complete-within",
        "S",
        "hold End-of-RIB back until the command `complete`, at most so many seconds (needs --stdin)",
        number("complete within", 1, MAX_RESTART_TIME),
        needs="--stdin",
    ),
    Option(
        "--keep-routes",
        "",
        "at the end, leave the routes to graceful restart instead of taking them back",
        needs="--graceful-restart S",
    ),
    Option(
        "--maximum-prefixes",
        "N",
        "end the session when the peer announces more routes of one family (no limit)",
        number("maximum prefixes", 1, _UINT32),
    ),
    Option(
        "--drain",
        "S",
        "at the end, mark all for graceful shutdown, and withdraw it so many seconds later (RFC 8326)",
        number("drain", 0, int(MAX_WAIT)),
    ),
    Option("--graceful-shutdown", "", "mark all routes from the start: other paths are better (RFC 8326)"),
    Option("--message", "TEXT", "say that to the peer's operators at the end (RFC 9003)", default=""),
    Option("--no-quarantine", "", "send routes that the peer answers with an UPDATE error again and again"),
    Option(
        "--passive",
        "",
        "do not connect, wait for the peer (needs --listen)",
        needs="--listen ADDR:PORT",
    ),
    Option(
        "--listen",
        "ADDR:PORT",
        "accept the peer's connection there; may be repeated",
        checked(ListenAddress.parse),
        repeated=True,
    ),
    Option(
        "--dynamic",
        "PREFIX",
        "beside PEER, serve those that connect from inside of it, by the same options (needs --listen); "
        "may be repeated",
        _network("dynamic"),
        repeated=True,
        needs="--listen ADDR:PORT",
    ),
    Option(
        "--max-dynamic-peers",
        "N",
        "of these at once (1000)",
        number("max dynamic peers", 1, _MOST_DYNAMIC),
        needs="--dynamic PREFIX",
    ),
    Option(
        "--max-dynamic-peers-per-source",
        "N",
        "of these from one address (100)",
        number("max dynamic peers per source", 1, _MOST_DYNAMIC),
        needs="--dynamic PREFIX",
    ),
    Option("--routes", "FILE", "file with more routes, one a line"),
    Option("--stdin", "", "read commands from standard input"),
    Option("--json", "", "print events as JSON lines, the status last"),
)

# Name, what it is called, type, help.
ARGUMENTS: Final = (
    ("as_number", "AS_NUMBER", _as_number("AS number"), "our AS number"),
    ("router_id", "ROUTER_ID", checked(to_router_id), "our BGP identifier: an IPv4 address of this host"),
    (
        "peer",
        "PEER",
        checked(parse_peer),
        "address of the peer, fe80::1%%eth0 with its zone; or an interface, for the one neighbour on it",
    ),
)
