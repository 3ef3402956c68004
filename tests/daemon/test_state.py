import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon.state import Saved, StateError, StateFile, StateInUseError, boot_id
from tests.interop.lab.requirements import lacking

SAVED = Saved(sections={"overrides": {"dns": {"reason": "kernel"}}, "drains": [1, 2]}, boot="b")


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    return StateFile(str(tmp_path / "lib" / "state.json"))


def test_state_file_gives_back_what_was_saved(file: StateFile) -> None:
    file.save(SAVED)

    assert file.load() == SAVED


def test_state_file_that_is_not_there_holds_nothing(file: StateFile) -> None:
    assert file.load() == Saved()


def test_state_file_of_version_1_is_read(file: StateFile) -> None:
    file.path.parent.mkdir()
    file.path.write_text('{"version": 1, "overrides": {"dns": {"reason": "kernel"}}}')

    assert file.load() == Saved(sections={"overrides": {"dns": {"reason": "kernel"}}})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"version": 3, "boot": "", "sections": {}}',
        b'{"version": 2, "boot": ""}',
        b'{"version": 2, "boot": "", "sections": 5}',
        b'{"version": 1}',
        b"[" * 200_000,
    ],
    ids=["empty", "half", "list", "binary", "version", "fields", "sections", "old", "deep"],
)
def test_state_file_that_cannot_be_used_is_put_aside(file: StateFile, content: bytes) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(content)

    with pytest.raises(StateError, match=r"put aside as state\.json\.bad"):
        file.load()

    assert not file.path.exists()
    assert file.path.with_name("state.json.bad").read_bytes() == content
    assert file.load() == Saved()


def test_state_file_that_is_too_large_is_put_aside(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rhi.daemon.state.MAX_FILE_BYTES", 50)
    file.save(SAVED)

    with pytest.raises(StateError, match="larger than 50 bytes"):
        file.load()


def test_state_file_that_cannot_be_read_is_named(file: StateFile) -> None:
    file.path.mkdir(parents=True)

    with pytest.raises(StateError, match="cannot be read: Is a directory"):
        file.load()


@pytest.mark.parametrize("cut", range(0, 200, 13))
def test_state_file_cut_off_anywhere_keeps_nobody_from_starting(file: StateFile, cut: int) -> None:
    """As after a loss of power on a file system that promises nothing."""
    file.save(SAVED)
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[:cut])

    if cut < len(whole) - 1:
        with pytest.raises(StateError):
            file.load()
    file.save(SAVED)

    assert file.load() == SAVED


def test_state_file_on_a_full_disk_stays_as_it_was(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.save(SAVED)
    before = file.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match=r"cannot be written: No space left on device"):
        file.save(Saved())

    assert file.path.read_bytes() == before
    assert not file.path.with_name("state.json.new").exists()


@pytest.mark.slow
def test_state_file_that_may_not_grow_stays_as_it_was(file: StateFile) -> None:
    """A limit of the kernel, in a process of its own: the write ends in the middle of the file."""
    file.save(SAVED)
    file.release()
    script = (
        "import resource, sys\n"
        "from rhi.daemon.state import Saved, StateError, StateFile\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "try: StateFile(sys.argv[1]).save(Saved(sections={'overrides': 'x' * 100_000}))\n"
        "except StateError as error: print(error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, str(file.path)], capture_output=True, text=True, check=True
    )

    assert "cannot be written: File too large" in done.stdout
    assert file.load() == SAVED
    assert not file.path.with_name("state.json.new").exists()


@pytest.mark.slow
def test_state_file_on_a_disk_that_is_really_full_stays_as_it_was(tmp_path: Path) -> None:
    """A file system of 64 kB, in a mount namespace of its own."""
    script = (
        "import os, sys\n"
        "from rhi.daemon.state import Saved, StateError, StateFile\n"
        "file = StateFile(sys.argv[1] + '/state.json')\n"
        "file.save(Saved(boot='before'))\n"
        "try: file.save(Saved(sections={'overrides': 'x' * 1_000_000}))\n"
        "except StateError as error: print(error)\n"
        "print(file.load().boot, sorted(os.listdir(sys.argv[1])))\n"
    )
    mount = f'mount -t tmpfs -o size=64k none {tmp_path} && exec {sys.executable} -c "$0" {tmp_path}'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, script], capture_output=True, text=True, check=False
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        lacking("a small file system needs the right to mount")

    assert "cannot be written: No space left on device" in done.stdout
    assert "before ['state.json', 'state.json.lock']" in done.stdout


def test_state_file_after_a_crash_while_it_was_written_is_the_one_before(file: StateFile) -> None:
    file.save(SAVED)
    file.path.with_name("state.json.new").write_text('{"version": 2, "sec')

    assert file.load() == SAVED
    file.save(Saved())
    assert file.load() == Saved()


def test_state_file_is_json_that_people_can_read(file: StateFile) -> None:
    file.save(SAVED)

    document: dict[str, Any] = json.loads(file.path.read_text())

    assert document["sections"]["overrides"]["dns"]["reason"] == "kernel"
    assert document["version"] == 2


def test_start_of_the_host_is_known() -> None:
    assert boot_id() == boot_id() != ""


def test_state_file_that_another_daemon_has_is_neither_taken_nor_written(file: StateFile) -> None:
    other = StateFile(str(file.path))
    other.hold()
    other.save(SAVED)

    for refused in (file.hold, lambda: file.save(Saved())):
        with pytest.raises(StateInUseError) as caught:
            refused()
        assert str(caught.value) == (
            f"state file {file.path}: the daemon with pid {os.getpid()} uses it; "
            "a second daemon needs a state_file of its own"
        )
    assert file.load() == SAVED

    other.release()
    file.save(Saved(boot="mine"))
    assert file.load().boot == "mine"


def test_state_file_that_cannot_be_locked_is_written_and_says_so(file: StateFile) -> None:
    lock = file.path.with_name("state.json.lock")
    lock.mkdir(parents=True)

    file.save(SAVED)

    assert file.load() == SAVED
    assert file.unlocked == (
        f"state file {file.path}: nothing keeps a second daemon from it, since {lock} cannot be locked: "
        "Is a directory"
    )

    lock.rmdir()
    file.save(SAVED)
    assert file.unlocked == ""
