"""ExaBGP: commands of its text API through a program that does nothing but pass them on."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import ClassVar, Final

from bench.adapters.base import Speaker, find_program
from bench.errors import Missing
from bench.ground import SINK_AS, SPEAKER_AS, Ground
from bench.routes import addresses

ENVIRONMENT: Final = {
    "exabgp.daemon.user": "root",  # its program writes into our folder
    "exabgp.api.cli": "false",
    "exabgp.api.ack": "true",
    "exabgp.log.level": "WARNING",
    "exabgp.log.destination": "stderr",
}
# Routes in one command: long lines are the API's fastest way.
_ROUTES_PER_COMMAND: Final = 1000


class ExaBgp(Speaker):
    NAME = "exabgp"
    WAYS: ClassVar[Mapping[str, str]] = {
        "B1": f"API: `announce attributes ... nlri`, {_ROUTES_PER_COMMAND} routes a line",
        "B2": "`static` routes of the configuration file",
        "B3": "API: `announce route`, `withdraw route`",
        "B4": "API: all routes again with another MED",
        "B5": f"API: `withdraw attributes ... nlri`, {_ROUTES_PER_COMMAND} routes a line",
    }

    def __init__(self, ground: Ground, *, extended: bool, timeout: float) -> None:
        super().__init__(ground, extended=extended, timeout=timeout)
        self._commands: int | None = None
        self._number = 0

    @classmethod
    def version(cls) -> str:
        done = subprocess.run([_exabgp(), "version"], capture_output=True, text=True, check=True)
        return done.stdout.split()[2].rstrip(",")

    def load(self, number: int) -> None:
        self._number = number
        self._configure("")
        self.start()
        self._tell_all("announce", None)

    def prepare_start(self, number: int) -> None:
        lines = "".join(f"    route {address}/32 next-hop self;\n" for address in addresses(number))
        self._configure(f"  static {{\n{lines}  }}\n")

    def start(self) -> float:
        self.ground.require_namespace()
        if len(self.peers) > 1:
            raise Missing("it makes every UPDATE for every peer anew: hours")
        started = self._run([_exabgp(), "server", str(self.folder / "exabgp.conf")], environment=ENVIRONMENT)
        return started.started_at

    def announce(self, address: str) -> float:
        return self._tell(f"announce route {address}/32 next-hop self")

    def withdraw(self, address: str) -> float:
        return self._tell(f"withdraw route {address}/32 next-hop self")

    def change_med(self, med: int) -> float:
        return self._tell_all("announce", med)

    def withdraw_all(self) -> float:
        return self._tell_all("withdraw", None)

    def close(self) -> None:
        # `cat` is in no process group of ours: it ends when the pipe does, once it has been opened at all
        pipe = self._pipe() if (self.folder / "commands").exists() else None
        super().close()
        if pipe is not None:
            os.close(pipe)
            self._commands = None

    def _configure(self, routes: str) -> None:
        commands, answers = self.folder / "commands", self.folder / "answers"
        os.mkfifo(commands)
        answers.write_text("")
        script = f"#!/bin/sh\ncat {commands} &\nexec cat >{answers}\n"
        program = self._write("program", script, mode=0o755)
        ground = self.ground
        self._write(
            "exabgp.conf",
            f"process api {{\n  run {program};\n  encoder text;\n}}\n"
            f"neighbor {ground.sink} {{\n  router-id {ground.speaker};\n  local-address {ground.speaker};\n"
            f"  local-as {SPEAKER_AS};\n  peer-as {SINK_AS};\n  passive true;\n  listen {ground.port};\n"
            "  family { ipv4 unicast; }\n"
            f"  capability {{ extended-message {'enable' if self.extended else 'disable'}; }}\n"
            f"  api {{ processes [ api ]; }}\n{routes}}}\n",
        )

    def _tell(self, command: str) -> float:
        pipe = self._pipe()
        at = monotonic()
        _write_all(pipe, f"{command}\n".encode())
        return at

    def _tell_all(self, verb: str, med: int | None) -> float:
        """Give the command for all routes, and return when ExaBGP has taken it."""
        pipe, answered = self._pipe(), self._answered()
        attributes = "next-hop self" + ("" if med is None else f" med {med}")
        routes = addresses(self._number)
        at, lines = monotonic(), 0
        while part := [f"{address}/32" for address in itertools.islice(routes, _ROUTES_PER_COMMAND)]:
            _write_all(pipe, f"{verb} attributes {attributes} nlri {' '.join(part)}\n".encode())
            lines += 1
        if verb == "announce" and med is None:
            self._wait(lambda: self._answered() >= answered + lines, "load")
        return at

    def _answered(self) -> int:
        return (self.folder / "answers").read_text().count("done\n")

    def _pipe(self) -> int:
        if self._commands is None:
            # for reading too: opening must not wait for the program
            self._commands = os.open(self.folder / "commands", os.O_RDWR)
        return self._commands


def _exabgp() -> str:
    own = Path(sys.executable).with_name("exabgp")
    return str(own) if own.exists() else find_program("exabgp", "exabgp from PyPI")


def _write_all(pipe: int, data: bytes) -> None:
    while data:
        data = data[os.write(pipe, data) :]
