"""`rhi undrain`: take back what an operator has said of a service, a peer or everything."""

import argparse
from typing import Final

from rhi.cli.arguments import Parser
from rhi.cli.client import Client, path_of
from rhi.cli.drain import add_target, target_of
from rhi.cli.output import write_lines
from rhi.cli.overriding import tell
from rhi.cli.remote import answers, client_of, json_text, remote_parser

PROG: Final = "rhi undrain"


def parser() -> Parser:
    """The verb's arguments."""
    result = remote_parser(
        PROG,
        "Let checks decide again: take back rhi drain, rhi withdraw or rhi announce of a service, or a drain "
        "of a peer or of everything, whatever it has come to.",
    )
    add_target(result)
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments_parser = parser()
    arguments = arguments_parser.parse(words)
    target = target_of(arguments_parser, arguments)
    client = client_of(arguments_parser, arguments)
    with answers(PROG):
        lines = _take_back(client, target, arguments)
    return 0 if write_lines(lines) else 1


def _take_back(client: Client, target: str, arguments: argparse.Namespace) -> list[str]:
    """What to print. A service may have any override; the others have drains only."""
    if arguments.service is None:
        drain = client.ask("DELETE", path_of("drains", target))
        return json_text(drain).splitlines() if arguments.json else [f"{target}: the drain is taken back"]
    done = client.ask("DELETE", path_of("overrides", arguments.service))
    if arguments.json:
        return json_text(done).splitlines()
    text = "its checks decide again" if done["changed"] else "its checks decided already"
    return tell(client, arguments.service, text)
