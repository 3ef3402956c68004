"""What the figures were measured on, and when."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).parent.parent / "src" / "rhi"
MEASURED: Final = ("core", "model", "net", "wire", "aio.py", "threaded.py")


def describe() -> dict[str, str]:
    """Processor, memory, kernel and Python."""
    return {
        "processor": f"{os.cpu_count()} × {_field('/proc/cpuinfo', 'model name')}",
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / 2**20:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def date() -> str:
    """The date and time, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M")


def load() -> float:
    """How many processes wanted to run in the last minute, in the mean."""
    return round(os.getloadavg()[0], 1)


def code() -> str:
    """Which rhi is measured: the commit that changed it last, and whether it has been changed since."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(SOURCE), *arguments, "--", *MEASURED]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    commit = git("log", "-1", "--format=%h") or "unknown"
    return f"{commit} with changes" if git("status", "--porcelain") else commit


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "0"
