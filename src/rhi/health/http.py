"""http: a web server answers with the right status, and if asked to, the right words.

One connection per probe, because taking a new connection is part of being healthy. The answer is judged as
soon as its head has come; the body is read only when `body` asks for something in it. What is read has a
limit, for heads as for bodies, so an endless answer costs neither memory nor time. Redirects are answers
like others unless `redirects` allows to follow them, and then only on the same server.
"""

import re
import ssl
from typing import Annotated, Final, Literal, Self
from urllib.parse import SplitResult, urljoin, urlsplit

import httptools
from pydantic import AfterValidator, Field, model_validator

from rhi.errors import InvalidValueError
from rhi.health.base import Result, failed, one_line
from rhi.health.context import Context
from rhi.health.encryption import Encrypting, tls_failure
from rhi.health.matching import NumberSet, Pattern, numbers, occurs
from rhi.health.target import Address, Stream, to_address

_DEFAULT_PORT: Final = {"http": 80, "https": 443}
# nginx sends and takes 8 KiB by default, others up to 32.
_MAX_HEAD: Final = 32 * 1024
_ADDRESS: Final = re.compile(r"[0-9.]+|.*:.*")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")  # RFC 9110 §5.6.2
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,4000}")  # RFC 9110 §5.5


def to_url(text: str) -> str:
    """Checks the URL of a check.

    Raises:
        InvalidValueError: another scheme, no host, or parts that a request does not carry.
    """
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidValueError("must be ASCII without blanks; write others percent-encoded, such as %20")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidValueError(f"is no URL ({error}); right is, for example, http://192.0.2.1/ok") from None
    if parts.scheme not in _DEFAULT_PORT or not parts.hostname or port == 0:
        raise InvalidValueError("must be a URL such as http://192.0.2.1:8080/ok or https://192.0.2.1/")
    if parts.username is not None or parts.fragment:
        raise InvalidValueError("must have no user name and no #; credentials belong in headers")
    return text


def to_header_name(name: str) -> str:
    """Checks the name of a header (RFC 9110 §5.1).

    Raises:
        InvalidValueError: no such name, or one that this check sets itself.
    """
    if not _TOKEN.fullmatch(name) or name.lower() in {"connection", "content-length", "transfer-encoding"}:
        raise InvalidValueError("must be the name of a header, and none that frames the message")
    return name


def to_header_value(value: str) -> str:
    """Checks the value of a header.

    Raises:
        InvalidValueError: it holds line ends or other control characters.
    """
    if not _VALUE.fullmatch(value):
        raise InvalidValueError("must be one line of at most 4000 Latin-1 characters")
    return value


HeaderName = Annotated[str, AfterValidator(to_header_name)]
HeaderValue = Annotated[str, AfterValidator(to_header_value)]


class HttpCheck(Encrypting):
    """Sends one request by HTTP/1.1, with TLS when the URL says https."""

    type: Literal["http"] = "http"
    url: Annotated[str, Field(max_length=4000), AfterValidator(to_url)]
    """What to ask for, such as `http://192.0.2.1:8080/health`."""
    address: Address | None = None
    """Where to connect to; needed when the URL has a name, which is never looked up."""
    method: Literal["GET", "HEAD", "OPTIONS", "POST"] = "GET"
    """Method of the request."""
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=64, default_factory=dict)]
    """More headers; `Host` replaces the one from the URL."""
    status: NumberSet = "200-299"
    """Status codes that pass."""
    body: Pattern | None = None
    """What must occur in the body; `*` stands for anything."""
    max_bytes: Annotated[int, Field(ge=1, le=16 * 2**20)] = 65536
    """How much of the body is read to find it."""
    redirects: Annotated[int, Field(ge=0, le=10)] = 0
    """How many redirects to follow, on this server only."""

    @model_validator(mode="after")
    def _fits_the_url(self) -> Self:
        if self.method == "HEAD" and self.body is not None:
            raise InvalidValueError("body: an answer to HEAD has none")
        if self._parts.scheme == "http":
            for name in ("server_name", "ca_file", "certificate_file", "key_file", "min_days"):
                if getattr(self, name) is not None:
                    raise InvalidValueError(f"{name}: has no effect without https")
        return self

    @property
    def _parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def far_address(self) -> str:
        """Where it connects to."""
        if self.address is not None:
            return self.address
        host = self._parts.hostname or ""
        if not _ADDRESS.fullmatch(host):
            raise InvalidValueError(f"url: {host} is a name, and never looked up: give its address too")
        return to_address(host)

    async def probe(self, context: Context) -> Result:
        """One request, and one more for each redirect that is followed."""
        url = self.url
        try:
            for hop in range(self.redirects + 1):
                answer, result = await self._ask(url, context)
                if answer.status not in _REDIRECTS or hop == self.redirects or not answer.location:
                    return result
                url = urljoin(url, answer.location)
                if _server(urlsplit(url)) != _server(self._parts):
                    return Result(False, f"the redirect leads to another server: {one_line(url, 100)}")
        except ssl.SSLError as error:
            return tls_failure(f"http {self.url}", error)
        except httptools.HttpParserError as error:
            return Result(False, f"http {one_line(url, 100)}: the answer is no HTTP: {error}")
        except (OSError, ValueError) as error:
            # ValueError: a Location that cannot be read as a URL
            cause = error if isinstance(error, OSError) else OSError(str(error))
            return failed(f"http {one_line(url, 100)}", cause)
        raise AssertionError("a round always returns")

    async def _ask(self, url: str, context: Context) -> "tuple[Answer, Result]":
        parts = urlsplit(url)
        encryption = await self.encryption(context) if parts.scheme == "https" else None
        port = parts.port or _DEFAULT_PORT[parts.scheme]
        async with self.open(port, encryption, self.server_name or parts.hostname) as stream:
            failure, measured = self.judge_certificate(stream, context)
            await stream.send(self._request(parts))
            answer = Answer(self.max_bytes)
            await answer.read(stream, self.body)
        if failure is not None:
            return answer, failure
        return answer, self._judge(answer, measured)

    def _request(self, parts: SplitResult) -> bytes:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Host": parts.netloc, "User-Agent": "rhi", "Accept": "*/*"}
        for name, value in self.headers.items():
            headers = {old: kept for old, kept in headers.items() if old.lower() != name.lower()}
            headers[name] = value
        if self.method == "POST":
            headers["Content-Length"] = "0"
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")

    def _judge(self, answer: "Answer", measured: dict[str, float]) -> Result:
        if answer.problem:
            return Result(False, f"http {self.url}: {answer.problem}", measured)
        if answer.status not in numbers(self.status):
            return Result(False, f"status {answer.status}, and not one of {self.status}", measured)
        if self.body is not None and not occurs(self.body, answer.body):
            seen = "the body" if answer.is_complete else f"its first {len(answer.body)} bytes of body"
            return Result(False, f"status {answer.status}, but {seen} lacks {self.body!r}", measured)
        return Result(True, f"status {answer.status}", measured)


class Answer:
    """An answer while it is read; the methods that begin with `on_` are called by the parser."""

    def __init__(self, max_bytes: int) -> None:
        self.status = 0
        self.location = ""
        self.body = b""
        self.problem = ""
        self.is_complete = False
        self._has_head = False
        self._is_framed = False
        self._max_bytes = max_bytes
        self._parser = httptools.HttpResponseParser(self)

    async def read(self, stream: Stream, body: str | None) -> None:
        """Read as much as it takes to judge the answer."""
        size = 0
        while not self._is_enough(body):
            data = await stream.receive()
            if not data:
                self._end()
                return
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade:
                return
            size += len(data)
            if not self._has_head and size > _MAX_HEAD:
                self.problem = f"more than {_MAX_HEAD} bytes of headers"
                return

    def _is_enough(self, body: str | None) -> bool:
        if not self._has_head or body is None:
            return self._has_head
        return self.is_complete or len(self.body) >= self._max_bytes or occurs(body, self.body)

    def _end(self) -> None:
        if not self._has_head:
            self.problem = "closed without an answer"
        elif self._is_framed:
            self.problem = "closed in the middle of the answer"
        else:
            self.is_complete = True  # RFC 9112 §6.3: without a length, the end is the end

    def on_header(self, name: bytes, value: bytes) -> None:
        lowered = name.lower()
        if lowered == b"location":
            self.location = value.decode("latin-1")
        elif lowered in (b"content-length", b"transfer-encoding"):
            self._is_framed = True

    def on_headers_complete(self) -> None:
        if self._has_head:
            return
        status = self._parser.get_status_code()
        # 1xx are announcements; the answer proper follows (RFC 9110 §15.2)
        if status >= 200 or status == 101:
            self.status = status
            self._has_head = True

    def on_body(self, data: bytes) -> None:
        self.body += data[: self._max_bytes - len(self.body)]

    def on_message_complete(self) -> None:
        self.is_complete = self._has_head


def _server(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _DEFAULT_PORT.get(parts.scheme)
