"""http checks against servers that answer well, badly, endlessly, slowly, and not at all."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import InvalidValueError
from rhi.health.base import Result
from rhi.health.table import to_check
from tests.health.probing import Handler, ask, flood, one_round, serve, silent

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def answering(*parts: bytes, requests: list[bytes] | None = None, hold: bool = False) -> Handler:
    """A server that answers each request with the same bytes, in parts; `hold` keeps the connection."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if requests is not None:
            requests.append(request)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if hold:
            await asyncio.Event().wait()
        writer.close()

    return handle


def against(handler: Handler, path: str = "/", **options: Any) -> Result:
    async def main() -> Result:
        async with serve(handler) as port:
            return await ask(to_check({"type": "http", "url": f"http://127.0.0.1:{port}{path}", **options}))

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "options", "ok"),
    [
        (OK, {}, True),
        (b"HTTP/1.0 204 No Content\r\n\r\n", {}, True),
        (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", {}, False),
        (b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n", {"status": "200-299,503"}, True),
        (b"HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n", {}, False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, {"body": "ok"}, True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 500 No\r\n\r\n", {}, False),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", {}, False),
        (OK, {"body": "ok"}, True),
        (OK, {"body": "bad"}, False),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end ok", {"body": "end*ok"}, True),
        (CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", {"body": "ok"}, True),
        (CHUNKED + b"zz\r\nok\r\n", {"body": "ok"}, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", {"body": "later"}, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", {"body": "ok"}, True),
        (b"SSH-2.0-OpenSSH_9.2\r\n", {}, False),
        (b"\x00\xff" * 100, {}, False),
        (b"HTTP/1.1 2000 OK\r\n\r\n", {}, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", {"body": "x"}, False),
        (b"", {}, False),
        (b"HTTP/1.1 200", {}, False),
    ],
)  # fmt: skip
def test_http_answer_is_judged(answer: bytes, options: dict[str, Any], ok: bool) -> None:
    result = against(answering(answer), **options)

    assert result.ok is ok, result.detail


@given(
    st.lists(st.binary(max_size=60) | st.sampled_from([OK, b"HTTP/1.1 ", b"200 ", b"\r\n\r\n"]), max_size=5)
)
def test_http_answer_of_any_bytes_is_judged_and_never_raises(parts: Sequence[bytes]) -> None:
    result = against(answering(*parts), body="a text that is not there")

    assert not result.ok


def test_http_request_holds_what_was_configured() -> None:
    requests: list[bytes] = []

    against(
        answering(OK, requests=requests), path="/health?x=1", method="POST",
        headers={"host": "www.example.com", "X-Probe": "yes"},
    )  # fmt: skip

    lines = requests[0].split(b"\r\n")
    assert lines[0] == b"POST /health?x=1 HTTP/1.1"
    assert [line for line in lines if line.lower().startswith(b"host:")] == [b"host: www.example.com"]
    assert b"X-Probe: yes" in lines
    assert b"Connection: close" in lines


def test_http_url_with_a_name_asks_the_address_for_that_host() -> None:
    requests: list[bytes] = []

    async def main() -> bool:
        async with serve(answering(OK, requests=requests)) as port:
            url = f"http://www.example.com:{port}/"
            return (await ask(to_check({"type": "http", "url": url, "address": "127.0.0.1"}))).ok

    assert asyncio.run(main())
    assert b"Host: www.example.com:" in requests[0]


def test_http_server_that_hangs_fails_at_the_time_out() -> None:
    async def main() -> None:
        async with serve(silent) as port:
            url = f"http://127.0.0.1:{port}/"
            report = await one_round(to_check({"type": "http", "url": url, "timeout": 0.05}))
            assert report.result == Result(False, "no answer within 0.05 s")

    asyncio.run(main())


def test_http_headers_that_come_one_by_one_fail_at_the_time_out() -> None:
    """A server that sends a byte now and then renews nothing."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0.005)

    async def main() -> None:
        async with serve(drip) as port:
            url = f"http://127.0.0.1:{port}/"
            report = await one_round(to_check({"type": "http", "url": url, "timeout": 0.1}))
            assert report.result == Result(False, "no answer within 0.1 s")

    asyncio.run(main())


def test_http_endless_body_is_read_up_to_its_limit() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await flood(reader, writer)

    result = against(endless, body="ok", max_bytes=100_000)

    assert result == Result(False, "status 200, but its first 100000 bytes of body lacks 'ok'")


def test_http_body_is_not_waited_for_when_nothing_is_asked_of_it() -> None:
    assert against(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", hold=True)).ok


def test_http_body_that_breaks_off_is_told_from_one_that_lacks_the_words() -> None:
    framed = against(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), body="later")
    to_the_end = against(answering(b"HTTP/1.1 200 OK\r\n\r\nok"), body="later")

    assert framed.detail.endswith("closed in the middle of the answer")
    assert to_the_end.detail == "status 200, but the body lacks 'later'"


def test_http_endless_headers_end_after_32_kib() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: yyyyyyyyyyyyyyyyyyyyyyy\r\n" * 100)
            await writer.drain()

    assert "more than 32768 bytes of headers" in against(endless).detail


def moving(location: str) -> Handler:
    """Redirects `/old`, and answers everything else."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        is_old = request.startswith(b"GET /old")
        answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
        writer.write(answer if is_old else OK)
        await writer.drain()

    return handle


def test_http_redirect_is_followed_only_when_asked() -> None:
    assert not against(moving("/new"), path="/old").ok
    assert against(moving("/new"), path="/old", redirects=1).ok
    assert against(moving("/old"), path="/old", redirects=3).detail == "status 302, and not one of 200-299"


@pytest.mark.parametrize("location", ["http://192.0.2.1/", "https://127.0.0.1/", "//192.0.2.1", "ftp://x/"])
def test_http_redirect_to_another_server_fails(location: str) -> None:
    result = against(moving(location), path="/old", redirects=5)

    assert result.detail.startswith("the redirect leads to another server: ")


def test_http_redirect_that_is_no_url_fails() -> None:
    assert not against(moving("http://[::/"), path="/old", redirects=5).ok


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://192.0.2.1/"}, {"url": "192.0.2.1"}, {"url": "http:///x"}, {"url": "http://[::1/"},
        {"url": "http://u:p@192.0.2.1/"}, {"url": "http://192.0.2.1/#x"}, {"url": "http://192.0.2.1/ü"},
        {"url": "http://192.0.2.1/a b"}, {"url": "http://192.0.2.1:0/"}, {"url": "http://192.0.2.1:99999/"},
        {"url": "http://localhost/"}, {"url": "http://[::ffff:192.0.2.1]/"}, {"url": "http://1.2/"},
        {"url": "http://192.0.2.1/", "method": "DELETE"}, {"url": "http://192.0.2.1/", "status": "2xx"},
        {"url": "http://192.0.2.1/", "headers": {"A\r\nB": "c"}},
        {"url": "http://192.0.2.1/", "headers": {"A": "b\r\nC: d"}},
        {"url": "http://192.0.2.1/", "headers": {"Content-Length": "5"}},
        {"url": "http://192.0.2.1/", "method": "HEAD", "body": "ok"},
        {"url": "http://192.0.2.1/", "server_name": "x"}, {"url": "http://192.0.2.1/", "min_days": 3},
        {"url": "https://192.0.2.1/", "verify": False, "min_days": 3},
    ],
)  # fmt: skip
def test_http_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        to_check({"type": "http", **options})
