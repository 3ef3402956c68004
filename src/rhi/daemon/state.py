"""What outlives the daemon: the overrides of its operators, in one small JSON file.

The file is replaced as a whole, so that a crash or a full disk leaves the one before; and it is read with
suspicion: one that cannot be used is put aside and reported, and does not keep the daemon from starting.
Instants in it are times of day, since the monotonic clock starts anew with the host.
"""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rhi.daemon.decision.overrides import Action, Override
from rhi.net.endpoint import os_error_text

VERSION: Final = 1
# Far above what operators ever say at once.
MAX_FILE_BYTES: Final = 4 * 1024 * 1024


class StateError(Exception):
    """The file cannot be read, used or written; one sentence."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """The monotonic clock and the time of day, read at one moment."""

    monotonic: float
    wall: float

    def to_wall(self, instant: float) -> float:
        """The time of day of a monotonic instant, in seconds since 1970."""
        return self.wall + (instant - self.monotonic)

    def to_monotonic(self, time_of_day: float) -> float:
        """The inverse."""
        return self.monotonic + (time_of_day - self.wall)


class StateFile:
    """The file at one path."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def load(self, clocks: Clocks) -> dict[str, Override]:
        """Overrides by name of service, without those that are over; none when there is no file.

        Raises:
            StateError: the file cannot be used; it has been renamed to end in `.bad` if that was possible.
        """
        try:
            with self.path.open("rb") as stream:
                data = stream.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StateError(f"state file {self.path}: cannot be read: {os_error_text(error)}") from None
        try:
            return _decode(data, clocks)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            aside = self.path.with_name(self.path.name + ".bad")
            with contextlib.suppress(OSError):
                self.path.replace(aside)
            raise StateError(
                f"state file {self.path}: cannot be used ({type(error).__name__}: {error}); "
                f"put aside as {aside.name}, and nothing in it counts"
            ) from None

    def save(self, overrides: Mapping[str, Override], clocks: Clocks) -> None:
        """Replace the file.

        Raises:
            StateError: it could not be written; the one before is as it was.
        """
        new = self.path.with_name(self.path.name + ".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as stream:
                stream.write(_encode(overrides, clocks))
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(self.path)
            _sync_directory(self.path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            raise StateError(f"state file {self.path}: cannot be written: {os_error_text(error)}") from None


def _encode(overrides: Mapping[str, Override], clocks: Clocks) -> bytes:
    entries = {}
    for name, override in overrides.items():
        entry = asdict(override)
        entry["action"] = override.action.value
        entry["at"] = clocks.to_wall(override.at)
        entry["until"] = None if override.until is None else clocks.to_wall(override.until)
        entries[name] = entry
    return json.dumps({"version": VERSION, "overrides": entries}, indent=1).encode() + b"\n"


def _decode(data: bytes, clocks: Clocks) -> dict[str, Override]:
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"larger than {MAX_FILE_BYTES} bytes")
    document = json.loads(data)
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']!r}, and this rhi reads version {VERSION}")
    found = {str(name): _override(entry, clocks) for name, entry in document["overrides"].items()}
    return {name: each for name, each in found.items() if not each.is_over(clocks.monotonic)}


def _override(entry: dict[str, Any], clocks: Clocks) -> Override:
    until = entry["until"]
    return Override(
        action=Action(entry["action"]),
        reason=str(entry["reason"]),
        by=str(entry["by"]),
        at=clocks.to_monotonic(float(entry["at"])),
        until=None if until is None else clocks.to_monotonic(float(until)),
        drain_time=float(entry["drain_time"]),
        is_forced=bool(entry["is_forced"]),
    )


def _sync_directory(directory: Path) -> None:
    """Have the renaming on disk too."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
