"""`rhi withdraw`: an operator's word over the checks of a service."""

from typing import Final

from rhi.cli.arguments import Parser
from rhi.cli.overriding import override_parser, put_override

PROG: Final = "rhi withdraw"


def parser() -> Parser:
    """The verb's arguments."""
    return override_parser(
        PROG,
        "Withdraw the addresses of a service, whatever its checks say, until rhi undrain. Guards may keep "
        "them.",
    )


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    return put_override(parser(), words, "withdraw")
