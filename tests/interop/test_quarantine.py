"""Real routers that end the session over one route: the others stay up, and the one is found.

FRR 8 answers a next hop of 127.0.0.1 so (UPDATE Message Error, Invalid NEXT_HOP). The others take whatever
rhi can be told to send, or treat it as withdrawn; in front of them stands a proxy that makes the UPDATEs with
one route malformed.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rhi.core.recent import SETTLING_TIME
from tests.interop.bench import EXTERNAL_AS, KINDS, ROUTER_4, ROUTER_AS
from tests.interop.lab import (
    DAEMONS,
    ESTABLISHED,
    Bird,
    Frr,
    Namespace,
    Neighbour,
    Router,
    Settings,
    Speaker,
    running,
    speaking,
    wait_until,
)
from tests.interop.lab.process import Process, complete_lines

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]

ROOT = Path(__file__).parent.parent.parent
KIND = KINDS[0]  # eBGP over IPv4
PROXY, PROXY_PORT = "127.0.0.9", 1790
BAD = "203.0.113.66"
GOOD = [f"10.80.{number // 250}.{number % 250}/32" for number in range(2000)]
# Some daemons take no connection for a while after an error.
DEADLINE = 120.0


@contextlib.contextmanager
def corrupting(namespace: Namespace, folder: Path) -> Iterator[Process]:
    """The proxy, in the speaker's namespace."""
    command = [sys.executable, str(ROOT / "tests/interop/lab/corrupter.py")]
    where = [PROXY, str(PROXY_PORT), KIND.source, ROUTER_4, BAD]
    process = Process(namespace, [*command, *where], folder / "proxy.log")
    try:
        wait_until(lambda: namespace.run("ss", "-Hltn", "sport", "=", f":{PROXY_PORT}"), "the proxy listens")
        yield process
    finally:
        process.kill()


def wait_proven(proxy: Process) -> None:
    """Wait until what the router has is proven: it has had it for that time, and has been heard since."""
    before = len(complete_lines(proxy.log))
    time.sleep(SETTLING_TIME)
    wait_until(lambda: len(complete_lines(proxy.log)) > before, "the router's next keepalive")


def configuration(daemon: type[Router]) -> str:
    peer = Neighbour(address=KIND.source, local_address=ROUTER_4, remote_as=EXTERNAL_AS[2])
    return daemon.configure(Settings(as_number=ROUTER_AS[2], router_id=ROUTER_4, neighbours=(peer,)))


def through_proxy(*options: str) -> list[str]:
    where = ["-4", KIND.source, "--port", str(PROXY_PORT), "--json", *options]
    return [*where, str(EXTERNAL_AS[2]), KIND.source, PROXY]


def table_of(folder: Path, good: list[str], *lines: str) -> str:
    """A file for --routes: good routes, with these lines in their midst."""
    file = folder / "routes"
    middle = len(good) * 3 // 5
    file.write_text("\n".join([*good[:middle], *lines, *good[middle:]]) + "\n")
    return str(file)


def wait_quarantined(speaker: Speaker, *prefixes: str) -> None:
    def told() -> set[str]:
        return {route for event in speaker.events("routes_quarantined") for route in event["routes"]}

    def is_back() -> bool:
        return len(speaker.events("session_up")) > len(refusals(speaker))

    wait_until(lambda: told() == set(prefixes), f"{prefixes} quarantined", deadline=DEADLINE, explain=told)
    # before that the router may show what it has from the session that has ended
    wait_until(is_back, "the session is back", deadline=DEADLINE)


def refusals(speaker: Speaker) -> list[int]:
    """Codes of the errors that ended sessions."""
    return [event["code"] for event in speaker.events("session_down") if event["established"]]


def released(speaker: Speaker) -> int:
    return sum(int(event["count"]) for event in speaker.events("routes_released"))


@pytest.mark.feature("quarantine")
@pytest.mark.parametrize("daemon", DAEMONS, ids=lambda daemon: str(daemon.NAME))
def test_route_that_ends_a_session_of_many_is_parked_at_once_and_all_others_come_back(
    wire: tuple[Namespace, Namespace], tmp_path: Path, daemon: type[Router]
) -> None:
    near, far = wire
    good = set(GOOD[:50])
    with (
        running(daemon(far, configuration(daemon))) as router,
        corrupting(near, tmp_path) as proxy,
        speaking(near, through_proxy()) as speaker,
    ):
        router.wait_established(KIND.source)
        speaker.tell(*(f"announce {route}" for route in sorted(good)))
        wait_until(lambda: router.routes().keys() == good, f"{router.NAME} has the good ones")
        wait_proven(proxy)

        speaker.tell(f"announce {BAD}")

        wait_quarantined(speaker, BAD)
        wait_until(lambda: router.routes().keys() == good, f"{router.NAME} has them again")
        speaker.tell(f"withdraw {BAD}", f"announce {GOOD[50]}")
        router.wait_route(GOOD[50])
        assert router.session_state(KIND.source) == ESTABLISHED
        assert refusals(speaker) == [3]
        wait_until(lambda: speaker.events("routes_released"), "the release is told")
        assert [event["routes"] for event in speaker.events("routes_released")] == [[BAD]]


@pytest.mark.feature("quarantine", on=Bird)
def test_one_route_that_bird_finds_malformed_is_found_among_sixty_in_a_few_sessions(
    wire: tuple[Namespace, Namespace], tmp_path: Path
) -> None:
    near, far = wire
    good = GOOD[:60]
    options = ["--routes", table_of(tmp_path, good, BAD)]
    with (
        running(Bird(far, configuration(Bird))) as router,
        corrupting(near, tmp_path),
        speaking(near, through_proxy(*options)) as speaker,
    ):
        wait_quarantined(speaker, BAD)
        wait_until(
            lambda: router.routes().keys() == set(good), f"{router.NAME} has all others", deadline=DEADLINE
        )

        assert set(refusals(speaker)) == {3}
        assert 1 < len(refusals(speaker)) <= 3


@pytest.mark.feature("quarantine", on=Frr)
@pytest.mark.parametrize("bad", [1, 5])
def test_next_hop_that_frr_refuses_is_found_among_two_thousand_routes_and_mended(
    wire: tuple[Namespace, Namespace], tmp_path: Path, bad: int
) -> None:
    near, far = wire
    odd = [f"203.0.113.{60 + number}" for number in range(bad)]
    table = table_of(tmp_path, GOOD, *(f"{route} next-hop 127.0.0.1" for route in odd))
    arguments = ["--source", KIND.source, "--json", "--routes", table]
    with (
        running(Frr(far, configuration(Frr))) as router,
        speaking(near, [*arguments, str(EXTERNAL_AS[2]), KIND.source, ROUTER_4]) as speaker,
    ):
        wait_quarantined(speaker, *odd)
        wait_until(lambda: router.routes().keys() == set(GOOD), "frr has all others", deadline=DEADLINE)
        # one attribute set, however many routes have it
        assert 1 < len(refusals(speaker)) <= 5
        reasons = {event["reason"] for event in speaker.events("routes_quarantined")}
        assert reasons == {"UPDATE Message Error; Invalid NEXT_HOP Attribute (data 4003047f000001)"}
        sessions = len(speaker.events("session_up"))

        speaker.tell(*(f"announce {route}" for route in odd))

        for route in odd:
            router.wait_route(f"{route}/32", next_hops=(KIND.source,))
        assert len(speaker.events("session_up")) == sessions
        wait_until(lambda: released(speaker) == bad, "the release of all is told")
