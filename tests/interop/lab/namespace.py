"""Network namespaces and the cables between them.

Names carry the process id of the test run, so runs side by side do not meet, and a run removes what a killed
run before it left behind. Addresses need no such care: what is in a namespace is seen by nobody else.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.interop.lab.requirements import require_namespaces

PREFIX = "rhilab"
_numbers = itertools.count(1)


class Namespace:
    """A network of its own with a loopback interface that is up. Use `namespaces` to make some."""

    def __init__(self, label: str) -> None:
        self.name = f"{PREFIX}-{os.getpid()}-{next(_numbers)}-{label}"

    def command(self, command: Sequence[str]) -> list[str]:
        """The command that runs `command` inside; its process id is that of `command` itself."""
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command: str, timeout: float = 20.0) -> str:
        """Run a command to its end and return its output.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        done = subprocess.run(
            self.command(command),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=True,
            errors="replace",
        )
        return done.stdout

    def count(self, counter: str) -> int:
        """What that counter of /proc/net/netstat says, such as TCPMD5Failure."""
        names, values = (
            line.split() for line in self.run("grep", "^TcpExt", "/proc/net/netstat").splitlines()
        )
        return int(values[names.index(counter)])

    def create(self) -> None:
        _ip("netns", "add", self.name)
        _ip("-n", self.name, "link", "set", "lo", "up")

    def remove(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            _ip("netns", "delete", self.name)

    def add_address(self, interface: str, *addresses: str) -> None:
        """Give an interface addresses with their prefix lengths, usable at once."""
        for address in addresses:
            # An IPv6 address cannot be bound until duplicate detection ends; nodad spares that.
            nodad = ["nodad"] if ":" in address else []
            _ip("-n", self.name, "address", "add", address, "dev", interface, *nodad)


@contextlib.contextmanager
def namespaces(*labels: str) -> Iterator[list[Namespace]]:
    """Make one namespace for each label, and remove them whatever happens."""
    require_namespaces()
    made = [Namespace(label) for label in labels]
    try:
        for namespace in made:
            namespace.create()
        yield made
    finally:
        for namespace in made:
            namespace.remove()


def connect(first: Namespace, second: Namespace, *, interfaces: tuple[str, str] = ("eth0", "eth0")) -> None:
    """Lay a cable between two namespaces: a veth pair, up at both ends."""
    near, far = interfaces
    _ip("-n", first.name, "link", "add", near, "type", "veth", "peer", "name", far, "netns", second.name)
    for namespace, interface in ((first, near), (second, far)):
        namespace.run("sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{interface}/accept_dad")
        _ip("-n", namespace.name, "link", "set", interface, "up")


def remove_leftovers() -> None:
    """Remove the namespaces of test runs that no longer exist, and what still runs inside.

    The kernel has ended most of it with the run, but not what has changed its user since, as FRR does.
    """
    for path in Path("/run/netns").glob(f"{PREFIX}-*"):
        match = re.match(rf"{PREFIX}-(\d+)-", path.name)
        if match and not Path("/proc", match[1]).exists():
            with contextlib.suppress(subprocess.CalledProcessError):
                for pid in _ip("netns", "pids", path.name).split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(pid), signal.SIGKILL)
                _ip("netns", "delete", path.name)


def _ip(*arguments: str) -> str:
    """Run the command, and return what it prints."""
    done = subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True, timeout=20)
    return done.stdout
