"""haproxy checks: the real HAProxy whose servers fail, and sockets that answer nonsense."""

import asyncio
import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rhi.errors import InvalidValueError
from rhi.health.base import Result
from rhi.health.table import to_check
from tests.health.probing import PATIENCE, ask, flood, free_port, one_round, probe, silent
from tests.interop.lab.requirements import find_program

CONFIGURATION = """
global
    stats socket {socket} mode 600 level user
defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend web
    bind 127.0.0.1:{front}
    default_backend app
backend app
    server one 127.0.0.1:{one} check inter 50ms rise 1 fall 1
    server two 127.0.0.1:{two} check inter 50ms rise 1 fall 1
    server spare 127.0.0.1:{spare} check inter 50ms rise 1 fall 1 backup
backend empty
"""


class Listening:
    """A port that can be closed and opened again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.open()

    def open(self) -> None:
        """Take connections."""
        self._sock = socket.create_server(("127.0.0.1", self.port), backlog=512)

    def close(self) -> None:
        """Take none."""
        self._sock.close()


@contextlib.contextmanager
def haproxy(folder: Path, **ports: int) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    program = find_program("haproxy", package="haproxy")
    path = str(folder / "haproxy.sock")
    file = folder / "haproxy.cfg"
    file.write_text(CONFIGURATION.format(socket=path, front=free_port(), **ports))
    with subprocess.Popen([program, "-db", "-q", "-f", str(file)]) as process:
        try:
            yield path, process
        finally:
            process.kill()


def until(options: dict[str, Any], wanted: Callable[[Result], bool]) -> Result:
    end = time.monotonic() + PATIENCE
    while True:
        result = probe(options)
        if wanted(result) or time.monotonic() > end:
            return result
        time.sleep(0.02)


@pytest.mark.slow
def test_haproxy_backend_whose_servers_fail_fails_with_them(tmp_path: Path) -> None:
    one, two, spare = Listening(), Listening(), Listening()
    try:
        with haproxy(tmp_path, one=one.port, two=two.port, spare=spare.port) as (path, process):
            options = {"type": "haproxy", "socket": path, "backend": "app"}
            result = until(options, lambda r: r.measurements.get("servers_up") == 3.0)
            assert result == Result(True, "backend app has 3 servers up", {"servers_up": 3.0})
            assert probe({**options, "min_servers": 3}).ok
            assert not probe({**options, "min_servers": 3, "count_backup": False}).ok
            assert probe({**options, "backend": "empty"}).ok is False
            assert probe({**options, "backend": "web"}).detail == "haproxy: there is no backend web"
            assert probe({**options, "backend": "ap"}).detail == "haproxy: there is no backend ap"

            one.close()
            result = until({**options, "min_servers": 3}, lambda r: r.measurements.get("servers_up") == 2.0)
            assert result.detail == "backend app has 2 servers up, fewer than 3"
            two.close()
            spare.close()
            assert until(options, lambda r: not r.ok).detail == "backend app is DOWN"
            one.open()
            assert until(options, lambda r: r.ok).ok

            process.kill()
            process.wait()
            assert not probe(options).ok
    finally:
        for listening in (one, two, spare):
            listening.close()


HEAD = "# pxname,svname,status,act,bck,\n"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (HEAD + "app,BACKEND,UP,2,1,\n\n", "backend app has 3 servers up"),
        (HEAD + "app,one,UP,1,0,\napp,BACKEND,DOWN,0,0,\n", "backend app is DOWN"),
        (HEAD + "app,BACKEND,UP,x,1,\n", "haproxy: backend app has no count of servers"),
        (HEAD + "app,BACKEND\n", "haproxy: backend app has no count of servers"),
        (HEAD, "haproxy: there is no backend app"),
        ("Permission denied\n", "haproxy: the answer is no statistics: 'Permission denied'"),
        ("", "haproxy: the answer is no statistics: ''"),
        (HEAD + 'app,"' + "x" * 60_000, "haproxy: there is no backend app"),
    ],
)
def test_haproxy_answer_is_judged(tmp_path: Path, answer: str, detail: str) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"show stat app 2 -1\n"
        writer.write(answer.encode())
        writer.close()

    async def main() -> Result:
        path = str(tmp_path / "sock")
        server = await asyncio.start_unix_server(reply, path)
        try:
            return await ask(to_check({"type": "haproxy", "socket": path, "backend": "app"}))
        finally:
            server.close()

    assert asyncio.run(main()).detail == detail


def test_haproxy_socket_that_floods_or_hangs_costs_little(tmp_path: Path) -> None:
    async def main() -> None:
        for handler, timeout, words in (
            (flood, PATIENCE, "more than 65536 bytes"),
            (silent, 0.2, "no answer within 0.2 s"),
        ):
            path = str(tmp_path / handler.__name__)
            tasks: list[asyncio.Task[None] | None] = []

            async def handle(
                reader: asyncio.StreamReader,
                writer: asyncio.StreamWriter,
                handler: Any = handler,
                tasks: list[Any] = tasks,
            ) -> None:
                tasks.append(asyncio.current_task())
                with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                    await handler(reader, writer)
                writer.transport.abort()

            server = await asyncio.start_unix_server(handle, path)
            options = {"type": "haproxy", "socket": path, "backend": "app", "timeout": timeout}
            report = await one_round(to_check(options))
            assert report.result is not None
            assert words in report.result.detail
            server.close()
            for task in tasks:
                assert task is not None
                task.cancel()
            await asyncio.sleep(0.001)

    asyncio.run(main())


def test_haproxy_socket_that_is_not_there_fails() -> None:
    result = probe({"type": "haproxy", "socket": "/nowhere/sock", "backend": "app"})

    assert result == Result(False, "haproxy /nowhere/sock: No such file or directory")


@pytest.mark.parametrize("backend", ["a b", "a;disable server x/y", "a\nshow info", ""])
def test_haproxy_backend_cannot_smuggle_commands(backend: str) -> None:
    with pytest.raises(InvalidValueError):
        to_check({"type": "haproxy", "socket": "/x", "backend": backend})
