"""grpc checks against gRPC's own server, and against servers that speak something else."""

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.errors import InvalidValueError
from rhi.health.base import Result
from rhi.health.grpc import _request, _response_status
from rhi.health.table import to_check
from tests.health.certificates import Authority
from tests.health.probing import ask, flood, one_round, probe, serve, silent

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


class HealthServer(grpc.GenericRpcHandler):  # type: ignore[misc]
    """The service grpc.health.v1.Health without generated code: `states` are responses by request."""

    def __init__(self, states: dict[bytes, bytes]) -> None:
        self.states = states

    def service(self, handler_call_details: Any) -> Any:
        """The method that is called."""
        if handler_call_details.method != "/grpc.health.v1.Health/Check":
            return None
        return grpc.unary_unary_rpc_method_handler(self._check)

    def _check(self, request: bytes, context: Any) -> bytes:
        if request not in self.states:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return self.states[request]


@contextlib.contextmanager
def grpc_server(handler: HealthServer | None, file: str | None = None) -> Iterator[int]:
    """gRPC's own server; yields its port."""
    with futures.ThreadPoolExecutor(2) as threads:
        server = grpc.server(threads, handlers=[handler] if handler else [])
        if file is None:
            port = server.add_insecure_port("127.0.0.1:0")
        else:
            secret = Path(file).read_bytes()
            port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(secret, secret)]))
        server.start()
        try:
            yield port
        finally:
            server.stop(None).wait(10)


def test_grpc_service_that_stops_serving_fails() -> None:
    handler = HealthServer({b"": SERVING, b"\x0a\x01a": SERVING})
    with grpc_server(handler) as port:
        options = {"type": "grpc", "address": "127.0.0.1", "port": port}
        assert probe(options) == Result(True, "SERVING")
        assert probe({**options, "service": "a"}).ok
        assert probe({**options, "service": "b"}) == Result(False, "the server knows no service 'b'")

        handler.states[b""] = NOT_SERVING
        assert probe(options) == Result(False, "NOT_SERVING")
        assert probe({**options, "service": "a"}).ok
        handler.states[b""] = b""
        assert probe(options) == Result(False, "UNKNOWN")
        handler.states[b""] = b"nonsense"
        assert probe(options) == Result(False, "the answer is no HealthCheckResponse")

    assert probe(options).detail.endswith("Connection refused")


def test_grpc_server_without_the_health_service_fails() -> None:
    with grpc_server(None) as port:
        result = probe({"type": "grpc", "address": "127.0.0.1", "port": port})

    assert result == Result(False, "the server has no grpc.health.v1.Health")


def test_grpc_over_tls_is_verified(authority: Authority) -> None:
    handler = HealthServer({b"": SERVING})
    with grpc_server(handler, authority.issue("127.0.0.1")) as port:
        options = {"type": "grpc", "address": "127.0.0.1", "port": port, "tls": True}
        assert "certificate: " in probe(options).detail
        result = probe({**options, "ca_file": authority.ca_file})
        assert result.ok, result.detail
        assert result.measurements["days_left"] > 80
        assert not probe({**options, "ca_file": authority.ca_file, "min_days": 1000}).ok
        assert not probe({**options, "tls": False}).ok


def against(data: bytes) -> Result:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(data)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async def main() -> Result:
        async with serve(answer) as port:
            return await ask(to_check({"type": "grpc", "address": "127.0.0.1", "port": port}))

    return asyncio.run(main())


SETTINGS = bytes.fromhex("000000040000000000")


@given(st.binary(max_size=100), st.booleans())
def test_grpc_answer_of_any_bytes_fails_and_never_raises(data: bytes, after_settings: bool) -> None:
    assert not against(SETTINGS + data if after_settings else data).ok


def test_grpc_answer_that_ends_the_connection_is_reported() -> None:
    goaway = bytes.fromhex("000008070000000000" + "00000000" + "0000000b")

    assert "ended the call with error" in against(SETTINGS + goaway).detail


def test_grpc_server_that_floods_or_hangs_costs_little() -> None:
    async def pings(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SETTINGS)
        while True:
            writer.write(bytes.fromhex("000008060000000000") + bytes(8))
            await writer.drain()

    async def main() -> None:
        for handler in (flood, pings):
            async with serve(handler) as port:
                result = await ask(to_check({"type": "grpc", "address": "127.0.0.1", "port": port}))
                assert result == Result(False, "more than 65536 bytes")
        async with serve(silent) as port:
            options = {"type": "grpc", "address": "127.0.0.1", "port": port, "timeout": 0.05}
            report = await one_round(to_check(options))
            assert report.result == Result(False, "no answer within 0.05 s")

    asyncio.run(main())


def test_grpc_messages_are_encoded_as_protobuf_does() -> None:
    assert _request("") == bytes(5)
    assert _request("ab") == b"\0\0\0\0\x04\x0a\x02ab"
    assert _request("x" * 200)[:8] == b"\0\0\0\0\xcb\x0a\xc8\x01"
    assert _response_status(b"\0\0\0\0\x02\x08\x03") == 3
    assert _response_status(b"\1\0\0\0\x02\x08\x01") is None
    assert _response_status(b"\0\0\0\0\x03\x08\x01") is None


@pytest.mark.parametrize("options", [{"ca_file": "/x"}, {"min_days": 3}, {"service": "a\0b"}])
def test_grpc_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        to_check({"type": "grpc", "address": "192.0.2.1", "port": 1, **options})
