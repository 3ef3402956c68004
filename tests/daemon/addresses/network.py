"""A network namespace with our code in it: threads in it, and `rhi run` as a process of its own."""

import ctypes
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rhi.testing.collector import Collector
from tests.interop.lab.namespace import Namespace
from tests.interop.lab.speaker import rhi_command

T = TypeVar("T")

# Seconds; far above what anything here takes, for a machine that is busy.
PATIENCE = 60.0
_CLONE_NEWNET = 0x40000000


def inside(namespace: Namespace, call: Callable[[], T]) -> T:
    """What `call` returns; it runs in a thread in the namespace, and so do the threads that it starts."""
    found: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with open(f"/run/netns/{namespace.name}") as there:
                if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            found.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return found[0]


def shown(namespace: Namespace, interface: str = "lo") -> dict[str, dict[str, Any]]:
    """What the kernel says of the addresses of an interface, but those it has by itself."""
    (link,) = json.loads(namespace.run("ip", "-json", "address", "show", "dev", interface))
    found = {f"{each['local']}/{each['prefixlen']}": each for each in link["addr_info"]}
    return {name: each for name, each in found.items() if not name.startswith(("127.0.0.1", "::1", "fe80"))}


def until(condition: Callable[[], T], explain: Callable[[], object] = str) -> T:
    """Wait until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, explain()
        time.sleep(0.01)
    return found


class Daemon:
    """`rhi run` with a configuration, in a namespace; may be started again after it ended."""

    def __init__(self, namespace: Namespace, folder: Path, text: str) -> None:
        self._namespace = namespace
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "log"
        self.configure(text)

    def configure(self, text: str) -> None:
        (self._folder / "rhi.toml").write_text(text)

    def start(self) -> None:
        command = [*rhi_command(), "run", str(self._folder / "rhi.toml")]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(self._namespace.command(command), stdout=output, stderr=output)

    def send(self, sign: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(sign)

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        """As a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def until(self, condition: Callable[[], T]) -> T:
        """Wait until it holds; the log explains why it does not."""
        return until(condition, self.text)


@contextmanager
def collecting(namespace: Namespace, **parameters: Any) -> Iterator[Collector]:
    """A router of ours at 127.0.0.1:1790 of the namespace."""
    collector = inside(namespace, lambda: Collector("127.0.0.1:1790", **parameters))
    with collector:
        yield collector
