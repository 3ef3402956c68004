"""`rhi demo`: it works, and it notices when the route does not arrive, leave or return."""

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import rhi
from rhi.cli import demo
from rhi.model.attributes import PathAttributes, RouteLike
from rhi.model.prefix import PrefixLike
from tests.cli.command import COMMAND, PATIENCE, assert_one_sentence, run, running

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Short intervals, and the signal handlers back as they were."""
    monkeypatch.setattr(demo, "CHECK_INTERVAL", 0.01)
    monkeypatch.setattr(demo, "STEP_TIMEOUT", 0.5)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class NeverAnnounces(rhi.Pool):
    def announce(self, route: RouteLike, attributes: PathAttributes | None = None) -> None:
        """Forget it."""


class NeverWithdraws(rhi.Pool):
    def withdraw(self, route: PrefixLike) -> None:
        """Forget it."""


class AnnouncesOnce(rhi.Pool):
    announced = False

    def announce(self, route: RouteLike, attributes: PathAttributes | None = None) -> None:
        if not self.announced:
            super().announce(route, attributes)
        self.announced = True


class ResetsToWithdraw(rhi.Pool):
    """The route leaves because the session does."""

    def __init__(self, router_id: str, peers: Any) -> None:
        super().__init__(router_id, peers)
        self._given = peers

    def withdraw(self, route: PrefixLike) -> None:
        super().withdraw(route)
        self.configure({peer: replace(p, hold_time=30) for peer, p in self._given.items()}, allow_reset=True)


def test_demo_shows_a_route_arrive_leave_and_return(capfd: pytest.CaptureFixture[str]) -> None:
    code = demo.run([])

    out, err = capfd.readouterr()
    told = [line.partition("has ")[2].split(":")[0] for line in out.splitlines() if "/32 has " in line]
    assert (code, err) == (0, "")
    assert told == ["arrived", "left", "returned"]
    assert "done: the route arrived, left and returned, in one BGP session" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (NeverAnnounces, "the route has not arrived within 0 s"),
        (NeverWithdraws, "the route has not left within 0 s"),
        (AnnouncesOnce, "the route has not returned within 0 s"),
        (ResetsToWithdraw, "the session ended in between"),
    ],
)
def test_demo_of_a_broken_speaker_fails_in_one_sentence(
    broken: type[rhi.Pool], sentence: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "Pool", broken)
    if broken is ResetsToWithdraw:
        monkeypatch.setattr(demo, "STEP_TIMEOUT", 5.0)

    code = demo.run([])

    _, err = capfd.readouterr()
    assert code == 1
    assert_one_sentence(err, "rhi demo")
    assert sentence in err


def test_demo_as_a_command_ends_by_itself_in_under_30_seconds() -> None:
    began = time.monotonic()

    code, out, err = run("demo")

    assert (code, err) == (0, "")
    assert time.monotonic() - began < 30
    assert out.count("192.0.2.80/32 has ") == 3


def test_demo_interrupted_says_so_and_fails() -> None:
    with running("demo") as child:
        child.line("connects to the collector")
        code, _, err = child.end(signal.SIGINT)

    assert (code, err) == (1, "rhi demo: stopped before the end\n")


def test_demo_into_a_closed_pipe_still_runs_to_its_end() -> None:
    with subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        code = process.wait(PATIENCE)
        assert process.stderr is not None
        err = process.stderr.read()

    assert (code, err) == (0, b"")
