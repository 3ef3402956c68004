"""When the service manager is told what, of a daemon in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from rhi.daemon.config.build import Setup
from rhi.daemon.manager import Manager
from rhi.daemon.notify import Notifier
from rhi.health.base import Check, Result
from rhi.health.context import Context
from tests.daemon.control.house import House, make_setup, run, running
from tests.daemon.decision.build import address, service


class WordCheck(Check):
    """Knows nothing before it is given the word."""

    type: Literal["word"] = "word"
    interval: float = 0.01
    timeout: float = 60.0
    rise: int = 1
    fall: int = 1

    word: ClassVar[list[bool]] = []

    async def probe(self, context: Context) -> Result:
        while not self.word:
            await asyncio.sleep(0.005)
        return Result(self.word[-1], "as told")


WORD = "web/word"
SETUP = make_setup(service("web", address(1), checks=(WORD,)), checks={WORD: WordCheck()})


@pytest.fixture(autouse=True)
def _no_word() -> None:
    WordCheck.word.clear()


class Recorder(Notifier):
    """Keeps what it is told."""

    def __init__(self, watchdog: float | None = None) -> None:
        super().__init__(None, watchdog)
        self.is_wanted = True
        self.told: list[dict[str, str]] = []
        self.pings = 0

    def _tell(self, **fields: str) -> None:
        self.told.append(fields)

    def ping(self) -> None:
        self.pings += 1

    @property
    def states(self) -> list[str]:
        return [next(iter(fields)) for fields in self.told if next(iter(fields)) != "STATUS"]


@asynccontextmanager
async def managed(
    folder: Path, within: float = 3600.0, watchdog: float | None = None, setup: Setup = SETUP
) -> AsyncIterator[tuple[House, Recorder, Manager]]:
    async with running(folder, setup) as house:
        recorder = Recorder(watchdog)
        manager = Manager(house.daemon, recorder, within, clock=lambda: 12.5)
        try:
            yield house, recorder, manager
        finally:
            manager.close()


def test_manager_hears_of_readiness_after_the_first_verdicts_and_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with managed(tmp_path) as (house, recorder, _):
            assert recorder.told == [
                {"STATUS": "waiting for the first verdicts", "EXTEND_TIMEOUT_USEC": "3610000000"}
            ]

            WordCheck.word.append(True)
            await house.until(lambda: bool(recorder.states))

            assert house.daemon.controller.reconciler.is_decided
            assert recorder.told[1] == {
                "READY": "1",
                "STATUS": "1 of 1 services announced: 1 routes, 0 sessions up",
            }
            house.daemon.decide_soon()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert recorder.states == ["READY"]

    run(main())


def test_manager_hears_of_readiness_without_verdicts_when_time_is_up(tmp_path: Path) -> None:
    async def main() -> None:
        async with managed(tmp_path, within=0.0) as (house, recorder, _):
            await house.until(lambda: bool(recorder.states))

            assert recorder.states == ["READY"]
            assert not house.daemon.controller.reconciler.is_decided

    run(main())


def test_manager_of_a_daemon_that_has_decided_already_hears_of_it_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path, make_setup(service("web", address(1)))) as house:
            await house.until(lambda: house.daemon.controller.reconciler.is_decided)
            recorder = Recorder()
            manager = Manager(house.daemon, recorder, 3600.0)
            assert recorder.states == ["READY"]
            manager.close()

    run(main())


def test_manager_hears_of_what_has_become_other_than_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhi.daemon.manager.STATUS_PAUSE", 0.01)

    async def main() -> None:
        async with managed(tmp_path) as (house, recorder, _):
            WordCheck.word.append(True)
            await house.until(lambda: bool(recorder.states))
            WordCheck.word.append(False)
            await house.until(lambda: len(recorder.told) == 3)
            assert recorder.told[2] == {"STATUS": "0 of 1 services announced: 0 routes, 0 sessions up"}

    run(main())


def test_manager_hears_of_a_reload_only_when_it_knows_us_as_ready(tmp_path: Path) -> None:
    async def main() -> None:
        async with managed(tmp_path) as (house, recorder, manager):
            async with manager.reloading():
                pass
            assert recorder.states == []

            WordCheck.word.append(True)
            await house.until(lambda: bool(recorder.states))
            async with manager.reloading():
                assert recorder.states == ["READY", "RELOADING"]
                assert recorder.told[-1]["MONOTONIC_USEC"] == "12500000"
            assert recorder.states == ["READY", "RELOADING", "READY"]

            manager.stopping(10.0)
            async with manager.reloading():
                pass
            assert recorder.states == ["READY", "RELOADING", "READY", "STOPPING"]
            assert recorder.told[-1]["EXTEND_TIMEOUT_USEC"] == "20000000"

    run(main())


def test_manager_hears_nothing_of_readiness_at_the_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with managed(tmp_path) as (house, recorder, manager):
            manager.stopping(10.0)
            WordCheck.word.append(True)
            await house.until(lambda: house.daemon.controller.reconciler.is_decided)
            await asyncio.sleep(0)
            assert recorder.states == ["STOPPING"]

    run(main())


def test_manager_gets_pings_while_rounds_end_and_an_alarm_says_when_they_do_not(tmp_path: Path) -> None:
    async def main() -> None:
        setup = make_setup(service("web", address(1), checks=("web/tcp",)))
        async with managed(tmp_path, watchdog=0.06, setup=setup) as (house, recorder, manager):
            await house.until(lambda: recorder.pings > 3)
            rounds = manager._rounds
            assert rounds.trouble(rounds._since + 60.0) is not None
            seen = rounds._since
            await house.until(lambda: rounds._since > seen)

            house.daemon.on_report.clear()  # as if no round ended any more
            rounds._since -= 60.0
            before = recorder.pings
            await house.until(lambda: any(alarm.subject == "watchdog" for alarm in house.daemon.alarms.all))
            for _ in range(5):
                await asyncio.sleep(0.02)
            assert recorder.pings == before

    run(main())


def test_manager_ends_the_pings_when_the_end_begins(tmp_path: Path) -> None:
    async def main() -> None:
        async with managed(tmp_path, watchdog=0.06) as (house, recorder, manager):
            await house.until(lambda: recorder.pings > 1)
            manager.stopping(10.0)
            before = recorder.pings
            for _ in range(5):
                await asyncio.sleep(0.02)
            assert recorder.pings == before

    run(main())
