"""Keeps the state file up to date: one writer for all sections, a moment after any of them has changed.

The event loop never waits for the disk. Parts of the daemon say what their section is (`keep`), and that it
has changed (`changed`); a copy is made in the event loop, and made into bytes and written in a thread. Who
must not go on before something is on disk waits with `saved`. What could not be written is tried again.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from rhi.daemon.state import Clocks, Saved, StateError, StateFile, boot_id
from rhi.health.threads import NoThreadError, Threads

T = TypeVar("T")

# Seconds from a change to the writing of it, together with others.
DELAY: Final = 0.05
# Writing takes this part of the time at most, unless a disk is so slow that this would be longer than RETRY.
SHARE: Final = 0.1
# Seconds until what could not be written is tried again.
RETRY: Final = 10.0
_KEY: Final = "state"

# Copies what is to be kept, in the event loop; what it returns makes it JSON, in a thread.
Snapshot = Callable[[Clocks], Callable[[], Any]]


class Store(Protocol):
    """What parts of the daemon see of it."""

    def take(self, name: str, parse: Callable[[Any], T]) -> T | None:
        """What a section held at the start."""

    def keep(self, name: str, snapshot: Snapshot) -> None:
        """From now on a section holds this."""

    def changed(self) -> None:
        """Something that is kept is different now."""

    @property
    def is_same_boot(self) -> bool:
        """The file was written since the host has started."""


class Sections:
    """The sections of one file: as they were read, and how to make them anew. Writes nothing."""

    def __init__(self, file: StateFile, clocks: Callable[[], Clocks], tell: Callable[[str], object]) -> None:
        """Read the file; `tell` gets a sentence about what cannot be used."""
        self.file = file
        self._clocks = clocks
        self._tell = tell
        self._boot = boot_id()
        self._snapshots: dict[str, Snapshot] = {}
        try:
            self._read = file.load()
        except StateError as error:
            self._read = Saved()
            tell(str(error))

    @property
    def is_same_boot(self) -> bool:
        """The file was written since the host has started."""
        return bool(self._boot) and self._read.boot == self._boot

    @property
    def is_known(self) -> bool:
        """It is known when the file was written."""
        return bool(self._boot and self._read.boot)

    def take(self, name: str, parse: Callable[[Any], T]) -> T | None:
        """What a section held at the start; None where there is none that can be used."""
        if name not in self._read.sections:
            return None
        try:
            return parse(self._read.sections[name])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
            self._tell(self.file.section_is_bad(name, error))
            return None

    def keep(self, name: str, snapshot: Snapshot) -> None:
        """From now on a section holds this."""
        self._snapshots[name] = snapshot

    def prepare(self) -> Callable[[], None]:
        """Copy all that is to be kept now; what is returned writes it, and may raise StateError."""
        clocks = self._clocks()
        made = {name: snapshot(clocks) for name, snapshot in self._snapshots.items()}
        # what another version of rhi has put there is not ours to lose
        foreign = {name: each for name, each in self._read.sections.items() if name not in self._snapshots}

        def write() -> None:
            sections: Mapping[str, Any] = {**foreign, **{name: make() for name, make in made.items()}}
            self.file.save(Saved(sections=sections, boot=self._boot))

        return write


class Keeper(Sections):
    """The same, written a moment after each change. Made, used and closed in one event loop."""

    def __init__(
        self,
        file: StateFile,
        clocks: Callable[[], Clocks],
        tell: Callable[[str | None], object],
    ) -> None:
        """`tell` gets all that is wrong, in one text, whenever that is different, and None when nothing is.

        Raises:
            StateInUseError: another daemon has the file.
        """
        file.hold()
        self._tell_all = tell
        # what could not be used at the start, which stays lost; and what may become well
        self._lost: list[str] = []
        self._unlocked, self._failure = file.unlocked, ""
        if file.unlocked:
            self._report()
        super().__init__(file, clocks, self._lose)
        self._loop = asyncio.get_running_loop()
        self._threads = Threads(1)
        self._wanted = self._written = 0
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False
        self._news = asyncio.Event()
        if not self.is_same_boot:
            # from now on it is of this start of the host
            self.changed()

    def changed(self) -> None:
        """Something that is kept is different now: write it soon."""
        self._wanted += 1
        self._begin()

    async def saved(self, timeout: float) -> bool:
        """Wait until all that was changed before is on disk; false when it cannot be, or not in time."""
        wanted = self._wanted
        try:
            async with asyncio.timeout(timeout):
                while self._written < wanted and not self._failure:
                    await self._news.wait()
        except TimeoutError:
            return False
        return self._written >= wanted

    async def close(self, timeout: float) -> bool:
        """Write what has changed and nothing after it; false when it is not on disk in time.

        Another daemon may have the file then, unless a disk that hangs is still at what we wrote last, which
        would replace the other's: then the lock ends with this process.
        """
        self._is_closed = True
        if self._task is not None:
            self._task.cancel()
        try:
            return await self._write_last(timeout)
        finally:
            if not self._threads.is_busy(_KEY):
                self.file.release()

    async def _write_last(self, timeout: float) -> bool:
        try:
            async with asyncio.timeout(timeout):
                while self._threads.is_busy(_KEY):
                    await asyncio.sleep(DELAY / 10)
                if self._written < self._wanted:
                    await self._write()
        except TimeoutError:
            return False
        return self._written >= self._wanted

    def _begin(self) -> None:
        if self._task is None and not self._is_closed:
            self._task = self._loop.create_task(self._work())

    async def _work(self) -> None:
        try:
            await asyncio.sleep(DELAY)
            while self._written < self._wanted:
                began = self._loop.time()
                await self._write()
                took = self._loop.time() - began
                await asyncio.sleep(RETRY if self._failure else min(took / SHARE, RETRY))
        finally:
            self._task = None

    async def _write(self) -> None:
        wanted = self._wanted
        try:
            await self._threads.run(_KEY, self.prepare())
        except NoThreadError:
            raise asyncio.CancelledError from None  # before it had begun
        except StateError as error:
            self._fail(str(error))
        except Exception as error:  # a mistake of ours: nobody waits for the task, so nobody would know
            self._fail(f"state file {self.file.path}: cannot be written: internal error: {error!r}")
        else:
            self._written = wanted
            if self._failure or self.file.unlocked != self._unlocked:
                self._failure, self._unlocked = "", self.file.unlocked
                self._report()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _fail(self, text: str) -> None:
        self._failure, self._unlocked = text, self.file.unlocked
        self._report()

    def _lose(self, text: str) -> None:
        self._lost.append(text)
        self._report()

    def _report(self) -> None:
        self._tell_all("; ".join(filter(None, [self._unlocked, *self._lost, self._failure])) or None)
