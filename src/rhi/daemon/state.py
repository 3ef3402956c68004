"""What outlives the daemon, in one JSON file: named sections, each of one part of it.

The file is replaced as a whole, so that a crash or a full disk leaves the one before; and it is read with
suspicion: what cannot be used is put aside and reported, and does not keep the daemon from starting. Instants
in it are times of day, since the monotonic clock starts anew with the host. `keeper` says when it is written.

    {"version": 2, "boot": "...", "sections": {"overrides": {...}, "drains": [...], ...}}

Version 1 had overrides only, and is read too.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rhi.daemon.state_lock import LockedError, StateLock, lock_path
from rhi.errors import RhiError
from rhi.model.wording import os_error_text

VERSION: Final = 2
# Far above what is ever in it: the announced addresses of 100,000 services that come back at once.
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class StateError(Exception):
    """The file cannot be read, used or written; one sentence."""


class StateInUseError(StateError, RhiError):
    """Another daemon has the file; one sentence."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The monotonic clock and the time of day, read at one moment."""

    monotonic: float
    wall: float

    def to_wall(self, instant: float) -> float:
        """The time of day of a monotonic instant, in seconds since 1970."""
        return self.wall + (instant - self.monotonic)

    def moment(self, instant: float) -> datetime:
        """The same, to be shown; in UTC."""
        return datetime.fromtimestamp(self.to_wall(instant), UTC)

    def to_monotonic(self, time_of_day: float) -> float:
        """The inverse."""
        return self.monotonic + (time_of_day - self.wall)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a file holds.

    Attributes:
        sections: by name, as they were given.
        boot: which start of the host wrote it; empty when it is not known.
    """

    sections: Mapping[str, Any] = field(default_factory=dict)
    boot: str = ""


class StateFile:
    """The file at one path.

    Attributes:
        unlocked: why nothing keeps another daemon from the file, a sentence; empty when something does.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.unlocked = ""
        self._lock = StateLock(lock_path(self.path))

    def hold(self) -> None:
        """Have the file for this daemon alone, if its file system allows that; until `release`.

        Raises:
            StateInUseError: another daemon has it.
        """
        try:
            self._lock.take()
            self.unlocked = ""
        except LockedError as error:
            self.unlocked = ""
            holder = f"the daemon with pid {error.pid}" if error.pid else "another daemon"
            raise StateInUseError(
                f"state file {self.path}: {holder} uses it; a second daemon needs a state_file of its own"
            ) from None
        except OSError as error:
            self.unlocked = (
                f"state file {self.path}: nothing keeps a second daemon from it, since "
                f"{self._lock.path} cannot be locked: {os_error_text(error)}{self._remedy(error)}"
            )

    def _remedy(self, error: OSError) -> str:
        """A lock file that is another user's stays so until somebody does something."""
        if not isinstance(error, PermissionError) or not os.path.lexists(self._lock.path):
            return ""
        return f"; give it to the daemon's user: chown {os.geteuid()} {self._lock.path}"

    def release(self) -> None:
        """Let another daemon have it."""
        self._lock.release()

    def load(self) -> Saved:
        """What is in it; nothing when there is no file.

        Raises:
            StateError: the file cannot be used; it has been renamed to end in `.bad` if that was possible.
        """
        try:
            with self.path.open("rb") as stream:
                data = stream.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return Saved()
        except OSError as error:
            raise StateError(f"state file {self.path}: cannot be read: {os_error_text(error)}") from None
        try:
            return _decode(data)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            with contextlib.suppress(OSError):
                self.path.replace(self._aside)
            raise StateError(
                f"state file {self.path}: cannot be used ({type(error).__name__}: {error}); "
                f"put aside as {self._aside.name}, and nothing in it counts"
            ) from None

    def section_is_bad(self, name: str, error: Exception) -> str:
        """Keep a copy for people to look at; the sentence about it."""
        with contextlib.suppress(OSError):
            self._aside.write_bytes(self.path.read_bytes())
        return (
            f"state file {self.path}: section {name} cannot be used ({type(error).__name__}: {error}); "
            f"a copy is {self._aside.name}, and nothing in the section counts"
        )

    @property
    def _aside(self) -> Path:
        return self.path.with_name(self.path.name + ".bad")

    def save(self, saved: Saved) -> None:
        """Replace the file; for a thread, since a disk may take its time.

        Raises:
            StateError: it could not be written, or another daemon has it; the one before is as it was.
        """
        self.hold()
        new = self.path.with_name(self.path.name + ".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as stream:
                stream.write(_encode(saved))
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self.path)
            _sync_directory(self.path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            raise StateError(f"state file {self.path}: cannot be written: {os_error_text(error)}") from None


def boot_id() -> str:
    """Which start of the host this is; empty when the kernel does not tell."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _encode(saved: Saved) -> bytes:
    document = {"version": VERSION, "boot": saved.boot, "sections": dict(saved.sections)}
    return json.dumps(document, indent=1).encode() + b"\n"


def _decode(data: bytes) -> Saved:
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES} bytes")
    document = json.loads(data)
    version = document["version"]
    if version == 1:
        return Saved(sections={"overrides": document["overrides"]})
    if version != VERSION:
        raise ValueError(f"version {version!r}, and this rhi reads versions 1 and {VERSION}")
    return Saved(sections=dict(document["sections"].items()), boot=str(document["boot"]))


def _sync_directory(directory: Path) -> None:
    """Have the renaming on disk too."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
