"""`rhi doctor`: what on this host keeps a configuration from working, with the remedy."""

from typing import TYPE_CHECKING, Final

from rhi.cli.arguments import Parser, daemon_libraries
from rhi.cli.check import refuse
from rhi.cli.client import Address, ApiError, Client
from rhi.cli.output import write_lines
from rhi.cli.remote import json_text
from rhi.net.endpoint import ListenAddress

if TYPE_CHECKING:
    from rhi.daemon.config.models import Config
    from rhi.daemon.doctor.finding import Finding
    from rhi.daemon.doctor.system import LivePeer

PROG: Final = "rhi doctor"
_USUAL: Final = "/etc/rhi/rhi.toml"
# A daemon that hangs is no reason to wait long.
_ANSWER_TIME: Final = 3.0


def parser() -> Parser:
    """The verb's arguments."""
    result = Parser(
        prog=PROG,
        description="Tell what on this host keeps CONFIG from working: rights, ports, kernel options, "
        "addresses, keys, next hops, each with the remedy. Nothing is changed. Run it as the daemon's user.",
        allow_abbrev=False,
    )
    result.add_argument(
        "config", metavar="CONFIG", nargs="?", default=_USUAL, help=f"see rhi check ({_USUAL})"
    )
    result.add_argument("--json", action="store_true", help="print the findings as JSON")
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments = parser().parse(words)
    with daemon_libraries(PROG):
        from rhi.daemon.config.build import no_key
        from rhi.daemon.config.problems import ConfigError
        from rhi.daemon.doctor.diagnose import diagnose
        from rhi.daemon.doctor.finding import Severity
        from rhi.daemon.doctor.reader import read_system
        from rhi.daemon.serve import read
    try:
        # keys that cannot be read are findings
        config, setup = read(arguments.config, no_key)
    except ConfigError as error:
        return refuse(error.problems)
    listens = [ListenAddress.parse(text).port for text in (*config.listen, config.api.listen) if text]
    ports = {*listens, *(each.port for each in setup.peers.values())}
    found = diagnose(config, setup, read_system(arguments.config, ports, _live_peers(config)))
    lines = json_text([each.to_json() for each in found]).splitlines() if arguments.json else describe(found)
    has_error = any(each.severity is Severity.ERROR for each in found)
    return 0 if write_lines(lines) and not has_error else 1


def describe(found: "list[Finding]") -> list[str]:
    """A line each, and the sum."""
    count = {1: "1 finding"}.get(len(found), f"{len(found)} findings")
    return [*(each.line() for each in found), count if found else "nothing is wrong"]


def _live_peers(config: "Config") -> "tuple[LivePeer, ...] | None":
    """What a daemon that runs with this configuration says of its peers; None when there is none."""
    from rhi.daemon.doctor.system import LivePeer

    if config.api.socket is None:
        return None
    try:
        peers = Client(Address(path=config.api.socket), _ANSWER_TIME).items("/v1/peers")
    except ApiError:
        return None
    return tuple(
        LivePeer(
            name=each["name"],
            is_established=each["state"] == "ESTABLISHED",
            remote_router_id=each["remote_router_id"],
        )
        for each in peers
    )
