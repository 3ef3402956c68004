"""tcp: a port takes connections, and if asked to, answers.

Without `expect` this shows only that the kernel completes the handshake: a process that hangs still has its
listening socket. With `expect` the process itself has to say something.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from rhi.health.base import Result, failed
from rhi.health.context import Context
from rhi.health.matching import Pattern, occurs
from rhi.health.target import Stream, Target

# Banners are short.
_MAX_ANSWER: Final = 16 * 1024


class TcpCheck(Target):
    """Connects; may send something, and may expect an answer."""

    type: Literal["tcp"] = "tcp"
    send: Annotated[str, Field(max_length=4000)] = ""
    """What to send, as it is: a line needs its `\\r\\n`."""
    expect: Pattern | None = None
    """What must occur in the first 16 KiB that come; `*` stands for anything."""

    async def probe(self, context: Context) -> Result:
        """Connect, send, and read until the expected has come."""
        try:
            if not self.send and self.expect is None:
                (await self.connect(self.port)).close()
                return Result(True, "connected")
            async with self.open(self.port) as stream:
                if self.send:
                    await stream.send(self.send.encode())
                return await self._read(stream)
        except OSError as error:
            return failed(f"tcp {self.where}", error)

    async def _read(self, stream: Stream) -> Result:
        if self.expect is None:
            return Result(True, "connected")
        answer = b""
        while len(answer) < _MAX_ANSWER:
            data = await stream.receive()
            answer += data
            if occurs(self.expect, answer[:_MAX_ANSWER]):
                return Result(True, "answered as expected")
            if not data:
                return Result(False, f"tcp {self.where}: closed without what is expected: {answer[:80]!r}")
        return Result(False, f"tcp {self.where}: {_MAX_ANSWER} bytes without what is expected")
