"""ExaBGP with a configuration, and rhi with what came of it: the same routes in the same states."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rhi.testing.collector import Collector
from tests.cli.command import COMMAND, run
from tests.interop.lab.requirements import find_program

pytestmark = pytest.mark.slow

PATIENCE = 30.0
FIRST, SECOND = "203.0.113.10", "203.0.113.11"
CONFIGURATION = """
neighbor {host} {{
    router-id 192.0.2.10;
    local-address {host};
    local-as 65001;
    peer-as {peer_as};
    connect {port};
    family {{ ipv4 unicast; }}
    api {{ processes [ web ]; }}
}}
process web {{
    run {python} -m exabgp healthcheck {options} {more};
    encoder text;
}}
"""
# ExaBGP wants a statement on one line.
OPTIONS = (
    '--no-syslog --no-ip-setup --cmd "test -e {folder}/up" --disable {folder}/off '
    "--interval 0.2 --fast-interval 0.1 --rise 1 --fall 1 --ip {first} --ip {second} "
    "--up-metric 10 --down-metric 200 --disabled-metric 50 --increase 5 "
    '--community "65001:1 no-export" --large-community "65001:1:2" --extended-community "target:65001:9"'
)
ENVIRONMENT = {
    "exabgp.daemon.user": "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody"),
    "exabgp.api.cli": "false",
    "exabgp.log.level": "CRITICAL",
}

States = dict[str, Mapping[str, Any] | None]


@contextmanager
def running(*argv: str, environment: Mapping[str, str]) -> Iterator[None]:
    with subprocess.Popen(
        argv, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


def states(collector: Collector, folder: Path, *, withdraws: bool) -> States:
    """What both routes have while the service is up, down and disabled, and up again."""
    found: States = {}
    both = (FIRST, SECOND)

    def is_up(routes: Mapping[str, Any]) -> bool:
        return all(routes.get(route) == found[f"up {route}"] for route in both)

    def is_other(routes: Mapping[str, Any]) -> bool:
        """Neither is as it was while the service was up; one changes before the other."""
        seen = [routes.get(route) for route in both]
        has_changed = all(
            now not in (found[f"up {route}"], None) for route, now in zip(both, seen, strict=True)
        )
        return has_changed or (withdraws and not any(seen))

    def note(state: str, condition: Callable[[Mapping[str, Any]], bool]) -> None:
        assert collector.wait_for(condition, PATIENCE), (state, found, collector.routes())
        for route in both:
            found[f"{state} {route}"] = collector.routes().get(route)

    up, off = folder / "up", folder / "off"
    up.touch()
    note("up", lambda routes: routes.keys() >= set(both))
    up.unlink()
    note("down", is_other)
    up.touch()
    note("up", is_up)
    off.touch()
    note("disabled", is_other)
    off.unlink()
    note("up", is_up)
    return found


@pytest.mark.parametrize(
    ("peer_as", "more", "withdraws"),
    [
        (65000, "--as-path '65001 65001' --down-as-path '65001 65001 65001'", False),
        (65000, "--withdraw-on-down --start-ip 1", True),
        (65001, "--local-preference 250", False),
    ],
    ids=["paths", "withdraw", "internal"],
)
def test_routes_are_those_of_exabgp_in_every_state(
    tmp_path: Path, peer_as: int, more: str, withdraws: bool
) -> None:
    theirs, ours = tmp_path / "exabgp.conf", tmp_path / "rhi.toml"
    with Collector(as_number=peer_as) as collector:
        theirs.write_text(
            CONFIGURATION.format(
                host=collector.host,
                port=collector.port,
                peer_as=peer_as,
                python=sys.executable,
                options=OPTIONS.format(folder=tmp_path, first=FIRST, second=SECOND),
                more=more,
            )
        )
        program = find_program("exabgp", package="exabgp", folder=str(Path(sys.executable).parent))
        with running(program, "server", str(theirs), environment=ENVIRONMENT):
            expected = states(collector, tmp_path, withdraws=withdraws)
        (tmp_path / "up").unlink()
        converted = run("import", "exabgp", str(theirs))
        assert converted.code == 0, converted.err
        ours.write_text(converted.out)
        assert collector.wait_for(lambda routes: not routes, PATIENCE)
        with running(*COMMAND, "run", str(ours), environment={}):
            found = states(collector, tmp_path, withdraws=withdraws)

    assert found == expected
    assert (expected[f"down {FIRST}"] is None) is withdraws
