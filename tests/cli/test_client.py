"""The client of the API: what it makes of answers, and of those who are no daemon."""

import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rhi.cli import client as module
from rhi.cli.client import Address, ApiError, Client, NoDaemon, path_of
from rhi.errors import InvalidValueError
from tests.cli.command import PATIENCE

Answer = Callable[[socket.socket], None]


def http(body: object, status: str = "200 OK") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def receive(sock: socket.socket) -> bytes:
    """A whole request."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    while length is not None and len(body) < int(length[1]):
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def server(tmp_path: Path, *answers: bytes | Answer) -> Iterator[tuple[Client, list[bytes]]]:
    """Gives each connection its answer, in order; yields a client, and the requests as they come."""
    path, requests = tmp_path / "sock", []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            for answer in answers:
                found, _ = listener.accept()
                with found:
                    requests.append(receive(found))
                    if callable(answer):
                        answer(found)
                    else:
                        found.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Client(Address(path=str(path)), answer_time=PATIENCE), requests
        thread.join(PATIENCE)


def test_client_get_sends_one_request_and_returns_json(tmp_path: Path) -> None:
    with server(tmp_path, http({"a": 1})) as (client, requests):
        found = client.get("/v1/history", limit=5, kind="a b")

    assert found == {"a": 1}
    assert requests[0].startswith(b"GET /v1/history?limit=5&kind=a+b HTTP/1.1\r\n")


def test_client_ask_sends_a_body_and_the_token(tmp_path: Path) -> None:
    with server(tmp_path, http({})) as (client, requests):
        client.address = Address(path=client.address.path, token=b"s\xc3\xa4sam")
        client.ask("PUT", path_of("overrides", "a b/c?%"), {"action": "drain"})

    head, _, body = requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /v1/overrides/a%20b/c%3F%25 HTTP/1.1\r\n")
    assert b"\r\nAuthorization: Bearer s\xc3\xa4sam\r\n" in head
    assert json.loads(body) == {"action": "drain"}


def test_client_items_follows_pages_to_the_end(tmp_path: Path) -> None:
    pages = [{"items": [1, 2], "next": "b c"}, {"items": [3], "next": None}]

    with server(tmp_path, *map(http, pages)) as (client, requests):
        found = client.items("/v1/checks", not_up="true")

    assert found == [1, 2, 3]
    assert requests[1].startswith(b"GET /v1/checks?not_up=true&after=b+c HTTP")


def test_client_items_without_progress_ends(tmp_path: Path) -> None:
    with server(tmp_path, http({"items": [], "next": "x"})) as (client, _):
        assert client.items("/v1/checks") == []


def trickle(sock: socket.socket) -> None:
    try:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sock.sendall(b" ")
            time.sleep(0.001)
    except OSError:
        pass


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (http({"error": "no such x"}, "404 Not Found"), 404, "no such x"),
        (http({"error": "?"}, "401 Unauthorized"), 401, "SOCK: wants a token: give --token-file FILE"),
        (http({"detail": "x"}, "500 Oops"), 0, "SOCK: does not answer like rhi (HTTP 500)"),
        (http(b"<html>"), 0, "SOCK: does not answer like rhi (HTTP 200)"),
        (http(b"[" * 100_000), 0, "SOCK: does not answer like rhi (HTTP 200)"),
        (b"SSH-2.0-x\r\n", 0, "SOCK: does not answer like rhi (BadStatusLine)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", 0, "does not answer like rhi (IncompleteRead)"),
        (b"", 0, "SOCK: the daemon has closed the connection"),
        (trickle, 0, "SOCK: no answer within 0.05 s"),
    ],
)  # fmt: skip
def test_client_refusals_and_strangers_become_one_sentence(
    tmp_path: Path, answer: bytes | Answer, status: int, text: str
) -> None:
    with server(tmp_path, answer) as (client, _):
        client._answer_time = 0.05 if callable(answer) else PATIENCE
        with pytest.raises(ApiError, match=re.escape(text.replace("SOCK", client.address.path))) as caught:
            client.get("/v1/status")

    assert caught.value.status == status
    assert "\n" not in str(caught.value)


def test_client_names_all_problems_of_a_file(tmp_path: Path) -> None:
    refusal = http({"error": "cannot be used", "problems": ["a:1: x", "a:2: y"]}, "422 Unprocessable")

    with server(tmp_path, refusal) as (client, _), pytest.raises(ApiError) as caught:
        client.ask("POST", "/v1/reload", {})

    assert caught.value.problems == ["a:1: x", "a:2: y"]


def test_client_answer_without_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER_BYTES", 100)

    with server(tmp_path, http(b" " * 101)) as (client, _), pytest.raises(ApiError, match="larger than 100"):
        client.get("/v1/status")


def test_client_without_a_daemon_says_where_it_looked(tmp_path: Path) -> None:
    path = str(tmp_path / "none")

    with pytest.raises(NoDaemon, match=f"{path}: no daemon listens there"):
        Client(Address(path=path)).get("/v1/status")


def test_client_with_a_dead_daemons_socket_says_nobody_answers(tmp_path: Path) -> None:
    path = str(tmp_path / "dead")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)

    with pytest.raises(NoDaemon, match="nobody answers"):
        Client(Address(path=path)).get("/v1/status")


def test_client_without_permission_names_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "sock"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))

    def refuse(self: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module._Connection, "connect", refuse)
    path.chmod(0o660)
    with pytest.raises(ApiError, match="permission denied; use sudo, or join the group"):
        Client(Address(path=str(path))).get("/v1/status")

    path.chmod(0o600)
    with pytest.raises(ApiError, match=r"permission denied; use sudo$"):
        Client(Address(path=str(path))).get("/v1/status")


def test_client_of_a_busy_daemon_gives_up_in_time(tmp_path: Path) -> None:
    path = str(tmp_path / "busy")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)

        with pytest.raises(ApiError, match="no answer within 1 s"):
            Client(Address(path=path), answer_time=1.0).get("/v1/status")


def test_client_events_come_with_kind_until_the_daemon_ends(tmp_path: Path) -> None:
    stream = b"HTTP/1.1 200 OK\r\n\r\nretry: 2000\n\n: still here\n\nevent: missed\ndata: 3\n\n"
    stream += b'id: 8\nevent: route\ndata: {"number": 8}\n\nid: 9\nevent: route\ndata: {"num'

    with server(tmp_path, stream) as (client, requests):
        events = client.events(7, "route")
        found = [next(events), next(events)]
        with pytest.raises(NoDaemon, match="the daemon has ended"):
            next(events)

    assert found == [("missed", 3), ("route", {"number": 8})]
    assert b"\r\nLast-Event-ID: 7\r\n" in requests[0]
    assert requests[0].startswith(b"GET /v1/events?kind=route HTTP")


def test_client_events_refused_say_why(tmp_path: Path) -> None:
    with (
        server(tmp_path, http({"error": "32 clients follow"}, "503 Service Unavailable")) as (client, _),
        pytest.raises(ApiError, match="32 clients follow"),
    ):
        next(client.events(0))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("http://127.0.0.1:9790", "127.0.0.1", 9790), ("http://[2001:db8::1]:1/", "2001:db8::1", 1),
     ("http://router.example:80", "router.example", 80)],
)  # fmt: skip
def test_address_of_url(text: str, host: str, port: int) -> None:
    address = Address.of_url(text)

    assert (address.host, address.port) == (host, port)
    assert str(address) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    ["https://192.0.2.1:1", "http://192.0.2.1", "http://a:0", "http://a:65536", "http://a:1/x", "a:1", "",
     "http://user@a:1", "http://a:1\n"],
)  # fmt: skip
def test_address_of_another_url_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="must be such as http://"):
        Address.of_url(text)


def test_default_socket_may_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "RHI_SOCKET", "/tmp/x.sock")
    assert module.default_socket() == "/tmp/x.sock"

    monkeypatch.setitem(os.environ, "RHI_SOCKET", "")
    assert module.default_socket() == "/run/rhi/rhi.sock"
