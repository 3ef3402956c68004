"""Programs that a measurement starts: ended by process id, and by the kernel if the measurement itself dies.

`Program` is a daemon with its output in a file; `Child` is one of our own helpers that obeys JSON lines.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final, Self

from bench.errors import BenchError, TooLate

STOP_TIME: Final = 5.0
ROOT: Final = Path(__file__).parent.parent
_LOG_TAIL: Final = 15


def python_environment() -> dict[str, str]:
    """Ours, but with Python's bytecode kept: an installed package has it, and a process starts faster."""
    found = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return found | {"PYTHONPYCACHEPREFIX": str(ROOT / "build" / "bench" / "bytecode")}


class Program:
    """A process group of its own.

    Attributes:
        started_at: just before it was started.
        pid: of the program, also when it runs in a namespace.
    """

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        pipes: bool = False,
    ) -> None:
        """`pipes`: standard input and output are ours, and only errors go to the log."""
        self.command = list(command)
        self.log = log
        with log.open("ab") as output:
            self.started_at = monotonic()
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else output,
                stderr=output,
                env={**python_environment(), **(environment or {})},
                cwd=ROOT,
                process_group=0,  # no session: the kernel would share the processors out by sessions
            )
        self.pid = self._child.pid

    @property
    def is_running(self) -> bool:
        return self._child.poll() is None

    def stop(self) -> None:
        """Ask it to end; what is left after STOP_TIME is killed."""
        if self.is_running:
            self._child.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(STOP_TIME)
        self.kill()

    def kill(self) -> None:
        """End it and its children at once."""
        for _ in range(2):  # again for children made meanwhile
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def log_tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-_LOG_TAIL:])


class Child(Program):
    """A helper of ours that answers JSON lines with JSON lines."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        super().__init__(command, log, pipes=True)
        self._waiting = b""

    def tell(self, do: str, **request: Any) -> None:
        """Send a request."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            self._child.stdin.flush()
        except OSError:
            raise self._gone() from None

    def answer(self, timeout: float) -> dict[str, Any]:
        """The next answer.

        Raises:
            TooLate: there was none in time.
            BenchError: the helper has ended, or says that it failed.
        """
        assert self._child.stdout is not None
        pipe, deadline = self._child.stdout.fileno(), monotonic() + timeout
        while b"\n" not in self._waiting:
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - monotonic()))
            if not ready:
                raise TooLate(f"not within {timeout:g} s")
            data = os.read(pipe, 65536)
            if not data:
                raise self._gone()
            self._waiting += data
        line, self._waiting = self._waiting.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise BenchError(found["error"])
        return found

    def ask(self, do: str, *, timeout: float = 10.0, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its answer."""
        self.tell(do, **request)
        return self.answer(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def _gone(self) -> BenchError:
        return BenchError(f"{' '.join(self.command[-4:])} has ended:\n{self.log_tail()}")
