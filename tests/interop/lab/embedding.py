"""A program that embeds rhi, as a child of the test: for what `rhi speak` has no option for."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.interop.lab.namespace import Namespace
from tests.interop.lab.process import Process

# Ends with the first line of standard input, which is its message to the operators of the peers.
_PROGRAM: Final = r"""\
import json, sys
import rhi

class Printing(rhi.Observer):
    def on_event(self, event):
        print(f"{event}\n", end="", flush=True)

given = json.loads(sys.argv[1])
for name in ("peers", "dynamic_peers"):
    given[name] = {who: rhi.Parameters.from_json(value) for who, value in given.get(name, {}).items()}
pool = rhi.Pool(given.pop("router_id"), observer=Printing(), **given)
print("ready\n", end="", flush=True)
pool.close(sys.stdin.readline().strip())
"""


class Embedding:
    """The running program; made by `embedding`."""

    def __init__(self, namespace: Namespace, log: Path, given: dict[str, Any]) -> None:
        command = [sys.executable, "-c", _PROGRAM, json.dumps(given)]
        self._process = Process(namespace, command, log, stdin=True)

    @property
    def is_ready(self) -> bool:
        """Whether its pool is there, listening if it was told to."""
        assert self._process.exit_status is None, self.explain()
        return "ready\n" in self._process.log.read_text()

    def end(self, message: str) -> None:
        """Have it close its pool with a message for the peers; does not wait."""
        self._process.write(f"{message}\n")

    def kill(self) -> None:
        self._process.kill()

    def explain(self) -> str:
        return self._process.log_tail()


@contextlib.contextmanager
def embedding(namespace: Namespace, **given: Any) -> Iterator[Embedding]:
    """Start a program with an `rhi.Pool`, and end it whatever happens.

    `given`: arguments of the pool; `peers` and `dynamic_peers` have JSON objects as parameters.
    """
    folder = Path(tempfile.mkdtemp(prefix="rhi-embedding-"))
    program = Embedding(namespace, folder / "log", given)
    try:
        yield program
    finally:
        program.kill()
        shutil.rmtree(folder, ignore_errors=True)
