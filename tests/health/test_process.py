"""process checks against real processes: alive, stopped, zombies, gone, and a number that went to another."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhi.errors import InvalidValueError
from rhi.health.process import _look_at
from rhi.health.table import to_check
from tests.health.probing import PATIENCE, probe


@contextlib.contextmanager
def sleeper(folder: Path, name: str = "rhi-test-sleep") -> Iterator[subprocess.Popen[bytes]]:
    """A process of this name."""
    link = folder / name
    link.symlink_to("/bin/sleep")
    with subprocess.Popen([str(link), "600"]) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def wait_for_state(pid: int, states: str) -> None:
    end = time.monotonic() + PATIENCE
    while _look_at(str(pid))[1] not in states and time.monotonic() < end:
        time.sleep(0.001)


def test_process_that_dies_fails(tmp_path: Path) -> None:
    with sleeper(tmp_path) as process:
        wait_for_state(process.pid, "S")
        pid_file = tmp_path / "pid"
        pid_file.write_text(f"{process.pid}\n")
        by_file = {"type": "process", "pid_file": str(pid_file)}
        by_name = {"type": "process", "process": "rhi-test-sleep"}
        assert probe(by_file).ok
        assert probe(by_name).ok
        assert probe({**by_file, **by_name}).ok

        process.send_signal(signal.SIGSTOP)
        wait_for_state(process.pid, "T")
        assert probe(by_file).detail == f"process {process.pid} is stopped by a signal"
        assert not probe(by_name).ok

        process.kill()
        wait_for_state(process.pid, "Z")
        assert probe(by_file).detail == f"process {process.pid} is a zombie"
        assert "is a zombie" in probe(by_name).detail

        process.wait()
        assert probe(by_file).detail == f"there is no process {process.pid}"
        assert probe(by_name).detail == "no process 'rhi-test-sleep' is alive"


def test_process_number_that_another_program_has_fails_with_its_name(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    pid_file.write_text(str(os.getpid()))

    assert probe({"type": "process", "pid_file": str(pid_file)}).ok
    result = probe({"type": "process", "pid_file": str(pid_file), "process": "nginx"})
    assert result.detail.endswith("and not 'nginx'")


def test_process_of_a_name_with_brackets_is_found(tmp_path: Path) -> None:
    with sleeper(tmp_path, "a) R (b"):
        assert probe({"type": "process", "process": "a) R (b"}).ok


@pytest.mark.parametrize("text", [b"", b"abc", b"-1", b"0", b"99999999999", b"\xff\xfe", b"1 2"])
def test_process_file_that_holds_no_number_fails(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "pid").write_bytes(text)

    assert "holds no process number" in probe({"type": "process", "pid_file": str(tmp_path / "pid")}).detail


def test_process_file_that_is_not_there_fails() -> None:
    assert probe({"type": "process", "pid_file": "/nowhere/pid"}).detail == "/nowhere/pid: is not there"


@pytest.mark.parametrize("options", [{}, {"process": "longer-than-15-characters"}, {"pid_file": "x.pid"}])
def test_process_options_that_make_no_sense_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(InvalidValueError):
        to_check({"type": "process", **options})
