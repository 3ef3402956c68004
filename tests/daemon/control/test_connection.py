"""Slow and hostile clients: each costs a bounded time and a bounded memory, and nobody else."""

import asyncio
import contextlib
import json
import socket
from pathlib import Path

import pytest

from rhi.daemon.control import connection
from rhi.daemon.control.connection import REQUEST_BYTES, Clients, Guarded
from rhi.health.lag import LagMeter
from rhi.model.attributes import PathAttributes
from tests.daemon.control.house import House, SwitchCheck, make_setup, run, running
from tests.daemon.control.raw import Streams, connect, request, rest
from tests.daemon.decision.build import address, service


async def status_of(house: House) -> int:
    return (await house.ask("GET", "/v1/status"))[0]


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"GET /v1/st",
        b"GET /v1/status HTTP/1.1\r\nHost: x\r\nX-A: ",
        b"PUT /v1/overrides/web HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{",
        b"PUT /v1/overrides/web HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
    ids=["nothing", "request line", "header", "body", "chunk"],
)
def test_client_that_does_not_finish_its_request_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(connection, "HEAD_TIME", 0.2)

    async def main() -> None:
        async with running(tmp_path) as house:
            reader, writer = await connect(house)
            writer.write(first)

            assert await rest(reader) == b""
            assert house.control.clients.refused == 1
            await house.until(lambda: len(house.control.clients) == 0)
            assert await status_of(house) == 200

    run(main())


def test_client_that_trickles_its_request_is_dropped_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_TIME", 0.3)

    async def main() -> None:
        async with running(tmp_path) as house:
            reader, writer = await connect(house)

            async def trickle() -> None:
                with contextlib.suppress(ConnectionError):
                    while True:
                        writer.write(b"X-Header: 1\r\n")
                        await writer.drain()
                        await asyncio.sleep(0.01)

            writer.write(b"GET /v1/status HTTP/1.1\r\n")
            trickling = asyncio.ensure_future(trickle())
            assert await rest(reader) == b""
            trickling.cancel()

    run(main())


@pytest.mark.parametrize(
    "part",
    [b"X-Header: " + b"x" * 1000 + b"\r\n", b"x" * 1000, b"GET /v1/status HTTP/1.1\r\nHost: rhi\r\n\r\n"],
    ids=["headers", "one header", "pipelined requests"],
)
def test_client_that_sends_too_much_is_dropped(tmp_path: Path, part: bytes) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            reader, writer = await connect(house)

            async def flood() -> None:
                with contextlib.suppress(ConnectionError):
                    writer.write(b"GET /v1/status HTTP/1.1\r\nX: ")
                    while not writer.is_closing():
                        writer.write(part)
                        await writer.drain()

            flooding = asyncio.ensure_future(flood())
            await rest(reader)
            await house.until(lambda: len(house.control.clients) == 0)
            flooding.cancel()
            assert await status_of(house) == 200

    run(main())


@pytest.mark.parametrize(
    "data",
    [b"\0\1\2\3\r\n\r\n", b"\xff" * 100 + b"\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0"],
)
def test_client_that_speaks_no_http_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(connection, "HEAD_TIME", 0.5)

    async def main() -> None:
        async with running(tmp_path) as house:
            reader, writer = await connect(house)
            writer.write(data)

            answer = await rest(reader)

            assert answer == b"" or answer.startswith(b"HTTP/1.")
            assert await status_of(house) == 200

    run(main())


def test_connection_has_one_request(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            reader, writer = await connect(house)
            writer.write(request("/v1/alarms") * 3)

            answer = await rest(reader)

            assert answer.count(b"HTTP/1.1 200") == 1
            assert b"Connection: close" in answer

    run(main())


def test_client_that_half_closes_gets_its_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            reader, writer = await connect(house)
            writer.write(request("/v1/alarms"))
            writer.write_eof()

            assert (await rest(reader)).endswith(b'{"items":[],"next":null}')

    run(main())


def test_client_that_does_not_read_its_answer_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_TIME", 600.0)
    monkeypatch.setattr(connection, "ANSWER_TIME", 0.3)
    many = [f"198.51.{high}.{low}" for high in range(4) for low in range(250)]
    # an answer of more than the buffers of socket and transport hold
    large = PathAttributes(communities=[f"65001:{number}" for number in range(100)])

    async def main() -> None:
        async with running(tmp_path, make_setup(service("a", *many, attributes=large))) as house:
            await house.decided()
            with socket.socket(socket.AF_UNIX) as client:
                client.setblocking(False)
                await asyncio.get_running_loop().sock_connect(client, str(house.socket))
                client.send(request("/v1/routes"))

                await house.until(lambda: house.control.clients.refused == 1)
                await house.until(lambda: len(house.control.clients) == 0)

    run(main())


def test_clients_without_a_word_make_room_for_those_who_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_CLIENTS", 5)

    async def main() -> None:
        async with running(tmp_path) as house:
            silent = [await connect(house) for _ in range(12)]

            assert [await rest(reader) for reader, _ in silent[:7]] == [b""] * 7
            assert [await status_of(house) for _ in range(5)] == [200] * 5
            assert len(house.control.clients) <= 5
            for _, writer in silent:
                writer.close()

    run(main())


def test_client_too_many_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_CLIENTS", 3)

    async def main() -> None:
        async with running(tmp_path) as house:
            streams = []
            for _ in range(3):
                reader, writer = await connect(house)
                writer.write(request("/v1/events"))
                await reader.readuntil(b"retry")
                streams.append(writer)
            reader, _ = await connect(house)

            answer = await rest(reader)

            assert answer.startswith(b"HTTP/1.1 503 ")
            body = json.loads(answer.partition(b"\r\n\r\n")[2])
            assert body == {"error": "too many clients are connected; try again later"}
            for each in streams:
                each.close()

    run(main())


class FakeTransport(asyncio.Transport):
    """Takes everything, and remembers its end."""

    is_aborted = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Nothing waits here."""

    def abort(self) -> None:
        self.is_aborted = True


class FakeProtocol(asyncio.Protocol):
    """Counts."""

    def __init__(self) -> None:
        self.received = 0

    def data_received(self, data: bytes) -> None:
        self.received += len(data)


def test_client_that_comes_when_all_is_closed_is_dropped_at_once() -> None:
    async def main() -> None:
        clients = Clients()
        clients.close()
        transport = FakeTransport()

        Guarded(FakeProtocol, clients, None).connection_made(transport)

        assert transport.is_aborted
        assert len(clients) == 0

    run(main())


def test_client_may_send_so_much_whatever_its_requests_are() -> None:
    async def main() -> None:
        inner, transport = FakeProtocol(), FakeTransport()
        guarded = Guarded(lambda: inner, Clients(), None)
        guarded.connection_made(transport)

        for _ in range(REQUEST_BYTES // 1024):
            guarded.data_received(bytes(1024))
        assert not transport.is_aborted
        guarded.data_received(b"x")

        assert transport.is_aborted
        assert inner.received == REQUEST_BYTES
        guarded.connection_lost(None)

    run(main())


@pytest.mark.slow
def test_flood_of_requests_delays_no_decision(tmp_path: Path) -> None:
    """A verdict is acted on while 40 clients ask all the time; the bound is for a busy machine."""
    setup = make_setup(*[service(f"s{number}", address(number)) for number in range(1, 200)])

    async def main() -> None:
        async with running(tmp_path, setup) as house:
            await house.decided()
            meter = LagMeter(0.01)

            async def ask_on() -> None:
                while True:
                    streams: Streams = await connect(house)
                    streams[1].write(request("/v1/status"))
                    await rest(streams[0])
                    streams[1].close()

            asking = [asyncio.ensure_future(ask_on()) for _ in range(40)]
            meter.start()
            await house.until(lambda: house.control.desk.requests["status", 200] > 40)
            SwitchCheck.on["s7"] = False
            await house.until(lambda: len(house.daemon.controller.reconciler.routes) == 198)
            meter.stop()
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
            # the clients of this test live in the same event loop, and cost more than the answers do
            assert meter.quantile(0.5) < 0.5

    run(main())
