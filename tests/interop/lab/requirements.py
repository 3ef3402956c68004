"""What the lab needs of the machine, and what happens where it is missing.

A test that cannot run says why and is skipped. With RHI_REQUIRE_LAB=1, as in continuous integration, it fails
instead, so that a lab which silently lost a daemon is noticed.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

# Daemons are in folders that an ordinary user, and some service managers, do not search.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"])

lacked: list[str] = []  # reasons why tests of this run could not be run


def lacking(reason: str) -> NoReturn:
    """End the test: skipped for `reason`, or failed when the lab is required."""
    lacked.append(reason)
    if os.environ.get("RHI_REQUIRE_LAB") == "1":
        pytest.fail(f"RHI_REQUIRE_LAB=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def require_namespaces() -> None:
    """End the test unless this process may make network namespaces."""
    if os.geteuid() != 0:
        lacking("network namespaces need root")
    find_program("ip", package="iproute2")
    find_program("setpriv", package="util-linux")


def find_program(name: str, *, package: str, folder: str | None = None) -> str:
    """Path of a program; ends the test if it is missing. `folder`: when several packages have the name."""
    path = shutil.which(name, path=folder or SEARCH_PATH)
    return path or lacking(f"{name} is not installed (package {package}; see scripts/lab.sh)")
