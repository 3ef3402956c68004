"""Calls that block: one at a time for each caller, a limit in all, results nobody waits for."""

import asyncio
import threading
from collections.abc import Awaitable

import pytest

from rhi.health.threads import NoThreadError, StillBusyError, Threads


async def until(condition: threading.Event) -> None:
    while not condition.is_set():
        await asyncio.sleep(0.001)


def test_call_returns_its_result_or_raises() -> None:
    async def main() -> None:
        threads = Threads(2)

        assert await threads.run("a", lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            await threads.run("a", lambda: 1 / 0)

    asyncio.run(main())


def test_calls_one_after_another_share_a_thread() -> None:
    async def main() -> None:
        threads = Threads(8)
        for _ in range(50):
            await threads.run("a", lambda: None)
        assert threads.count == 1

    asyncio.run(main())


def test_call_while_the_last_one_hangs_is_refused_for_that_caller_only() -> None:
    async def main() -> None:
        threads = Threads(2)
        release, begun = threading.Event(), threading.Event()

        def hang() -> None:
            begun.set()
            release.wait(30)

        task = asyncio.create_task(threads.run("dead", hang))
        await until(begun)
        task.cancel()
        await asyncio.wait([task])

        with pytest.raises(StillBusyError):
            await threads.run("dead", lambda: 1)
        assert await threads.run("other", lambda: 2) == 2

        release.set()
        while True:
            try:
                assert await threads.run("dead", lambda: 3) == 3
                break
            except StillBusyError:
                await asyncio.sleep(0.001)

    asyncio.run(main())


def test_call_that_is_never_begun_says_so_when_it_is_cancelled() -> None:
    async def main() -> None:
        threads = Threads(1)
        release, begun = threading.Event(), threading.Event()

        def hang() -> None:
            begun.set()
            release.wait(30)

        hanging = asyncio.create_task(threads.run("dead", hang))
        await until(begun)
        called = False

        def call() -> None:
            nonlocal called
            called = True

        waiting = asyncio.create_task(threads.run("other", call))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(NoThreadError):
            await waiting

        release.set()
        await hanging
        await threads.run("third", lambda: None)
        assert not called

    asyncio.run(main())


def test_result_that_nobody_waits_for_is_discarded_properly() -> None:
    async def main() -> None:
        threads = Threads(1)
        release, begun = threading.Event(), threading.Event()
        discarded: list[str] = []

        def make() -> str:
            begun.set()
            release.wait(30)
            return "made"

        task = asyncio.create_task(threads.run("a", make, discarded.append))
        await until(begun)
        task.cancel()
        await asyncio.wait([task])
        release.set()
        while not discarded:
            await asyncio.sleep(0.001)

        assert discarded == ["made"]

    asyncio.run(main())


def test_threads_are_limited() -> None:
    async def main() -> None:
        threads = Threads(3)
        release = threading.Event()
        calls: list[Awaitable[bool]] = [threads.run(str(n), lambda: release.wait(30)) for n in range(10)]
        together = asyncio.gather(*calls)
        await asyncio.sleep(0)
        assert threads.count == 3
        release.set()
        assert await together == [True] * 10

    asyncio.run(main())
