"""A verb that ends with its parent."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rhi.cli import attended
from tests.cli.command import PATIENCE, run

ATTENDED = (sys.executable, "-m", "rhi.cli.attended")


def test_attended_process_is_told_to_stop_when_nobody_holds_its_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: told.append((pid, number)))
    reader, writer = os.pipe()
    os.write(writer, b"words that mean nothing")
    os.close(writer)

    attended.watch(reader)

    os.close(reader)
    assert told == [(os.getpid(), signal.SIGTERM)]


@pytest.mark.slow
def test_attended_verb_is_the_verb() -> None:
    with subprocess.Popen([*ATTENDED, "--version"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.wait(PATIENCE) == 0
        assert process.stdout is not None
        assert process.stdout.read().decode() == run("--version").out


@pytest.mark.slow
def test_attended_verb_whose_parent_has_gone_already_ends(tmp_path: Path) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text('router_id = "192.0.2.1"\nas_number = 65001\nallow_empty = true\n')

    with subprocess.Popen([*ATTENDED, "run", str(file)], stdin=subprocess.DEVNULL) as process:
        try:
            # in good order, or before it could hear the signal
            assert process.wait(2 * PATIENCE) in (0, -signal.SIGTERM)
        finally:
            process.kill()
