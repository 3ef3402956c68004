"""What announce and withdraw have in common, and in part drain and undrain: a word over a service's checks.

Each is one request, and then a look at what became of the service: a guard may hold what was asked for, and
whoever asked should not have to find that out later.
"""

import argparse
from collections.abc import Callable
from typing import Any

from rhi.cli.arguments import Parser
from rhi.cli.client import Client, path_of
from rhi.cli.output import write_lines
from rhi.cli.remote import answers, client_of, json_text, remote_parser
from rhi.cli.times import clock
from rhi.model.durations import check_lasting, check_period, to_duration
from rhi.model.wording import shown


def override_parser(prog: str, description: str) -> Parser:
    """The arguments of announce and withdraw."""
    result = remote_parser(prog, description)
    result.add_argument("service", metavar="SERVICE", help="its name in the configuration")
    add_reason(result)
    return result


def add_reason(parser: Parser) -> None:
    """How long, why, and how much it is meant."""
    add = parser.add_argument
    add("--for", dest="lasts", metavar="TIME", type=lasting, help="take it back by itself after TIME")
    add("--why", metavar="TEXT", default="", help="a reason, for those who read status and history")
    add("--force", action="store_true", help="also against guards")


def duration(text: str) -> float:
    """Seconds of `90`, `30s`, `5m`, `2h` as an argument's type."""
    return _seconds(text, check_period)


def lasting(text: str) -> float:
    """The same of what is over after it."""
    return _seconds(text, check_lasting)


def _seconds(text: str, check: Callable[[float], float]) -> float:
    try:
        found = to_duration(float(text) if text.isascii() and text.isdecimal() else text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{shown(text)}: must be a duration such as 90, 30s, 5m, 2h or 1d"
        ) from None
    try:
        return check(found)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{shown(text)}: {error}") from None


def put_override(parser: Parser, words: list[str], action: str) -> int:
    """Parse, ask, and tell what came of it; returns the exit code."""
    arguments = parser.parse(words)
    client = client_of(parser, arguments)
    body: dict[str, Any] = {"action": action, "reason": arguments.why, "force": arguments.force}
    if arguments.lasts is not None:
        body["lasts"] = arguments.lasts
    with answers(parser.prog):
        override = client.ask("PUT", path_of("overrides", arguments.service), body)
        if arguments.json:
            lines = json_text(override).splitlines()
        else:
            lines = tell(client, arguments.service, describe(override))
    return 0 if write_lines(lines) else 1


def tell(client: Client, service: str, text: str) -> list[str]:
    """What was done to a service, and what has become of it."""
    found = client.get(path_of("services", service))
    return [f"{service}: {text}", f"{service}: {state_of(found)}"]


def describe(override: dict[str, Any]) -> str:
    """An override as people say it: `withdraw by ann: kernel, until 10:00:00`."""
    text = f"{override['action']} by {override['by']}"
    if override["reason"]:
        text += f": {override['reason']}"
    if override["force"]:
        text += ", forced"
    return f"{text}, until {clock(override['until'])}" if override["until"] else text


def state_of(service: dict[str, Any]) -> str:
    """What is announced of a service, and whether a guard holds it."""
    text = f"{service['level']}, {service['announced']} of {service['addresses']} addresses announced"
    if service["kept"]:
        text += f", {service['kept']} of them only because a guard keeps them (see rhi explain; --force)"
    return text
