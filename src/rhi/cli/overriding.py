"""What announce, withdraw, drain and undrain have in common: they say something over a service's checks.

Each is one request, and then a look at what became of the service: a guard may hold what was asked for, and
whoever asked should not have to find that out later.
"""

import argparse
from typing import Any

from rhi.cli.arguments import Parser
from rhi.cli.client import Client, path_of
from rhi.cli.output import write_lines
from rhi.cli.remote import answers, client_of, json_text, remote_parser
from rhi.cli.times import clock
from rhi.daemon.config.durations import to_duration


def service_parser(prog: str, description: str) -> Parser:
    """The arguments that all four share."""
    result = remote_parser(prog, description)
    result.add_argument("service", metavar="SERVICE", help="its name in the configuration")
    return result


def override_parser(prog: str, description: str) -> Parser:
    """The arguments that all but undrain share."""
    result = service_parser(prog, description)
    add = result.add_argument
    add("--for", dest="lasts", metavar="TIME", type=duration, help="let the checks decide again after TIME")
    add("--why", metavar="TEXT", default="", help="a reason, for those who read status and history")
    add("--force", action="store_true", help="also against guards")
    return result


def duration(text: str) -> float:
    """Seconds of `90`, `30s`, `5m`, `2h` as an argument's type."""
    try:
        return to_duration(float(text) if text.isascii() and text.isdecimal() else text)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r}: must be a duration such as 90, 30s, 5m, 2h or 1d"
        ) from None


def put_override(parser: Parser, words: list[str], action: str) -> int:
    """Parse, ask, and tell what came of it; returns the exit code."""
    arguments = parser.parse(words)
    client = client_of(parser, arguments)
    body: dict[str, Any] = {"action": action, "reason": arguments.why, "force": arguments.force}
    if arguments.lasts is not None:
        body["lasts"] = arguments.lasts
    if getattr(arguments, "drain_time", None) is not None:
        body["drain_time"] = arguments.drain_time
    with answers(parser.prog):
        override = client.ask("PUT", path_of("overrides", arguments.service), body)
        return _tell(client, arguments, override, describe(override))


def take_back(parser: Parser, words: list[str]) -> int:
    """The same for undrain."""
    arguments = parser.parse(words)
    client = client_of(parser, arguments)
    with answers(parser.prog):
        done = client.ask("DELETE", path_of("overrides", arguments.service))
        text = "its checks decide again" if done["changed"] else "its checks decided already"
        return _tell(client, arguments, done, text)


def describe(override: dict[str, Any]) -> str:
    """An override as people say it: `drain by ann: kernel, until 10:00:00`."""
    text = f"{override['action']} by {override['by']}"
    if override["reason"]:
        text += f": {override['reason']}"
    if override["force"]:
        text += ", forced"
    if override["action"] == "drain":
        text += f", {override['drain_time']:g} s between mark and withdrawal"
    return f"{text}, until {clock(override['until'])}" if override["until"] else text


def state_of(service: dict[str, Any]) -> str:
    """What is announced of a service, and whether a guard holds it."""
    text = f"{service['level']}, {service['announced']} of {service['addresses']} addresses announced"
    if service["kept"]:
        text += f", {service['kept']} of them only because a guard keeps them (see rhi explain; --force)"
    return text


def _tell(client: Client, arguments: argparse.Namespace, answer: Any, text: str) -> int:
    if arguments.json:
        return 0 if write_lines(json_text(answer).splitlines()) else 1
    service = client.get(path_of("services", arguments.service))
    lines = [f"{service['name']}: {text}", f"{service['name']}: {state_of(service)}"]
    return 0 if write_lines(lines) else 1
