"""`rhi announce`: an operator's word over the checks of a service."""

from typing import Final

from rhi.cli.arguments import Parser
from rhi.cli.overriding import override_parser, put_override

PROG: Final = "rhi announce"


def parser() -> Parser:
    """The verb's arguments."""
    return override_parser(
        PROG,
        "Announce the addresses of a service as if it were healthy, whatever its checks say, until rhi "
        "undrain.",
    )


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    return put_override(parser(), words, "announce")
