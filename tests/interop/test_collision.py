"""We dial a router while it dials us (RFC 4271 §6.8): one session is left, whoever has the higher identifier.

A collision does not come by itself on a fast cable. The program on our side therefore stands still until the
router's connection waits in its backlog, and then does everything at once: in one order it dials only then,
in the other its own connection is under way before. OpenBGPD is not here: it dials too seldom to be met.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.interop.bench import EXTERNAL_AS, KINDS, ROUTER_4, ROUTER_AS
from tests.interop.lab import (
    Bird,
    Frr,
    GoBgp,
    Namespace,
    Neighbour,
    Router,
    Settings,
    running,
)

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

KIND = KINDS[0]  # eBGP over IPv4
OUR_AS, THEIR_AS = EXTERNAL_AS[2], ROUTER_AS[2]
OUR_ID = "192.0.2.44"
IDENTIFIERS = {"theirs is higher": "192.0.2.250", "ours is higher": "0.0.0.1"}
ORDERS = ("theirs first", "ours first")
# GoBGP takes ten seconds and more from one attempt to the next.
ROUNDS = {Bird: 3, Frr: 3, GoBgp: 1}

PROGRAM = """
import asyncio, json, sys, time
import rhi, rhi.aio

source, router, as_number, router_id, order = sys.argv[1:]
parameters = rhi.Parameters(as_number=int(as_number), source_ip=source, hold_time=30)

def stand_still(limit):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        with open("/proc/net/tcp") as file:
            fields = [line.split() for line in file]
        if any(each[1].endswith(":00B3") and each[3] == "01" for each in fields):
            return
        time.sleep(0.001)

async def main():
    pool = rhi.aio.Pool(router_id, {}, ["203.0.113.1"], listen=[(source, 179)])
    if order == "ours first":
        pool.configure({router: parameters})
        while pool.status()[router].state is not rhi.State.CONNECT:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        stand_still(5)
    else:
        stand_still(50)
        pool.configure({router: parameters})
    end = time.monotonic() + 20
    while not (done := pool.status()[router]).end_of_rib and time.monotonic() < end:
        await asyncio.sleep(0.01)
    await asyncio.sleep(1.5)  # longer than a second connection could be decided on
    status = pool.status()[router]
    print(json.dumps(status.to_json()), flush=True)
    sys.stdin.read()
    await pool.close()

asyncio.run(main())
"""


def identifiers() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("router_id", IDENTIFIERS.values(), ids=IDENTIFIERS)


def configuration(daemon: type[Router], router_id: str) -> str:
    """The lab's configuration, but for a router that dials too, and soon."""
    peer = Neighbour(address=KIND.source, local_address=ROUTER_4, remote_as=OUR_AS)
    text = daemon.configure(Settings(as_number=THEIR_AS, router_id=router_id, neighbours=(peer,)))
    if daemon is Bird:
        return text.replace("  passive;", "  connect delay time 1;\n  connect retry time 1;")
    if daemon is Frr:
        return text.replace(f" neighbor {KIND.source} passive\n", "")
    if daemon is GoBgp:
        active = text.replace("passive-mode = true", "passive-mode = false")
        return active.replace("    idle-hold", "    connect-retry = 1\n    idle-hold")
    raise AssertionError(daemon)


@contextlib.contextmanager
def dialer(near: Namespace, order: str) -> Iterator[subprocess.Popen[str]]:
    """Our side; the session ends with the program's input."""
    words = [KIND.source, ROUTER_4, str(OUR_AS), OUR_ID, order]
    command = near.command([sys.executable, "-c", PROGRAM, *words])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            yield program
        finally:
            program.communicate()


def connections_until_decided(program: subprocess.Popen[str], router: Router) -> int:
    """See that one session is left, the first there was, and return how many connections it took."""
    assert program.stdout is not None
    status = json.loads(program.stdout.readline())
    assert status["state"] == "ESTABLISHED", status
    assert status["established_sessions"] == 1, status
    router.wait_established(KIND.source)
    router.wait_route("203.0.113.1/32")
    return int(status["successful_connections"])


@pytest.mark.feature("connection collision")
@identifiers()
@pytest.mark.parametrize("daemon", [Bird, Frr, GoBgp], ids=lambda daemon: str(daemon.NAME))
def test_collision_leaves_one_session(
    wire: tuple[Namespace, Namespace], daemon: type[Router], router_id: str
) -> None:
    near, far = wire
    made = []
    with running(daemon(far, configuration(daemon, router_id))) as router:
        for order in ORDERS * ROUNDS[daemon]:
            with dialer(near, order) as program:
                made.append(connections_until_decided(program, router))
    print(f"{daemon.NAME}: connections in each round {made}")
