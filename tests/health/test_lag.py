"""The meter of the event loop's lag, in virtual time."""

import asyncio
from typing import cast

import pytest

from rhi.health.lag import LagMeter
from tests.health.virtual import VirtualLoop, run


def test_lag_of_an_idle_loop_is_nothing() -> None:
    async def main() -> LagMeter:
        meter = LagMeter()
        meter.start()
        await asyncio.sleep(10)
        meter.stop()
        return meter

    meter = run(main())

    assert meter.quantile(0.99) == pytest.approx(0.0, abs=1e-6)


def test_lag_of_a_loop_that_was_held_up_is_measured() -> None:
    async def main() -> LagMeter:
        meter = LagMeter(interval=0.1)
        meter.start()
        meter.start()
        loop = cast(VirtualLoop, asyncio.get_running_loop())
        await asyncio.sleep(0.95)
        loop.hold_up(0.75)
        await asyncio.sleep(0.55)
        meter.stop()
        await asyncio.sleep(10)
        return meter

    meter = run(main())

    assert meter.worst == pytest.approx(0.7, abs=0.01)
    assert meter.quantile(1.0) == meter.worst
    assert meter.quantile(0.5) == pytest.approx(0.0, abs=1e-6)


def test_lag_keeps_a_fixed_number_of_samples() -> None:
    async def main() -> int:
        meter = LagMeter(interval=0.01, samples=5)
        assert meter.quantile(0.99) == 0.0
        meter.start()
        await asyncio.sleep(10)
        meter.stop()
        return len(meter._samples)

    assert run(main()) == 5
