"""`rhi drain`: lead traffic away from a service, a peer or everything, and withdraw a while later.

The daemon goes through the steps by itself; `--follow` shows them as they come.
"""

import argparse
import time
from collections.abc import Mapping
from typing import Any, Final

from rhi.cli.arguments import Parser, stop_signals
from rhi.cli.client import ApiError, Client, path_of
from rhi.cli.output import complain, write_lines
from rhi.cli.overriding import add_reason, duration
from rhi.cli.remote import answers, client_of, json_text, remote_parser
from rhi.cli.times import clock

PROG: Final = "rhi drain"

# Seconds between two looks at a drain that is followed.
_PAUSE: Final = 0.25
_ENDS: Final = ("done", "deadline passed", "cancelled")
# What the API calls what is given on the command line.
_PACE: Final = ("wait", "acknowledge", "age", "deadline")


def parser() -> Parser:
    """The verb's arguments."""
    result = remote_parser(
        PROG,
        "Take a service, what one peer is told, or everything out of use without loss: mark the routes as "
        "leaving (GRACEFUL_SHUTDOWN, RFC 8326), wait, withdraw them, wait until it has arrived, and leave it "
        "so until rhi undrain.",
    )
    add_target(result)
    add_reason(result)
    add = result.add_argument
    add("--wait", metavar="TIME", type=duration, help="between mark and withdrawal")
    add("--acknowledge", metavar="TIME", type=duration, help="for peers to acknowledge, at the most; twice")
    add("--age", metavar="TIME", type=duration, help="from the acknowledged withdrawal to the end")
    add("--deadline", metavar="TIME", type=duration, help="to the end, whatever hangs")
    add("--close", action="store_true", help="with --peer: end the session too")
    add("--message", metavar="TEXT", default="", help="with --close: for the peer's operators (RFC 9003)")
    add("--follow", action="store_true", help="show each step as it comes, until the last")
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments_parser = parser()
    arguments = arguments_parser.parse(words)
    target = target_of(arguments_parser, arguments)
    if arguments.close and not arguments.peer:
        arguments_parser.error("--close needs --peer: it is a peer whose session ends")
    if arguments.message and not arguments.close:
        arguments_parser.error("--message needs --close: it goes with the end of the session")
    if arguments.follow and arguments.json:
        arguments_parser.error("--follow and --json exclude each other; see rhi history --follow --json")
    client = client_of(arguments_parser, arguments)
    with answers(PROG):
        drain = client.ask("PUT", path_of("drains", target), _body(arguments))
        if arguments.follow:
            return _follow(client, drain)
    lines = json_text(drain).splitlines() if arguments.json else [describe(drain)]
    return 0 if write_lines(lines) else 1


def add_target(parser: Parser) -> None:
    """What is drained."""
    parser.add_argument("service", metavar="SERVICE", nargs="?", help="its name in the configuration")
    parser.add_argument("--peer", metavar="PEER", help="all that this peer is told, instead of a service")
    parser.add_argument("--all", action="store_true", help="everything, instead of a service")


def target_of(parser: Parser, arguments: argparse.Namespace) -> str:
    """As the API writes it; ends the program unless exactly one thing is named."""
    named = [arguments.service is not None, arguments.peer is not None, arguments.all]
    if sum(named) != 1:
        missing = "SERVICE missing, or --peer or --all instead"
        parser.error(missing if not any(named) else "give one of SERVICE, --peer and --all")
    if arguments.all:
        return "all"
    return f"service/{arguments.service}" if arguments.peer is None else f"peer/{arguments.peer}"


def describe(drain: dict[str, Any]) -> str:
    """A drain as people say it."""
    text = f"{drain['drain']}: {drain['state']}, {routes_of(drain)}"
    if drain["next"]:
        text += f", next step by {clock(drain['next'])}"
    if drain["until"]:
        text += f", taken back at {clock(drain['until'])}"
    return text


def routes_of(drain: Mapping[str, Any]) -> str:
    """What is left to lead traffic away from, and why."""
    count = drain["routes"]
    text = {0: "no routes", 1: "1 route"}.get(count, f"{count} routes") + " left"
    return f"{text} ({drain['kept']})" if drain["kept"] else text


def _body(arguments: argparse.Namespace) -> dict[str, Any]:
    body = {"reason": arguments.why, "force": arguments.force}
    pace = {name: getattr(arguments, name) for name in ("lasts", *_PACE)}
    body |= {name: value for name, value in pace.items() if value is not None}
    if arguments.close:
        body |= {"close": True, "message": arguments.message}
    return body


def _follow(client: Client, drain: dict[str, Any]) -> int:
    """Show steps until the last; whoever leaves earlier leaves the drain as it is."""
    shown = 0
    with stop_signals():
        while True:
            steps = drain["steps"]
            if not write_lines(_step(step) for step in steps[shown:]):
                return 1
            shown = len(steps)
            if drain["state"] in _ENDS:
                break
            time.sleep(_PAUSE)
            drain = _look(client, drain)
        if drain["state"] == "done":
            return 0
        complain(f"{PROG}: {drain['drain']}: {drain['state']}, {routes_of(drain)}")
        return 1
    return 0


def _look(client: Client, drain: dict[str, Any]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = client.get(path_of("drains", drain["drain"]))
    except ApiError as error:
        if error.status != 404:
            raise
        return {**drain, "state": "cancelled", "next": None}
    return found


def _step(step: dict[str, Any]) -> str:
    why = f": {step['text']}" if step["text"] else ""
    behind = ", ".join(f"{peer}: {what}" for peer, what in step["behind"].items())
    return f"{clock(step['at'])} {step['state']}{why}" + (f" ({behind})" if behind else "")
