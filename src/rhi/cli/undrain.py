"""`rhi undrain`: take back what an operator has said over the checks of a service."""

from typing import Final

from rhi.cli.arguments import Parser
from rhi.cli.overriding import service_parser, take_back

PROG: Final = "rhi undrain"


def parser() -> Parser:
    """The verb's arguments."""
    return service_parser(
        PROG,
        "Let the checks of a service decide again: take back rhi drain, rhi withdraw or rhi announce.",
    )


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    return take_back(parser(), words)
