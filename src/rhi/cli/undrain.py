"""`rhi undrain`: take back what an operator has said of a service, a peer or everything."""

import argparse
from typing import Final

from rhi.cli.arguments import Parser
from rhi.cli.client import ApiError, Client, path_of
from rhi.cli.drain import add_target, target_of
from rhi.cli.output import complain, write_lines
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
        if arguments.service is not None:
            return _take_back(client, arguments)
        drain = client.ask("DELETE", path_of("drains", target))
    lines = json_text(drain).splitlines() if arguments.json else [f"{target}: the drain is taken back"]
    return 0 if write_lines(lines) else 1


def _take_back(client: Client, arguments: argparse.Namespace) -> int:
    """A service may have any override, where the others have drains only; returns the exit code."""
    service = arguments.service
    done = client.ask("DELETE", path_of("overrides", service))
    if arguments.json:
        return 0 if write_lines(json_text(done).splitlines()) else 1
    over_all = _drain_of_all(client)
    if over_all is None:
        text = "its checks decide again" if done["changed"] else "its checks decided already"
        return 0 if write_lines(tell(client, service, text)) else 1
    still = (
        f"it is drained with all ({over_all}): rhi undrain --all ends that, "
        f"or rhi announce {service} for it alone"
    )
    if done["changed"]:
        return 0 if write_lines(tell(client, service, f"its own order is taken back, and {still}")) else 1
    complain(f"{PROG}: {service} has no order of its own to take back; {still}")
    return 1


def _drain_of_all(client: Client) -> str | None:
    """Who drains everything, and why; None when nobody does."""
    try:
        drain = client.get(path_of("drains", "all"))
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    return f"by {drain['by']}" + (f": {drain['reason']}" if drain["reason"] else "")
