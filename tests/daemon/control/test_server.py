"""Where the API listens: the socket's permissions, dead and living owners, TCP with a token."""

import asyncio
import grp
import os
import socket
import stat
from pathlib import Path

import aiohttp
import pytest

from rhi.daemon.config.models import ApiSettings
from rhi.daemon.control.server import ControlError
from tests.daemon.control.house import PATIENCE, run, running


@pytest.mark.parametrize("mode", ["0600", "0660", "777"])
def test_socket_has_the_mode_and_group_of_the_settings(tmp_path: Path, mode: str) -> None:
    group = grp.getgrgid(os.getgid()).gr_name
    settings = ApiSettings(socket=str(tmp_path / "rhi.sock"), mode=mode, group=group)

    async def main() -> None:
        async with running(tmp_path, settings=settings) as house:
            status = house.socket.stat()

            assert stat.S_IMODE(status.st_mode) == int(mode, 8)
            assert status.st_gid == os.getgid()
        assert list(tmp_path.iterdir()) == []

    run(main())


def test_socket_of_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "rhi.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()

    async def main() -> None:
        async with running(tmp_path) as house:
            assert (await house.ask("GET", "/v1/alarms"))[0] == 200

    run(main())


def test_socket_of_a_living_daemon_is_left_to_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            with pytest.raises(ControlError, match="another daemon answers there; stop it"):
                async with running(tmp_path):
                    pass

            assert (await house.ask("GET", "/v1/alarms"))[0] == 200

    run(main())


def test_socket_of_a_living_daemon_that_is_busy_is_left_to_it(tmp_path: Path) -> None:
    path = tmp_path / "rhi.sock"
    waiting = []
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        for _ in range(3):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            client.connect_ex(str(path))
            waiting.append(client)

        async def main() -> None:
            async with running(tmp_path):
                pass

        with pytest.raises(ControlError, match="another daemon answers there"):
            run(main())
        assert path.is_socket()
        for client in waiting:
            client.close()


def test_socket_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "rhi.sock").write_text("precious")

    async def main() -> None:
        async with running(tmp_path):
            pass

    with pytest.raises(ControlError, match="there is a file that is no socket"):
        run(main())
    assert (tmp_path / "rhi.sock").read_text() == "precious"


def test_socket_that_somebody_else_has_put_there_stays(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            house.socket.unlink()
            house.socket.write_text("another's")
        assert house.socket.read_text() == "another's"

    run(main())


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"socket": "/proc/none/rhi.sock"}, "api.socket /proc/none/rhi.sock: "),
        ({"socket": "/tmp/" + "x" * 120}, "api.socket /tmp/xxx"),
        ({"group": "no-such-group"}, "api.group 'no-such-group': there is no such group"),
        ({"listen": "127.0.0.1:0"}, "api.listen: needs token_file or token_env"),
        ({"listen": "192.0.2.77:1", "token_env": "HOME"}, "api.listen 192.0.2.77:1: "),
        ({"listen": "127.0.0.1:0", "token_env": "NOT_SET"}, "secret in variable NOT_SET: it is not set"),
    ],
)
def test_api_that_cannot_listen_says_why(tmp_path: Path, settings: dict[str, str], sentence: str) -> None:
    async def main() -> None:
        async with running(
            tmp_path, settings=ApiSettings(**{"socket": str(tmp_path / "rhi.sock"), **settings})
        ):
            pass

    with pytest.raises(ControlError) as caught:
        run(main())
    assert sentence in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer a secret", 200),
        ("bearer a secret", 200),
        ("Bearer a secret ", 200),
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer a secre", 401),
        ("Bearer a secret2", 401),
        ("Basic a secret", 401),
        ("a secret", 401),
    ],
)
def test_api_over_tcp_needs_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, header: str | None, status: int
) -> None:
    monkeypatch.setenv("RHI_TOKEN", "a secret")
    settings = ApiSettings(socket=str(tmp_path / "rhi.sock"), listen="127.0.0.1:0", token_env="RHI_TOKEN")

    async def main() -> None:
        async with running(tmp_path, settings=settings) as house, aiohttp.ClientSession() as session:
            headers = {} if header is None else {"Authorization": header}
            for path in ("/v1/status", "/metrics", "/openapi.json", "/nothing"):
                url = f"http://{house.control.listen_address}{path}"
                async with session.get(url, headers=headers) as response:
                    expected = 404 if status == 200 and path == "/nothing" else status
                    assert response.status == expected
                    if status == 401:
                        assert response.headers["WWW-Authenticate"] == "Bearer"
                        assert (await response.json())["error"].startswith("the token is missing or wrong")
            assert (await house.ask("GET", "/v1/status"))[0] == 200

    run(main())


def test_api_at_the_end_ends_requests_and_streams_soon(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            reader, writer = await asyncio.open_unix_connection(str(house.socket))
            writer.write(b"GET /v1/events HTTP/1.1\r\nHost: rhi\r\n\r\n")
            await reader.readuntil(b"retry")
            async with asyncio.timeout(PATIENCE):
                await house.control.close()

            assert not house.socket.exists()
            assert house.daemon.history.followers == 0
            writer.close()

    run(main())


@pytest.mark.parametrize(
    "nonsense", [b"\0\xff\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n" % (b"b" * 9000)]
)
def test_client_that_speaks_no_http_is_answered_and_does_not_fill_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, nonsense: bytes
) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            reader, writer = await asyncio.open_unix_connection(str(house.socket))
            writer.write(nonsense)
            async with asyncio.timeout(PATIENCE):
                assert b" 400 Bad Request" in await reader.read()
            writer.close()

    run(main())

    assert caplog.records == []
