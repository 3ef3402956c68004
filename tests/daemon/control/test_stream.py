"""Server-sent events: order, resumption, and followers that do not read."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rhi.daemon.control import stream
from rhi.daemon.control.stream import last_event_id, send_events
from rhi.daemon.history import History
from tests.daemon.control.house import PATIENCE, House, SwitchCheck, run, running
from tests.daemon.control.raw import Streams, connect, request, rest


async def follow(house: House, path: str = "/v1/events", *headers: str) -> Streams:
    """A client that follows the events."""
    reader, writer = await connect(house)
    writer.write(request(path, *headers))
    async with asyncio.timeout(PATIENCE):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"retry: 2000\n\n")
    return reader, writer


async def event(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next one."""
    found: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE):
        while True:
            line = (await reader.readline()).decode().strip()
            name, is_field, value = line.partition(": ")
            if is_field and name in ("id", "event", "data"):
                found[name] = json.loads(value) if name == "data" else value
            elif not line and found:
                return found


def test_stream_tells_the_history_as_it_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            reader, writer = await follow(house, "/v1/events?kind=route")

            SwitchCheck.on["web"] = False
            found = [await event(reader), await event(reader)]

            assert {each["data"]["subject"] for each in found} == {"203.0.113.2", "198.51.100.0/24"}
            assert [each["event"] for each in found] == ["route", "route"]
            assert [int(each["id"]) for each in found] == [each["data"]["number"] for each in found]
            writer.close()
            await house.until(lambda: house.control.application.streams == 0)
            assert house.daemon.history.followers == 0

    run(main())


def test_stream_goes_on_where_the_client_was(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            entries = house.daemon.history.entries()

            reader, writer = await follow(house, "/v1/events", f"Last-Event-ID: {entries[2].number}")

            ids = [int((await event(reader))["id"]) for _ in entries[3:]]
            assert ids == [entry.number for entry in entries[3:]]
            house.daemon.history.add("route", "x", "new")
            assert int((await event(reader))["id"]) == entries[-1].number + 1
            writer.close()

    run(main())


def test_stream_begins_anew_for_a_client_of_the_daemon_before(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()

            reader, writer = await follow(house, "/v1/events", "Last-Event-ID: 123456")

            assert (await event(reader))["id"] == "1"
            writer.close()

    run(main())


def test_stream_tells_how_much_the_history_no_longer_has(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            for number in range(1500):
                house.daemon.history.add("route", "x", str(number))
            oldest = house.daemon.history.entries()[0].number

            reader, writer = await follow(house, "/v1/events", "Last-Event-ID: 2")

            assert await event(reader) == {"event": "missed", "data": oldest - 3}
            assert (await event(reader))["id"] == str(oldest)
            writer.close()

    run(main())


def test_stream_tells_an_entry_once_that_comes_while_it_begins() -> None:
    history = History(lambda: datetime(2024, 1, 1, tzinfo=UTC), lambda entry: None)
    written: list[bytes] = []

    class Response(web.StreamResponse):
        async def write(self, data: bytes | bytearray | memoryview) -> None:
            if not written:
                history.add("route", "x", "meanwhile")
            written.append(bytes(data))

    async def main() -> None:
        for number in range(3):
            history.add("route", "x", str(number))
        sending = asyncio.ensure_future(send_events(Response(), history, 1, ""))
        while not written:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        history.add("route", "x", "last")
        async with asyncio.timeout(PATIENCE):
            while b'"last"' not in written[-1]:
                await asyncio.sleep(0)
        sending.cancel()

    asyncio.run(main())
    assert [each.split(b"\n")[0] for each in written[1:]] == [b"id: 2", b"id: 3", b"id: 4", b"id: 5"]


def test_stream_of_a_client_that_does_not_read_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STALL_TIME", 0.2)

    async def main() -> None:
        async with running(tmp_path) as house:
            _, writer = await follow(house)
            assert isinstance(writer.transport, asyncio.Transport)
            writer.transport.pause_reading()

            async def talk() -> None:
                while True:
                    for _ in range(100):
                        house.daemon.history.add("route", "x", "x" * 1000)
                    await asyncio.sleep(0.01)

            talking = asyncio.ensure_future(talk())
            await house.until(lambda: house.control.application.streams == 0)
            await house.until(lambda: house.daemon.history.followers == 0)
            talking.cancel()
            assert len(house.control.clients) == 0
            writer.close()

    run(main())


def test_stream_without_news_notices_that_the_client_has_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.05)

    async def main() -> None:
        async with running(tmp_path) as house:
            await house.decided()
            reader, writer = await follow(house)
            async with asyncio.timeout(PATIENCE):
                await reader.readuntil(b": still here\n\n")

            writer.transport.abort()

            await house.until(lambda: house.control.application.streams == 0)

    run(main())


def test_streams_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhi.daemon.control.application.MAX_STREAMS", 2)

    async def main() -> None:
        async with running(tmp_path) as house:
            writers = [(await follow(house))[1] for _ in range(2)]
            reader, writer = await connect(house)
            writer.write(request("/v1/events"))

            answer = await rest(reader)

            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"2 clients follow the events already" in answer
            for each in writers:
                each.close()

    run(main())


@pytest.mark.parametrize(
    ("header", "number"),
    [(None, 0), ("", 0), ("17", 17), ("-1", 0), ("x", 0), ("\u0663", 0), ("9" * 8000, 0), ("1.5", 0)],
)
def test_last_event_id_is_a_number_or_nothing(header: str | None, number: int) -> None:
    assert last_event_id(header) == number
