"""`rhi status`: the daemon, its services, checks and peers, once or live."""

import argparse
import shutil
import time
from typing import Any, Final

from rhi.cli.arguments import Parser, daemon_libraries, number, stop_signals
from rhi.cli.client import ApiError, Client
from rhi.cli.output import is_terminal, write_text
from rhi.cli.remote import answers, client_of, json_text, remote_parser

PROG: Final = "rhi status"

# What watching may cost the daemon: a pause so many times as long as what it took to ask.
_PAUSES: Final = 10


def parser() -> Parser:
    """The verb's arguments."""
    result = remote_parser(
        PROG,
        "The daemon as a whole, its services, checks that are not up, peers, guards, overrides and alarms.",
    )
    add = result.add_argument
    add("--watch", action="store_true", help="keep showing it, until Ctrl-C; needs a terminal")
    add("--interval", metavar="S", type=number("interval", 1, 3600), default=1, help="with --watch (1)")
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments_parser = parser()
    arguments = arguments_parser.parse(words)
    if arguments.watch:
        if arguments.json:
            arguments_parser.error("--watch and --json exclude each other; see rhi history --follow --json")
        if not is_terminal():
            arguments_parser.error("--watch needs a terminal; see rhi history --follow")
    client = client_of(arguments_parser, arguments)
    if arguments.watch:
        return _watch(client, arguments)
    with answers(PROG):
        found = ask(client, all_checks=arguments.json)
    if arguments.json:
        return 0 if write_text(json_text(found) + "\n") else 1
    with daemon_libraries(PROG):
        from rhi.cli.status_tables import sections_of
        from rhi.cli.tables import text_of
    return 0 if write_text(text_of(sections_of(found), is_terminal=is_terminal())) else 1


def ask(client: Client, *, all_checks: bool) -> dict[str, Any]:
    """What the API says, by endpoint; of checks only those that are not up, if not all are wanted."""
    return {
        "status": client.get("/v1/status"),
        "services": client.items("/v1/services"),
        "checks": client.items("/v1/checks", **({} if all_checks else {"not_up": "true"})),
        "peers": client.items("/v1/peers"),
    }


def _watch(client: Client, arguments: argparse.Namespace) -> int:
    with daemon_libraries(PROG):
        from rich.live import Live

        from rhi.cli.status_tables import sections_of, trouble
        from rhi.cli.tables import console_of, fitted
    with answers(PROG):
        found = ask(client, all_checks=False)
    error_text, took = "", 0.0
    console = console_of(is_terminal=True)
    with stop_signals(), Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            size = shutil.get_terminal_size()
            sections = [*trouble(error_text), *sections_of(found)]
            live.update(fitted(sections, size.columns, size.lines), refresh=True)
            time.sleep(max(arguments.interval, _PAUSES * took))
            began = time.monotonic()
            # the daemon may be restarted while somebody watches: what was seen last stays, with a word
            try:
                found, error_text = ask(client, all_checks=False), ""
            except ApiError as error:
                error_text = str(error)
            took = min(time.monotonic() - began, 1.0)
    return 0
