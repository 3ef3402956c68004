"""Random changes through whole pools, with all that is done in batches done in batches of one and of few.

What `tests/core/test_properties.py` is for the machine, this is for what drives it: changes taken over by the
thread of `rhi.Pool`, changes told at once or in the next turn, bytes asked for and written bit by bit.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

import rhi
from rhi import aio
from rhi.core import route_table
from rhi.net import intake, session
from rhi.net import pool as net_pool
from rhi.testing.collector import Collector
from tests.net.raw import PATIENCE

HOSTS = [f"203.0.113.{number}" for number in range(20)]
# Enough to have several changes wait for each other, few enough to take no time.
CHANGES = 300

Table = dict[str, int | None]
AnyPool = rhi.Pool | aio.Pool


@pytest.fixture(params=[1, 3, None])
def _batch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is done in batches of so many, or as it always is."""
    if request.param is not None:
        monkeypatch.setattr(intake, "CHANGES_PER_TURN", request.param)
        monkeypatch.setattr(intake, "REPLACE_STEP", request.param)
        monkeypatch.setattr(route_table, "REPLACE_STEP", request.param)
        monkeypatch.setattr(session, "CHUNK_BYTES", request.param)
        monkeypatch.setattr(session, "TURN_BYTES", request.param)
        monkeypatch.setattr(net_pool, "TOLD_AT_ONCE", request.param)


def change(pool: AnyPool, chance: random.Random, table: Table) -> None:
    """One change of any kind, of the pool and of what it is to end with."""
    host, med = chance.choice(HOSTS), chance.choice([None, 1, 2])
    kind = chance.random()
    if kind < 0.5:
        pool.announce(host, rhi.PathAttributes(med=med))
        table[host] = med
    elif kind < 0.95:
        pool.withdraw(host)
        table.pop(host, None)
    else:
        wanted = dict.fromkeys(chance.sample(HOSTS, chance.randrange(1, 15)), med)
        pool.replace({each: rhi.PathAttributes(med=med) for each in wanted})
        table.clear()
        table.update(wanted)


def peers(collectors: list[Collector]) -> dict[str, rhi.Parameters]:
    return {each.host: rhi.Parameters(as_number=65001, port=each.port) for each in collectors}


def has(table: Table) -> Callable[[dict[str, Any]], bool]:
    """Whether a collector ends with exactly this."""
    return lambda routes: {route: shown.get("med") for route, shown in routes.items()} == table


@pytest.mark.usefixtures("_batch")
@pytest.mark.parametrize("seed", [1, 2])
def test_changes_from_another_thread_end_with_the_table(seed: int) -> None:
    chance, table = random.Random(seed), Table()
    with (
        Collector("127.0.0.1:0") as one,
        Collector("127.0.0.2:0") as two,
        rhi.Pool("192.0.2.10", peers([one, two])) as pool,
    ):
        for _ in range(CHANGES):
            change(pool, chance, table)

        assert pool.flush(PATIENCE)
        for each in (one, two):
            assert each.wait_for(has(table), timeout=PATIENCE), each.routes()


@pytest.mark.usefixtures("_batch")
@pytest.mark.parametrize("seed", [1, 2])
def test_changes_in_one_loop_end_with_the_table(seed: int) -> None:
    chance, table = random.Random(seed), Table()

    async def main(collectors: list[Collector]) -> None:
        async with aio.Pool("192.0.2.10", peers(collectors)) as pool:
            for _ in range(CHANGES):
                change(pool, chance, table)
                if chance.random() < 0.3:
                    await asyncio.sleep(0)
            assert await pool.flush(PATIENCE)
            for each in collectors:
                assert await asyncio.to_thread(each.wait_for, has(table), PATIENCE), each.routes()

    with Collector("127.0.0.1:0") as one, Collector("127.0.0.2:0") as two:
        asyncio.run(main([one, two]))
