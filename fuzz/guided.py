"""Fuzzing guided by coverage: runs `fuzz.under_atheris` for one target and reports what it finds."""

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec

from fuzz.targets import TARGETS


def is_available() -> bool:
    """Whether atheris is installed; it exists for some versions of Python only."""
    return find_spec("atheris") is not None


def explore(name: str, seconds: float, seed: int) -> bool:
    """Explore one target for a time, in a process of its own; true when something was found and printed."""
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(TARGETS[name].seeds):
            with open(os.path.join(folder, f"seed{number}"), "wb") as file:
                file.write(data)
        command = [sys.executable, "-m", "fuzz.under_atheris", name, folder]
        command += [f"-max_total_time={max(1, round(seconds))}", f"-seed={seed or 1}", "-max_len=8192"]
        command += ["-verbosity=0", f"-artifact_prefix={folder}/"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode == 0:
            return False
        print(done.stdout + done.stderr, file=sys.stderr)
        for entry in sorted(os.listdir(folder)):
            if entry.startswith(("crash-", "timeout-", "oom-")):
                with open(os.path.join(folder, entry), "rb") as file:
                    again = file.read().hex()
                print(
                    f"{name}: found; again with: python -m fuzz --target {name} --input {again}",
                    file=sys.stderr,
                )
        return True
