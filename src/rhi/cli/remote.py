"""What all verbs that ask a running daemon have in common: its address as options, errors as a sentence."""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rhi.cli.arguments import Parser, checked, fail
from rhi.cli.client import Address, ApiError, Client, default_socket
from rhi.cli.output import complain, write_lines
from rhi.daemon.config.secrets import SecretError, read_secret


def remote_parser(prog: str, description: str, *, json_help: str = "print what the API says") -> Parser:
    """A verb's arguments, as far as all have them: `--json`, and where the daemon is."""
    result = Parser(prog=prog, description=description, allow_abbrev=False)
    result.add_argument("--json", action="store_true", help=json_help)
    group = result.add_argument_group("where the daemon is")
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--socket", metavar="PATH", help="its Unix socket (RHI_SOCKET, else /run/rhi/rhi.sock)"
    )
    where.add_argument(
        "--url", metavar="URL", type=checked(_url), help="over TCP, such as http://127.0.0.1:9790"
    )
    group.add_argument("--token-file", metavar="FILE", help="with --url: the token's file (RHI_TOKEN)")
    return result


def run_remote(
    parser: Parser,
    words: list[str],
    ask: Callable[[Client, argparse.Namespace], Any],
    describe: Callable[[Any], list[str]],
) -> int:
    """Parse, ask, and print the answer, as JSON or as lines; returns the exit code."""
    arguments = parser.parse(words)
    client = client_of(parser, arguments)
    with answers(parser.prog):
        found = ask(client, arguments)
    return 0 if write_lines(json_text(found).splitlines() if arguments.json else describe(found)) else 1


def client_of(parser: Parser, arguments: argparse.Namespace) -> Client:
    """A client of the daemon that the options name; ends the program when they do not go together."""
    if arguments.url is None:
        if arguments.token_file is not None:
            parser.error("--token-file needs --url; a Unix socket has permissions instead")
        return Client(Address(path=arguments.socket or default_socket()))
    is_in_environment = arguments.token_file is None and "RHI_TOKEN" in os.environ
    try:
        token = read_secret(arguments.token_file, "RHI_TOKEN" if is_in_environment else None)
        if token is not None and (b"\n" in token or b"\r" in token):
            raise SecretError("RHI_TOKEN: has more than one line")
        return Client(Address.of_url(arguments.url, token))
    except SecretError as error:
        fail(parser.prog, str(error), 1)


@contextmanager
def answers(prog: str) -> Iterator[None]:
    """Let an ApiError of the block end the program; problems of a file, if there are several, come first."""
    try:
        yield
    except ApiError as error:
        for problem in error.problems if len(error.problems) > 1 else ():
            complain(problem)
        fail(prog, str(error), 1)


def json_text(value: object) -> str:
    """JSON for people and programs."""
    return json.dumps(value, indent=2)


def _url(text: str) -> str:
    Address.of_url(text)
    return text
