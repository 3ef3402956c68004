"""What handlers work with, and how their requests take turns.

Everything here runs in the event loop of the decisions. What takes more than a moment waits for its turn,
what may block is asked from a thread, and what many ask for at once is made once.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel

from rhi.daemon.app import Daemon
from rhi.daemon.config.build import Setup
from rhi.daemon.control.requests import PageQuery
from rhi.model.status import Status

# Items of a list that are made at once: well under a millisecond.
PIECE: Final = 25
# Making metrics keeps a thread busy for a while; seconds for which they are good enough for all who ask.
METRICS_AGE: Final = 1.0

K = TypeVar("K")
V = TypeVar("V")


# What is made anew takes this part of the time at most, however often it is asked for.
SHARE: Final = 0.05


class Refused(Exception):
    """A request cannot be done: the HTTP status, a sentence, and the problems of a file."""

    def __init__(self, status: int, text: str, problems: Iterable[str] = ()) -> None:
        super().__init__(text)
        self.status = status
        self.problems = list(problems)


class Desk:
    """What handlers work with.

    Attributes:
        daemon: what is watched and told.
        requests: how many there were, by name of endpoint and HTTP status.
    """

    def __init__(
        self,
        daemon: Daemon,
        read_setup: Callable[[], Setup],
        metrics: Callable[[dict[str, Status]], str],
        executor: Executor,
    ) -> None:
        """`read_setup` reads the daemon's configuration file; it and `metrics` are called in a thread."""
        self._loop = asyncio.get_running_loop()
        self.daemon = daemon
        self.read_setup = read_setup
        self.requests: Counter[tuple[str, int]] = Counter()
        self._executor = executor
        self._turns = asyncio.Lock()
        self._paced: dict[str, tuple[float, Any]] = {}
        self._statuses = Shared(lambda: self.in_thread(daemon.pool.status))
        self._metrics = Shared(lambda: self._make_metrics(metrics), METRICS_AGE)

    async def turn(self) -> None:
        """Wait for a turn of the event loop in which no other request does anything.

        Whatever takes more than a moment comes after this: then a flood of requests holds up a decision no
        longer than one of them takes.
        """
        async with self._turns:
            await asyncio.sleep(0)

    async def statuses(self) -> dict[str, Status]:
        """Of all peers; asked from a thread, since the sessions have their own."""
        found = await self._statuses.get()
        await self.turn()
        return found

    async def metrics(self) -> str:
        """For Prometheus; a second old at most."""
        text = await self._metrics.get()
        await self.turn()
        return text

    def paced(self, name: str, make: Callable[[], V]) -> V:
        """What `make` returns, or returned a moment ago: the longer it takes, the longer that counts."""
        began = self._loop.time()
        until, found = self._paced.get(name, (began, None))
        if began >= until:
            found = make()
            now = self._loop.time()
            self._paced[name] = now + (now - began) / SHARE, found
        value: V = found
        return value

    async def in_thread(self, call: Callable[[], V]) -> V:
        """What a call that may block returns."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def _make_metrics(self, render: Callable[[dict[str, Status]], str]) -> str:
        statuses = await self._statuses.get()
        return await self.in_thread(lambda: render(statuses))


class Shared(Generic[V]):
    """One answer for all who ask while it is being made, or shortly after: many cost no more than one."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, V]], age: float = 0.0) -> None:
        """`age`: seconds for which an answer may be given again."""
        self._make = make
        self._age = age
        self._task: asyncio.Task[V] | None = None
        self._made_at = 0.0

    async def get(self) -> V:
        """The answer."""
        loop = asyncio.get_running_loop()
        if self._task is None or (self._task.done() and self._is_old(self._task, loop.time())):
            self._task = loop.create_task(self._make())
            self._made_at = loop.time()
        # who leaves does not take the answer from the others
        return await asyncio.shield(self._task)

    def _is_old(self, task: asyncio.Task[V], now: float) -> bool:
        has_failed = task.cancelled() or task.exception() is not None
        return has_failed or now - self._made_at >= self._age


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        path: the variable parts of its path.
        query, body: checked; of the types that the endpoint names.
        transport: where it came from.
    """

    path: dict[str, str]
    query: Any
    body: Any
    transport: asyncio.BaseTransport | None


# What a handler may return: a view becomes JSON, text is in the endpoint's media type already.
Answer = BaseModel | str


async def page(
    desk: Desk,
    keys: list[K],
    query: PageQuery,
    text: Callable[[K], str],
    show: Callable[[K], BaseModel | None],
) -> str:
    """The part of `keys` that was asked for, as a `Page` in JSON; what is gone by its turn is left out."""
    names = [text(key) for key in keys]
    start = names.index(query.after) + 1 if query.after in names else 0
    if query.after and not start:
        raise Refused(404, f"after {query.after!r}: there is no such thing any more; begin from the start")
    chosen = keys[start : start + query.limit]
    is_end = start + query.limit >= len(keys)
    return await in_pieces(desk, chosen, show, None if is_end else text(chosen[-1]))


async def in_pieces(
    desk: Desk, keys: list[K], show: Callable[[K], BaseModel | None], following: str | None = None
) -> str:
    """A `Page` in JSON, made in pieces with decisions in between."""
    items: list[str] = []
    for at in range(0, len(keys), PIECE):
        await desk.turn()
        views = map(show, keys[at : at + PIECE])
        items += [view.model_dump_json() for view in views if view is not None]
    return f'{{"items":[{",".join(items)}],"next":{json.dumps(following)}}}'
