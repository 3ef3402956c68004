"""`rhi run`: a configuration file at work until a signal ends it.

SIGHUP reads the file again; one that is wrong changes nothing. SIGTERM and SIGINT end the sessions, with
which the routes leave, within a deadline whatever hangs.
"""

import asyncio
import signal
from collections.abc import Callable
from typing import Final

from rhi.daemon.app import Daemon, Options, ReloadRefused
from rhi.daemon.config.build import BuildError, Setup, build
from rhi.daemon.config.load import load
from rhi.daemon.config.models import Config
from rhi.daemon.config.problems import ConfigError
from rhi.daemon.history import Entry

# Seconds from a signal to the end.
STOP_TIME: Final = 10.0


def read(file: str) -> tuple[Config, Setup]:
    """A configuration and what it asks for.

    Raises:
        ConfigError: the file, or a secret that it names, cannot be used.
    """
    config = load(file)
    try:
        return config, build(config)
    except BuildError as error:
        raise ConfigError(file, error.problems, {}) from None


async def serve(file: str, log: Callable[[Entry], None]) -> None:
    """Run `file` until a signal.

    Raises:
        ConfigError: the file cannot be used.
        ListenError, SocketOptionError: the sessions cannot begin.
    """
    loop = asyncio.get_running_loop()
    config, setup = read(file)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    daemon = Daemon(setup, options_of(config), log)
    loop.add_signal_handler(signal.SIGHUP, reload, daemon, file)
    try:
        await stopped.wait()
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        async with asyncio.timeout(STOP_TIME):
            await daemon.close()


def options_of(config: Config) -> Options:
    """What concerns the daemon itself."""
    return Options(
        complete_within=config.complete_within,
        reload_limit=config.reload_limit,
        state_file=config.state_file,
    )


def reload(daemon: Daemon, file: str) -> None:
    """Go over to what the file says now; if it is wrong, or takes too much away, say so and stay."""
    try:
        _, setup = read(file)
    except ConfigError as error:
        daemon.reload_failed("; ".join(error.problems))
        return
    try:
        daemon.reload(setup)
    except ReloadRefused:
        return  # the alarm says it
