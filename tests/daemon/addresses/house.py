"""A keeper with a kernel, a state file and a pool that do what a test says; in virtual time."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rhi.daemon.addresses.keeper import AddressKeeper
from rhi.daemon.addresses.picture import AddressNews, LinkNews, Picture
from rhi.daemon.addresses.plan import MARK, Action, Order
from rhi.daemon.addresses.spec import AddressSpec, Spot
from rhi.daemon.addresses.telling import Teller
from rhi.daemon.alarms import Alarms
from rhi.daemon.decision.routes import Change
from rhi.daemon.decision.spec import Presence
from rhi.daemon.history import Entry, History
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix
from rhi.model.status import Flushed
from tests.health import virtual

INDICES = {"lo": 1, "eth0": 2, "eth1": 3}


@dataclass
class FakeKernel:
    """Interfaces lo and eth0, and what is done to them.

    Attributes:
        obeys: orders are carried out at once; else when `obey` is called.
        problem: what it says instead of doing anything.
        journal: shared with others: what happened in which order.
    """

    journal: list[str]
    keeps_marks: bool = True
    obeys: bool = True
    problem: str = ""
    table: Picture | None = None
    orders: list[Order] = field(default_factory=list)
    is_closed: bool = False
    _changed: Callable[[], None] = lambda: None
    _ended: Callable[[list[tuple[Order, str]]], None] = lambda ends: None

    def open(
        self, changed: Callable[[], None], ended: Callable[[list[tuple[Order, str]]], None]
    ) -> "FakeKernel":
        self._changed, self._ended = changed, ended
        return self

    def know(self, *spots: Spot, mark: int = 0) -> None:
        """Tell all there is."""
        self.table = Picture()
        for name in ("lo", "eth0"):
            self.table.apply(LinkNews(INDICES[name], name, is_gone=False))
        for spot in spots:
            self.table.apply(_news(spot, mark))
        self._changed()

    def add(self, *spots: Spot, mark: int = 0) -> None:
        self._tell([_news(spot, mark) for spot in spots])

    def remove(self, *spots: Spot) -> None:
        self._tell([_news(spot, 0, is_gone=True) for spot in spots])

    def link(self, name: str, *, is_gone: bool = False) -> None:
        self._tell([LinkNews(INDICES[name], name, is_gone)])

    def has(self, spot: Spot) -> bool:
        assert self.table is not None
        return spot.interface in self.table.seen(spot.prefix)

    def _tell(self, news: Sequence[LinkNews | AddressNews]) -> None:
        assert self.table is not None
        for each in news:
            self.table.apply(each)
        self._changed()

    def carry_out(self, orders: Sequence[Order]) -> None:
        self.journal += [f"{order.action.value} {order.spot}" for order in orders]
        self.orders += orders
        if self.obeys:
            asyncio.get_running_loop().call_soon(self.obey)

    def obey(self) -> None:
        """Do what has been ordered, and tell: first what has changed, then that it is done."""
        orders, self.orders = self.orders, []
        for order in orders:
            if self.problem:
                continue
            if order.action is Action.ADD:
                self.add(order.spot, mark=MARK if self.keeps_marks else 0)
            else:
                self.remove(order.spot)
        self._ended([(order, self.problem) for order in orders])

    def close(self) -> None:
        self.is_closed = True


def _news(spot: Spot, mark: int, *, is_gone: bool = False) -> AddressNews:
    prefix = spot.prefix
    return AddressNews(INDICES[spot.interface], prefix.packed, prefix.length, is_gone, mark=mark)


@dataclass
class FakeMemory:
    journal: list[str]
    spots: frozenset[Spot] = frozenset()
    disk: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.disk.set()

    def load(self) -> frozenset[Spot]:
        return self.spots

    def note(self, spots: frozenset[Spot]) -> None:
        self.journal.append("remember " + (", ".join(sorted(map(str, spots))) or "nothing"))
        self.spots = spots

    async def noted(self) -> None:
        await self.disk.wait()


class House:
    """All of it. `wants` says what services want."""

    def __init__(self, memory: FakeMemory | None = None, **kernel: Any) -> None:
        self.journal: list[str] = []
        self.kernel = FakeKernel(self.journal, **kernel)
        self.memory = memory or FakeMemory(self.journal)
        self.memory.journal = self.journal
        self.logged: list[Entry] = []
        history = History(lambda: datetime(2024, 1, 1, tzinfo=UTC), self.logged.append)
        self.alarms = Alarms(history)
        self.wants: dict[Prefix, bool | None] = {}
        self.behind: dict[str, str] = {}
        self.changes = 0
        self.loop = asyncio.get_running_loop()
        self.keeper = AddressKeeper(
            self.kernel.open,
            self.memory,
            Teller(history, self.alarms),
            self._look,
            self.wants.get,
            self._changed,
            lambda picture: None,
        )

    async def _look(self) -> Flushed:
        await asyncio.sleep(0.5 if self.behind else 0)
        return Flushed(behind=dict(self.behind))

    def _changed(self) -> None:
        self.changes += 1

    def configure(self, specs: Mapping[Prefix, AddressSpec], others: Collection[Prefix] = ()) -> None:
        self.keeper.configure(specs, {*specs, *others})

    def want(self, prefix: Prefix, wish: bool | None) -> None:
        """Services have another wish, and a decision has been made by it."""
        self.wants[prefix] = wish
        self.keeper.decided((), {prefix})

    def announce(self, prefix: Prefix) -> None:
        self.journal.append(f"announce {prefix}")
        change = Change(prefix=prefix, before=None, after=PathAttributes(), because="dns")
        self.keeper.decided((change,), ())

    def withdraw(self, prefix: Prefix) -> None:
        self.journal.append(f"withdraw {prefix}")
        change = Change(prefix=prefix, before=PathAttributes(), after=None, because="dns")
        self.keeper.decided((change,), ())

    def presence(self, prefix: Prefix) -> Presence | None:
        return self.keeper.presence.get(prefix)

    async def settle(self, seconds: float = 0.01) -> None:
        """Let so much time pass."""
        await asyncio.sleep(seconds)

    def texts(self, kind: str = "address") -> list[str]:
        return [f"{entry.subject}: {entry.text}" for entry in self.logged if entry.kind == kind]

    def alarm_texts(self) -> dict[str, str]:
        return {alarm.subject: alarm.text for alarm in self.alarms.all}

    def take(self) -> list[str]:
        found = list(self.journal)
        self.journal.clear()
        return found


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a test's coroutine in virtual time."""
    virtual.run(main())
