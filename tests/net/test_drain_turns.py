"""Drains of many routes, which take them and give them back in turns of the event loop."""

import asyncio
from collections.abc import Callable

import pytest

from rhi.model.attributes import PathAttributes
from rhi.model.drain import Drained, DrainStep
from rhi.net.drains import ROUTES_PER_TURN
from tests.net.draining import (
    MARKED,
    MED_5,
    A,
    B,
    C,
    Pool,
    many,
    steps,
    until,
)
from tests.net.virtual import run


def test_cancel_between_two_turns_of_withdrawing_keeps_the_rest() -> None:
    async def main() -> None:
        pool = Pool(*many(3 * ROUTES_PER_TURN))
        for prefixes in ((), tuple(many(3 * ROUTES_PER_TURN))):
            drain = pool.start(*prefixes)
            await until(drain, DrainStep.WITHDRAW)
            while len(pool.table) == 3 * ROUTES_PER_TURN:
                await asyncio.sleep(0)

            drain.cancel()

            result = await drain
            assert 0 < result.withdrawn < 3 * ROUTES_PER_TURN
            assert len(pool.table) == 3 * ROUTES_PER_TURN - result.withdrawn
            assert set(pool.routes().values()) == {MED_5}
            pool.replace(*many(3 * ROUTES_PER_TURN))

    run(main())


def marked(pool: Pool) -> int:
    return sum(attributes.graceful_shutdown for attributes in pool.routes().values())


def test_drain_of_many_routes_takes_them_and_gives_them_back_in_turns() -> None:
    async def main() -> None:
        every = list(many(3 * ROUTES_PER_TURN + 1))
        pool = Pool(*every)
        drain = pool.start(*every)
        assert 0 < len(pool.drains._owners) <= ROUTES_PER_TURN
        await until(drain, DrainStep.WAIT)
        assert marked(pool) == len(every)

        drain.cancel()
        drain.cancel()

        assert (marked(pool), drain.is_done) == (len(every) - ROUTES_PER_TURN, False)
        assert await drain == Drained(outcome=DrainStep.CANCELLED)
        assert pool.routes() == dict.fromkeys(every, MED_5)
        assert (steps(drain)[-2:], [each.routes for each in drain.steps][-2:]) == (
            ["wait", "cancelled"],
            [len(every), 0],
        )
        assert not pool.drains._owners

    run(main())


@pytest.mark.parametrize("turns", [0, 1])
def test_route_spoken_of_while_a_drain_takes_its_routes_is_not_drained(
    turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhi.net.drains.ROUTES_PER_TURN", 1)

    async def main() -> None:
        pool = Pool(A, B, C)
        drain = pool.start(A, B, C)
        for _ in range(turns):
            await asyncio.sleep(0)
        pool.announce(A, PathAttributes(med=6))
        pool.withdraw(B)
        pool.announce(B)
        other = pool.start(C, wait=1)
        await asyncio.sleep(0)
        other.cancel()

        result = await drain

        assert result == Drained(outcome=DrainStep.SUPERSEDED)
        assert (await other).outcome is DrainStep.CANCELLED
        assert pool.routes() == {A: PathAttributes(med=6), B: MED_5, C: MED_5}
        assert steps(drain) == ["mark", "superseded"]

    run(main())


def test_later_large_drain_has_the_last_word_on_what_an_earlier_one_has_yet_to_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rhi.net.drains.ROUTES_PER_TURN", 1)

    async def main() -> None:
        pool = Pool(A, B, C)
        first = pool.start(A, B, C)
        second = pool.start(A, B, C)
        second.cancel()

        assert (await first).outcome is DrainStep.SUPERSEDED
        assert (await second).outcome is DrainStep.CANCELLED
        assert pool.routes() == dict.fromkeys((A, B, C), MED_5)

    run(main())


def test_route_spoken_of_while_a_drain_gives_its_routes_back_has_that_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rhi.net.drains.ROUTES_PER_TURN", 1)

    async def main() -> None:
        pool = Pool(A, B, C)
        drain = pool.start(A, B, C)
        await until(drain, DrainStep.WAIT)
        drain.cancel()
        pool.announce(A, PathAttributes(med=6))
        pool.withdraw(B)
        other = pool.start(C, wait=1)

        assert (await drain).outcome is DrainStep.CANCELLED
        await until(other, DrainStep.WAIT)
        assert pool.routes() == {A: PathAttributes(med=6), C: MARKED}
        assert (await other).withdrawn == 1
        assert pool.routes() == {A: PathAttributes(med=6)}

    run(main())


@pytest.mark.parametrize("word", [lambda pool: pool.replace(A, B), lambda pool: pool.drains.closed()])
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_drain_that_takes_its_routes_or_gives_them_back_ends_when_all_is_settled(
    is_cancelled: bool, word: Callable[[Pool], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rhi.net.drains.ROUTES_PER_TURN", 1)

    async def main() -> None:
        pool = Pool(A, B, C)
        drain = pool.start(A, B, C)
        if is_cancelled:
            drain.cancel()

        word(pool)

        assert drain.is_done
        assert steps(drain) == ["mark", "cancelled" if is_cancelled else "superseded"]
        await asyncio.sleep(60)
        assert (marked(pool), pool.drains._owners, pool.drains.is_any) == (0, {}, False)

    run(main())


def test_loop_that_ends_while_a_drain_gives_its_routes_back_leaves_no_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rhi.net.drains.ROUTES_PER_TURN", 1)
    pool = Pool(A, B, C)

    async def main() -> None:
        drain = pool.start(A, B, C)
        await until(drain, DrainStep.WAIT)
        drain.cancel()
        await asyncio.sleep(0)
        assert marked(pool)

    run(main())

    assert pool.routes() == dict.fromkeys((A, B, C), MED_5)


def test_cancel_brings_back_nothing_that_a_drain_of_everything_has_withdrawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rhi.net.drains.ROUTES_PER_TURN", 1)

    async def main() -> None:
        every = list(many(30))
        pool = Pool(*every)
        whole = pool.start(wait=0)
        await until(whole, DrainStep.WITHDRAW)
        while len(pool.table) == len(every):
            await asyncio.sleep(0)
        part = pool.start(every[-1])
        await until(part, DrainStep.FLUSH_MARKS)
        assert pool.routes()[every[-1]] == MARKED
        while every[-1] in pool.table:
            await asyncio.sleep(0)

        part.cancel()

        assert (part.step, pool.routes()) == (DrainStep.CANCELLED, {})
        await whole

    run(main())


def test_drain_of_routes_that_a_drain_of_everything_withdraws_meanwhile_is_superseded() -> None:
    async def main() -> None:
        every = list(many(3 * ROUTES_PER_TURN))
        pool = Pool(*every)
        whole = pool.start(wait=0)
        await until(whole, DrainStep.WITHDRAW)
        while len(pool.table) == len(every):
            await asyncio.sleep(0)
        part = pool.start(*every[-2:])
        pool.announce(A)
        other = pool.start(A)

        assert await whole
        assert (await part).outcome is DrainStep.SUPERSEDED
        assert pool.routes() == {A: MARKED}
        assert (await other).withdrawn == 1

    run(main())
