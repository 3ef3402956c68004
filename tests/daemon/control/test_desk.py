"""How requests share what is dear and take turns."""

import asyncio
import json
from pathlib import Path

import pytest

from rhi.daemon.control.desk import PIECE, Shared, in_pieces
from rhi.daemon.control.views import DoneView
from tests.daemon.control.house import run, running


def test_shared_answer_is_made_once_for_all_who_ask_together() -> None:
    made: list[int] = []

    async def make() -> int:
        await asyncio.sleep(0)
        made.append(1)
        return len(made)

    async def main() -> None:
        shared = Shared(make)

        together = await asyncio.gather(*[shared.get() for _ in range(50)])
        later = await shared.get()

        assert together == [1] * 50
        assert later == 2

    asyncio.run(main())


def test_shared_answer_is_given_again_while_it_is_young() -> None:
    made: list[int] = []

    async def make() -> int:
        made.append(1)
        return len(made)

    async def main() -> None:
        shared = Shared(make, 3600.0)

        assert [await shared.get() for _ in range(3)] == [1, 1, 1]

    asyncio.run(main())


def test_shared_answer_that_failed_is_not_given_again() -> None:
    made: list[int] = []

    async def make() -> int:
        made.append(1)
        if len(made) == 1:
            raise ValueError("once")
        return len(made)

    async def main() -> None:
        shared = Shared(make, 3600.0)

        with pytest.raises(ValueError, match="once"):
            await shared.get()
        assert await shared.get() == 2

    asyncio.run(main())


def test_shared_answer_survives_one_who_leaves() -> None:
    async def make() -> int:
        await asyncio.sleep(0.01)
        return 7

    async def main() -> None:
        shared = Shared(make)
        leaving = asyncio.ensure_future(shared.get())
        staying = asyncio.ensure_future(shared.get())
        await asyncio.sleep(0)

        leaving.cancel()

        assert await staying == 7

    asyncio.run(main())


class Clock:
    """An event loop's clock, as a test moves it."""

    def __init__(self) -> None:
        self.now = 100.0

    def time(self) -> float:
        return self.now


def test_desk_makes_what_takes_long_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            desk, clock, made = house.control.desk, Clock(), [0]
            monkeypatch.setattr(desk, "_loop", clock)

            def make() -> int:
                clock.now += 0.05
                made[0] += 1
                return made[0]

            assert [desk.paced("x", make) for _ in range(100)] == [1] * 100
            assert desk.paced("y", make) == 2
            clock.now += 0.9
            assert desk.paced("x", make) == 1
            clock.now += 0.1
            assert desk.paced("x", make) == 3
            monkeypatch.undo()

    run(main())


def test_requests_take_turns_one_in_each_of_the_event_loop(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            desk, turns = house.control.desk, 0
            seen: list[int] = []

            async def request() -> None:
                await desk.turn()
                seen.append(turns)

            asking = [asyncio.ensure_future(request()) for _ in range(20)]
            while len(seen) < 20:
                turns += 1
                await asyncio.sleep(0)

            assert len(set(seen)) == 20
            await asyncio.gather(*asking)

    run(main())


def test_list_is_made_in_pieces_with_turns_in_between(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as house:
            desk, turns, running_turns = house.control.desk, 0, True
            made: list[int] = []

            def show(key: int) -> DoneView | None:
                made.append(turns)
                return DoneView(changed=True) if key % 2 else None

            async def count() -> None:
                nonlocal turns
                while running_turns:
                    turns += 1
                    await asyncio.sleep(0)

            counting = asyncio.ensure_future(count())
            text = await in_pieces(desk, list(range(PIECE * 4)), show, "x")
            running_turns = False
            await counting

            answer = json.loads(text)
            assert len(answer["items"]) == PIECE * 2
            assert answer["next"] == "x"
            assert max(made.count(turn) for turn in made) == PIECE

    run(main())
