"""Runs a program for a probe: without a shell, with an end in time, and without traces afterwards.

The program gets a session, and so a process group, of its own. When the probe ends, for whatever reason,
the whole group is killed: what it started in the background goes too, unless that made itself a session of
its own. The end of the program counts, not the end of its output, so nobody can hold the probe up by
keeping the pipe open. The output has a limit. The program is started in a thread, because its file may lie
on a file server that hangs.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rhi.health.base import CannotTellError
from rhi.health.context import Context
from rhi.health.threads import StillBusyError

MAX_OUTPUT: Final = 64 * 1024
_CHUNK: Final = 16 * 1024
# Seconds that a killed process may take to go before that is a reason for an alarm, and between two looks.
GONE_TIME: Final = 0.5
_LOOK_TIME: Final = 0.005
# Nothing of our own environment, which may hold secrets.
ENVIRONMENT: Final = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended.

    Attributes:
        code: exit code, or the number of the signal that ended it, below zero; None when it was killed by us.
        output: what it wrote to standard output and standard error, at most MAX_OUTPUT bytes.
    """

    code: int | None
    output: bytes

    @property
    def words(self) -> str:
        """For people."""
        if self.code is None:
            return f"killed because it wrote more than {MAX_OUTPUT} bytes"
        if self.code >= 0:
            return f"exit code {self.code}"
        try:
            return f"ended by {signal.Signals(-self.code).name}"
        except ValueError:
            return f"ended by signal {-self.code}"


async def run_command(
    argv: Sequence[str], environment: Mapping[str, str], context: Context, timeout: float
) -> Outcome:
    """Run a program to its end; cancelled, kill it and all it started.

    `timeout` is the probe's, in seconds: an earlier program that has been killed may take half of it to go.

    Raises:
        CannotTellError: it cannot be started, or an earlier one of this check cannot be killed.
    """
    # Where the time-out is as long as the interval, the next probe begins as the last one is killed.
    until = asyncio.get_running_loop().time() + min(GONE_TIME, timeout / 2)
    while context.unreaped and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(_LOOK_TIME)
    if context.unreaped:
        raise CannotTellError(
            f"process {min(context.unreaped)} of an earlier probe has been killed, but stays"
        )
    try:
        child = await context.tools.threads.run(
            context.key,
            lambda: _Child(argv, environment),
            discard=lambda unwanted: unwanted.end(context.unreaped),
        )
    except OSError as error:
        raise CannotTellError(f"{argv[0]} cannot be started: {error.strerror}") from None
    except StillBusyError as error:
        raise CannotTellError(f"{argv[0]} is still being started after {error.seconds:.1f} s") from None
    try:
        await child.finish()
    finally:
        child.end(context.unreaped)
    return Outcome(child.code, child.output)


class _Child:
    """A running program. Made in a thread, used in the event loop."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        self.output = b""
        self.code: int | None = None
        self._read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.set_blocking(write_end, True)
            self._popen = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                cwd="/",
                env={**ENVIRONMENT, **environment},
                start_new_session=True,
            )
        except BaseException:
            os.close(self._read_end)
            raise
        finally:
            os.close(write_end)
        self._pid_fd = os.pidfd_open(self._popen.pid)

    async def finish(self) -> None:
        """Until the program has ended; one that writes too much is killed."""
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()

        def end() -> None:
            if not over.done():
                over.set_result(None)

        def read() -> None:
            if not self._read() or len(self.output) > MAX_OUTPUT:
                loop.remove_reader(self._read_end)
            if len(self.output) > MAX_OUTPUT:
                self._kill()

        loop.add_reader(self._read_end, read)
        loop.add_reader(self._pid_fd, end)
        try:
            await over
        finally:
            loop.remove_reader(self._read_end)
            loop.remove_reader(self._pid_fd)
        while len(self.output) <= MAX_OUTPUT and self._read():
            pass

    def end(self, unreaped: set[int]) -> None:
        """Kill the group and give everything back; the process itself may take its time to go."""
        self._kill()
        os.close(self._read_end)
        has_too_much = len(self.output) > MAX_OUTPUT
        self.output = self.output[:MAX_OUTPUT]
        code = self._popen.poll()
        if code is not None:
            self.code = None if has_too_much else code
            os.close(self._pid_fd)
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # it has been closed while a thread started the program: nobody else reaps that
            self._popen.wait()
            os.close(self._pid_fd)
            return
        unreaped.add(self._popen.pid)
        loop.add_reader(self._pid_fd, self._reap, unreaped)

    def _kill(self) -> None:
        # Not reaped yet, so nobody else can have its number.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def _reap(self, unreaped: set[int]) -> None:
        asyncio.get_running_loop().remove_reader(self._pid_fd)
        os.close(self._pid_fd)
        self._popen.wait()
        unreaped.discard(self._popen.pid)

    def _read(self) -> bool:
        """Whether there was something to read."""
        try:
            data = os.read(self._read_end, _CHUNK)
        except BlockingIOError:
            return False
        self.output += data
        return bool(data)
