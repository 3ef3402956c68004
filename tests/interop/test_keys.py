"""A TCP MD5 key that changes at the router, then at ours: how long the routes are gone.

None of these routers keeps a session whose key changes: each ends it with Cease/Other Configuration Change.
What is ours goes on by itself; the session is back as soon as both ends have the new key.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.interop.bench import EXTERNAL_AS, ROUTER_4, ROUTER_AS
from tests.interop.lab import Bird, Frr, GoBgp, Namespace, Router, running, wait_until
from tests.interop.options import PASSWORD, configure
from tests.interop.session import OVER_4, settings, with_daemons

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

NEW_KEY = "quite-another-key"
ROUTE = "203.0.113.1/32"

PROGRAM = """
import sys
import rhi

source, router, as_number, key = sys.argv[1:]

def parameters(key):
    return rhi.Parameters(as_number=int(as_number), source_ip=source, password=key,
                          connect_timeout=1, connect_retry_time=0.5)

class Told(rhi.Observer):
    def on_event(self, event):
        if isinstance(event, rhi.SessionUp):
            print("up", flush=True)
        elif isinstance(event, rhi.SessionDown) and event.established:
            print("down", event.code, event.subcode, flush=True)

with rhi.Pool("192.0.2.44", {router: parameters(key)}, ["203.0.113.1"], Told()) as pool:
    for line in sys.stdin:
        pool.configure({router: parameters(line.strip())})
"""


def change_key(router: Router) -> None:
    """As its operator would."""
    if isinstance(router, Bird):
        path = router.folder / "bird.conf"
        path.write_text(path.read_text().replace(PASSWORD, NEW_KEY))
        router.birdc("configure")
    elif isinstance(router, Frr):
        lines = ["conf t", f"router bgp {ROUTER_AS[2]}", f"neighbor {OVER_4.source} password {NEW_KEY}"]
        typed = [word for line in lines for word in ("-c", line)]
        command = ["vtysh", "--vty_socket", str(router.folder), *typed]
        subprocess.run(command, check=True, capture_output=True, timeout=20)
    else:
        path = router.folder / "gobgpd.toml"
        path.write_text(path.read_text().replace(PASSWORD, NEW_KEY))
        os.kill(router._processes[-1].pid, signal.SIGHUP)


@contextlib.contextmanager
def speaker(near: Namespace) -> Iterator[subprocess.Popen[str]]:
    words = [OVER_4.source, ROUTER_4, str(EXTERNAL_AS[2]), PASSWORD]
    command = near.command([sys.executable, "-c", PROGRAM, *words])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.communicate()


@pytest.mark.feature("TCP MD5 key change")
@with_daemons([Bird, Frr, GoBgp])
def test_key_that_changes_at_the_router_first_costs_one_short_absence(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    config = configure(daemon, settings(OVER_4), "TCP MD5")
    with running(daemon(far, config)) as router, speaker(near) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        router.wait_route(ROUTE)
        assert program.stdout.readline() == "up\n"

        change_key(router)
        assert program.stdout.readline() == "down 6 6\n"
        program.stdin.write(f"{NEW_KEY}\n")
        program.stdin.flush()

        assert program.stdout.readline() == "up\n"
        wait_until(lambda: router.session_state(OVER_4.source) == "established", "session with the new key")
        router.wait_route(ROUTE)
