"""One daemon to a state file: the kernel's lock on a file beside it, from the start of the daemon to its end.

The state file itself is replaced at each writing, and a lock on it would stay with the file before; so the
lock has a file of its own, which stays, and holds the number of the process that has it. The kernel releases
the lock with the process, however that ends. Programs that a check starts do not inherit it.
"""

import fcntl
import os
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

_FLAGS: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PID_BYTES: Final = 20


class LockedError(Exception):
    """Somebody else has the lock; `pid` is theirs, empty when they have not written it down."""

    def __init__(self, pid: str) -> None:
        super().__init__(pid)
        self.pid = pid


def lock_path(file: Path) -> Path:
    """Where the lock of a state file is."""
    return file.with_name(file.name + ".lock")


def open_lock(path: Path) -> int:
    """A descriptor of a lock file that is there; links are not followed, and nothing is waited for.

    Raises:
        OSError: it cannot be opened as what takes the lock opens it.
    """
    return os.open(path, _FLAGS)


class StateLock:
    """A lock on the file at `path`, which is made if it is not there and never removed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        # who fails to start with the lock in hand, and lives on, must not keep it
        self._closing: weakref.finalize[[int], StateLock] | None = None

    def take(self) -> None:
        """Have the lock; also when the file has been removed since it was taken.

        Raises:
            LockedError: somebody else has it.
            OSError: it cannot be had here, such as on a full or read-only file system.
        """
        if self._closing is not None and self._is_there():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _open(self.path)
        try:
            _lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self.release()
        self._descriptor = descriptor
        self._closing = weakref.finalize(self, os.close, descriptor)
        # a thread may be writing while the interpreter ends: only the kernel knows when it no longer can
        self._closing.atexit = False

    def release(self) -> None:
        """Give it back; harmless without it."""
        if self._closing is not None:
            self._closing()
            self._closing = None

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._descriptor))
        except OSError:
            return False


def _open(path: Path) -> int:
    """Made for its owner alone: whoever may open it can lock it, and keep the daemon from its start."""
    try:
        descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return open_lock(path)
    if os.geteuid() == 0:
        # of one start by root: the daemon's own user, whose directory this is, has to take it later
        with suppress(OSError):
            owner = os.stat(path.parent)
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        found = os.pread(descriptor, _PID_BYTES, 0).strip()
        raise LockedError(found.decode() if found.isdigit() else "") from None
    with suppress(OSError):  # a full disk; the lock is what counts
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
