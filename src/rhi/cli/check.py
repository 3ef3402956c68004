"""`rhi check`: is a configuration file right?"""

import json
from collections.abc import Iterable

from rhi.cli.arguments import Parser, daemon_libraries
from rhi.cli.output import complain, write_lines, write_text

PROG = "rhi check"


def parser() -> Parser:
    """The arguments of the verb."""
    result = Parser(prog=PROG, description="Tell all that is wrong with a configuration file.")
    result.add_argument("config", metavar="CONFIG", nargs="?", help="TOML, or JSON if it ends in .json")
    result.add_argument("--schema", action="store_true", help="print the JSON schema of the file instead")
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments_parser = parser()
    arguments = arguments_parser.parse(words)
    with daemon_libraries(PROG):
        from rhi.daemon.config.load import schema
        from rhi.daemon.config.problems import ConfigError
        from rhi.daemon.serve import read
    if arguments.schema:
        return 0 if write_text(json.dumps(schema(), indent=2) + "\n") else 1
    if arguments.config is None:
        arguments_parser.error("CONFIG missing")
    try:
        _, setup = read(arguments.config)
    except ConfigError as error:
        return refuse(error.problems)
    lines = [*(f"note: {note}" for note in setup.notes), "is right"]
    return 0 if write_lines(f"{arguments.config}: {line}" for line in lines) else 1


def refuse(problems: Iterable[str]) -> int:
    """A file cannot be used: say all that is wrong with it; returns the exit code."""
    for problem in problems:
        complain(problem)
    return 2
