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
