"""`rhi reload`: have the daemon go over to what its configuration file says now."""

import argparse
from typing import Any, Final

from rhi.cli.arguments import Parser
from rhi.cli.client import Client
from rhi.cli.remote import remote_parser, run_remote

PROG: Final = "rhi reload"


def parser() -> Parser:
    """The verb's arguments."""
    result = remote_parser(
        PROG,
        "Have the daemon read its configuration file again, and show what that has changed. A wrong file, or "
        "one that takes too many routes away, changes nothing.",
    )
    result.add_argument(
        "--consent",
        action="store_true",
        help="also if more routes leave than reload_limit allows, and if sessions have to be reset",
    )
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    return run_remote(parser(), words, _ask, describe)


def describe(plan: dict[str, Any]) -> list[str]:
    """A plan, or what has become of it, as lines."""
    return plan["lines"] or ["nothing changes"]


def _ask(client: Client, arguments: argparse.Namespace) -> Any:
    return client.ask("POST", "/v1/reload", {"consent": arguments.consent})
