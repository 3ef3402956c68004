"""`rhi run`: a configuration file at work until a signal ends it.

SIGHUP reads the file again, in turn with reloads over the API; one that is wrong changes nothing. SIGTERM and
SIGINT have the routes leave as each service says, and end the sessions, within a deadline whatever hangs.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from rhi.daemon.app import Daemon, ReloadRefused
from rhi.daemon.config.build import BuildError, ReadKey, Setup, build
from rhi.daemon.config.lifecycle import ENDING_TIME
from rhi.daemon.config.load import load
from rhi.daemon.config.models import ApiSettings, Config
from rhi.daemon.config.options import options_of
from rhi.daemon.config.problems import ConfigError
from rhi.daemon.config.secrets import read_secret
from rhi.daemon.control.server import Control, check_free
from rhi.daemon.heap import Collector, Settled
from rhi.daemon.logs import Log
from rhi.daemon.manager import Manager
from rhi.daemon.metrics import Metrics
from rhi.daemon.notify import Notifier
from rhi.daemon.signals import Signals


def read(file: str, read_key: ReadKey = read_secret) -> tuple[Config, Setup]:
    """A configuration and what it asks for, its keys as `build` takes them.

    Raises:
        ConfigError: the file, or a secret that it names, cannot be used.
    """
    config = load(file)
    try:
        return config, build(config, read_key)
    except BuildError as error:
        raise ConfigError(file, error.problems, {}) from None


async def serve(file: str, log: Log, signals: Signals, collector: Collector | None = None) -> None:
    """Run `file` until a signal; `collector` is told what to leave out, in a process that does nothing else.

    Raises:
        ConfigError: the file cannot be used.
        ListenError, SocketOptionError: the sessions cannot begin.
        ControlError: the API cannot listen.
        StateInUseError: another daemon has the state file.
    """
    loop = asyncio.get_running_loop()
    config, setup = read(file)
    hung_up = asyncio.Event()
    options = options_of(config)
    signals.stop_time = options.stop_time
    stopped = _stop_of(signals)
    await check_free(config.api)
    parts = AsyncExitStack()
    daemon = Daemon(setup, options, log)
    daemon.on_options.append(lambda changed: setattr(signals, "stop_time", changed.stop_time))
    manager = Manager(daemon, Notifier.from_environment(), options.complete_within)
    parts.callback(manager.close)
    signals.close = daemon.pool.close
    signals.on_hang_up = in_loop(loop, hung_up.set)
    if collector is not None:
        reconciler = daemon.controller.reconciler
        daemon.on_decision.append(Settled(lambda: daemon.setup, lambda: reconciler.is_decided, collector))
    parts.push_async_callback(daemon.close)
    reloads = loop.create_task(_reload_when(hung_up, daemon, file, manager.reloading))
    try:
        await parts.enter_async_context(_controlled(daemon, config.api, file, log))
        reason = await stopped
        reloads.cancel()
        manager.stopping(signals.time_left)
        await daemon.leave(reason, signals.time_left)
    finally:
        reloads.cancel()
        async with asyncio.timeout(ENDING_TIME):
            await parts.aclose()


def in_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., object]) -> Callable[..., None]:
    """`call`, from other threads; nothing when the loop has been closed.

    The thread that hears signals must outlive the loop: it holds the deadline while threads end.
    """

    def hand_over(*arguments: object) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(call, *arguments)

    return hand_over


def _stop_of(signals: Signals) -> asyncio.Future[str]:
    """The name of the first signal that stops us; it may have come already."""
    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[str] = loop.create_future()

    def stop(name: str) -> None:
        if not stopped.done():
            stopped.set_result(name)

    signals.on_stop = in_loop(loop, stop)
    if signals.stopped_by:
        stop(signals.stopped_by)
    return stopped


async def reload(daemon: Daemon, file: str) -> None:
    """Go over to what the file says now; if it is wrong, or takes too much away, say so and stay."""
    async with daemon.reloading:
        try:
            _, setup = await asyncio.to_thread(read, file)
        except ConfigError as error:
            daemon.reload_failed("; ".join(error.problems))
            return
        with contextlib.suppress(ReloadRefused):  # the alarm says it
            await daemon.reload(setup)


async def _reload_when(
    hung_up: asyncio.Event,
    daemon: Daemon,
    file: str,
    around: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext,
) -> None:
    while True:
        await hung_up.wait()
        hung_up.clear()
        try:
            async with around():
                await reload(daemon, file)
        except Exception as error:
            # a mistake of ours must neither end the daemon nor keep it from the next file
            daemon.reload_failed(f"internal error: {error!r}")


@asynccontextmanager
async def _controlled(daemon: Daemon, settings: ApiSettings, file: str, log: Log) -> AsyncIterator[None]:
    """The API for as long as the block runs, if it is to listen anywhere."""
    if settings.socket is None and settings.listen is None:
        yield
        return
    with contextlib.closing(Metrics(daemon, log)) as metrics:
        control = Control(daemon, settings, lambda: read(file)[1], metrics)
        await control.start()
        try:
            yield
        finally:
            await control.close()
