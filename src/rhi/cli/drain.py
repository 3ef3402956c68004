"""`rhi drain`: mark the routes of a service as leaving, and withdraw them a while later."""

from typing import Final

from rhi.cli.arguments import Parser
from rhi.cli.overriding import duration, override_parser, put_override

PROG: Final = "rhi drain"

# Long enough for routers to find other paths, short enough to be waited for.
DRAIN_TIME: Final = 30.0


def parser() -> Parser:
    """The verb's arguments."""
    result = override_parser(
        PROG,
        "Take a service out of use without loss: mark its routes as leaving (GRACEFUL_SHUTDOWN, RFC 8326), "
        "withdraw them a while later, and leave it so until rhi undrain.",
    )
    result.add_argument(
        "--drain-time",
        metavar="TIME",
        type=duration,
        default=DRAIN_TIME,
        help=f"between mark and withdrawal ({DRAIN_TIME:g}s)",
    )
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    return put_override(parser(), words, "drain")
