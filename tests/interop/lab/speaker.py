"""`rhi speak` as a child of the test: routes go in on its standard input, a router judges what comes out."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from tests.interop.lab.namespace import Namespace
from tests.interop.lab.process import Process, complete_lines
from tests.interop.lab.requirements import lacking


def rhi_command() -> list[str]:
    """The command under test: RHI_COMMAND, or the one installed beside this interpreter."""
    if given := os.environ.get("RHI_COMMAND"):
        return shlex.split(given)
    installed = Path(sys.executable).with_name("rhi")
    found = str(installed) if installed.exists() else shutil.which("rhi")
    return [found or lacking("the command rhi is not installed")]


class Speaker:
    """One `rhi speak --stdin` with fixed arguments; may be started again after it ended."""

    def __init__(self, namespace: Namespace, arguments: Sequence[str]) -> None:
        self.arguments = ["speak", "--stdin", *arguments]
        self._namespace = namespace
        self._folder = Path(tempfile.mkdtemp(prefix="rhi-speak-"))
        self._process: Process | None = None

    def start(self) -> Self:
        self._process = Process(
            self._namespace, [*rhi_command(), *self.arguments], self._folder / "log", stdin=True
        )
        return self

    def tell(self, *lines: str) -> None:
        """Write lines such as `announce 192.0.2.1 med 5` to its standard input."""
        assert self._process is not None
        assert self._process.exit_status is None, self.explain()
        self._process.write("".join(f"{line}\n" for line in lines))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def send(self, sign: signal.Signals) -> None:
        """Send it a signal, and do not wait for anything."""
        assert self._process is not None
        self._process.send(sign)

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and return its exit status."""
        assert self._process is not None
        return self._process.stop(sign)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Events of one kind so far, of a speaker with --json."""
        lines = complete_lines(self._folder / "log")
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in found if event["event"] == kind]

    def explain(self) -> str:
        return self._process.log_tail() if self._process else "not started"


@contextlib.contextmanager
def speaking(namespace: Namespace, arguments: Sequence[str]) -> Iterator[Speaker]:
    """Start a speaker, and end it whatever happens."""
    speaker = Speaker(namespace, arguments)
    try:
        yield speaker.start()
    finally:
        speaker.close()
