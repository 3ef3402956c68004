"""exec checks with real programs: failing, hanging, flooding, forking, and missing."""

import asyncio
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rhi.errors import InvalidValueError
from rhi.health import command
from rhi.health.base import CannotTellError, Result
from rhi.health.command import MAX_OUTPUT
from rhi.health.exec import ExecCheck
from rhi.health.hysteresis import Verdict
from rhi.health.process import _look_at
from rhi.health.table import to_check
from tests.health.probing import PATIENCE, ask, new_context, one_round, probe


def shell(script: str, **options: Any) -> dict[str, Any]:
    return {"type": "exec", "command": ["/bin/sh", "-c", script], "timeout": PATIENCE, **options}


def wait_until_gone(pid: int) -> None:
    end = time.monotonic() + PATIENCE
    while _look_at(str(pid))[1] not in ("", "Z"):
        assert time.monotonic() < end, f"process {pid} lives on"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("script", "options", "expected"),
    [
        ("exit 0", {}, Result(True, "exit code 0")),
        ("echo fine; exit 0", {}, Result(True, "exit code 0: fine")),
        ("echo broken >&2; exit 2", {}, Result(False, "exit code 2: broken")),
        ("exit 3", {"exit_codes": "0,3"}, Result(True, "exit code 3")),
        ("kill -SEGV $$", {}, Result(False, "ended by SIGSEGV")),
        ("echo state: primary", {"output": "state*primary"}, Result(True, "exit code 0: state: primary")),
        ("echo other", {"output": "primary"}, Result(False, "exit code 0, but the output lacks 'primary'")),
        ("read x; echo got $x", {}, Result(True, "exit code 0: got")),
        ("pwd; echo $HOME", {}, Result(True, "exit code 0: /")),
        ("echo $GREETING", {"environment": {"GREETING": "hello"}}, Result(True, "exit code 0: hello")),
    ],
)
def test_exec_end_of_the_program_is_judged(script: str, options: dict[str, Any], expected: Result) -> None:
    assert probe(shell(script, **options)) == expected


def test_exec_does_not_pass_our_environment_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RHI_SECRET", "x")

    assert probe(shell("env", output="RHI_SECRET")).ok is False


def test_exec_service_that_fails_is_noticed(tmp_path: Path) -> None:
    service = tmp_path / "service"
    service.write_text("")
    options = shell(f"test -e {service}")

    assert probe(options).ok
    service.unlink()
    assert not probe(options).ok


def test_exec_program_that_hangs_is_killed_with_all_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 600 & echo $! > {pids}; echo $$ >> {pids}; wait"

    async def main() -> Result | None:
        check = to_check(shell(script, timeout=PATIENCE))
        context = new_context()
        task = asyncio.create_task(check.probe(context))
        while not pids.exists() or len(pids.read_text().split()) < 2:
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])
        while context.unreaped:
            await asyncio.sleep(0.005)
        return None

    asyncio.run(main())

    for pid in map(int, pids.read_text().split()):
        wait_until_gone(pid)


def test_exec_program_that_takes_too_long_fails_at_its_time_out() -> None:
    report = asyncio.run(one_round(to_check(shell("exec sleep 600", timeout=0.5))))

    assert report.result == Result(False, "no answer within 0.5 s")
    assert report.after.verdict is Verdict.UNKNOWN  # one failure of three


def test_exec_grandchild_that_keeps_the_output_open_delays_nothing(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    result = probe(shell(f"sleep 600 & echo $! > {pid}; echo done"))

    assert result == Result(True, "exit code 0: done")
    wait_until_gone(int(pid.read_text()))


def test_exec_grandchild_in_a_session_of_its_own_delays_nothing(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"setsid sh -c 'echo $$ > {pid}; exec sleep 600' & while ! test -s {pid}; do sleep 0.01; done"

    try:
        assert probe(shell(script)).ok
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_exec_program_that_ignores_sigterm_is_killed() -> None:
    report = asyncio.run(one_round(to_check(shell("trap '' TERM INT HUP; sleep 600", timeout=0.5))))

    assert report.result is not None
    assert not report.result.ok


def test_exec_endless_output_is_cut_and_the_program_killed() -> None:
    result = probe({"type": "exec", "command": ["yes"], "timeout": PATIENCE})

    assert result.detail.startswith(f"killed because it wrote more than {MAX_OUTPUT} bytes: y")


def test_exec_output_of_any_bytes_is_shown_as_one_line() -> None:
    result = probe(shell(r"printf '\033[31m\377\000red\r\nmore'"))

    assert result.ok
    assert result.detail.isprintable()
    assert "more" not in result.detail


@pytest.mark.parametrize("command", ["/nowhere/program", "/etc/passwd", "/"])
def test_exec_program_that_cannot_be_started_is_no_verdict(command: str) -> None:
    report = asyncio.run(one_round(to_check({"type": "exec", "command": [command]})))

    assert report.alarm.startswith(f"{command} cannot be started: ")
    assert report.after.verdict is Verdict.UNKNOWN


def test_exec_waits_with_the_next_process_until_the_last_one_has_gone() -> None:
    async def main() -> None:
        context = new_context()
        context.unreaped.add(4711)
        asyncio.get_running_loop().call_later(0.01, context.unreaped.clear)
        assert (await ExecCheck(command=("/bin/true",)).probe(context)).ok

    asyncio.run(main())


@pytest.mark.parametrize(("longest", "timeout"), [(0.01, 60.0), (3600.0, 0.02)])
def test_exec_does_not_wait_for_ever_for_a_process_that_stays(
    monkeypatch: pytest.MonkeyPatch, longest: float, timeout: float
) -> None:
    """Nor until its own time-out, which would be a verdict."""
    monkeypatch.setattr("rhi.health.command.GONE_TIME", longest)

    async def main() -> None:
        context = new_context()
        context.unreaped.add(4711)
        with pytest.raises(CannotTellError, match="process 4711 of an earlier probe"):
            async with asyncio.timeout(30):
                await ExecCheck(command=("/bin/true",), interval=60, timeout=timeout).probe(context)

    asyncio.run(main())


def test_exec_program_that_is_still_being_started_is_no_verdict() -> None:
    """Its file lies on a file server that hangs."""

    async def main() -> None:
        context, release = new_context(), threading.Event()
        earlier = asyncio.create_task(context.tools.threads.run(context.key, lambda: release.wait(PATIENCE)))
        await asyncio.sleep(0)
        try:
            with pytest.raises(CannotTellError, match="/bin/true is still being started after"):
                await ExecCheck(command=("/bin/true",)).probe(context)
        finally:
            release.set()
            await earlier

    asyncio.run(main())


def test_exec_leaves_no_descriptor_and_no_zombie_behind() -> None:
    async def main() -> None:
        check = ExecCheck(command=("/bin/true",))
        await ask(check)
        gc.collect()  # what other tests have left is not closed meanwhile
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            assert (await ask(check)).ok
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(main())

    tasks = Path("/proc/self/task").glob("*/children")
    children = [pid for task in tasks for pid in task.read_text().split()]
    assert [pid for pid in children if _look_at(pid)[0] == "true"] == []


def test_exec_started_as_the_probe_is_cancelled_is_killed_all_the_same(tmp_path: Path) -> None:
    """The program is being started in a thread while nobody waits for it any more."""
    pid = tmp_path / "pid"

    async def main() -> None:
        check = to_check({"type": "exec", "command": ["/bin/sh", "-c", f"echo $$ > {pid}; exec sleep 600"]})
        for _ in range(5):
            context = new_context()
            task = asyncio.create_task(check.probe(context))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            await context.tools.threads.run("other", lambda: None)
            while context.tools.threads.is_busy(context.key) or context.unreaped:
                await asyncio.sleep(0.005)

    asyncio.run(main())

    if pid.exists() and pid.read_text():
        wait_until_gone(int(pid.read_text()))


def test_exec_started_when_the_loop_has_been_closed_is_killed_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The daemon ends while a thread is starting the program."""
    begun, release = threading.Event(), threading.Event()
    made: list[command._Child] = []

    class SlowChild(command._Child):
        def __init__(self, argv: Sequence[str], environment: Mapping[str, str]) -> None:
            begun.set()
            release.wait(PATIENCE)
            super().__init__(argv, environment)
            made.append(self)

    monkeypatch.setattr(command, "_Child", SlowChild)

    async def main() -> None:
        task = asyncio.create_task(ExecCheck(command=("/bin/sleep", "600")).probe(new_context()))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    release.set()

    end = time.monotonic() + PATIENCE
    while not made or made[0]._popen.returncode is None:
        assert time.monotonic() < end, "it lives on, or nobody has asked for its end"
        time.sleep(0.001)


@pytest.mark.parametrize(
    "options",
    [{"command": []}, {"command": "ls -l"}, {"command": ["a\0b"]}, {"command": [""]},
     {"command": ["x"], "exit_codes": "ok"}, {"command": ["x"], "environment": {"A": 5}}],
)  # fmt: skip
def test_exec_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        to_check({"type": "exec", **options})


def test_exec_program_of_python_is_found_by_its_path() -> None:
    assert probe({"type": "exec", "command": [sys.executable, "-c", "print('hi')"], "timeout": 20.0}).ok
