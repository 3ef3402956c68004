"""What every measured speaker can be told to do, in its own best way.

A speaker lives in one of two manners. `load` gives it all routes before the sink may connect, for what is
measured on a running speaker. `prepare_start` and `start` make it read them from a file, for what is measured
from the start of the process. Every method that changes something returns the time just before the speaker
was told.
"""

from __future__ import annotations

import abc
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import ClassVar, Self

from bench.errors import BenchError, Missing, TooLate
from bench.ground import Ground
from bench.process_tree import memory, peak_memory, processor_time
from bench.program import Program

SEARCH_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
_ASK_INTERVAL = 0.01


class Speaker(abc.ABC):
    """One speaker with one peer, the sink, or as many as `peers` has addresses of before it is started.

    Class attributes:
        NAME: on the command line and in results.
        WAYS: for each experiment, how it is driven; for the report.
        EXPERIMENTS: those that it is measured in; nothing: all.
        DIALS: `start` opens the connection itself; otherwise the sink does.
    """

    NAME: ClassVar[str]
    WAYS: ClassVar[Mapping[str, str]]
    EXPERIMENTS: ClassVar[tuple[str, ...]] = ()
    DIALS: ClassVar[bool] = False

    def __init__(self, ground: Ground, *, extended: bool, timeout: float) -> None:
        """`extended`: messages of 65,535 bytes where it can; `timeout`: of everything that is waited for."""
        self.ground = ground
        self.peers = [ground.sink]
        self.extended = extended
        self.timeout = timeout
        self.folder = Path(tempfile.mkdtemp(prefix=f"rhi-bench-{self.NAME}-"))
        self.folder.chmod(0o755)  # some daemons drop to a user of their own
        self.log = self.folder / "log"
        self._programs: list[Program] = []
        self._helpers: list[Program] = []

    @classmethod
    @abc.abstractmethod
    def version(cls) -> str:
        """What is installed.

        Raises:
            Missing: it is not.
        """

    @classmethod
    def takes(cls, experiment: str) -> bool:
        """Whether it is measured in an experiment."""
        return not cls.EXPERIMENTS or experiment in cls.EXPERIMENTS

    @abc.abstractmethod
    def load(self, number: int) -> None:
        """Start with `number` routes, and return when it has them all and takes connections."""

    @abc.abstractmethod
    def prepare_start(self, number: int) -> None:
        """Write the file that `start` will have it read."""

    @abc.abstractmethod
    def start(self) -> float:
        """Start with the file written before, and return without waiting for it to be read."""

    @abc.abstractmethod
    def announce(self, address: str) -> float:
        """Announce one of `routes.SINGLE_ROUTES`."""

    @abc.abstractmethod
    def withdraw(self, address: str) -> float:
        """Withdraw it."""

    @abc.abstractmethod
    def change_med(self, med: int) -> float:
        """Give all loaded routes another MED."""

    @abc.abstractmethod
    def withdraw_all(self) -> float:
        """Withdraw all loaded routes, with the session staying up."""

    def memory(self) -> int:
        """Peak resident memory of all its processes, in bytes."""
        return peak_memory(program.pid for program in self._programs)

    def memory_now(self) -> int:
        """Resident memory of all its processes, in bytes."""
        return memory(program.pid for program in self._programs)

    def processor_time(self) -> float:
        """Seconds of processor time of all its processes."""
        return processor_time(program.pid for program in self._programs)

    def explain(self) -> str:
        """The end of its log."""
        return self._programs[-1].log_tail() if self._programs else "not started"

    def close(self) -> None:
        """End it; harmless when it has not been started."""
        for program in [*reversed(self._helpers), *reversed(self._programs)]:
            program.kill()
        self._programs.clear()
        self._helpers.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # For subclasses

    def _run(
        self, command: Sequence[str], *, environment: Mapping[str, str] | None = None, helps: bool = False
    ) -> Program:
        """Start a program on the ground, its output in the log; one that only `helps` is not measured."""
        program = Program(self.ground.command(command), self.log, environment=environment)
        (self._helpers if helps else self._programs).append(program)
        return program

    def _write(self, name: str, text: str, *, mode: int = 0o644) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def _wait(self, probe: Callable[[], object], what: str) -> None:
        """Ask until the answer is true.

        Raises:
            TooLate: the time is over.
            BenchError: a program has ended.
        """
        deadline = monotonic() + self.timeout
        while not probe():
            for program in self._programs:
                if not program.is_running:
                    raise BenchError(f"{self.NAME} ended at once: {self.explain()}")
            if monotonic() > deadline:
                raise TooLate(f"not within {self.timeout:g} s: {what}")
            sleep(_ASK_INTERVAL)


def find_program(name: str, package: str, path: str = SEARCH_PATH) -> str:
    """Where a program is.

    Raises:
        Missing: nowhere.
    """
    found = shutil.which(name, path=path)
    if found is None:
        raise Missing(f"{name} is not installed (package {package}; `make lab` installs it)")
    return found
