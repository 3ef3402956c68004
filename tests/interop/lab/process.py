"""One program running in a namespace, in the foreground, its output in a file."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.interop.lab.namespace import Namespace

_started: list[Process] = []  # and not yet ended by us: those whose logs explain a failure

STOP_TIME = 30.0  # seconds a program has to end after SIGTERM; then the test fails and the program is killed
LOG_TAIL = 40


class Process:
    """A child of the test, ended by its own process group and never by name.

    The kernel kills it when the test process dies (`setpriv --pdeathsig`), so an interrupted run leaves
    nothing behind.
    """

    def __init__(
        self,
        namespace: Namespace,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        stdin: bool = False,
    ) -> None:
        self.command = list(command)
        self.log = log
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                namespace.command(["setpriv", "--pdeathsig", "KILL", *command]),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=log.parent,
                start_new_session=True,
            )
        _started.append(self)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._child.poll()

    def write(self, text: str) -> None:
        """Write to its standard input."""
        assert self._child.stdin is not None
        self._child.stdin.write(text.encode())
        self._child.stdin.flush()

    def send(self, sign: signal.Signals) -> None:
        """Send it a signal, and do not wait for anything."""
        if self.exit_status is None:
            self._child.send_signal(sign)

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit status; negative is a signal.

        Raises:
            AssertionError: it did not end in time.
        """
        if self.exit_status is None:
            self._child.send_signal(sign)
        try:
            status = self._child.wait(STOP_TIME)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {STOP_TIME:g} s after {sign.name}: {self.command}") from None
        self._end_group()
        return status

    def kill(self) -> None:
        """End it and its children at once, without a chance to say goodbye."""
        self._end_group()
        self._child.wait()
        self._end_group()

    def _end_group(self) -> None:
        if self in _started:
            _started.remove(self)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        # only now: a child that reads the end of its input may find the time to say goodbye
        if self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()

    def log_tail(self) -> str:
        """The last lines of its output, for the text of a failure."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"--- {self.log}", *lines[-LOG_TAIL:]])


def complete_lines(log: Path) -> list[str]:
    """What a program has written so far, without a last line that may still be on its way."""
    text = log.read_text(errors="replace")
    return text[: text.rfind("\n") + 1].splitlines()


def log_tails() -> str:
    """The last lines of every process that has not been ended, one that ended by itself included."""
    return "\n".join(process.log_tail() for process in _started)
