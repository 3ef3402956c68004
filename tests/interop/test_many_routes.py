"""A large table from a file arrives whole, and leaves whole, over one session that stays up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.bench import EXTERNAL_AS, KINDS, ROUTER_4, ROUTER_AS
from tests.interop.lab import (
    DAEMONS,
    ESTABLISHED,
    Namespace,
    Neighbour,
    Router,
    Settings,
    running,
    speaking,
    wait_until,
)
from tests.interop.session import with_daemons

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

KIND = KINDS[0]
DEADLINE = 70.0  # seconds; to ask for so many routes takes some daemons a while
IPV4 = {f"10.{70 + i // 2500}.{i // 250 % 10}.{i % 250}/32" for i in range(10_000)}
IPV6 = {f"2001:db8:3::{i:x}/128" for i in range(1, 1_001)}


@pytest.mark.feature("many routes")
@with_daemons(DAEMONS)
def test_ten_thousand_routes_arrive_and_leave(
    wire: tuple[Namespace, Namespace], tmp_path: Path, daemon: type[Router]
) -> None:
    near, far = wire
    file = tmp_path / "routes"
    file.write_text("".join(f"{prefix} community 65001:7\n" for prefix in sorted(IPV4 | IPV6)))
    peer = Neighbour(address=KIND.source, local_address=ROUTER_4, remote_as=EXTERNAL_AS[2])
    config = daemon.configure(Settings(as_number=ROUTER_AS[2], router_id=ROUTER_4, neighbours=(peer,)))
    arguments = [
        *["-m", "-6", KIND.source_6, "--source", KIND.source, "--routes", str(file)],
        *[str(EXTERNAL_AS[2]), KIND.source, ROUTER_4],
    ]
    with running(daemon(far, config)) as router, speaking(near, arguments) as speaker:
        router.wait_established(KIND.source)

        wait_until(lambda: router.routes().keys() == IPV4 | IPV6, f"{router.NAME} has all", deadline=DEADLINE)
        assert {route.communities for route in router.routes().values()} == {frozenset({"65001:7"})}

        speaker.tell("clear")

        wait_until(lambda: not router.routes(), f"{router.NAME} has none", deadline=DEADLINE)
        assert router.session_state(KIND.source) == ESTABLISHED
