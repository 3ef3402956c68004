"""Asking a running daemon over its API: one request a connection, within limits of time and size.

    Address     where the daemon listens: a Unix socket, or a host and port with a token
    Client      requests, lists in pages, the stream of events
    ApiError    why there is no answer, or what the daemon refused; one sentence

It needs the standard library only. What it gets is JSON that a daemon made; it is not trusted to be small, or
to come at all, or to come from a daemon of ours.
"""

import grp
import http.client
import json
import os
import re
import socket
import stat
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from rhi.errors import InvalidValueError, RhiError
from rhi.model.wording import shown

# Seconds for a whole answer; the daemon itself gives up on a client after 30.
ANSWER_TIME: Final = 30.0
# A plan of as many routes as a file may well have takes some ten megabytes.
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
# Seconds without a sign of life from the stream of events, which has one every 15.
SILENCE: Final = 40.0
# One event; far above what the daemon makes.
MAX_EVENT_BYTES: Final = 1024 * 1024

_URL: Final = re.compile(r"http://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(?P<port>[0-9]{1,5})/?")


class ApiError(RhiError):
    """There is no answer, or a refusal.

    Attributes:
        status: the HTTP status of a refusal; 0 when there was no answer.
        problems: of a configuration file: all that is wrong, each with its place.
    """

    def __init__(self, text: str, status: int = 0, problems: list[str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.problems = problems or []


class NoDaemon(ApiError):
    """Nobody listens there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a daemon listens.

    Attributes:
        path: of a Unix socket; empty for TCP.
        host, port: for TCP.
        token: what it wants to be told over TCP.
    """

    path: str = ""
    host: str = ""
    port: int = 0
    token: bytes | None = None

    @classmethod
    def of_url(cls, text: str, token: bytes | None = None) -> "Address":
        """From `http://192.0.2.1:9790`.

        Raises:
            InvalidValueError: it is none.
        """
        match = _URL.fullmatch(text)
        if match is None or not 0 < int(match["port"]) <= 65535:
            raise InvalidValueError(f"URL {shown(text)}: must be such as http://127.0.0.1:9790")
        return cls(host=match["host"].strip("[]"), port=int(match["port"]), token=token)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.path or f"http://{host}:{self.port}"


class Client:
    """Asks the daemon at one address."""

    def __init__(self, address: Address, answer_time: float = ANSWER_TIME) -> None:
        self.address = address
        self._answer_time = answer_time

    def get(self, path: str, **query: object) -> Any:
        """What the daemon says at a path."""
        return self.ask("GET", path, query=query)

    def ask(self, method: str, path: str, body: object = None, query: dict[str, object] | None = None) -> Any:
        """The JSON of an answer.

        Raises:
            ApiError: there is none, or it is a refusal.
        """
        deadline = time.monotonic() + self._answer_time
        with self._response(method, path, body, query, {}, self._answer_time) as (response, sock):
            data = self._read(response, sock, deadline)
            return self._take(response, data)

    def items(self, path: str, **query: object) -> list[Any]:
        """All items of a list, however many pages it has."""
        found: list[Any] = []
        after: dict[str, object] = {}
        while True:
            page = self.get(path, **query, **after)
            items, following = _page(page)
            found += items
            if following is None or not items:
                return found
            after = {"after": following}

    def events(self, after: int, kind: str = "") -> Iterator[tuple[str, Any]]:
        """Events as they come, each with its kind; those with numbers above `after` first.

        Raises:
            ApiError: the stream does not begin, or has ended.
        """
        headers = {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
        query: dict[str, object] = {"kind": kind} if kind else {}
        with self._response("GET", "/v1/events", None, query, headers, SILENCE) as (response, sock):
            if response.status != 200:
                self._take(response, self._read(response, sock, time.monotonic() + self._answer_time))
            yield from self._events(response)
        raise NoDaemon(f"{self.address}: the daemon has ended")

    @contextmanager
    def _response(
        self,
        method: str,
        path: str,
        body: object,
        query: dict[str, object] | None,
        headers: dict[str, str],
        silence: float,
    ) -> Iterator[tuple[http.client.HTTPResponse, socket.socket]]:
        """The beginning of an answer; whatever goes wrong in the block with the connection is an ApiError."""
        connection = _Connection(self.address, silence)
        target = path + (f"?{urlencode(query)}" if query else "")
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            if self.address.token is not None:
                connection.putheader("Authorization", b"Bearer " + self.address.token)
            for name, value in headers.items():
                connection.putheader(name, value)
            data = None if body is None else json.dumps(body).encode()
            if data is not None:
                connection.putheader("Content-Type", "application/json")
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            sock = connection.sock
            with connection.getresponse() as response:
                yield response, sock
        except TimeoutError:
            raise ApiError(f"{self.address}: no answer within {silence:g} s") from None
        except OSError as error:
            raise self._unreachable(error) from None
        except (http.client.HTTPException, ValueError) as error:
            raise ApiError(f"{self.address}: does not answer like rhi ({type(error).__name__})") from None
        finally:
            connection.close()

    def _unreachable(self, error: OSError) -> ApiError:
        path = self.address.path
        if path and isinstance(error, FileNotFoundError):
            return NoDaemon(f"{path}: no daemon listens there, as its api.socket would say")
        if path and isinstance(error, PermissionError):
            return ApiError(f"{path}: permission denied; {_who_may(path)}")
        if isinstance(error, ConnectionRefusedError):
            return NoDaemon(f"{self.address}: nobody answers: the daemon does not run, or listens elsewhere")
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            return ApiError(f"{self.address}: the daemon has closed the connection; its log may say why")
        return ApiError(f"{self.address}: {error.strerror or error}")

    def _read(self, response: http.client.HTTPResponse, sock: socket.socket, deadline: float) -> bytes:
        found = bytearray()
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            sock.settimeout(left)
            piece = response.read1(65536)
            if not piece:
                break
            found += piece
            if len(found) > MAX_ANSWER_BYTES:
                raise ApiError(f"{self.address}: the answer is larger than {MAX_ANSWER_BYTES} bytes")
        if response.length:
            raise http.client.IncompleteRead(b"")
        return bytes(found)

    def _take(self, response: http.client.HTTPResponse, data: bytes) -> Any:
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError):
            raise ApiError(f"{self.address}: does not answer like rhi (HTTP {response.status})") from None
        if response.status == 200:
            return answer
        if response.status == 401:
            raise ApiError(f"{self.address}: {_about_token(self.address)}", 401)
        text = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            raise ApiError(f"{self.address}: does not answer like rhi (HTTP {response.status})")
        raise ApiError(text, response.status, [str(each) for each in answer.get("problems", ())])

    def _events(self, response: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
        """Events of a stream (HTML Living Standard, server-sent events, as far as the daemon uses it)."""
        kind = data = ""
        while line := response.readline(MAX_EVENT_BYTES):
            if not line.endswith(b"\n"):
                return
            text = line.decode().rstrip("\r\n")
            name, _, value = text.partition(":")
            if name == "event":
                kind = value.strip()
            elif name == "data":
                data = value.strip()
            elif not text and data:
                yield kind, json.loads(data)
                kind = data = ""


class _Connection(http.client.HTTPConnection):
    """HTTP over whatever the address says."""

    def __init__(self, address: Address, timeout: float) -> None:
        super().__init__("rhi" if address.path else address.host, address.port or None, timeout=timeout)
        self._path = address.path
        self._silence = timeout

    def connect(self) -> None:
        if not self._path:
            super().connect()
            return
        sock = self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Python's own time-out does not hold here: while the daemon's queue is full, connect fails at once
        sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", max(1, int(self._silence)), 0)
        )
        try:
            sock.connect(self._path)
        except BlockingIOError:
            raise TimeoutError from None
        sock.settimeout(self._silence)


def _page(page: Any) -> tuple[list[Any], object]:
    if not isinstance(page, dict) or not isinstance(page.get("items"), list):
        raise ApiError("the answer is no list; is the daemon of another version?")
    return page["items"], page.get("next")


def _who_may(path: str) -> str:
    """Who may use a socket that we may not."""
    try:
        status = Path(path).stat()
        group = grp.getgrgid(status.st_gid).gr_name
    except (OSError, KeyError):
        return "use sudo"
    return f"use sudo, or join the group {group}" if status.st_mode & stat.S_IWGRP else "use sudo"


def _about_token(address: Address) -> str:
    if address.token is None:
        return "wants a token: give --token-file FILE, or RHI_TOKEN"
    return "the token is wrong; it is in the file that the daemon's api.token_file names"


def path_of(what: str, name: str) -> str:
    """The path of one thing, such as a service of any name."""
    return f"/v1/{what}/{quote(name, safe='/:')}"


def default_socket() -> str:
    """Where a daemon is looked for when nothing else is said."""
    return os.environ.get("RHI_SOCKET") or "/run/rhi/rhi.sock"
