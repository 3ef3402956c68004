"""grpc: a server answers SERVING to the gRPC health checking protocol, version 1.

The protocol is one unary call with messages of a few bytes, so it is spoken here over the h2 library rather
than with gRPC's own: that one has threads and an event loop of its own, keeps channels that hide how long a
connection took, and cannot send from a given interface. The messages:

    grpc.health.v1.HealthCheckRequest    field 1: service, text
    grpc.health.v1.HealthCheckResponse   field 1: status, 0 UNKNOWN, 1 SERVING, 2 NOT_SERVING, 3
    SERVICE_UNKNOWN
"""

import ssl
from typing import Annotated, Final, Literal, Self

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from pydantic import AfterValidator, Field, model_validator

from rhi.errors import InvalidValueError
from rhi.health.base import Result, failed, no_nul
from rhi.health.context import Context
from rhi.health.encryption import Encrypting, tls_failure
from rhi.health.target import EncryptedStream, Stream, Target

_PATH: Final = "/grpc.health.v1.Health/Check"
# Settings, a window update, two sets of headers and seven bytes of data fit many times.
_MAX_ANSWER: Final = 64 * 1024
_STATUS: Final = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_NOT_FOUND: Final = "5"
_UNIMPLEMENTED: Final = "12"


class GrpcCheck(Encrypting, Target):
    """Makes one call of `grpc.health.v1.Health/Check`."""

    type: Literal["grpc"] = "grpc"
    service: Annotated[str, Field(max_length=1000), AfterValidator(no_nul)] = ""
    """The service to ask for; empty for the server as a whole."""
    tls: bool = False
    """Whether to use TLS."""

    @model_validator(mode="after")
    def _fits_tls(self) -> Self:
        if not self.tls:
            for name in ("ca_file", "certificate_file", "key_file", "min_days"):
                if getattr(self, name) is not None:
                    raise InvalidValueError(f"{name}: has no effect without tls = true")
        return self

    async def probe(self, context: Context) -> Result:
        """One connection, one call."""
        what = f"grpc {self.where}"
        try:
            encryption = await self.encryption(context, ("h2",)) if self.tls else None
            async with self.open(self.port, encryption, self.server_name or self.address) as stream:
                if isinstance(stream, EncryptedStream) and stream.agreed_protocol != "h2":
                    return Result(False, f"{what}: the server does not agree to HTTP/2 (ALPN)")
                failure, measured = self.judge_certificate(stream, context)
                if failure is not None:
                    return failure
                call = _Call(self)
                await call.make(stream)
        except ssl.SSLError as error:
            return tls_failure(what, error)
        except OSError as error:
            return failed(what, error)
        except (h2.exceptions.H2Error, ValueError) as error:
            return Result(False, f"{what}: the answer is no HTTP/2: {error}")
        ok, detail = call.judge()
        return Result(ok, detail, measured)


class _Call:
    """One call while it is made."""

    def __init__(self, check: GrpcCheck) -> None:
        self._check = check
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._headers: dict[str, str] = {}
        self._body = b""
        self._problem = ""
        self._has_ended = False

    async def make(self, stream: Stream) -> None:
        """Send the request, and read until the answer is complete or cannot become so."""
        check = self._check
        self._h2.initiate_connection()
        headers = [
            (":method", "POST"), (":scheme", "https" if check.tls else "http"), (":path", _PATH),
            (":authority", check.server_name or check.where), ("te", "trailers"),
            ("content-type", "application/grpc"), ("user-agent", "rhi"),
            ("grpc-timeout", f"{max(1, int(check.timeout * 1000))}m"),
        ]  # fmt: skip
        self._h2.send_headers(1, headers)
        self._h2.send_data(1, _request(check.service), end_stream=True)
        size = 0
        while not self._has_ended:
            await stream.send(self._h2.data_to_send())
            data = await stream.receive()
            size += len(data)
            if not data or size > _MAX_ANSWER:
                self._problem = "closed without an answer" if not data else f"more than {_MAX_ANSWER} bytes"
                return
            for event in self._h2.receive_data(data):
                self._take(event)

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                self._headers.update((str(name), str(value)) for name, value in event.headers or [])
            case h2.events.DataReceived():
                self._body += event.data or b""
            case h2.events.StreamEnded():
                self._has_ended = True
            case h2.events.StreamReset() | h2.events.ConnectionTerminated():
                self._has_ended = True
                self._problem = self._problem or f"the server ended the call with error {event.error_code}"

    def judge(self) -> tuple[bool, str]:
        """Whether the service is serving, and what was said instead."""
        if self._problem and "grpc-status" not in self._headers:
            return False, self._problem
        if self._headers.get(":status") != "200":
            return False, f"HTTP status {self._headers.get(':status', 'missing')}"
        code = self._headers.get("grpc-status", "missing")
        if code == _NOT_FOUND:
            return False, f"the server knows no service {self._check.service!r}"
        if code == _UNIMPLEMENTED:
            return False, "the server has no grpc.health.v1.Health"
        if code != "0":
            return False, f"gRPC status {code}: {self._headers.get('grpc-message', '')}"
        status = _response_status(self._body)
        if status is None:
            return False, "the answer is no HealthCheckResponse"
        return status == 1, _STATUS.get(status, f"status {status}")


def _request(service: str) -> bytes:
    """The message, with gRPC's prefix: not compressed, length."""
    text = service.encode()
    message = b"\x0a" + _varint(len(text)) + text if text else b""
    return b"\0" + len(message).to_bytes(4) + message


def _varint(number: int) -> bytes:
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def _response_status(body: bytes) -> int | None:
    """The status in a response; None for what is none. Protobuf leaves out a field that is 0."""
    if len(body) < 5 or body[0] != 0 or int.from_bytes(body[1:5]) != len(body) - 5:
        return None
    message = body[5:]
    if not message:
        return 0
    return message[1] if len(message) == 2 and message[0] == 0x08 and message[1] < 0x80 else None
