import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon.decision.overrides import Action, Override
from rhi.daemon.state import Clocks, StateError, StateFile

NOW = Clocks(monotonic=1000.0, wall=1_700_000_000.0)
DRAIN = Override(
    action=Action.DRAIN, reason="kernel", by="ann", at=990.0, until=2000.0, drain_time=30.0, is_forced=True
)


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    return StateFile(str(tmp_path / "lib" / "state.json"))


def test_state_file_gives_back_what_was_saved_under_another_monotonic_clock(file: StateFile) -> None:
    file.save({"dns": DRAIN}, NOW)

    rebooted = Clocks(monotonic=5.0, wall=NOW.wall + 60)
    found = file.load(rebooted)

    assert found == {
        "dns": Override(
            action=Action.DRAIN,
            reason="kernel",
            by="ann",
            at=-65.0,
            until=945.0,
            drain_time=30.0,
            is_forced=True,
        )
    }


def test_state_file_that_is_not_there_holds_nothing(file: StateFile) -> None:
    assert file.load(NOW) == {}


def test_state_file_forgets_overrides_that_are_over(file: StateFile) -> None:
    file.save({"dns": DRAIN}, NOW)

    assert file.load(Clocks(monotonic=0.0, wall=NOW.wall + 1001)) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"version": 2, "overrides": {}}',
        b'{"version": 1, "overrides": {"dns": {}}}',
        b'{"version": 1, "overrides": {"dns": 5}}',
        b"[" * 200_000,
        b" " * (4 * 1024 * 1024 + 1),
    ],
    ids=["empty", "half", "list", "binary", "version", "fields", "entry", "deep", "large"],
)
def test_state_file_that_cannot_be_used_is_put_aside(file: StateFile, content: bytes) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(content)

    with pytest.raises(StateError, match=r"put aside as state\.json\.bad"):
        file.load(NOW)

    assert not file.path.exists()
    assert file.path.with_name("state.json.bad").read_bytes() == content
    assert file.load(NOW) == {}


def test_state_file_that_cannot_be_read_is_named(file: StateFile) -> None:
    file.path.mkdir(parents=True)

    with pytest.raises(StateError, match="cannot be read: Is a directory"):
        file.load(NOW)


def test_state_file_on_a_full_disk_stays_as_it_was(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.save({"dns": DRAIN}, NOW)
    before = file.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match=r"cannot be written: No space left on device"):
        file.save({}, NOW)

    assert file.path.read_bytes() == before
    assert list(file.path.parent.iterdir()) == [file.path]


def test_state_file_after_a_crash_while_it_was_written_is_the_one_before(file: StateFile) -> None:
    file.save({"dns": DRAIN}, NOW)
    file.path.with_name("state.json.new").write_text('{"version": 1, "over')

    assert set(file.load(NOW)) == {"dns"}
    file.save({}, NOW)
    assert file.load(NOW) == {}


def test_state_file_is_json_that_people_can_read(file: StateFile) -> None:
    file.save({"dns": DRAIN}, NOW)

    document: dict[str, Any] = json.loads(file.path.read_text())

    assert document["overrides"]["dns"]["reason"] == "kernel"
    assert document["overrides"]["dns"]["at"] == NOW.wall - 10
