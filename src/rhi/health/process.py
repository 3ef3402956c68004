"""process: a process exists and is not dead, dying or stopped.

A process file alone may name a number that another program has got since; with `process` too, the name must
fit. That a process exists says little of its service: prefer a check that talks to it.
"""

import os
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from rhi.errors import InvalidValueError
from rhi.health.base import CannotTellError, Check, FilePath, Result, no_nul, one_line
from rhi.health.context import Context

# proc(5), the third field of /proc/PID/stat.
_NOT_RUNNING: Final = {
    "Z": "a zombie",
    "X": "dead",
    "x": "dead",
    "T": "stopped by a signal",
    "t": "stopped by a debugger",
}


class ProcessCheck(Check):
    """Looks for a process by the file that holds its number, by its name, or both."""

    type: Literal["process"] = "process"
    pid_file: FilePath | None = None
    """File that holds the number of the process."""
    process: Annotated[str, Field(min_length=1, max_length=15), AfterValidator(no_nul)] | None = None
    """Name of the process as the kernel has it, at most 15 bytes (`ps -o comm`)."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if self.pid_file is None and self.process is None:
            raise InvalidValueError("needs pid_file or process, or both")
        return self

    async def probe(self, context: Context) -> Result:
        """One look, in a thread: the file may hang, and there may be many processes."""
        return await context.tools.threads.run(context.key, self._look)

    def _look(self) -> Result:
        if self.pid_file is None:
            return self._find()
        try:
            with open(self.pid_file, "rb") as file:
                text = file.read(64).strip()
        except FileNotFoundError:
            return Result(False, f"{self.pid_file}: is not there")
        except PermissionError as error:
            raise CannotTellError(f"{self.pid_file}: {error.strerror}") from None
        except OSError as error:
            return Result(False, f"{self.pid_file}: {error.strerror}")
        if not text.isdigit() or not 0 < int(text) < 2**31:
            return Result(False, f"{self.pid_file}: holds no process number: {one_line(text)!r}")
        return self._judge(int(text))

    def _judge(self, pid: int) -> Result:
        name, state = _look_at(str(pid))
        if not state:
            return Result(False, f"there is no process {pid}")
        if self.process is not None and name != self.process:
            return Result(False, f"process {pid} is {name!r}, and not {self.process!r}")
        return Result(state not in _NOT_RUNNING, f"process {pid} is {_NOT_RUNNING.get(state, 'alive')}")

    def _find(self) -> Result:
        other = ""
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            name, state = _look_at(pid)
            if name == self.process and state not in _NOT_RUNNING:
                return Result(True, f"process {pid} is alive")
            if name == self.process:
                other = f"; process {pid} is {_NOT_RUNNING[state]}"
        return Result(False, f"no process {self.process!r} is alive{other}")


def _look_at(pid: str) -> tuple[str, str]:
    """Name and state of a process; empty when there is none."""
    try:
        text = Path("/proc", pid, "stat").read_bytes()
    except OSError:
        return "", ""
    # PID (NAME) STATE ...: the name itself may hold brackets and blanks
    head, _, tail = text.rpartition(b")")
    return head.partition(b"(")[2].decode("utf-8", "replace"), tail[1:2].decode("ascii", "replace")
