"""The command as a child process: run to its end, or watched line by line."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Condition, Thread
from typing import Any, NamedTuple

COMMAND = (sys.executable, "-m", "rhi")
# Seconds for what ought to be there at once, on a machine that may stand still in between.
PATIENCE = 30.0
TO_NOBODY = ("65001", "192.0.2.10", "127.0.0.1")


class Result(NamedTuple):
    """How a run ended."""

    code: int
    out: str
    err: str


def run(*words: str, stdin: bytes = b"", command: Sequence[str] = COMMAND) -> Result:
    """Run to the end."""
    done = subprocess.run([*command, *words], input=stdin, capture_output=True, timeout=30, check=False)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


class Child:
    """A running command whose output is read as it comes."""

    def __init__(self, *words: str, command: Sequence[str] = COMMAND) -> None:
        self.process = subprocess.Popen(
            [*command, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.out: list[str] = []
        self.err: list[str] = []
        self._changed = Condition()
        self._threads = [
            Thread(target=self._read, args=(file, lines), daemon=True)
            for file, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, file: Any, lines: list[str]) -> None:
        for line in file:
            with self._changed:
                lines.append(line.decode().rstrip("\n"))
                self._changed.notify_all()

    def tell(self, *lines: str) -> None:
        """Write lines to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{line}\n" for line in lines).encode())
        self.process.stdin.flush()

    def line(self, part: str) -> str:
        """Wait for a line of output that contains `part`."""
        return self._wait(self.out, lambda line: part in line, part)

    def complaint(self, part: str) -> str:
        """Wait for a line of standard error that contains `part`."""
        return self._wait(self.err, lambda line: part in line, part)

    def event(self, **expected: Any) -> dict[str, Any]:
        """Wait for a JSON event with these fields."""

        def matches(line: str) -> bool:
            found = json.loads(line)
            return all(found.get(name) == value for name, value in expected.items())

        found: dict[str, Any] = json.loads(self._wait(self.out, matches, str(expected)))
        return found

    def _wait(self, lines: list[str], matches: Callable[[str], bool], what: str) -> str:
        deadline = time.monotonic() + PATIENCE
        with self._changed:
            while not any(map(matches, lines)):
                left = deadline - time.monotonic()
                assert left > 0, f"no {what!r} in {self.out} and {self.err}"
                self._changed.wait(left)
            return next(filter(matches, lines))

    def join(self) -> None:
        """Wait until all that it wrote has been read."""
        for thread in self._threads:
            thread.join(PATIENCE)

    def send(self, sign: signal.Signals) -> None:
        """Send a signal, once it has begun: one that comes before its first line ends it without a word."""
        with self._changed:
            self._changed.wait_for(lambda: self.out or self.err, PATIENCE)
        self.process.send_signal(sign)

    def end(self, sign: signal.Signals | None = signal.SIGTERM) -> Result:
        """Send a signal, or close its standard input, and wait for the end."""
        if sign is None:
            assert self.process.stdin is not None
            self.process.stdin.close()
        else:
            self.send(sign)
        code = self.process.wait(PATIENCE)
        self.join()
        return Result(code, "".join(f"{x}\n" for x in self.out), "".join(f"{x}\n" for x in self.err))


@contextmanager
def running(*words: str, command: Sequence[str] = COMMAND) -> Iterator[Child]:
    """A command that is gone at the end of the block."""
    child = Child(*words, command=command)
    try:
        yield child
    finally:
        child.process.kill()
        child.process.wait()
        child.join()
        for file in (child.process.stdin, child.process.stdout, child.process.stderr):
            if file is not None:
                with suppress(BrokenPipeError):
                    file.close()


class Service:
    """Takes connections and ends them, until it is closed.

    One that only listened would be full of what nobody accepts after some seconds of checks.
    """

    def __init__(self, port: int = 0) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self.port: int = self._server.getsockname()[1]
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # closed
            while True:
                self._server.accept()[0].close()

    def close(self) -> None:
        """Take no more."""
        with suppress(OSError):  # closed already
            self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._server.close()

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def wait_for_file(path: Path) -> None:
    """Until it is there: a daemon's socket gets its name when the daemon listens."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def assert_one_sentence(err: str, prog: str) -> None:
    """Exactly one line, from us, without a traceback."""
    assert err.endswith("\n")
    assert err.count("\n") == 1, err
    assert err.startswith(f"{prog}: ")
    assert len(err) < 400
