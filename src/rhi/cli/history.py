"""`rhi history`: what the daemon has seen and decided, and with --follow what comes after."""

import argparse
import json
from typing import Any, Final

from rhi.cli.arguments import Parser, checked, number, stop_signals
from rhi.cli.client import Client
from rhi.cli.output import Output
from rhi.cli.remote import answers, client_of, remote_parser
from rhi.cli.times import full_clock
from rhi.daemon.kinds import KINDS, check_kind

PROG: Final = "rhi history"
_KEPT: Final = 1000


def parser() -> Parser:
    """The verb's arguments."""
    result = remote_parser(
        PROG,
        "What the daemon has seen and decided, oldest first: checks, services, overrides, routes, sessions, "
        "alarms, reloads and more.",
        json_help="entries as JSON lines",
    )
    add = result.add_argument
    add("--limit", metavar="N", type=number("limit", 0, _KEPT), default=20, help="the last N entries (20)")
    add(
        "--kind",
        metavar="KIND",
        type=checked(check_kind),
        default=None,
        help=f"only these: {', '.join(KINDS)}",
    )
    add("--follow", action="store_true", help="and then each new one as it comes, until a signal")
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments_parser = parser()
    arguments = arguments_parser.parse(words)
    client = client_of(arguments_parser, arguments)
    with answers(PROG), stop_signals():
        return _print(client, arguments)
    return 0


def describe(entry: dict[str, Any]) -> str:
    """An entry as a line."""
    subject = f"{entry['subject']}: " if entry["subject"] else ""
    return f"{full_clock(entry['time'])} {entry['kind']:<8} {subject}{entry['text']}"


def _print(client: Client, arguments: argparse.Namespace) -> int:
    """Until the end, a signal, or until nobody reads any more; returns the exit code."""
    gone: list[bool] = []
    output = Output(lambda: gone.append(True))

    def show(entry: dict[str, Any]) -> None:
        output.line(json.dumps(entry) if arguments.json else describe(entry))

    # the newest entry of any kind says where to go on
    newest = client.get("/v1/history", limit=1)["items"]
    query = {"kind": arguments.kind} if arguments.kind else {}
    entries = client.get("/v1/history", limit=arguments.limit, **query)["items"]
    for entry in entries:
        show(entry)
    if gone or not arguments.follow:
        return 1 if gone else 0
    last = max([entry["number"] for entry in [*newest, *entries]], default=0)
    for kind, data in client.events(last, arguments.kind or ""):
        if kind == "missed":
            output.line(json.dumps({"missed": data}) if arguments.json else f"... {data} entries missed")
        else:
            show(data)
        if gone:
            break
    return 1
