"""The options of ExaBGP 5's healthcheck, from a command line or from an option file, as that reads them.

`OPTIONS` has every one of them; what becomes of each is in `exabgp_healthcheck`, or in `REMARKS` when there
is no equivalent.
"""

import argparse
import math
import re
import shlex
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any, Final, NoReturn

from rhi.daemon.importing.draft import SourceError

# Reads a file that an option names; raises SourceError.
ReadFile = Callable[[str], str]


class _Options(argparse.ArgumentParser):
    """Raises SourceError instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise SourceError(f"healthcheck: {message}")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _located(text: str) -> tuple[IPv4Network | IPv6Network, str]:
    """An address and its interface, with % between them."""
    network, _, interface = text.partition("%")
    if not re.fullmatch(r"[a-zA-Z0-9._:-]{1,15}", interface):
        raise argparse.ArgumentTypeError(f"{text!r} is no address%interface")
    return _network(network), interface


def _neighbor(text: str) -> str:
    if text.strip() == "*":
        return "*"
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


_FLAG: Final[dict[str, Any]] = {"action": "store_true"}
_LIST: Final[dict[str, Any]] = {"action": "append"}
_NUMBER: Final[dict[str, Any]] = {"type": int}

OPTIONS: Final[dict[tuple[str, ...], dict[str, Any]]] = {
    ("--silent", "-s"): _FLAG,
    ("--syslog-facility", "-sF"): {"nargs": "?", "const": "daemon"},
    ("--no-syslog",): _FLAG,
    ("--debug", "-d"): _FLAG,
    ("--no-ack", "-a"): _FLAG,
    ("--sudo",): _FLAG,
    ("--name", "-n"): {},
    ("--config", "-F"): {},
    ("--pid", "-p"): {},
    ("--user",): {},
    ("--group",): {},
    ("--interval", "-i"): {"type": _seconds, "default": 5.0},
    ("--fast-interval", "-f"): {"type": _seconds, "default": 1.0},
    ("--timeout", "-t"): {"type": int, "default": 5},
    ("--rise",): {"type": int, "default": 3},
    ("--fall",): {"type": int, "default": 3},
    ("--disable",): {},
    ("--command", "--cmd", "-c"): {},
    ("--next-hop", "-N"): {"type": ip_address},
    ("--ip",): {"type": _network, "dest": "ips", "default": [], **_LIST},
    ("--ip-ifname",): {"type": _located, **_LIST},
    ("--local-preference",): {"type": int, "default": -1},
    ("--deaggregate-networks",): _FLAG,
    ("--no-ip-setup",): _FLAG,
    ("--dynamic-ip-setup",): _FLAG,
    ("--label",): {},
    ("--label-exact-match",): _FLAG,
    ("--start-ip",): {"type": int, "default": 0},
    ("--up-metric",): {"type": int, "default": 100},
    ("--down-metric",): {"type": int, "default": 1000},
    ("--disabled-metric",): {"type": int, "default": 500},
    ("--increase",): {"type": int, "default": 1},
    ("--community",): {},
    ("--extended-community",): {},
    ("--large-community",): {},
    ("--disabled-community",): {},
    ("--as-path",): {},
    ("--up-as-path",): {},
    ("--down-as-path",): {},
    ("--disabled-as-path",): {},
    ("--withdraw-on-down",): _FLAG,
    ("--path-id",): _NUMBER,
    ("--neighbor",): {"type": _neighbor, "dest": "neighbors", "default": [], **_LIST},
    ("--debounce",): _FLAG,
    ("--execute",): _LIST,
    ("--up-execute",): _LIST,
    ("--down-execute",): _LIST,
    ("--disabled-execute",): _LIST,
}

# Options that need no equivalent in the file, and why.
_HOOK: Final = "no command is run on a change: read the event stream of the API (docs/api.md), or the log"
_LABEL: Final = "addresses get no label: rhi knows those that it has added by its state file"
REMARKS: Final = {
    "silent": "the log is one stream, which the service manager keeps or drops",
    "syslog_facility": "the log goes to standard error; systemd passes it on",
    "sudo": "no command is run for addresses: where rhi adds them, it needs CAP_NET_ADMIN itself",
    "pid": "no PID file is written; the service manager knows the process",
    "user": "give the user in the unit: User=",
    "group": "give the group in the unit: Group=",
    "label": _LABEL,
    "label_exact_match": _LABEL,
    "path_id": "several paths of one route (ADD-PATH) are not sent",
    "execute": _HOOK,
    "up_execute": _HOOK,
    "down_execute": _HOOK,
    "disabled_execute": _HOOK,
}


def _parser() -> _Options:
    parser = _Options(prog="healthcheck", add_help=False)
    for flags, settings in OPTIONS.items():
        parser.add_argument(*flags, **settings)
    return parser


def parse_options(words: Sequence[str], read_file: ReadFile) -> argparse.Namespace:
    """The options of a command line; those of its `--config` file come first.

    Raises:
        SourceError: an option that there is not, or a wrong value.
    """
    options = _parse(words)
    if options.config is None:
        return options
    return _parse([*option_lines(read_file(options.config)), *words])


def _parse(words: Sequence[str]) -> argparse.Namespace:
    try:
        return _parser().parse_args(words)
    except (argparse.ArgumentError, RecursionError) as error:
        raise SourceError(f"healthcheck: {error}") from None


def option_lines(text: str) -> list[str]:
    """The words of a command line that an option file stands for: lines `name` or `name = value`."""
    words = []
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            words += [part.strip() for part in f"--{line}".split("=", 1)]
    return words


def command_words(text: str) -> list[str] | None:
    """The options of a command line that runs healthcheck; None when it runs something else.

    Raises:
        SourceError: a quotation mark is not closed.
    """
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise SourceError(f"command line: {error}") from None
    return healthcheck_words(words)


def healthcheck_words(words: Sequence[str]) -> list[str] | None:
    """What follows the name of the program, however it is started; None when it is another one."""
    for number, word in enumerate(words):
        name = word.rpartition("/")[2]
        if name in ("healthcheck", "healthcheck.py", "exabgp-healthcheck", "exabgp.application.healthcheck"):
            return list(words[number + 1 :])
    return None
