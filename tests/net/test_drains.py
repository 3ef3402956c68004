"""Drains beside others and beside what is said about routes: whose word is the last."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.model.attributes import PathAttributes
from rhi.model.drain import Drained, DrainStep
from rhi.model.prefix import Prefix, to_prefix
from rhi.net.drain import Drain
from rhi.net.drains import ROUTES_PER_TURN
from tests.net.draining import (
    FLUSH_TIME,
    MARKED,
    MED_5,
    A,
    B,
    C,
    Pool,
    many,
    until,
)
from tests.net.virtual import run


def test_route_announced_again_is_drained_no_more() -> None:
    async def main() -> None:
        pool = Pool(A, B)
        drain = pool.start(A, B)
        await until(drain, DrainStep.WAIT)
        pool.announce(A, PathAttributes(med=6))

        result = await drain

        assert (result.outcome, result.withdrawn) == (DrainStep.DONE, 1)
        assert pool.routes() == {A: PathAttributes(med=6)}

    run(main())


@pytest.mark.parametrize(
    ("word", "left"),
    [
        (lambda pool: pool.announce(A), {A: MED_5}),
        (lambda pool: pool.withdraw(A), {}),
        (lambda pool: pool.replace(B), {B: MED_5}),
        (lambda pool: pool.replace(A), {A: MED_5}),
        (lambda pool: pool.drains.closed(), {A: MARKED}),
    ],
)
@pytest.mark.parametrize("step", [DrainStep.MARK, DrainStep.FLUSH_MARKS, DrainStep.WAIT])
def test_drain_of_routes_ends_when_others_have_settled_all_of_them(
    step: DrainStep, word: Callable[[Pool], object], left: dict[Prefix, PathAttributes]
) -> None:
    async def main() -> None:
        pool = Pool(A)
        drain = pool.start(A)
        await until(drain, step)

        word(pool)

        assert drain.is_done
        assert await drain == Drained(outcome=DrainStep.SUPERSEDED)
        await asyncio.sleep(60)
        assert pool.routes() in (left, {A: MED_5} if step is DrainStep.MARK else left)
        assert not pool.drains.is_any

    run(main())


@pytest.mark.parametrize("prefixes", [(), (A, B)])
@pytest.mark.parametrize(
    ("step", "left"),
    [
        (DrainStep.MARK, {A: MED_5, B: MED_5}),
        (DrainStep.FLUSH_MARKS, {A: MED_5, B: MED_5}),
        (DrainStep.WAIT, {A: MED_5, B: MED_5}),
        (DrainStep.WITHDRAW, {A: MED_5, B: MED_5}),
        (DrainStep.FLUSH_WITHDRAWALS, {}),
        (DrainStep.DONE, {}),
    ],
)
def test_cancel_takes_the_marks_away_and_withdraws_nothing_more(
    step: DrainStep, left: dict[Prefix, PathAttributes], prefixes: tuple[Prefix, ...]
) -> None:
    async def main() -> None:
        pool = Pool(A, B)
        drain = pool.start(*prefixes)
        await until(drain, step)
        came_too_late = drain.is_done

        drain.cancel()
        drain.cancel()

        assert (await drain).outcome is (DrainStep.DONE if came_too_late else DrainStep.CANCELLED)
        before = drain.steps
        await asyncio.sleep(60)
        if step is not DrainStep.WITHDRAW:
            assert pool.routes() == left
        assert all(not attributes.graceful_shutdown for attributes in pool.routes().values())
        assert pool.marks in ([], [True, False])
        assert not pool.drains.is_any
        assert drain.steps == before

    run(main())


def test_cancel_of_a_route_that_was_marked_before_leaves_its_mark() -> None:
    async def main() -> None:
        pool = Pool()
        pool.announce(A, MARKED)
        drain = pool.start(A)
        await until(drain, DrainStep.WAIT)

        drain.cancel()

        assert pool.routes() == {A: MARKED}

    run(main())


def test_later_drain_of_everything_takes_the_place_of_the_earlier() -> None:
    async def main() -> None:
        pool, loop = Pool(A), asyncio.get_running_loop()
        first = pool.start(close=True)
        await until(first, DrainStep.WAIT)

        second = pool.start(wait=100)

        assert (first.step, pool.marks) == (DrainStep.SUPERSEDED, [True])
        first.cancel()
        assert await second
        assert loop.time() == pytest.approx(100 + 3 * FLUSH_TIME)
        assert (pool.marks, pool.ends) == ([True, False], [])

    run(main())


def test_later_drain_takes_over_the_routes_it_shares_with_the_earlier() -> None:
    async def main() -> None:
        pool = Pool(A, B, C)
        first = pool.start(A, B)
        await until(first, DrainStep.WAIT)
        second = pool.start(B, C, wait=100)
        await until(second, DrainStep.WAIT)

        first.cancel()
        assert pool.routes() == {A: MED_5, B: MARKED, C: MARKED}
        second.cancel()

        assert pool.routes() == dict.fromkeys((A, B, C), MED_5)

    run(main())


def test_later_drain_of_the_same_routes_supersedes_the_earlier() -> None:
    async def main() -> None:
        pool = Pool(A)
        first = pool.start(A)

        second = pool.start(A)

        assert first.step is DrainStep.SUPERSEDED
        assert (await second).withdrawn == 1

    run(main())


def test_drain_of_everything_and_of_a_route_go_side_by_side_until_all_is_withdrawn() -> None:
    async def main() -> None:
        pool = Pool(A, B)
        part = pool.start(A, wait=100)
        whole = pool.start(wait=10)
        await until(whole, DrainStep.WAIT)
        assert not part.is_done

        assert (await whole).withdrawn == 2
        assert (await part).outcome is DrainStep.SUPERSEDED

    run(main())


def test_route_announced_while_everything_is_withdrawn_stays() -> None:
    async def main() -> None:
        pool = Pool(*many(2 * ROUTES_PER_TURN))
        drain = pool.start()
        await until(drain, DrainStep.WITHDRAW)
        last = to_prefix(f"10.0.{2 * ROUTES_PER_TURN - 1 >> 8}.{2 * ROUTES_PER_TURN - 1 & 255}")
        pool.announce(last)
        pool.announce(A)

        assert (await drain).withdrawn == 2 * ROUTES_PER_TURN - 1
        assert pool.routes() == {A: MED_5, last: MED_5}
        assert not pool.drains.is_marking

    run(main())


def test_route_announced_before_everything_is_withdrawn_goes_with_it() -> None:
    async def main() -> None:
        pool = Pool(A)
        drain = pool.start()
        await until(drain, DrainStep.WAIT)
        pool.announce(B)
        pool.replace(A, C)

        assert (await drain).withdrawn == 2
        assert pool.routes() == {}

    run(main())


def test_replace_while_everything_is_withdrawn_stays() -> None:
    async def main() -> None:
        pool = Pool(*many(3 * ROUTES_PER_TURN))
        drain = pool.start()
        await until(drain, DrainStep.WITHDRAW)
        while len(pool.table) == 3 * ROUTES_PER_TURN:
            await asyncio.sleep(0)

        pool.replace(*many(3 * ROUTES_PER_TURN))

        assert (await drain).outcome is DrainStep.DONE
        assert len(pool.table) == 3 * ROUTES_PER_TURN

    run(main())


def test_close_ends_a_drain_of_everything() -> None:
    async def main() -> None:
        pool = Pool(A)
        drain = pool.start(close=True)
        await until(drain, DrainStep.WAIT)

        pool.stop("by hand")

        assert (await drain).outcome is DrainStep.SUPERSEDED
        await asyncio.sleep(60)
        assert (pool.ends, pool.routes()) == (["by hand"], {A: MED_5})

    run(main())


WORDS = st.lists(
    st.one_of(
        st.tuples(st.just("drain"), st.frozensets(st.sampled_from((A, B, C)))),
        st.tuples(st.sampled_from(("announce", "withdraw")), st.sampled_from((A, B, C))),
        st.tuples(st.just("replace"), st.frozensets(st.sampled_from((A, B, C)))),
        st.tuples(st.just("cancel"), st.integers(0, 5)),
        st.tuples(st.just("pass"), st.sampled_from((0.0, FLUSH_TIME, 31.0))),
    ),
    max_size=12,
)


@given(WORDS, st.sampled_from((1, 2, ROUTES_PER_TURN)))
def test_whatever_is_said_all_drains_end_and_no_mark_is_left(
    words: list[tuple[str, Any]], per_turn: int
) -> None:
    async def main() -> None:
        pool = Pool(A, B)
        drains: list[Drain] = []
        for verb, value in words:
            if verb == "drain":
                drains.append(pool.start(*value))
            elif verb == "cancel" and value < len(drains):
                drains[value].cancel()
            elif verb == "pass":
                await asyncio.sleep(value)
            elif verb == "replace":
                pool.replace(*value)
            elif verb in ("announce", "withdraw"):
                getattr(pool, verb)(value)

        results = [await asyncio.wait_for(drain, 100) for drain in drains]

        assert all(result.outcome.is_end for result in results)
        assert set(pool.routes().values()) <= {MED_5}
        assert (pool.drains.is_any, pool.drains.is_marking) == (False, False)
        assert pool.marks == [True, False] * (len(pool.marks) // 2)
        assert not pool.drains._owners

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rhi.net.drains.ROUTES_PER_TURN", per_turn)
        run(main())
