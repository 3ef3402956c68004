"""Graceful shutdown and link bandwidth as routers see them: marks, then the withdraw, then the Cease.

The router's table is asked at every step. That nothing is lost on the way is seen by a ping through the
router's kernel, from a router with two hosts to a service that both announce.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.bench import EXTERNAL_AS, KINDS, ROUTER_4, ROUTER_AS, Kind
from tests.interop.lab import (
    ADMINISTRATIVE_SHUTDOWN,
    ESTABLISHED,
    Bird,
    Frr,
    GoBgp,
    Namespace,
    Neighbour,
    OpenBgpd,
    Router,
    Settings,
    running,
    speaking,
    wait_until,
)
from tests.interop.lab.process import Process, complete_lines
from tests.interop.recipes import FOLDER

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

EXTERNAL, INTERNAL = KINDS[0], KINDS[1]  # over IPv4
OUR_AS, THEIR_AS = EXTERNAL_AS[2], ROUTER_AS[2]
GRACEFUL_SHUTDOWN = "65535:0"
SERVICE = "10.66.99.1"
MESSAGE = "new kernel, back at 14:00"
ROUTE = f"{SERVICE}/32"
# Seconds between marks and withdraw: enough to ask a router on a busy machine.
WAIT = 6

ANSWER = f"""
import socket
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("{SERVICE}", 5353))
while True:
    data, who = sock.recvfrom(64)
    sock.sendto(data, who)
"""

ASK = f"""
import socket, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(20)  # what is lost never comes, and a machine may stand still for a while
good = bad = 0
while True:
    question = str(good + bad).encode()
    try:
        sock.sendto(question, ("{SERVICE}", 5353))
        while sock.recv(64) != question:
            pass
        good += 1
    except OSError:
        bad += bool(good)  # the service may need a moment to begin
    print(good, bad, flush=True)
    time.sleep(0.01)
"""


def as_number(kind: Kind) -> int:
    return THEIR_AS if kind.internal else OUR_AS


def configuration(daemon: type[Router], *kinds: Kind) -> str:
    peers = tuple(
        Neighbour(address=kind.source, local_address=ROUTER_4, remote_as=as_number(kind)) for kind in kinds
    )
    return daemon.configure(Settings(as_number=THEIR_AS, router_id=ROUTER_4, neighbours=peers))


def arguments(kind: Kind, *words: str, own_as: int | None = None) -> list[str]:
    """Options and routes, routes last."""
    options = [word for word in words if not word.endswith(("/32", "/128"))]
    start = ["-m", "-6", kind.source_6, "--source", kind.source, *options]
    return [*start, str(own_as or as_number(kind)), kind.source, ROUTER_4, *words[len(options) :]]


def text_of(router: Router) -> str:
    return router.log.read_text(errors="replace")


@pytest.mark.feature("graceful shutdown")
@pytest.mark.parametrize("daemon", [Bird, Frr, GoBgp, OpenBgpd], ids=lambda daemon: str(daemon.NAME))
@pytest.mark.parametrize("kind", [EXTERNAL, INTERNAL], ids=str)
def test_router_sees_the_marks_then_the_withdraw_then_the_cease(
    wire: tuple[Namespace, Namespace], daemon: type[Router], kind: Kind
) -> None:
    near, far = wire
    routes = kind.routes(1)
    drain = ("--drain", str(WAIT), "--message", MESSAGE)
    with (
        running(daemon(far, configuration(daemon, kind))) as router,
        speaking(near, arguments(kind, *drain, "--community", "65001:7", *routes)) as speaker,
    ):
        for prefix in routes:
            router.wait_route(prefix, communities=frozenset({"65001:7"}))

        speaker.send(signal.SIGTERM)

        marked = [
            router.wait_route(prefix, communities=frozenset({"65001:7", GRACEFUL_SHUTDOWN}))
            for prefix in routes
        ]
        if kind.internal:
            assert [route.local_pref for route in marked] == [0, 0]
        assert router.session_state(kind.source) == ESTABLISHED
        router.wait_gone(*routes)
        # the drain's last step is ours to take: the signal of `stop` would give it up
        wait_until(lambda: "drain 1: done" in speaker.explain(), "the drain is done")
        assert speaker.stop() == 0
        router.wait_notification(kind.source, ADMINISTRATIVE_SHUTDOWN)
        for prefix in routes:
            router.wait_changes(prefix, "announce", "announce", "withdraw")
        steps = re.findall(r"drain 1: (\w+)", speaker.explain())
        assert steps == ["marking", "marked", "withdrawing", "done"]
        wait_until(lambda: MESSAGE in text_of(router), "the message in the log")


@pytest.mark.feature("graceful shutdown")
@pytest.mark.parametrize("daemon", [Bird, Frr], ids=lambda daemon: str(daemon.NAME))
def test_drain_of_a_route_leaves_the_others_and_is_taken_back(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    drained, other = EXTERNAL.routes(1)
    with (
        running(daemon(far, configuration(daemon, EXTERNAL))) as router,
        speaking(near, arguments(EXTERNAL, "--drain", "3600", drained, other)) as speaker,
    ):
        router.wait_route(drained)
        router.wait_route(other)

        speaker.tell(f"drain {drained}")
        router.wait_route(drained, communities=frozenset({GRACEFUL_SHUTDOWN}))
        assert GRACEFUL_SHUTDOWN not in (router.routes()[other].communities or ())
        speaker.tell("undrain")

        wait_until(
            lambda: GRACEFUL_SHUTDOWN not in (router.routes()[drained].communities or ()), "no mark any more"
        )
        assert "withdraw" not in router.changes(drained)
        router.wait_changes(other, "announce")


def documented(daemon: type[Router]) -> str:
    """What docs/routers/README.md has this daemon told, for graceful shutdown."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8").partition("## Graceful shutdown")[2]
    found = re.search(rf"^```{daemon.NAME}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def heeding(daemon: type[Router], text: str) -> str:
    """The configuration `text` with what is documented."""
    if daemon is Bird:
        return documented(daemon) + text.replace("import all", "import filter heed_graceful_shutdown")
    return text + documented(daemon)


@pytest.mark.feature("graceful shutdown")
@pytest.mark.parametrize("daemon", [Bird, Frr, GoBgp, OpenBgpd], ids=lambda daemon: str(daemon.NAME))
def test_router_that_heeds_the_community_has_the_routes_of_an_external_peer_last(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    text = heeding(daemon, configuration(daemon, EXTERNAL))
    worst = 1 if daemon is GoBgp else 0
    with running(daemon(far, text)) as router, speaking(near, arguments(EXTERNAL, ROUTE)) as speaker:
        assert router.wait_route(ROUTE).local_pref in (None, 100)

        speaker.tell("drain")

        router.wait_route(ROUTE, communities=frozenset({GRACEFUL_SHUTDOWN}), local_pref=worst)


def two_hosts(daemon: type[Router]) -> str:
    """A router that installs the better of two paths, both of external peers."""
    text = configuration(daemon, EXTERNAL, INTERNAL)
    for word in ("as", "remote-as"):
        peer = f"neighbor {INTERNAL.source} {word}"
        text = text.replace(f"{peer} {THEIR_AS}", f"{peer} {OUR_AS}")
    if daemon is Bird:
        text += "protocol kernel { ipv4 { export all; }; }\n"
    return heeding(daemon, text)


@contextlib.contextmanager
def probing(near: Namespace, far: Namespace) -> Iterator[Process]:
    """A client at the router asks the service a hundred times a second; its log tells how that goes."""
    folder = Path(tempfile.mkdtemp(prefix="rhi-probe-"))
    near.add_address("lo", f"{SERVICE}/32")
    made: list[Process] = []
    try:
        for namespace, program in ((near, ANSWER), (far, ASK)):
            made.append(Process(namespace, [sys.executable, "-c", program], folder / f"log{len(made)}"))
        yield made[1]
    finally:
        for process in made:
            process.kill()
        near.run("ip", "address", "delete", f"{SERVICE}/32", "dev", "lo")
        shutil.rmtree(folder)


@pytest.mark.feature("graceful shutdown")
@pytest.mark.parametrize("daemon", [Bird, Frr], ids=lambda daemon: str(daemon.NAME))
def test_second_host_takes_over_without_a_lost_packet(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    first, second = EXTERNAL.source, INTERNAL.source
    drain = ("--drain", str(WAIT), "--med", "10")
    with (
        running(daemon(far, two_hosts(daemon))) as router,
        speaking(near, arguments(EXTERNAL, *drain, ROUTE)) as draining,
        speaking(near, arguments(INTERNAL, "--med", "20", ROUTE, own_as=OUR_AS)),
    ):
        router.wait_route(ROUTE, peer=first)
        router.wait_established(second)
        wait_until(lambda: first in far.run("ip", "route", "show", ROUTE), "the first host in the kernel")
        with probing(near, far) as probe:
            wait_until(lambda: answers(probe)[0] > 50, "answers of the service")

            draining.send(signal.SIGTERM)
            wait_until(
                lambda: second in far.run("ip", "route", "show", ROUTE), "the second host in the kernel"
            )
            # the first is still there as the worse path: nothing has been withdrawn
            assert "withdrawing 1 route" not in draining.explain()
            assert router.wait_route(ROUTE, peer=second).communities in (None, frozenset())
            assert draining.stop() == 0
            router.wait_notification(first, ADMINISTRATIVE_SHUTDOWN)
            before = answers(probe)[0]
            wait_until(lambda: answers(probe)[0] > before + 50, "answers after the end")

            assert answers(probe)[1] == 0


def answers(probe: Process) -> tuple[int, int]:
    """How many questions were answered, and how many not."""
    lines = complete_lines(probe.log)
    return tuple(map(int, lines[-1].split())) if lines else (0, 0)  # type: ignore[return-value]


def shown_bandwidth(router: Router, prefix: str) -> str:
    """What the router prints of the extended communities of a route."""
    if isinstance(router, Bird):
        return router.birdc("show", "route", prefix, "all")
    if isinstance(router, Frr):
        return router.vtysh(f"show bgp ipv4 unicast {prefix}")
    assert isinstance(router, GoBgp)
    return json.dumps(router.gobgp("global", "rib", prefix))


@pytest.mark.feature("link bandwidth")
@pytest.mark.parametrize(
    ("daemon", "name", "expected"),
    [
        (Bird, "lb", "(unknown 0x4004, 65001, 1290693416)"),  # the float's bits as a number
        (Bird, "lb-transitive", "(unknown 0x4, 65001, 1290693416)"),
        (Frr, "lb", "LB:65001:125000000 (1.000 Gbps)"),
        (Frr, "lb-transitive", "LB:65001:125000000 (1.000 Gbps)"),
        (GoBgp, "lb", '"subtype": 4, "asn": 65001, "bandwidth": 125000000'),
        (GoBgp, "lb-transitive", '"subtype": 4, "asn": 65001, "bandwidth": 125000000'),
    ],
)
def test_link_bandwidth_is_what_the_router_shows(
    wire: tuple[Namespace, Namespace], daemon: type[Router], name: str, expected: str
) -> None:
    near, far = wire
    with (
        running(daemon(far, configuration(daemon, INTERNAL))) as router,
        speaking(near, arguments(INTERNAL)) as speaker,
    ):
        speaker.tell(f"announce {ROUTE} extended-community {name}:65001:125000000")
        router.wait_route(ROUTE)

        assert expected in shown_bandwidth(router, ROUTE)
