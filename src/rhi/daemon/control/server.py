"""The sockets that the API listens on: made, and removed at the end.

The Unix socket's permissions say who may use it, from its first moment: it is made under another name, and
gets its own when it is ready. One that a dead daemon has left is replaced; one of a living daemon is not.
"""

import asyncio
import contextlib
import grp
import logging
import os
import socket
import stat
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from rhi.daemon.app import Daemon
from rhi.daemon.config.build import Setup
from rhi.daemon.config.models import ApiSettings
from rhi.daemon.config.secrets import SecretError, read_secret
from rhi.daemon.control.application import Application
from rhi.daemon.control.connection import Clients, Guarded
from rhi.daemon.control.desk import Desk
from rhi.daemon.metrics import Metrics
from rhi.errors import RhiError
from rhi.model.wording import os_error_text
from rhi.net.endpoint import ListenAddress

# Connections that the kernel keeps, and that are taken in one turn of the event loop.
BACKLOG: Final = 16
# Seconds that requests have at the end.
CLOSE_TIME: Final = 0.5
# Turns of the event loop in which a connection that was being accepted is made, aborted and closed.
ACCEPT_TURNS: Final = 4
_THREADS: Final = 3


class ControlError(RhiError):
    """The API cannot listen; one sentence."""


class _OwnFaults(logging.Filter):
    """What a client sends that is no HTTP is answered and not logged: anybody could fill the log with it."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_OWN_FAULTS: Final = _OwnFaults()


def _logger() -> logging.Logger:
    logger = logging.getLogger("rhi.api")
    logger.addFilter(_OWN_FAULTS)
    return logger


class Control:
    """The API of a daemon: `start`, then `close`."""

    def __init__(
        self, daemon: Daemon, settings: ApiSettings, read_setup: Callable[[], Setup], metrics: Metrics
    ) -> None:
        """`read_setup` reads the daemon's configuration file, and raises ConfigError or BuildError."""
        self._settings = settings
        self._executor = ThreadPoolExecutor(_THREADS, "rhi-api")
        self.clients = Clients()
        self.desk = Desk(daemon, read_setup, metrics.render, self._executor)
        self.application = Application(self.desk)
        metrics.watch(self)
        self._runner = web.AppRunner(
            self.application.web,
            access_log=None,
            handler_cancellation=True,
            auto_decompress=False,
            logger=_logger(),
            shutdown_timeout=CLOSE_TIME,
        )
        self._servers: list[asyncio.Server] = []
        self._file: tuple[Path, os.stat_result] | None = None
        self.listen_address: ListenAddress | None = None

    @property
    def numbers(self) -> dict[str, int]:
        """For metrics."""
        return {
            "clients": len(self.clients),
            "streams": self.application.streams,
            "refused": self.clients.refused,
        }

    @property
    def requests(self) -> Mapping[tuple[str, int], int]:
        """For metrics."""
        return self.desk.requests

    async def start(self) -> None:
        """Listen where the settings say.

        Raises:
            ControlError: that cannot be had; nothing is listened on then.
        """
        await self._runner.setup()
        try:
            if self._settings.listen is not None:
                await self._listen_tcp(ListenAddress.parse(self._settings.listen))
            if self._settings.socket is not None:
                await self._listen_unix(Path(self._settings.socket))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Listen no more, end all connections, remove the socket's file."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        if self._file is not None:
            path, made = self._file
            self._file = None
            with contextlib.suppress(OSError):
                found = path.lstat()
                if (found.st_dev, found.st_ino) == (made.st_dev, made.st_ino):
                    path.unlink()
        self.clients.close()
        await self._runner.cleanup()
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _listen_tcp(self, address: ListenAddress) -> None:
        token = _token_of(self._settings)
        sock = _bind_tcp(address)
        self.listen_address = ListenAddress(address.address, sock.getsockname()[1])
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(lambda: self._guard(token), sock=sock, backlog=BACKLOG))

    async def _listen_unix(self, path: Path) -> None:
        await asyncio.get_running_loop().run_in_executor(self._executor, _make_way, path)
        try:
            sock = self._bind(path)
        except OSError as error:
            raise ControlError(f"api.socket {path}: {os_error_text(error)}") from None
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: self._guard(None), sock=sock, backlog=BACKLOG)
        self._servers.append(server)
        new = _new_name(path)
        self._file = path, new.lstat()
        new.replace(path)

    def _bind(self, path: Path) -> socket.socket:
        new = _new_name(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(str(new))
            if self._settings.group is not None:
                os.chown(new, -1, _group(self._settings.group))
            new.chmod(int(self._settings.mode, 8))
        except BaseException:
            sock.close()
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        return sock

    def _guard(self, token: bytes | None) -> Guarded:
        make = self._runner.server
        assert make is not None
        return Guarded(make, self.clients, token)


async def check_free(settings: ApiSettings) -> None:
    """Whether the API can listen where the settings say; to be asked before anything else begins.

    A daemon that is started twice by mistake would otherwise have sessions of its own until it found out, and
    take the first one's addresses and state file for its own.

    Raises:
        ControlError: somebody else listens there, or its token cannot be had.
    """
    if settings.listen is not None:
        _token_of(settings)
        _bind_tcp(ListenAddress.parse(settings.listen)).close()
    if settings.socket is not None:
        await asyncio.get_running_loop().run_in_executor(None, _make_way, Path(settings.socket))


def _token_of(settings: ApiSettings) -> bytes:
    try:
        token = read_secret(settings.token_file, settings.token_env)
    except SecretError as error:
        raise ControlError(f"api.listen: {error}") from None
    if token is None:
        raise ControlError("api.listen: needs token_file or token_env, so that not everybody may use it")
    return token


def _bind_tcp(address: ListenAddress) -> socket.socket:
    sock = socket.socket(address.socket_family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if address.address.version == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address.to_socket())
    except OSError as error:
        sock.close()
        raise ControlError(f"api.listen {address}: {os_error_text(error)}") from None
    return sock


def _make_way(path: Path) -> None:
    """See to it that nobody is at the path who is alive."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ControlError(f"api.socket {path}: {os_error_text(error)}") from None
    if not stat.S_ISSOCK(status.st_mode):
        raise ControlError(f"api.socket {path}: there is a file that is no socket; remove it or name another")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return  # its owner is dead; the new socket takes its place
        except OSError:
            pass  # somebody is there, and busy
    raise ControlError(
        f"api.socket {path}: another daemon answers there; stop it, or give this one another path"
    )


def _new_name(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ControlError(f"api.group {name!r}: there is no such group") from None
