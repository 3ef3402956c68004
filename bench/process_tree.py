"""Memory and processor time of a process and all its descendants, from /proc."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

_NOW = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


def peak_memory(pids: Iterable[int]) -> int:
    """Sum of the peak resident sizes of all processes, in bytes; what they share counts twice."""
    total = 0
    for pid in _with_descendants(pids):
        found = _PEAK.search(_read(pid, "status"))
        total += int(found[1]) * 1024 if found else 0
    return total


def memory(pids: Iterable[int]) -> int:
    """The same as it is now."""
    total = 0
    for pid in _with_descendants(pids):
        found = _NOW.search(_read(pid, "status"))
        total += int(found[1]) * 1024 if found else 0
    return total


def processor_time(pids: Iterable[int]) -> float:
    """User and system time so far, in seconds, with that of children that have ended."""
    ticks = 0
    for pid in _with_descendants(pids):
        fields = _stat(pid)
        ticks += sum(int(value) for value in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def _with_descendants(pids: Iterable[int]) -> set[int]:
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(path.name))
        if fields:
            parents[int(path.name)] = int(fields[1])
    found = set(pids)
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold spaces and brackets."""
    return _read(pid, "stat").rpartition(")")[2].split()


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""
