"""One daemon to a state file, whatever becomes of the file and of the process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rhi.daemon.state_lock import LockedError, StateLock


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lib" / "state.json.lock"


def test_lock_is_of_one_and_names_who_has_it(path: Path) -> None:
    first, second = StateLock(path), StateLock(path)
    first.take()
    first.take()

    with pytest.raises(LockedError) as caught:
        second.take()
    assert caught.value.pid == str(os.getpid())

    first.release()
    first.release()
    second.take()


def test_lock_whose_holder_has_not_said_who_it_is_has_no_pid(path: Path) -> None:
    first = StateLock(path)
    first.take()
    path.write_text("nonsense")

    with pytest.raises(LockedError) as caught:
        StateLock(path).take()

    assert caught.value.pid == ""


def test_lock_that_nobody_refers_to_is_free(path: Path) -> None:
    StateLock(path).take()

    StateLock(path).take()


def test_lock_whose_file_was_removed_is_taken_anew(path: Path) -> None:
    first, second = StateLock(path), StateLock(path)
    first.take()
    path.unlink()
    first.take()

    with pytest.raises(LockedError):
        second.take()


def test_lock_whose_file_was_removed_may_be_another_s(path: Path) -> None:
    first, second = StateLock(path), StateLock(path)
    first.take()
    path.unlink()
    second.take()

    with pytest.raises(LockedError):
        first.take()


def test_lock_file_is_for_its_owner_alone(path: Path) -> None:
    StateLock(path).take()

    assert path.stat().st_mode & 0o777 == 0o600


def test_lock_file_that_root_makes_is_of_the_owner_of_its_directory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or else that user's daemon, started by root just once, could not take the lock ever after."""
    given: list[tuple[int, int, int]] = []

    def give(descriptor: int, user: int, group: int) -> None:
        given.append((os.fstat(descriptor).st_ino, user, group))

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", give)
    lock = StateLock(path)
    lock.take()

    owner = path.parent.stat()
    assert given == [(path.stat().st_ino, owner.st_uid, owner.st_gid)]

    # only what it has made: another's file may have been put there
    lock.release()
    lock.take()
    assert len(given) == 1


def test_lock_file_of_a_link_is_neither_taken_nor_given_away(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", lambda *words: given.append(words))
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        StateLock(path).take()

    assert not given
    assert not (tmp_path / "elsewhere").exists()


def test_lock_file_that_cannot_be_given_away_is_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "fchown", refuse)
    lock = StateLock(path)
    lock.take()

    with pytest.raises(LockedError):
        StateLock(path).take()


@pytest.mark.slow
def test_lock_is_held_until_the_process_has_ended(path: Path) -> None:
    """A thread that hangs in a write may go on while the interpreter ends, so ending it is too soon."""
    script = (
        "import atexit, sys\n"
        "from pathlib import Path\n"
        "from rhi.daemon import state_lock\n"
        "path = Path(sys.argv[1])\n"
        "def look():\n"
        "    try:\n"
        "        state_lock.StateLock(path).take()\n"
        "    except state_lock.LockedError:\n"
        "        print('held')\n"
        "atexit.register(look)\n"  # runs last
        "lock = state_lock.StateLock(path)\n"
        "lock.take()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, check=True)
    assert ended.stdout == b"held\n", ended.stderr


@pytest.mark.slow
def test_lock_of_a_process_that_was_killed_is_free(path: Path) -> None:
    """Also while a program that it has started lives on."""
    script = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from rhi.daemon.state_lock import StateLock\n"
        "lock = StateLock(Path(sys.argv[1]))\n"
        "lock.take()\n"
        "child = subprocess.Popen(['cat'], stdin=0, stdout=subprocess.DEVNULL)\n"
        "print('taken', flush=True)\n"
        "child.wait()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        with pytest.raises(LockedError) as caught:
            StateLock(path).take()
        assert caught.value.pid == str(holder.pid)

        holder.kill()
        holder.wait()
        StateLock(path).take()
