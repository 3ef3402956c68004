"""file checks: there, gone, fresh, stale, right, wrong, no file at all, and on a file server that hangs."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from rhi.errors import InvalidValueError
from rhi.health.base import Result
from rhi.health.file import FileCheck
from rhi.health.hysteresis import Verdict
from rhi.health.runner import Runner
from rhi.health.table import to_check
from tests.health.fakes import Notebook
from tests.health.probing import ask, one_round, probe


def test_file_that_vanishes_fails(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    options = {"type": "file", "path": str(path)}

    path.write_text("")
    assert probe(options).ok
    path.unlink()
    assert probe(options) == Result(False, f"{path}: is not there")
    assert not probe({"type": "file", "path": f"{path}/below"}).ok


def test_file_that_must_not_be_there_is_a_switch_for_maintenance(tmp_path: Path) -> None:
    path = tmp_path / "maintenance"
    options = {"type": "file", "path": str(path), "present": False}

    assert probe(options).ok
    path.write_text("")
    assert probe(options) == Result(False, f"{path}: is there")


def test_file_that_grows_old_fails(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    path.write_text("")
    os.utime(path, (1000.0, 1000.0))
    check = to_check({"type": "file", "path": str(path), "max_age": 60})

    assert asyncio.run(ask(check, wall_clock=lambda: 1059.0)).ok
    assert asyncio.run(ask(check, wall_clock=lambda: 900.0)).ok  # a clock that was set back
    result = asyncio.run(ask(check, wall_clock=lambda: 1061.0))
    assert result == Result(False, f"{path}: changed 61 s ago, more than 60", {"age": 61.0})


def test_file_contents_are_searched_up_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "state"
    options = {"type": "file", "path": str(path), "contains": "role*primary"}

    path.write_text("role: primary\n")
    assert probe(options).ok
    path.write_text("role: secondary\n")
    assert not probe(options).ok
    path.write_text("x" * 70_000 + "role: primary")
    assert not probe(options).ok


def test_file_that_is_none_fails_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    for path in (str(tmp_path / "pipe"), str(tmp_path), "/dev/zero"):
        assert probe({"type": "file", "path": path, "contains": "x"}).detail == f"{path}: is no regular file"


def test_file_on_a_server_that_hangs_fails_and_holds_up_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, dead = tmp_path / "good", tmp_path / "dead"
    good.write_text("")
    release = threading.Event()
    look = FileCheck._look

    def hang(self: FileCheck, now: float) -> Result:
        if self.path == str(dead):
            release.wait(60)
        return look(self, now)

    async def main() -> None:
        notebook = Notebook()
        runner = Runner(notebook)
        pace = {"type": "file", "interval": 0.05, "timeout": 5.0}
        runner.configure(
            {
                "good": to_check({**pace, "path": str(good)}),
                "dead": to_check({**pace, "path": str(dead), "timeout": 0.3}),
            }
        )
        await notebook.until(12)
        await runner.close()
        details = [report.result.detail for report in notebook if report.key == "dead" and report.result]
        assert details[0] == "no answer within 0.3 s"
        assert all("has not returned" in detail for detail in details[1:])
        assert len(details) > 1
        verdicts = [report.after.verdict for report in notebook if report.key == "good"]
        assert verdicts[-1] is Verdict.UP

    monkeypatch.setattr(FileCheck, "_look", hang)
    try:
        asyncio.run(main())
    finally:
        release.set()


def test_file_that_we_may_not_read_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("rhi.health.file.os.open", refuse)

    report = asyncio.run(one_round(to_check({"type": "file", "path": "/etc/x"})))
    assert report.alarm == "/etc/x: Permission denied"


@pytest.mark.parametrize(
    "options",
    [{"path": "relative"}, {"path": "/a\0b"}, {"max_age": 0}, {"present": False, "max_age": 5.0},
     {"present": False, "contains": "x"}],
)  # fmt: skip
def test_file_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        to_check({"type": "file", "path": "/x", **options})
