"""The writer of the state file: one for all sections, never in the way of the event loop."""

import asyncio
import errno
import os
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon import keeper
from rhi.daemon.keeper import Keeper
from rhi.daemon.state import Clocks, Saved, StateError, StateFile, StateInUseError

PATIENCE = 20.0


class Disk(StateFile):
    """A file whose disk does what a test says."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.is_full = False
        self.written: list[Saved] = []
        self.free = threading.Event()
        self.free.set()

    def save(self, saved: Saved) -> None:
        self.free.wait(PATIENCE)
        if self.is_full:
            raise StateError("the disk is full")
        self.written.append(saved)
        super().save(saved)


def clocks() -> Clocks:
    return Clocks(100.0, 1e9)


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "state.json")


def test_keeper_writes_changes_that_come_together_once(disk: Disk) -> None:
    async def main() -> None:
        kept = Keeper(disk, clocks, print)
        numbers: list[int] = []
        kept.keep("numbers", lambda _: numbers.copy)
        for number in range(100):
            numbers.append(number)
            kept.changed()

        assert await kept.saved(PATIENCE)
        await kept.close(PATIENCE)

        assert [each.sections for each in disk.written] == [{"numbers": list(range(100))}]
        assert Keeper(disk, clocks, print).take("numbers", list) == list(range(100))

    run(main())


def test_keeper_keeps_sections_that_it_does_not_know(disk: Disk) -> None:
    async def main() -> None:
        disk.save(Saved(sections={"of a later version": 5, "numbers": []}))
        kept = Keeper(disk, clocks, print)
        kept.keep("numbers", lambda _: lambda: [1])
        kept.changed()
        await kept.close(PATIENCE)

        assert disk.load().sections == {"of a later version": 5, "numbers": [1]}

    run(main())


def test_keeper_with_one_section_that_cannot_be_used_has_the_others(disk: Disk) -> None:
    async def main() -> None:
        disk.save(Saved(sections={"numbers": "five", "names": ["a"]}))
        told: list[str | None] = []
        kept = Keeper(disk, clocks, told.append)

        assert kept.take("numbers", lambda found: [int(each) for each in found]) is None
        assert kept.take("names", lambda found: float(10**400)) is None
        assert kept.take("names", list) == ["a"]
        assert kept.take("none", list) is None
        assert "section numbers cannot be used" in str(told)
        assert disk.path.with_name("state.json.bad").exists()
        assert disk.load().sections["names"] == ["a"]

    run(main())


def test_keeper_tells_of_a_full_disk_and_writes_when_there_is_room(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RETRY", 0.01)

    async def main() -> None:
        told: list[str | None] = []
        kept = Keeper(disk, clocks, told.append)
        kept.keep("numbers", lambda _: lambda: [1])
        disk.is_full = True
        kept.changed()
        assert not await kept.saved(PATIENCE)
        assert told[0] == "the disk is full"

        disk.is_full = False
        while told[-1] is not None:
            await asyncio.sleep(0.001)

        assert disk.load().sections == {"numbers": [1]}
        assert await kept.saved(PATIENCE)
        await kept.close(PATIENCE)

    run(main())


def test_keeper_does_not_wait_for_a_disk_that_hangs(disk: Disk) -> None:
    """The event loop goes on, and the end has a limit."""

    async def main() -> None:
        kept = Keeper(disk, clocks, print)
        disk.free.clear()
        kept.changed()
        await asyncio.sleep(keeper.DELAY * 2)

        assert not await kept.saved(0.01)
        assert not await kept.close(0.01)

    try:
        run(main())
    finally:
        disk.free.set()


def test_keeper_writes_the_last_word_at_the_end(disk: Disk) -> None:
    async def main() -> None:
        kept = Keeper(disk, clocks, print)
        kept.keep("numbers", lambda _: lambda: [1])
        kept.changed()

        assert await kept.close(PATIENCE)
        kept.changed()
        await asyncio.sleep(keeper.DELAY * 2)

        assert len(disk.written) == 1

    run(main())


def test_keeper_knows_whether_the_host_has_started_anew(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        kept = Keeper(disk, clocks, print)
        kept.changed()
        await kept.close(PATIENCE)

        assert Keeper(disk, clocks, print).is_same_boot
        monkeypatch.setattr(keeper, "boot_id", lambda: "another")
        assert not Keeper(disk, clocks, print).is_same_boot

    run(main())


def test_keeper_tells_of_a_section_that_cannot_be_made_and_tries_again(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "RETRY", 0.01)
    told: list[str | None] = []

    async def main() -> None:
        kept = Keeper(disk, clocks, told.append)
        found: list[object] = [object()]  # no JSON
        kept.keep("numbers", lambda _: found.copy)
        kept.changed()
        assert not await kept.saved(PATIENCE)

        found[:] = [1]
        async with asyncio.timeout(PATIENCE):
            while told[-1] is not None:
                await asyncio.sleep(0.005)
        await kept.close(PATIENCE)

    run(main())
    assert "internal error: TypeError" in str(told[0])
    assert disk.load().sections == {"numbers": [1]}


def test_keeper_that_cannot_lock_its_file_tells_so_until_it_can(disk: Disk) -> None:
    told: list[str | None] = []
    lock = disk.path.with_name("state.json.lock")
    lock.mkdir()

    async def main() -> None:
        kept = Keeper(disk, clocks, told.append)
        kept.changed()
        assert await kept.saved(PATIENCE)
        assert ["cannot be locked" in str(each) for each in told] == [True]

        lock.rmdir()
        kept.changed()
        assert await kept.saved(PATIENCE)
        assert told[1:] == [None]
        await kept.close(PATIENCE)

    run(main())


def test_keeper_tells_all_that_is_wrong_and_of_that_what_stays(disk: Disk) -> None:
    told: list[str | None] = []
    lock = disk.path.with_name("state.json.lock")
    lock.mkdir()
    disk.path.write_text("nonsense")

    async def main() -> None:
        kept = Keeper(disk, clocks, told.append)
        assert "cannot be locked" in str(told[-1])
        assert "; state file" in str(told[-1])
        assert "nothing in it counts" in str(told[-1])

        lock.rmdir()
        kept.changed()
        assert await kept.saved(PATIENCE)
        assert "cannot be locked" not in str(told[-1])
        assert "nothing in it counts" in str(told[-1])
        await kept.close(PATIENCE)

    run(main())


def test_state_file_whose_lock_is_another_user_s_says_what_to_do(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = disk.path.with_name("state.json.lock")
    lock.touch()

    def refuse(*words: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as only:
        only.setattr(os, "open", refuse)
        disk.hold()

    assert disk.unlocked.endswith(
        f"{lock} cannot be locked: Permission denied; give it to the daemon's user: "
        f"chown {os.geteuid()} {lock}"
    )


def test_keeper_with_a_write_under_way_keeps_its_file_at_the_end(disk: Disk) -> None:
    """The write would replace what another daemon has written meanwhile."""

    async def main() -> None:
        kept = Keeper(disk, clocks, print)
        disk.free.clear()
        kept.changed()
        await asyncio.sleep(keeper.DELAY * 2)
        assert not await kept.close(0.01)

        with pytest.raises(StateInUseError):
            StateFile(str(disk.path)).hold()

    try:
        run(main())
    finally:
        disk.free.set()


def test_keeper_has_its_file_for_itself_until_its_end(disk: Disk) -> None:
    async def main() -> None:
        kept = Keeper(disk, clocks, print)
        with pytest.raises(StateInUseError):
            Keeper(StateFile(str(disk.path)), clocks, print)

        await kept.close(PATIENCE)
        await Keeper(StateFile(str(disk.path)), clocks, print).close(PATIENCE)

    run(main())


def test_keeper_whose_file_another_daemon_has_got_writes_nothing(disk: Disk) -> None:
    """It could not be locked at the start, and somebody else was sooner when it could be."""
    told: list[str | None] = []
    lock = disk.path.with_name("state.json.lock")
    lock.mkdir()

    async def main() -> None:
        kept = Keeper(disk, clocks, told.append)
        lock.rmdir()
        other = StateFile(str(disk.path))
        other.save(Saved(boot="other"))
        kept.changed()
        assert not await kept.saved(PATIENCE)
        await kept.close(PATIENCE)

        assert "uses it" in str(told[-1])
        assert other.load().boot == "other"

    run(main())
