"""`rhi explain`: why an address is announced or not, from its checks to what each peer was sent."""

import argparse
import shutil
import textwrap
from typing import Any, Final

from rhi.cli.arguments import Parser
from rhi.cli.client import Client, path_of
from rhi.cli.output import is_terminal
from rhi.cli.remote import remote_parser, run_remote
from rhi.cli.times import clock

PROG: Final = "rhi explain"
# Of the names of stages, so that texts begin below each other.
_INDENT: Final = 10


def parser() -> Parser:
    """The verb's arguments."""
    result = remote_parser(
        PROG,
        "Why an address is announced or not: check, policy, damping, dwell, override, sharing, guard, route, "
        "and the UPDATE of each peer, with the time of each one's last change.",
    )
    result.add_argument("address", metavar="ADDRESS", help="an address or a prefix of a service")
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    width = shutil.get_terminal_size().columns if is_terminal() else None
    return run_remote(parser(), words, _ask, lambda found: describe(found, width))


def describe(explanation: dict[str, Any], width: int | None = None) -> list[str]:
    """The chain as lines; those that are longer than `width` go on below their text."""
    lines = [f"{explanation['address']}: {'announced' if explanation['is_announced'] else 'not announced'}"]
    for link in explanation["links"]:
        since = "" if link["since"] is None else f" (since {clock(link['since'])})"
        line = f"{link['stage']:<{_INDENT - 1}} {link['subject']}: {link['text']}{since}"
        lines += [line] if width is None else _wrapped(line, width)
    return lines


def _ask(client: Client, arguments: argparse.Namespace) -> Any:
    return client.get(path_of("explain", arguments.address))


def _wrapped(line: str, width: int) -> list[str]:
    indent = _INDENT if width > 3 * _INDENT else 1
    return textwrap.wrap(line, width, subsequent_indent=" " * indent, drop_whitespace=True)
