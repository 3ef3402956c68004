"""Draining in virtual time: what is marked, withdrawn and told when, and whose word is the last."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.core.route_table import RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.drain import Drained, DrainStep
from rhi.model.events import DrainProgress
from rhi.model.prefix import Prefix, to_prefix
from rhi.model.route_set import RouteSet
from rhi.model.status import Flushed
from rhi.net.drain import Drain
from rhi.net.drain_plan import DrainPlan
from rhi.net.drains import ROUTES_PER_TURN, Drains
from tests.model.anything import refusal
from tests.net.virtual import run

A, B, C = (to_prefix(f"203.0.113.{n}") for n in (1, 2, 3))
MED_5 = PathAttributes(med=5)
MARKED = PathAttributes(med=5, graceful_shutdown=True)
FLUSH_TIME = 0.25

ALL_STEPS = ["mark", "flush_marks", "wait", "withdraw", "flush_withdrawals", "done"]
WITHOUT_WAIT = [step for step in ALL_STEPS if step != "wait"]


class Pool:
    """A table with its drains, and changes in the order in which a `PoolDriver` makes them."""

    def __init__(self, *routes: Prefix) -> None:
        self.table = RouteTable()
        self.marks: list[bool] = []
        self.told: list[DrainProgress] = []
        self.behind: dict[str, str] = {}
        self.is_heard = True
        self.ends: list[str] = []
        self.drains = Drains(self.table, self, wake=lambda: None, report=self.told.append)
        for route in routes:
            self.table.announce(route, MED_5)

    def mark(self, marked: bool) -> None:
        self.marks.append(marked)

    async def flush(self, timeout: float | None) -> Flushed:
        assert timeout is not None
        await asyncio.sleep(timeout if self.behind else FLUSH_TIME)
        return Flushed(behind=dict(self.behind))

    def stop(self, message: str) -> None:
        self.drains.closed()
        self.ends.append(message)

    async def wait_closed(self) -> None:
        await asyncio.sleep(0.5)

    def start(self, *routes: Prefix, **more: Any) -> Drain:
        """Drain these routes; everything without any."""
        settings: dict[str, Any] = {"wait": 30, "flush_timeout": 5, "message": "", "close": False} | more
        return self.drains.start(DrainPlan.check(routes or None, **settings))

    def announce(self, prefix: Prefix, attributes: PathAttributes = MED_5) -> None:
        self.drains.announced(prefix)
        self.table.announce(prefix, attributes)

    def withdraw(self, prefix: Prefix) -> None:
        self.drains.withdrawn(prefix)
        self.table.withdraw(prefix)

    def replace(self, *prefixes: Prefix) -> None:
        self.drains.replaced()
        self.table.replace(dict.fromkeys(prefixes, MED_5))

    def routes(self) -> dict[Prefix, PathAttributes]:
        return dict(self.table.routes())


def steps(drain: Drain) -> list[str]:
    return [progress.step.value for progress in drain.steps]


async def until(drain: Drain, step: DrainStep) -> None:
    """Wait until a drain has come to a step, and stop where it waits itself."""
    async for progress in drain:
        if progress.step is step:
            return
    raise AssertionError(f"{step} not in {steps(drain)}")


def test_drain_of_everything_marks_flushes_waits_withdraws_and_flushes() -> None:
    async def main() -> None:
        pool, loop = Pool(A, B), asyncio.get_running_loop()
        drain = pool.start()
        assert (pool.marks, drain.is_done, drain.step) == ([True], False, DrainStep.MARK)
        await until(drain, DrainStep.WAIT)
        assert pool.routes() == {A: MED_5, B: MED_5}

        result = await drain

        assert result == Drained(outcome=DrainStep.DONE, withdrawn=2)
        assert loop.time() == pytest.approx(30 + 2 * FLUSH_TIME)
        assert steps(drain) == ALL_STEPS
        assert pool.told == list(drain.steps)
        assert [(each.routes, each.withdrawn) for each in pool.told] == [(2, 0)] * 4 + [(0, 2)] * 2
        assert {(each.drain, each.everything, each.wait_time) for each in pool.told} == {(1, True, 30.0)}
        assert (pool.routes(), pool.marks, pool.ends) == ({}, [True, False], [])
        assert not pool.drains.is_any

    run(main())


def test_drain_of_routes_marks_and_withdraws_these_only() -> None:
    async def main() -> None:
        pool = Pool(A, B, C)
        drain = pool.start(A, C)
        await until(drain, DrainStep.WAIT)
        during = pool.routes()

        result = await drain

        assert during == {A: MARKED, B: MED_5, C: MARKED}
        assert pool.routes() == {B: MED_5}
        assert (result.withdrawn, pool.marks, steps(drain)) == (2, [], ALL_STEPS)
        assert [each.routes for each in drain.steps] == [2, 2, 2, 2, 0, 0]
        assert not pool.told[0].everything

    run(main())


def test_drain_with_close_keeps_the_marks_and_ends_the_sessions_with_its_message() -> None:
    async def main() -> None:
        pool = Pool(A)

        result = await (drain := pool.start(close=True, message="kernel"))

        assert result
        assert steps(drain) == [*ALL_STEPS[:-1], "close", "done"]
        assert pool.ends == ["kernel"]
        assert pool.marks == [True, False]

    run(main())


def test_drain_with_close_marks_what_is_announced_until_the_end() -> None:
    async def main() -> None:
        pool = Pool(A)
        drain = pool.start(close=True)

        await until(drain, DrainStep.CLOSE)

        assert pool.drains.is_marking
        drain.cancel()  # too late
        assert (await drain).outcome is DrainStep.DONE

    run(main())


def test_peer_that_does_not_acknowledge_is_named_and_holds_up_nothing() -> None:
    async def main() -> None:
        pool, lag = Pool(A), {"192.0.2.1": "has yet to be told"}
        pool.behind = lag
        drain = pool.start()
        await until(drain, DrainStep.WAIT)
        assert drain.behind == lag
        pool.behind = {}
        await until(drain, DrainStep.FLUSH_WITHDRAWALS)
        assert drain.behind == {}
        pool.behind = {"192.0.2.9": "has not acknowledged 23 bytes"}

        result = await drain

        assert not result
        assert (result.outcome, result.behind_marks) == (DrainStep.DONE, lag)
        assert result.behind_withdrawals in ({}, pool.behind)

    run(main())


def test_peer_that_never_acknowledges_costs_both_timeouts() -> None:
    async def main() -> None:
        pool, loop = Pool(A), asyncio.get_running_loop()
        pool.behind = {"192.0.2.1": "has yet to be told"}

        result = await (drain := pool.start(flush_timeout=7))

        assert loop.time() == pytest.approx(7 + 30 + 7)
        assert result.behind_marks == result.behind_withdrawals == drain.behind == pool.behind
        assert pool.routes() == {}

    run(main())


@pytest.mark.parametrize("prefixes", [(), (A,)])
def test_drain_with_nothing_to_withdraw_does_not_wait(prefixes: tuple[Prefix, ...]) -> None:
    async def main() -> None:
        pool = Pool()

        result = await (drain := pool.start(*prefixes))

        assert (result.outcome, result.withdrawn, steps(drain)) == (DrainStep.DONE, 0, WITHOUT_WAIT)

    run(main())


@pytest.mark.parametrize("change", [{"wait": 0}, {}])
def test_drain_that_nobody_hears_or_with_no_wait_does_not_wait(change: dict[str, Any]) -> None:
    async def main() -> None:
        pool = Pool(A)
        pool.is_heard = bool(change)

        result = await (drain := pool.start(**change))

        assert (bool(result), steps(drain), pool.routes()) == (True, WITHOUT_WAIT, {})

    run(main())


def test_drain_of_routes_leaves_out_those_that_are_not_announced() -> None:
    async def main() -> None:
        pool = Pool(A)
        drain = pool.start(A, B)
        await until(drain, DrainStep.WAIT)
        pool.announce(B)

        assert (await drain).withdrawn == 1
        assert pool.routes() == {B: MED_5}
        assert drain.steps[0].routes == 1

    run(main())


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


def many(count: int) -> Iterator[Prefix]:
    return (to_prefix(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(count))


def test_cancel_of_a_route_that_was_marked_before_leaves_its_mark() -> None:
    async def main() -> None:
        pool = Pool()
        pool.announce(A, MARKED)
        drain = pool.start(A)
        await until(drain, DrainStep.WAIT)

        drain.cancel()

        assert pool.routes() == {A: MARKED}

    run(main())


def test_giving_up_waiting_does_not_cancel() -> None:
    async def main() -> None:
        pool = Pool(A)
        drain = pool.start()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(drain, 1)

        assert not drain.is_done
        assert await drain

    run(main())


def test_iteration_begins_with_the_first_step_whenever_it_begins() -> None:
    async def main() -> None:
        pool = Pool(A)
        drain = pool.start()
        await until(drain, DrainStep.WITHDRAW)

        seen = [progress.step.value async for progress in drain]
        again = [progress.step.value async for progress in drain]

        assert seen == again == ALL_STEPS

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


@pytest.mark.parametrize("prefixes", [(), (A,)])
def test_drain_waits_for_a_replacement_that_is_under_way(prefixes: tuple[Prefix, ...]) -> None:
    async def main() -> None:
        pool = Pool(A)
        replacing = pool.table.replace_in_steps(RouteSet.of({A: MED_5, B: PathAttributes(med=6)}), 1)
        next(replacing)
        drain = pool.start(*prefixes, wait=0)
        for _ in range(10):
            await asyncio.sleep(FLUSH_TIME)
        assert (len(pool.table), any(each.graceful_shutdown for each in pool.routes().values())) == (1, False)

        for _ in replacing:
            await asyncio.sleep(0)

        assert (await drain).withdrawn == (1 if prefixes else 2)
        assert pool.routes() == ({B: PathAttributes(med=6)} if prefixes else {})

    run(main())


def test_drain_of_closed_sessions_has_ended_before_it_began() -> None:
    async def main() -> None:
        pool = Pool(A)
        plan = DrainPlan.check([A], 30, 5, "", False)

        drain = pool.drains.refuse(plan)

        assert await drain == Drained(outcome=DrainStep.SUPERSEDED)
        drain.cancel()
        assert (pool.told, pool.routes()) == ([], {A: MED_5})

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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wait": -1}, "wait -1: must be a number of seconds from 0 to 86400"),
        ({"wait": None}, "wait None: must be a number of seconds from 0 to 86400"),
        ({"wait": float("nan")}, "wait nan: must be a number of seconds from 0 to 86400"),
        ({"wait": True}, "wait True: must be a number of seconds from 0 to 86400"),
        ({"flush_timeout": 1e6}, "flush_timeout 1000000.0: must be a number of seconds from 0 to 86400"),
        ({"routes": "192.0.2.1"}, "routes '192.0.2.1': must be a list"),
        ({"message": 5}, "message 5: must be text"),
        ({"message": "x"}, "message: goes with the end of the sessions; give close=True too"),
        ({"close": 1}, "close 1: must be true or false"),
        (
            {"close": True, "routes": ["192.0.2.1"]},
            "close: ends the sessions of all routes; drain everything, without routes",
        ),
    ],
)
def test_plan_with_a_wrong_value_is_refused_by_name(change: dict[str, Any], message: str) -> None:
    right: dict[str, Any] = {"routes": None, "wait": 30, "flush_timeout": 5, "message": "", "close": False}

    assert refusal(DrainPlan.check, **right | change) == message
