"""The trivial sender of `bench.floor`: what any speaker written in anything can at best do to this sink."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from typing import ClassVar

from bench import messages
from bench.adapters.base import Speaker
from bench.ground import SPEAKER_AS
from bench.messages import MAX_EXTENDED_SIZE, MAX_SIZE
from bench.program import Child
from bench.routes import nlri


class FloorSpeaker(Speaker):
    NAME = "floor"
    WAYS: ClassVar[Mapping[str, str]] = {
        "B1": "bytes made before, one `sendall`",
        "B2": "Python starts, reads the bytes from a file, one `sendall`",
        "B3": "bytes made before, one `sendall`",
        "B4": "bytes made before, one `sendall`",
        "B6": "bytes made before, one `sendall` for each peer, one after the other",
        "B5": "bytes made before, one `sendall`",
    }

    @classmethod
    def version(cls) -> str:
        return f"Python {platform.python_version()}"

    def load(self, number: int) -> None:
        self._start("--routes", str(number))
        self._child.answer(self.timeout)

    def prepare_start(self, number: int) -> None:
        attributes = messages.attributes(SPEAKER_AS, self.ground.speaker)
        size = MAX_EXTENDED_SIZE if self.extended else MAX_SIZE
        data = b"".join(messages.announcements(nlri(number), attributes, size))
        (self.folder / "updates").write_bytes(data)

    def start(self) -> float:
        return self._start("--file", str(self.folder / "updates")).started_at

    def announce(self, address: str) -> float:
        return self._ask("announce", address=address)

    def withdraw(self, address: str) -> float:
        return self._ask("withdraw", address=address)

    def change_med(self, med: int) -> float:
        return self._ask("med", med=med)

    def withdraw_all(self) -> float:
        return self._ask("withdraw_all")

    def _start(self, *arguments: str) -> Child:
        ground = self.ground
        listen = f"{ground.speaker}:{ground.port}"
        extended = ["--extended"] if self.extended else []
        extended += ["--peers", str(len(self.peers))]
        command = [
            sys.executable,
            "-S",
            "-m",
            "bench.floor",
            "--as-number",
            str(SPEAKER_AS),
            "--listen",
            listen,
        ]
        self._child = Child(ground.command([*command, *extended, *arguments]), self.log)
        self._programs.append(self._child)
        return self._child

    def _ask(self, do: str, **request: str | int) -> float:
        return float(self._child.ask(do, timeout=self.timeout, **request)["at"])
