"""Drains of `rhi speak`: lines of standard input, the end, and what is printed of them."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from rhi.cli.draining import describe_drain, wait_for
from rhi.model.drain import DrainStep
from rhi.model.events import DrainProgress, Event, RoutesReceived, SessionDown
from rhi.testing.collector import Collector
from tests.cli.command import PATIENCE, TO_NOBODY, Child, running
from tests.net.raw import wait_until

BEHIND = {"192.0.2.1": "has yet to be told"}
A, B = "203.0.113.1", "203.0.113.2"


def progress(step: DrainStep, **more: Any) -> DrainProgress:
    settings = {"everything": False, "routes": 2, "withdrawn": 0, "wait_time": 30.0} | more
    return DrainProgress(drain=1, step=step, **settings)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (progress(DrainStep.MARK), "marking 2 routes for graceful shutdown"),
        (progress(DrainStep.MARK, everything=True, routes=1), "marking all of 1 route for graceful shutdown"),
        (progress(DrainStep.FLUSH_MARKS), None),
        (progress(DrainStep.WAIT), "marked; withdrawing in 30 s"),
        (progress(DrainStep.WAIT, behind=BEHIND, wait_time=0.5),
         "marked, but 192.0.2.1 has yet to be told; withdrawing in 0.5 s"),
        (progress(DrainStep.WITHDRAW, routes=1), "withdrawing 1 route"),
        (progress(DrainStep.FLUSH_WITHDRAWALS), None),
        (progress(DrainStep.CLOSE), "withdrawn; ending the sessions"),
        (progress(DrainStep.DONE), "done, no routes withdrawn"),
        (progress(DrainStep.DONE, withdrawn=3, behind=BEHIND),
         "done, 3 routes withdrawn, but 192.0.2.1 has yet to be told"),
        (progress(DrainStep.CANCELLED), "cancelled, no routes withdrawn, the others as before"),
        (progress(DrainStep.SUPERSEDED, withdrawn=1), "given up for a later command, 1 route withdrawn"),
    ],
)  # fmt: skip
def test_describe_drain(event: DrainProgress, text: str | None) -> None:
    assert describe_drain(event) == ([] if text is None else [f"drain 1: {text}"])


def test_describe_drain_knows_every_step() -> None:
    silent = [step for step in DrainStep if not describe_drain(progress(step))]

    assert silent == [DrainStep.FLUSH_MARKS, DrainStep.FLUSH_WITHDRAWALS]


class SlowDrain:
    """Ends the third time that somebody waits for it."""

    is_done = False

    def __init__(self) -> None:
        self.timeouts: list[float | None] = []

    def wait(self, timeout: float | None = None) -> str | None:
        self.timeouts.append(timeout)
        return "ended" if len(self.timeouts) == 3 else None


def test_drain_is_waited_for_in_pieces_so_that_a_signal_is_never_late_by_much() -> None:
    drain = SlowDrain()

    wait_for(drain)

    assert [timeout is not None and timeout <= 1 for timeout in drain.timeouts] == [True] * 3


class Peer:
    """An internal peer with its events."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.collector = Collector(as_number=65001, on_event=self.events.append)

    def arguments(self, *words: str) -> list[str]:
        return ["speak", "--port", str(self.collector.port), *words, *TO_NOBODY]

    def has(self, **marked: bool) -> bool:
        """Exactly these routes, marked or not; `route_1` is A, `route_2` is B."""
        wanted = {{"route_1": A, "route_2": B}[name]: value for name, value in marked.items()}

        def matches(seen: dict[str, Any]) -> bool:
            found = {route: (each.get("local_pref"), each.get("communities")) for route, each in seen.items()}
            return found == {
                route: (0, ["65535:0"]) if value else (100, None) for route, value in wanted.items()
            }

        return self.collector.wait_for(matches, PATIENCE)

    def has_been_marked(self) -> set[str]:
        """Routes that were, at any time: they may be gone when somebody looks."""
        return {
            str(prefix)
            for event in list(self.events)
            if isinstance(event, RoutesReceived)
            and "65535:0" in (event.attributes or {}).get("communities", ())
            for prefix in event.announced
        }

    def reason_of_the_end(self) -> str:
        def downs() -> list[SessionDown]:
            return [event for event in list(self.events) if isinstance(event, SessionDown)]

        return wait_until(downs, "the end of the session", PATIENCE)[0].reason


@pytest.fixture
def peer() -> Iterator[Peer]:
    it = Peer()
    yield it
    it.collector.close()


def drain_steps(child: Child) -> list[str]:
    child.join()
    return [line.partition(" drain 1: ")[2] for line in child.out if " drain 1: " in line]


@pytest.mark.slow
def test_speak_drain_goes_before_the_end(peer: Peer) -> None:
    with running(*peer.arguments("--drain", "3", "--message", "kernel"), A, B) as child:
        assert peer.has(route_1=False, route_2=False)
        child.send(signal.SIGTERM)
        wait_until(lambda: peer.has_been_marked() == {A, B}, "the marks", PATIENCE)
        child.line("withdrawing in 3 s")
        assert peer.has()
        assert child.process.wait(PATIENCE) == 0

        assert drain_steps(child) == [
            "marking all of 2 routes for graceful shutdown",
            "marked; withdrawing in 3 s",
            "withdrawing 2 routes",
            "done, 2 routes withdrawn",
        ]
        assert child.err == []
        assert "kernel" in peer.reason_of_the_end()


@pytest.mark.slow
@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT, None])
def test_speak_signal_while_it_drains_ends_it_at_once(peer: Peer, first: signal.Signals | None) -> None:
    with running(*peer.arguments("--drain", "3600", "--stdin"), A) as child:
        assert peer.has(route_1=False)
        if first is None:
            assert child.process.stdin is not None
            child.process.stdin.close()
        else:
            child.send(first)
        child.line("withdrawing in 3600 s")
        assert peer.has(route_1=True)

        code, out, err = child.end(signal.SIGTERM)

    assert (code, err) == (0, "")
    assert "given up for a later command" in out
    assert "Administrative Shutdown" in peer.reason_of_the_end()


@pytest.mark.slow
def test_speak_drain_without_a_session_takes_no_time() -> None:
    with running("speak", "--drain", "3600", "--port", "1", *TO_NOBODY, A) as child:
        for _ in range(2):  # by the second attempt the command has surely taken over the signals
            child.line("127.0.0.1")

        code, out, err = child.end()

    assert (code, err) == (0, "")
    assert "done, 1 route withdrawn" in out


@pytest.mark.slow
def test_speak_stdin_drains_undrains_and_announces_again(peer: Peer) -> None:
    with running(*peer.arguments("--stdin"), A, B) as child:
        assert peer.has(route_1=False, route_2=False)
        child.tell(f"drain {A}")
        assert peer.has(route_1=True, route_2=False)
        child.line("drain 1: marked; withdrawing in 30 s")
        child.tell("undrain")
        assert peer.has(route_1=False, route_2=False)
        child.line("drain 1: cancelled")
        child.tell("drain")
        assert peer.has(route_1=True, route_2=True)
        child.tell("undrain", f"drain {A} {B}", f"announce {A}")
        assert peer.has(route_1=False, route_2=True)
        child.tell(f"announce {B}")
        assert peer.has(route_1=False, route_2=False)
        child.line("drain 3: given up for a later command")


@pytest.mark.slow
def test_speak_end_of_input_waits_for_a_drain_under_way(peer: Peer) -> None:
    with running(*peer.arguments("--stdin", "--json"), A, B) as child:
        assert peer.has(route_1=False, route_2=False)
        child.tell(f"drain {A}")
        child.event(event="drain_progress", step="wait", routes=1, wait_time=30.0, everything=False)
        child.tell("drain")

        assert child.process.stdin is not None
        child.process.stdin.close()
        child.event(event="drain_progress", step="wait", drain=2, everything=True)
        assert child.process.poll() is None
        code, _, err = child.end(signal.SIGTERM)

    assert (code, err) == (0, "")


@pytest.mark.slow
def test_speak_json_tells_every_step_before_the_status(peer: Peer) -> None:
    with running(*peer.arguments("--json", "--drain", "0"), A) as child:
        assert peer.has(route_1=False)
        child.end(signal.SIGTERM)

        child.event(event="drain_progress", step="done", withdrawn=1, behind={})
        status = child.event(event="status")["status"]["127.0.0.1"]

    assert (status["current_routes"], status["withdrawn_routes"]) == (0, 1)
    assert '"event": "status"' in child.out[-1]


@pytest.mark.slow
def test_speak_graceful_shutdown_marks_from_the_start(peer: Peer) -> None:
    with running(*peer.arguments("--graceful-shutdown"), A):
        assert peer.has(route_1=True)
