"""Reloads by a signal: in turn with those of the API, and never the end of the daemon."""

import asyncio
from pathlib import Path

import pytest

from rhi.daemon import serve
from tests.daemon.control.house import House, run, running


def problem(house: House) -> str:
    return "; ".join(entry.text for entry in house.logged if entry.kind == "alarm")


def test_reload_waits_for_one_over_the_api(tmp_path: Path) -> None:
    file = tmp_path / "rhi.toml"
    file.write_text("nonsense")

    async def main() -> None:
        async with running(tmp_path) as house:
            async with house.daemon.reloading:
                task = asyncio.create_task(serve.reload(house.daemon, str(file)))
                answer = asyncio.create_task(house.ask("POST", "/v1/plan"))
                done, _ = await asyncio.wait([task, answer], timeout=0.05)
                assert not done

            await task
            assert (await answer)[0] == 200
            assert house.daemon.reloads["failed"] == 1

    run(main())


def test_reload_that_fails_by_a_mistake_of_ours_is_an_alarm_and_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: str) -> None:
        raise ZeroDivisionError("mistake")

    async def main() -> None:
        async with running(tmp_path) as house:
            monkeypatch.setattr(serve, "read", broken)
            hung_up = asyncio.Event()
            task = asyncio.create_task(serve._reload_when(hung_up, house.daemon, "rhi.toml"))
            hung_up.set()
            await house.until(lambda: house.daemon.reloads["failed"] == 1)
            hung_up.set()
            await house.until(lambda: house.daemon.reloads["failed"] == 2)
            task.cancel()

            assert "internal error: ZeroDivisionError('mistake')" in problem(house)

    run(main())
