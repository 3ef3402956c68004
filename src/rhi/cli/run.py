"""`rhi run`: announce what is healthy, as a configuration file says, until told to stop."""

import asyncio
import gc
import logging

from rhi.cli.arguments import Parser, daemon_libraries, one_sentence
from rhi.cli.check import refuse
from rhi.cli.output import complain

PROG = "rhi run"


def parser() -> Parser:
    """The arguments of the verb."""
    result = Parser(
        prog=PROG,
        description="Announce what is healthy, as CONFIG says, until SIGTERM or SIGINT; a second "
        "one ends at once. SIGHUP reads CONFIG again.",
    )
    result.add_argument("config", metavar="CONFIG", help="TOML, or JSON if it ends in .json; see rhi check")
    return result


def run(words: list[str]) -> int:
    """Run the verb; returns the exit code."""
    arguments = parser().parse(words)
    with daemon_libraries(PROG):
        from rhi.daemon.config.problems import ConfigError
        from rhi.daemon.logs import Log
        from rhi.daemon.serve import read, serve
        from rhi.daemon.signals import Signals
    try:
        config, _ = read(arguments.config)
    except ConfigError as error:
        return refuse(error.problems)
    log = Log(config.log.format, config.log.level)
    handler = log.handler()
    logging.getLogger().addHandler(handler)
    try:
        with one_sentence(PROG), Signals(lambda text: complain(f"{PROG}: {text}")) as signals:
            asyncio.run(serve(arguments.config, log, signals, gc))
    except TimeoutError:
        complain(f"{PROG}: something did not end in time")
        return 1
    finally:
        logging.getLogger().removeHandler(handler)
        log.close()
    return 0
