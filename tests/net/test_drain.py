"""One drain in virtual time: what is marked, withdrawn and told when, and who waits for it."""

import asyncio
from typing import Any

import pytest

from rhi.model.attributes import PathAttributes
from rhi.model.drain import Drained, DrainStep
from rhi.model.prefix import Prefix
from rhi.model.route_set import RouteSet
from rhi.net.drain_plan import DrainPlan
from tests.model.anything import refusal
from tests.net.draining import (
    ALL_STEPS,
    FLUSH_TIME,
    MARKED,
    MED_5,
    WITHOUT_WAIT,
    A,
    B,
    C,
    Pool,
    steps,
    until,
)
from tests.net.virtual import run


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
