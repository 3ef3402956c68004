"""haproxy: a backend of HAProxy is up, with enough of its servers.

HAProxy checks its servers already; this check asks it for the outcome over its runtime socket (`stats
socket` in its `global` section; level `user` is enough) with `show stat`. A socket that nobody answers
means that HAProxy is down.
"""

import asyncio
import csv
import errno
import re
import socket
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from rhi.errors import InvalidValueError
from rhi.health.base import CannotTellError, Check, FilePath, Result, failed, one_line
from rhi.health.context import Context
from rhi.health.target import Stream

# One line of about 100 fields and the heading.
_MAX_ANSWER: Final = 64 * 1024
_OF_BACKENDS: Final = "2 -1"
_NO_BACKEND: Final = "No such proxy."


def to_backend(name: str) -> str:
    """A name that HAProxy takes for a section.

    Raises:
        InvalidValueError: it has other letters.
    """
    if not re.fullmatch(r"[A-Za-z0-9_.:-]+", name):
        raise InvalidValueError("must be the name of a backend: letters, digits and _ . : - only")
    return name


class HaproxyCheck(Check):
    """Asks HAProxy for the state of a backend."""

    type: Literal["haproxy"] = "haproxy"
    socket: Annotated[FilePath, Field(max_length=107)]
    """Path of the runtime socket."""
    backend: Annotated[str, Field(max_length=255), AfterValidator(to_backend)]
    """Name of the backend, or of a `listen` section."""
    min_servers: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Servers that must be up at least."""
    count_backup: bool = True
    """Whether backup servers count too."""

    async def probe(self, context: Context) -> Result:
        """One command."""
        what = f"haproxy {self.socket}"
        try:
            answer = await self._ask()
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM):
                raise CannotTellError(f"{what}: {error.strerror}") from None
            return failed(what, error)
        if len(answer) > _MAX_ANSWER:
            return Result(False, f"{what}: more than {_MAX_ANSWER} bytes")
        return self._judge(answer.decode("utf-8", "replace"))

    async def _ask(self) -> bytes:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as sock:
            await loop.sock_connect(sock, self.socket)
            stream = Stream(sock)
            await stream.send(f"show stat {self.backend} {_OF_BACKENDS}\n".encode())
            answer = b""
            while len(answer) <= _MAX_ANSWER and (data := await stream.receive()):
                answer += data
            return answer

    def _judge(self, text: str) -> Result:
        rows = [] if text.strip() == _NO_BACKEND else self._rows(text)
        if rows is None:
            return Result(False, f"haproxy: the answer is no statistics: {one_line(text, 100)!r}")
        for row in rows:
            if row.get("pxname") == self.backend and row.get("svname") == "BACKEND":
                return self._judge_backend(row)
        return Result(False, f"haproxy: there is no backend {self.backend}")

    @staticmethod
    def _rows(text: str) -> list[dict[str, str]] | None:
        head, _, body = text.partition("\n")
        if not head.startswith("# pxname,svname,"):
            return None
        try:
            return list(csv.DictReader(body.splitlines(), fieldnames=head[2:].split(","), restval=""))
        except csv.Error:
            return None

    def _judge_backend(self, row: dict[str, str]) -> Result:
        try:
            up = int(row["act"]) + (int(row["bck"]) if self.count_backup else 0)
        except (KeyError, ValueError):
            return Result(False, f"haproxy: backend {self.backend} has no count of servers")
        measured = {"servers_up": float(up)}
        status = row.get("status", "")
        if status != "UP":
            return Result(False, f"backend {self.backend} is {status or 'without a status'}", measured)
        if up < self.min_servers:
            text = f"backend {self.backend} has {up} servers up, fewer than {self.min_servers}"
            return Result(False, text, measured)
        return Result(True, f"backend {self.backend} has {up} servers up", measured)
