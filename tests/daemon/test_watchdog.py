"""Pings of the watchdog, and what stops them: in virtual time, and with a thread that is really stuck."""

import asyncio
import gc
import threading
from collections.abc import Awaitable
from pathlib import Path

import pytest

from rhi.daemon.watchdog import PINGS, SLACK, Rounds, Watchdog
from rhi.health.base import Check
from rhi.health.push import PushCheck
from rhi.health.tcp import TcpCheck
from rhi.health.threads import NoThreadError, Threads
from tests.daemon.control.house import PATIENCE, running
from tests.daemon.control.house import run as really_run
from tests.health.virtual import VirtualLoop, run

PERIOD = 30.0


def tcp(interval: float, timeout: float = 1.0) -> Check:
    return TcpCheck(address="192.0.2.1", port=80, interval=interval, timeout=timeout)


class Scene:
    """A watchdog in virtual time."""

    def __init__(self, *checks: Check) -> None:
        self.loop = asyncio.get_running_loop()
        self.pings: list[float] = []
        self.said: list[str | None] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.rounds = Rounds(self.loop.time())
        self.rounds.expect(checks, self.loop.time())
        dog = Watchdog(
            PERIOD,
            self.rounds,
            self.answers.wait,
            ping=lambda: self.pings.append(self.loop.time()),
            tell=self.said.append,
        )
        self.task = asyncio.create_task(dog.run())

    async def pass_time(self, seconds: float) -> int:
        """How many pings there were meanwhile."""
        before = len(self.pings)
        await asyncio.sleep(seconds)
        return len(self.pings) - before

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])


def test_watchdog_pings_often_enough_while_all_is_well() -> None:
    async def main() -> None:
        scene = Scene()

        assert await scene.pass_time(10 * PERIOD - 1) == 10 * PINGS
        assert scene.said == []
        await scene.end()

    run(main())


def test_watchdog_is_quiet_while_the_sessions_do_not_answer() -> None:
    async def main() -> None:
        scene = Scene()
        await scene.pass_time(PERIOD)
        scene.answers.clear()

        # a question that is asked now is answered no more: that ping is the last
        assert await scene.pass_time(10 * PERIOD) <= 1
        assert scene.said == ["the sessions have not answered for 10 s"]

        scene.answers.set()
        assert await scene.pass_time(PERIOD) >= PINGS - 1
        assert scene.said[1:] == [None]
        await scene.end()

    run(main())


def test_watchdog_takes_an_error_for_an_answer() -> None:
    async def fail() -> None:
        raise RuntimeError("closed")

    async def main() -> None:
        scene = Scene()
        pings: list[int] = []
        dog = Watchdog(
            PERIOD, scene.rounds, fail, ping=lambda: pings.append(1), tell=lambda text: pytest.fail(str(text))
        )
        task = asyncio.create_task(dog.run())
        await asyncio.sleep(3 * PERIOD)
        assert len(pings) >= 3 * PINGS
        task.cancel()
        await scene.end()

    run(main())


def test_watchdog_is_quiet_when_no_round_of_any_check_ends() -> None:
    async def main() -> None:
        scene = Scene(tcp(10.0, timeout=2.0), tcp(600.0))
        # the quicker one: its interval with jitter, twice its time-out, and a little more
        assert await scene.pass_time(PERIOD) == PINGS
        for _ in range(20):
            scene.rounds.note(scene.loop.time())
            await scene.pass_time(15.0)
        assert scene.said == []

        await scene.pass_time(10.0 + SLACK)
        assert await scene.pass_time(10 * PERIOD) == 0
        assert len(scene.said) == 1
        assert str(scene.said[0]).startswith("no check has finished a round for ")

        scene.rounds.note(scene.loop.time())
        assert await scene.pass_time(10.0) == 1
        assert scene.said[1:] == [None]
        await scene.end()

    run(main())


@pytest.mark.parametrize("checks", [[], [PushCheck(max_age=5.0)]])
def test_watchdog_expects_no_rounds_of_checks_that_only_wait(checks: list[Check]) -> None:
    async def main() -> None:
        scene = Scene(*checks)

        assert await scene.pass_time(100 * PERIOD - 1) == 100 * PINGS
        await scene.end()

    run(main())


def test_watchdog_gives_checks_that_are_new_their_time() -> None:
    async def main() -> None:
        scene = Scene(tcp(5.0))
        await scene.pass_time(9.0)
        scene.rounds.expect([tcp(600.0)], scene.loop.time())

        assert await scene.pass_time(600.0) == 600 / PERIOD * PINGS
        assert scene.said == []
        await scene.end()

    run(main())


def test_watchdog_is_quiet_while_the_event_loop_is_held_up() -> None:
    async def main() -> None:
        scene = Scene()
        assert isinstance(scene.loop, VirtualLoop)
        await scene.pass_time(1.0)
        scene.loop.hold_up(10 * PERIOD)

        assert await scene.pass_time(1.0) == 1  # and not one for each that was missed
        await scene.end()

    run(main())


def test_watchdog_that_ends_leaves_no_question_behind() -> None:
    complaints: list[object] = []

    async def ask() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise NoThreadError from None

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: complaints.append(context))
        dog = Watchdog(PERIOD, Rounds(loop.time()), ask, ping=lambda: None, tell=lambda text: None)
        task = asyncio.create_task(dog.run())
        await asyncio.sleep(1.0)
        task.cancel()
        await asyncio.wait([task])
        del dog, task
        await asyncio.sleep(0)
        gc.collect()

    run(main())
    assert complaints == []


@pytest.mark.slow
def test_watchdog_notices_a_thread_of_the_sessions_that_is_really_stuck(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            pool, loop = house.daemon.pool, asyncio.get_running_loop()
            pings: list[int] = []
            said: list[str | None] = []
            threads, let_go = Threads(1), threading.Event()
            steps: list[str] = []

            def ask() -> Awaitable[object]:
                if steps == ["hold up"]:  # the thread, before it comes to this question
                    pool._thread.loop.call_soon_threadsafe(let_go.wait, PATIENCE)
                    steps.append("asked in vain")
                return threads.run("sessions", pool.status)

            dog = Watchdog(0.06, Rounds(loop.time()), ask, ping=lambda: pings.append(1), tell=said.append)
            task = asyncio.create_task(dog.run())
            await house.until(lambda: len(pings) > 3)
            steps.append("hold up")
            # a machine that is busy may have been late with answers before: from here on there is none
            await house.until(lambda: len(steps) == 2)
            before = len(pings)
            await house.until(lambda: bool(said) and said[-1] is not None)
            for _ in range(5):
                await asyncio.sleep(0.02)
            assert len(pings) == before
            assert str(said[-1]).startswith("the sessions have not answered for ")

            told = len(said)
            let_go.set()
            await house.until(lambda: len(pings) > before + 3)
            assert said[told] is None
            task.cancel()

    really_run(main())
