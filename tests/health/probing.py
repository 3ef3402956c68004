"""One probe as the runner makes it, and servers for the probe to meet, all on loopback."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from rhi.health.base import Check, Result
from rhi.health.checker import Report
from rhi.health.context import Context, Tools
from rhi.health.runner import Runner
from rhi.health.table import to_check

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# Long enough for a busy machine; every test that passes is done much sooner.
PATIENCE = 30.0


def new_context(**tools: Any) -> Context:
    """For a probe without a runner."""
    kit = Tools(clock=asyncio.get_running_loop().time, **tools)
    return Context(key="it", tools=kit, started_at=kit.clock())


async def ask(check: Check, **tools: Any) -> Result:
    """The result of one probe, without time-out."""
    async with asyncio.timeout(PATIENCE):
        return await check.probe(new_context(**tools))


async def one_round(check: Check) -> Report:
    """The report of one round, time-out and all."""
    loop = asyncio.get_running_loop()
    first: asyncio.Future[Report] = loop.create_future()
    runner = Runner(lambda report: None if first.done() else first.set_result(report))
    runner.configure({"it": check})
    try:
        async with asyncio.timeout(PATIENCE):
            return await first
    finally:
        await runner.close()


def probe(options: dict[str, Any]) -> Result:
    """`ask` for a check of these options, in an event loop of its own."""
    return asyncio.run(ask(to_check(options)))


@contextlib.asynccontextmanager
async def serve(handler: Handler, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[int]:
    """A TCP server; yields its port. A handler is cancelled at the end."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await handler(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(connected, host, 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        while tasks:
            await asyncio.sleep(0)


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the connection and says nothing."""
    await asyncio.Event().wait()


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends for ever, as fast as it can."""
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()
