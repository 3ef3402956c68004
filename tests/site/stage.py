"""The host that the pages speak of: 192.0.2.10, with a router at 192.0.2.1 and services of its own.

It is a network namespace with a file system that looks like this machine's, but for `/etc`, `/run` and
`/var/lib`, which are gone afterwards. Its router is `rhi collect`; its services are `backends`. There is no
systemd: `systemctl` is a stand-in that starts, reloads and stops `rhi run`, and nothing else.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.interop.lab.namespace import Namespace, connect, namespaces

# The folder in which commands are given; empty at first.
HOME: Final = "/run/home"
PATIENCE: Final = 40.0
SOCKET: Final = "/run/rhi/rhi.sock"

_MOUNTS: Final = """
set -e
mount -t tmpfs tmpfs {scratch}
mkdir {scratch}/upper {scratch}/work
mount -t overlay overlay -o lowerdir=/etc,upperdir={scratch}/upper,workdir={scratch}/work /etc
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mount -t proc proc /proc
mkdir -p /etc/rhi /run/rhi /run/home /var/lib/rhi
echo ready
while sleep 0.2; do :; done
"""

_SYSTEMCTL: Final = """#!/bin/sh
# stands in for systemd, for rhi alone
for unit; do :; done
case "$unit" in rhi|rhi.service) ;; *) echo "systemctl: only rhi is here, not $unit" >&2; exit 1;; esac
case "$*" in
    *"--now"*|start*|restart*)
        case "$*" in restart*)
            kill "$(cat /run/rhi.pid)"
            while kill -0 "$(cat /run/rhi.pid)" 2>/dev/null; do sleep 0.05; done;;
        esac
        rhi run /etc/rhi/rhi.toml >/run/rhi.log 2>&1 & echo $! >/run/rhi.pid
        for turn in $(seq 700); do [ -S /run/rhi/rhi.sock ] && exit 0; sleep 0.05; done
        cat /run/rhi.log >&2; exit 1;;
    reload*) kill -HUP "$(cat /run/rhi.pid)";;
    stop*) kill "$(cat /run/rhi.pid)";;
    status*) kill -0 "$(cat /run/rhi.pid)";;
    *) echo "systemctl: cannot $*" >&2; exit 1;;
esac
"""


class StageError(AssertionError):
    """A command did not do what the page says; the text has its output."""


class Stage:
    """See above; `stage` makes one."""

    def __init__(self, host: Namespace, router: Namespace, folder: Path) -> None:
        self._folder = folder
        self._running: list[tuple[str, subprocess.Popen[str]]] = []
        scratch = folder / "scratch"
        scratch.mkdir()
        (folder / "bin").mkdir()
        (folder / "bin" / "systemctl").write_text(_SYSTEMCTL)
        (folder / "bin" / "systemctl").chmod(0o755)
        mounts = _MOUNTS.format(scratch=scratch)
        self._holder = subprocess.Popen(
            host.command(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", mounts]),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        (inside,) = _children(self._holder.pid)
        self._enter = ["nsenter", "--target", str(inside), "--mount", "--pid", "--net", "--"]
        self._router = subprocess.Popen(
            router.command(
                [sys.executable, "-m", "rhi", "collect", "--listen", "192.0.2.1:179", "--as", "65000"]
            ),
            stdout=subprocess.PIPE,
            text=True,
        )
        self.start(f"{sys.executable} {Path(__file__).with_name('backends.py')}")

    def write(self, path: str, text: str) -> None:
        """Write a file of the host."""
        script = f'mkdir -p "$(dirname {path})" && cat > {path}'
        subprocess.run([*self._enter, "sh", "-c", script], input=text, text=True, check=True)

    def run(self, command: str) -> str:
        """Run a command to its end; its output.

        Raises:
            StageError: it failed, or took too long.
        """
        try:
            done = subprocess.run(
                [*self._enter, "bash", "-c", f"cd {HOME}; {command}"],
                capture_output=True,
                check=False,
                text=True,
                timeout=PATIENCE,
                env=self._environment(),
            )
        except subprocess.TimeoutExpired as error:
            raise StageError(f"{command}: takes longer than {PATIENCE} s: {error.stdout!r}") from None
        if done.returncode != 0:
            raise StageError(f"{command}: exit code {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, command: str) -> None:
        """Begin a command that goes on until it is told to end; it must say something, or listen, soon."""
        process = subprocess.Popen(
            [*self._enter, "bash", "-c", f"cd {HOME}; {command}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment(),
        )
        self._running.append((command, process))
        assert process.stdout is not None
        if not process.stdout.readline():
            raise StageError(f"{command}: ended at once, exit code {process.wait()}")

    def wait_for(self, command: str, expected: str) -> None:
        """Run a command until its output has `expected`, a regular expression."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(StageError):
                out = self.run(command)
                if re.search(expected, out):
                    return
            if time.monotonic() > deadline:
                raise StageError(f"{command}: never said {expected!r}")
            time.sleep(0.05)

    def stop(self) -> list[tuple[str, int]]:
        """End what `start` began, but for the backends; each with its exit code."""
        codes = []
        for command, process in reversed(self._running[1:]):
            # once ends in good order, and twice at once, which is the end of a drain that takes long
            for patience in (1.0, PATIENCE) if "--drain" in command else (PATIENCE,):
                with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # it ends by itself just now
                    for program in _programs(process.pid):
                        os.kill(program, signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=patience)
                    break
            else:
                raise StageError(f"{command}: goes on although it was told to end")
            codes.append((command, process.returncode))
        del self._running[1:]
        return codes

    def close(self) -> None:
        """End everything: who holds the namespace of processes takes all in it along."""
        for process in (self._router, self._holder):
            process.kill()
            process.communicate()
        for _, process in self._running:
            process.communicate()

    def _environment(self) -> dict[str, str]:
        paths = [str(self._folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
        return {**os.environ, "PATH": ":".join(paths), "NO_COLOR": "1"}


def _children(pid: int) -> list[int]:
    """Of a program that forks to enter a namespace, the one inside."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _programs(pid: int) -> list[int]:
    """What was begun in the end: processes without children. A shell in between ends with them."""
    children = _children(pid)
    return [each for child in children for each in _programs(child)] if children else [pid]


@contextlib.contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """A host and its router, for as long as the block runs."""
    with namespaces("host", "router") as (host, router):
        connect(host, router)
        host.add_address("eth0", "192.0.2.10/24", "2001:db8::10/64")
        router.add_address("eth0", "192.0.2.1/24", "2001:db8::1/64")
        made = Stage(host, router, folder)
        try:
            yield made
        finally:
            made.close()
