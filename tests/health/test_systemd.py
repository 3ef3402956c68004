"""systemd checks: the real systemd, in namespaces of its own, and a systemctl that says odd things."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rhi.errors import InvalidValueError
from rhi.health import command
from rhi.health.hysteresis import Verdict
from rhi.health.table import to_check
from tests.health.probing import PATIENCE, one_round

BOOT = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/lock
mount -t tmpfs tmpfs /sys/fs/cgroup
mkdir /sys/fs/cgroup/systemd
mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd || mount -t cgroup2 cgroup2 /sys/fs/cgroup
printf '[Unit]\\nDefaultDependencies=no\\n' > /run/systemd/system/tiny.target
printf '[Unit]\\nDefaultDependencies=no\\n[Service]\\nExecStart=/bin/sleep 600\\n' \
    > /run/systemd/system/web.service
export container=docker
exec /lib/systemd/systemd --system --unit=tiny.target --show-status=0 --log-target=null
"""

PROGRAM = """
import asyncio, json, sys
from rhi.health.runner import Runner
from rhi.health.table import to_check

async def main():
    first = asyncio.get_running_loop().create_future()
    runner = Runner(lambda report: first.done() or first.set_result(report))
    runner.configure({"it": to_check({"type": "systemd", "unit": sys.argv[1], "timeout": 20.0})})
    report = await first
    await runner.close()
    print(json.dumps([report.result and report.result.ok, report.alarm or report.result.detail]))

asyncio.run(main())
"""


class System:
    """A systemd that runs as process 1 of its own namespaces."""

    def __init__(self, pid: int) -> None:
        self._enter = ["nsenter", "-t", str(pid), "-m", "-p", "--"]

    def run(self, *arguments: str) -> str:
        """Run a program there; returns what it prints."""
        done = subprocess.run(
            [*self._enter, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        return done.stdout

    def probe(self, unit: str) -> Any:
        """Result and sentence of one probe there."""
        return json.loads(self.run(sys.executable, "-c", PROGRAM, unit))


@contextmanager
def system() -> Iterator[System]:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")
    if not Path("/lib/systemd/systemd").exists() or shutil.which("nsenter") is None:
        pytest.skip("systemd or nsenter is not installed")
    argv = ["unshare", "-m", "-p", "-f", "--mount-proc", "--cgroup", "--propagation", "private"]
    with subprocess.Popen(
        [*argv, "--kill-child", "sh", "-c", BOOT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield _wait_for_boot(process)
        finally:
            process.kill()  # and its child with it


def _wait_for_boot(process: subprocess.Popen[bytes]) -> System:
    end = time.monotonic() + PATIENCE
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while time.monotonic() < end and process.poll() is None:
        found = children.read_text().split()
        if found and System(int(found[0])).run("systemctl", "is-active", "tiny.target") == "active\n":
            return System(int(found[0]))
        time.sleep(0.05)
    pytest.skip("systemd does not start in namespaces here")


@pytest.mark.slow
def test_systemd_unit_that_stops_fails() -> None:
    with system() as systemd:
        systemd.run("systemctl", "start", "web.service")
        assert systemd.probe("web.service") == [True, "web.service: active (running)"]

        systemd.run("systemctl", "kill", "-s", "KILL", "web.service")
        end = time.monotonic() + PATIENCE
        while (answer := systemd.probe("web.service"))[0] and time.monotonic() < end:
            pass
        assert answer == [False, "web.service: failed (failed)"]

        assert systemd.probe("other.service") == [False, "other.service: not-found"]


def systemctl(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program of that name first on the path of checks."""
    program = folder / "systemctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setitem(command.ENVIRONMENT, "PATH", f"{folder}:/usr/bin:/bin")


def answer(active: str, load: str = "loaded") -> str:
    return f"echo LoadState={load}; echo ActiveState={active}; echo SubState=x"


@pytest.mark.parametrize(
    ("script", "options", "ok"),
    [
        (answer("active"), {}, True),
        (answer("reloading"), {}, True),
        (answer("activating"), {}, False),
        (answer("activating"), {"states": ["active", "activating"]}, True),
        (answer("failed"), {}, False),
        (answer("inactive", "masked"), {}, False),
        (answer("active", "not-found"), {}, False),
    ],
)
def test_systemd_state_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, options: dict[str, Any], ok: bool
) -> None:
    systemctl(tmp_path, script, monkeypatch)
    probe_in_loop(options, ok)


def probe_in_loop(options: dict[str, Any], ok: bool) -> None:
    report = run_round({"type": "systemd", "unit": "web.service", "timeout": PATIENCE, **options})
    assert report.result is not None, report.alarm
    assert report.result.ok is ok, report.result.detail


def run_round(options: dict[str, Any]) -> Any:
    return asyncio.run(one_round(to_check(options)))


@pytest.mark.parametrize(
    ("script", "alarm"),
    [
        ("echo Failed to connect to bus >&2; exit 1", "exit code 1: Failed to connect to bus"),
        ("exit 0", "systemctl tells nothing of web.service"),
        ("exec sleep 600", "systemd did not answer in time"),
    ],
)
def test_systemd_that_does_not_answer_is_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, alarm: str
) -> None:
    systemctl(tmp_path, script, monkeypatch)
    timeout = 1.0 if "sleep" in script else PATIENCE

    report = run_round({"type": "systemd", "unit": "web.service", "timeout": timeout})

    assert alarm in report.alarm
    assert report.after.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("unit", ["web", "-H.service", "*.service", "a b.service", "../x.service", ""])
def test_systemd_unit_badly_named_is_refused(unit: str) -> None:
    with pytest.raises(InvalidValueError):
        to_check({"type": "systemd", "unit": unit})
