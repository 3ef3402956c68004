"""Changes on their way into a pool: those that fail are told, and cost no others; in virtual time."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from rhi.model.attributes import NO_ATTRIBUTES, PathAttributes
from rhi.model.events import CallFailed, CallRecovered, Event
from rhi.model.prefix import Prefix, to_prefix
from rhi.model.route_set import RouteSet
from rhi.net.carried_out import CarriedOut
from rhi.net.intake import AFTER_FAILURE, Intake
from tests.net.virtual import run

BAD = to_prefix("203.0.113.255")
REASON = "internal error: ZeroDivisionError('mistake')"
FAILED, RECOVERED = CallFailed(call="routes", reason=REASON, internal=True), CallRecovered(call="routes")


def route(number: int) -> Prefix:
    return to_prefix(f"10.0.{number // 256}.{number % 256}")


class Routes:
    """Stands for the pool: `BAD` cannot be announced, and a set breaks off when `breaks`."""

    def __init__(self) -> None:
        self.wanted: set[Prefix] = set()
        self.told: list[Event] = []
        self.breaks = False
        driver: Any = self
        self.intake = Intake(asyncio.get_running_loop().call_soon, CarriedOut(self.told.append))
        self.intake.begin(driver)

    def put(self, prefix: Prefix) -> None:
        self.intake.put(prefix, NO_ATTRIBUTES)

    def announce(self, prefix: Prefix, attributes: PathAttributes) -> None:
        if prefix == BAD:
            raise ZeroDivisionError("mistake")
        self.wanted.add(prefix)

    def replace_in_steps(self, routes: RouteSet, step: int) -> Iterator[None]:
        yield
        if self.breaks:
            raise ZeroDivisionError("mistake")
        yield

    def tell_now(self) -> None:
        pass


def test_change_that_fails_costs_no_other_and_is_not_told_as_recovered_by_itself() -> None:
    async def main() -> None:
        pool = Routes()
        for number in range(500):
            pool.put(route(number))
        pool.put(BAD)
        for number in range(500, 2500):
            pool.put(route(number))
        await asyncio.sleep(3 * AFTER_FAILURE)
        assert len(pool.wanted) == 2500
        assert pool.told == [FAILED, RECOVERED]  # by the other 1,500

        pool.told.clear()
        pool.put(BAD)
        await asyncio.sleep(3 * AFTER_FAILURE)
        assert pool.told == [FAILED]

        pool.put(route(1))
        await asyncio.sleep(0.1)
        assert pool.told == [FAILED, RECOVERED]

    run(main())


def test_set_that_breaks_off_stays_failed_until_a_whole_one() -> None:
    async def main() -> None:
        pool = Routes()
        pool.breaks = True
        pool.intake.replace(RouteSet())
        pool.put(route(1))
        await asyncio.sleep(3 * AFTER_FAILURE)
        pool.put(route(2))
        await asyncio.sleep(3 * AFTER_FAILURE)
        assert pool.wanted == {route(1), route(2)}
        assert pool.told == [FAILED]

        pool.breaks = False
        pool.intake.replace(RouteSet())
        await asyncio.sleep(0.1)
        assert pool.told == [FAILED, RECOVERED]

    run(main())


def test_changes_that_fail_all_the_time_are_tried_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        pool = Routes()
        for _ in range(250):
            pool.put(BAD)
            await asyncio.sleep(0.01)
        assert pool.told == [FAILED] * 3

        await asyncio.sleep(3 * AFTER_FAILURE)
        pool.put(route(1))
        await asyncio.sleep(0.001)
        assert pool.wanted == {route(1)}, "a change by itself does not wait once all is quiet"

    run(main())
    assert len(caplog.records) <= 5


def test_who_waits_for_changes_hears_nothing_of_a_mistake_and_has_all_the_others() -> None:
    async def main() -> None:
        pool = Routes()
        pool.put(BAD)
        for number in range(2500):
            pool.put(route(number))
        await pool.intake.catch_up()
        assert len(pool.wanted) == 2500
        assert pool.told[0] == FAILED

    run(main())
