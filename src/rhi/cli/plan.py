"""`rhi plan`: what a configuration file would change, before it does.

The daemon is asked, since only it knows what is announced now; it gets what a file holds, not its name. When
no daemon runs, the plan is that of a start.
"""

import argparse
import json
from typing import Any, Final

from rhi.cli.arguments import Parser, daemon_libraries
from rhi.cli.check import refuse
from rhi.cli.client import ApiError, Client, NoDaemon
from rhi.cli.output import complain, write_lines
from rhi.cli.remote import answers, client_of, json_text, remote_parser

PROG: Final = "rhi plan"


def parser() -> Parser:
    """The verb's arguments."""
    result = remote_parser(
        PROG,
        "What CONFIG would change, route by route and session by session; without CONFIG, the daemon's own "
        "file as it is now. Nothing is changed. When no daemon runs: what it would begin with.",
    )
    result.add_argument(
        "config", metavar="CONFIG", nargs="?", help="TOML, or JSON if it ends in .json; see rhi check"
    )
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments_parser = parser()
    arguments = arguments_parser.parse(words)
    client = client_of(arguments_parser, arguments)
    if arguments.config is None:
        with answers(PROG):
            return _show(client.ask("POST", "/v1/plan", {}), arguments)
    with daemon_libraries(PROG):
        from rhi.daemon.config.build import no_key
        from rhi.daemon.config.load import parse
        from rhi.daemon.config.problems import ConfigError
        from rhi.daemon.plan import plan_of_start
        from rhi.daemon.serve import read
    try:
        # the daemon checks it too, and knows no lines
        _, setup = read(arguments.config, no_key)
        document, _ = parse(arguments.config)
    except ConfigError as error:
        return refuse(error.problems)
    with answers(PROG):
        try:
            return _show(_ask(client, arguments.config, document), arguments)
        except NoDaemon as error:
            complain(f"{PROG}: {error}; this is what a start would do")
    plan = plan_of_start(setup)
    return _show({**plan.to_json(), "needs_consent": False, "lines": plan.lines()}, arguments)


def describe(plan: dict[str, Any]) -> list[str]:
    """A plan as lines, the sum last."""
    if not plan["lines"]:
        return ["nothing changes"]
    if not plan["withdrawals"]:
        return list(plan["lines"])
    consent = ", which a reload needs --consent for" if plan["needs_consent"] else ""
    return [
        *plan["lines"],
        f"{plan['withdrawals']} of {plan['announced']} announced routes would leave{consent}",
    ]


def _ask(client: Client, config: str, document: object) -> Any:
    from rhi.daemon.control.endpoints import DOCUMENT_BYTES

    body = {"document": document}
    if len(json.dumps(body)) > DOCUMENT_BYTES:
        raise ApiError(
            f"{config}: is larger than the {DOCUMENT_BYTES} bytes of JSON that a daemon takes; "
            "make it the daemon's own file, and ask without CONFIG"
        )
    return client.ask("POST", "/v1/plan", body)


def _show(plan: Any, arguments: argparse.Namespace) -> int:
    return 0 if write_lines(json_text(plan).splitlines() if arguments.json else describe(plan)) else 1
