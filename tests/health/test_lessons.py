"""A check that cannot fail is worse than none: https://github.com/runityru/anycastd/issues/128 never did."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from rhi.health.table import CHECKS, to_check
from tests.health.probing import free_port, one_round


def dead(folder: Path) -> dict[str, dict[str, Any]]:
    """For each type of check, one of something that is not there."""
    port = free_port()
    there = {"address": "127.0.0.1", "port": port}
    nothing = str(folder / "nothing")
    return {
        "tcp": there,
        "tls": {**there, "server_name": "www.example.net"},
        "http": {"url": f"http://127.0.0.1:{port}/"},
        "dns": {**there, "query": "example.net"},
        "icmp": {"address": "127.0.0.1", "size": 56, "timeout": 0.001, "source": "127.0.0.1"},
        "grpc": there,
        "exec": {"command": ["false"]},
        "file": {"path": nothing},
        "systemd": {"unit": "rhi-no-such-unit.service"},
        "process": {"process": "rhi-nobody"},
        "push": {"max_age": 0.05},
        "haproxy": {"socket": nothing, "backend": "web"},
    }


def test_lesson_27_every_type_of_check_is_asked_about_something_dead(tmp_path: Path) -> None:
    assert dead(tmp_path).keys() == CHECKS.keys()


# an echo request to nobody needs a host that does not answer: tests/health/test_icmp.py has one
@pytest.mark.parametrize("name", sorted(CHECKS.keys() - {"icmp"}))
def test_lesson_27_check_of_something_dead_fails(name: str, tmp_path: Path) -> None:
    report = asyncio.run(one_round(to_check({"type": name, **dead(tmp_path)[name], "fall": 1})))

    assert report.result is None or not report.result.ok
    assert report.result is not None or report.alarm
