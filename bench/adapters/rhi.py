"""rhi: a program with a `rhi.Pool`, and `rhi speak --routes FILE` for what is measured from the start.

`RhiAio` is a program whose own event loop has the pool: what is measured of that is what differs.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import rhi
from bench.adapters.base import Speaker
from bench.ground import SINK_AS, SPEAKER_AS, Ground
from bench.program import Child
from bench.routes import addresses


class Rhi(Speaker):
    NAME = "rhi"
    WAYS: ClassVar[Mapping[str, str]] = {
        "B1": "`rhi.Pool(routes=...)` in a program of its own",
        "B2": "`rhi speak` with its option `--routes`",
        "B3": "`Pool.announce`, `Pool.withdraw`",
        "B4": "`Pool.configure` with another MED",
        "B6": "one `rhi.Pool` with all peers",
        "B7": "`Pool.replace` with nothing, then with everything",
        "B8": "`Pool.replace`",
        "B9": "`Pool.announce`, `Pool.withdraw`",
        "B11": "`Pool.configure`, `Pool.replace`",
        "B5": "`Pool.replace([], allow_empty=True)`",
    }
    DIALS = True
    # More arguments of `bench.pool_server`.
    OPTIONS: ClassVar[tuple[str, ...]] = ()
    # Where to write profiles; "" for none. Times are then those of a profiled program.
    profile: ClassVar[str] = ""

    def __init__(self, ground: Ground, *, extended: bool, timeout: float) -> None:
        super().__init__(ground, extended=extended, timeout=timeout)
        self._child: Child | None = None
        self._is_profiled = False
        self.load_time = 0.0
        self.hold_time = 90

    @classmethod
    def version(cls) -> str:
        return rhi.__version__

    def load(self, number: int) -> None:
        ground = self.ground
        command = [sys.executable, "-m", "bench.pool_server"]
        command += ["--speaker", ground.speaker, "--port", str(ground.port), "--as-number", str(SPEAKER_AS)]
        command += ["--sink", ground.sink, "--sink-as", str(SINK_AS), "--routes", str(number)]
        command += ["--sinks", *self.peers[1:]] if len(self.peers) > 1 else []
        command += ["--hold-time", str(self.hold_time)]
        command += ["--extended"] if self.extended else []
        command += ["--profile", self.profile] if self.profile else []
        command += self.OPTIONS
        self._child = Child(ground.command(command), self.log)
        self._programs.append(self._child)
        answer = self._child.answer(self.timeout)
        self.load_time = answer["returned_at"] - answer["at"]

    def prepare_start(self, number: int) -> None:
        self._is_profiled = self.profile != "" and number > 1
        with (self.folder / "routes").open("w") as file:
            file.writelines(f"{address}\n" for address in addresses(number))

    def start(self) -> float:
        ground = self.ground
        rhi_command = str(Path(sys.executable).with_name("rhi"))
        command = [rhi_command, "speak", "--port", str(ground.port), "--source", ground.speaker]
        command += ["--peer-as", str(SINK_AS), "--routes", str(self.folder / "routes")]
        if self._is_profiled:
            command = [sys.executable, "-m", "cProfile", "-o", f"{self.profile}.speak", *command]
        return self._run([*command, str(SPEAKER_AS), ground.speaker, ground.sink]).started_at

    def announce(self, address: str) -> float:
        return self.ask("announce", address=address)

    def withdraw(self, address: str) -> float:
        return self.ask("withdraw", address=address)

    def change_med(self, med: int) -> float:
        return self.ask("med", med=med)

    def withdraw_all(self) -> float:
        return self.ask("withdraw_all")

    def ask(self, do: str, **request: str | float) -> float:
        """Have the program do something; returns when it called rhi."""
        return float(self.answer(do, **request)["at"])

    def answer(self, do: str, **request: str | float) -> dict[str, float]:
        """The same with all that it answers; see `bench.pool_server`."""
        assert self._child is not None
        return self._child.ask(do, timeout=self.timeout, **request)

    def close(self) -> None:
        if self.profile and self._child is not None:
            self._child.ask("profile", timeout=self.timeout)
        elif self._is_profiled:
            for program in self._programs:
                program.stop()  # cProfile writes at the end
        super().close()


class RhiAio(Rhi):
    NAME = "rhi.aio"
    EXPERIMENTS = ("B3",)
    WAYS: ClassVar[Mapping[str, str]] = {"B3": "`announce` and `withdraw` of a `rhi.aio.Pool`, in its loop"}
    OPTIONS = ("--aio",)
    profile = ""
