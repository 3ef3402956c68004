"""Keeps the addresses of services as they should be, in the daemon's event loop.

Whatever happens (the kernel tells something, a decision is made, time passes, an order ends, the
configuration changes) the addresses concerned are judged anew from all that is known of them, and what that
asks for is done: remembered first, then ordered. What comes of it for the decision is in `presence`, at once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from rhi.daemon.addresses.aging import Aging, Look
from rhi.daemon.addresses.parts import Entry, Kernel, Memory, OpenKernel, Todo
from rhi.daemon.addresses.picture import Picture
from rhi.daemon.addresses.plan import (
    LOSS_WINDOW,
    Action,
    Facts,
    Judgement,
    Order,
    State,
    after_failure,
    after_loss,
    judge,
)
from rhi.daemon.addresses.spec import AddressSpec, Mode, Spot, is_single
from rhi.daemon.addresses.telling import Finding, Teller
from rhi.daemon.addresses.wakes import Wakes
from rhi.daemon.decision.routes import Change
from rhi.daemon.decision.spec import Presence
from rhi.model.prefix import Family, Prefix
from rhi.model.wording import os_error_text

# Seconds after which the state file is told what need not be remembered any more.
FORGET_AFTER: Final = 1.0


class AddressKeeper:
    """Made, used and closed in one event loop.

    Attributes:
        presence: for the decision; replaced as a whole when it changes.
    """

    def __init__(
        self,
        open_kernel: OpenKernel,
        memory: Memory,
        teller: Teller,
        look: Look,
        wants: Callable[[Prefix], bool | None],
        changed: Callable[[], object],
        show: Callable[[Picture], object],
    ) -> None:
        """`wants` tells whether an address is to be announced, None while that is not known; `changed` is
        called when `presence` is another, `show` with the addresses of the host when they have changed.
        """
        self.presence: Mapping[Prefix, Presence] = {}
        self._loop = asyncio.get_running_loop()
        self._open_kernel = open_kernel
        self._memory = memory
        self._teller = teller
        self._wants = wants
        self._changed = changed
        self._show = show
        self._aging = Aging(look, self._review)
        self._kernel: Kernel | None = None
        self._entries: dict[Prefix, Entry] = {}
        self._announced: set[Prefix] = set()
        self._leaving: Collection[Prefix] | None = None
        self._held: set[Prefix] = set()
        self._wakes = Wakes(self._review)
        self._forgetting: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._news = asyncio.Event()
        self._remembered = memory.load()
        for spot in self._remembered:
            entry = self._entries.setdefault(spot.prefix, Entry())
            entry.recorded |= {spot.interface}
            # a peer may still have the route of the life before
            self._aging.hold(spot.prefix)
            self._held.add(spot.prefix)

    # What others tell

    def configure(self, specs: Mapping[Prefix, AddressSpec], configured: Collection[Prefix]) -> None:
        """Mind these addresses; `configured` are all that services have."""
        for prefix in specs.keys() - self._entries.keys():
            self._entries[prefix] = Entry()
        for prefix, entry in self._entries.items():
            entry.spec = specs.get(prefix)
            entry.linger = entry.linger if entry.spec is None else entry.spec.linger
            entry.is_configured = prefix in configured
        if self._entries and self._kernel is None:
            self._open()
        self._review(list(self._entries))

    def decided(self, changes: Iterable[Change], wishes: Collection[Prefix]) -> None:
        """A decision has been made and told to the pool."""
        concerned = {prefix for prefix in wishes if prefix in self._entries}
        for change in changes:
            self._route_changed(change.prefix, is_announced=change.after is not None)
            if change.prefix in self._entries:
                concerned.add(change.prefix)
        self._review(concerned)

    def announced(self, prefixes: Collection[Prefix]) -> None:
        """These are announced since before any decision."""
        for prefix in prefixes:
            self._route_changed(prefix, is_announced=True)
        self._review([prefix for prefix in prefixes if prefix in self._entries])

    def settled(self) -> None:
        """Peers have been told all, and so what is announced no more since the last life of the daemon."""
        for prefix in self._held - self._announced:
            if prefix in self._entries:
                self._aging.withdrawn(prefix, self._entries[prefix].linger)
        self._held.clear()

    # What others may know

    @property
    def minded(self) -> list[Prefix]:
        """Addresses that are configured to be minded."""
        return [prefix for prefix, entry in self._entries.items() if entry.spec is not None]

    @property
    def states(self) -> Counter[State]:
        """How many addresses that are minded, or are there because of the daemon, stand how."""
        return Counter(
            each.judgement.state for each in list(self._entries.values()) if each.judgement is not None
        )

    @property
    def owned(self) -> set[Prefix]:
        """Addresses that are on an interface because of the daemon."""
        return {prefix for prefix, entry in self._entries.items() if entry.recorded}

    def foresee(self, specs: Mapping[Prefix, AddressSpec]) -> dict[Prefix, Presence]:
        """`presence` as it would be with other specs, once all has been done that can be."""
        found: dict[Prefix, Presence] = {}
        for prefix, spec in specs.items():
            entry = self._entries.get(prefix, Entry())
            presence = judge(replace(self._facts(prefix, entry), spec=spec), self._loop.time()).presence
            if presence is Presence.ABSENT or (spec.mode is Mode.CHECK and presence is Presence.PENDING):
                found[prefix] = presence
        return found

    def findings(self) -> list[Finding]:
        """All addresses that are minded, or still are there because of the daemon."""
        return [self._finding(prefix, entry) for prefix, entry in list(self._entries.items())]

    def finding(self, prefix: Prefix) -> Finding | None:
        """One of them."""
        entry = self._entries.get(prefix)
        return None if entry is None else self._finding(prefix, entry)

    # The end

    async def release(self, keep: Collection[Prefix], deadline: float) -> None:
        """Routes have left: take their addresses away, all but `keep`, when that has aged, or wait until
        `deadline` for it.
        """
        self._leaving = keep
        self._review(list(self._entries))
        while self._is_leaving() and self._loop.time() < deadline:
            self._news.clear()
            await _before(deadline - self._loop.time(), self._news)

    async def close(self, patience: float) -> None:
        """The sessions have ended: what is left to be taken away goes at once, within `patience` seconds."""
        keep = self._leaving or ()
        for prefix in self._entries.keys() - set(keep):
            self._announced.discard(prefix)
            self._aging.announced(prefix)
        await self.release(keep, self._loop.time() + patience)
        self._is_closed = True
        self._wakes.close()
        self._remember()
        self._aging.close()
        if self._kernel is not None:
            self._kernel.close()

    def _is_leaving(self) -> bool:
        keep = self._leaving or ()
        return any(
            entry.order is not None or (entry.recorded and prefix not in keep)
            for prefix, entry in self._entries.items()
            if entry.trouble is None
        )

    # What the kernel tells

    def _open(self) -> None:
        try:
            self._kernel = self._open_kernel(self._kernel_changed, self._ended)
        except OSError as error:
            text = (
                f"cannot be followed, and nothing that depends on them is announced: {os_error_text(error)}"
            )
            self._teller.cannot_follow(text)
        else:
            self._teller.cannot_follow(None)

    def _kernel_changed(self) -> None:
        table = None if self._kernel is None else self._kernel.table
        if table is None:
            return
        if table.is_rebuilt:
            concerned = list(self._entries)
        else:
            concerned = [prefix for prefix in self._concerned(table.touched) if prefix in self._entries]
        table.is_rebuilt = False
        table.touched.clear()
        for prefix in concerned:
            self._look_for_losses(prefix, self._entries[prefix], table)
        self._review(concerned)
        self._show(table)

    def _concerned(self, touched: set[bytes]) -> Iterator[Prefix]:
        """Addresses and ranges of which something may have changed."""
        for packed in touched:
            family = Family.IPV4_UNICAST if len(packed) == Family.IPV4_UNICAST.size else Family.IPV6_UNICAST
            yield Prefix(family, family.bits, packed)
        yield from (prefix for prefix in self._entries if not is_single(prefix))

    def _look_for_losses(self, prefix: Prefix, entry: Entry, table: Picture) -> None:
        if entry.spec is None or entry.spec.mode is not Mode.OWN:
            return
        spot = Spot(entry.spec.interface, prefix)
        gone = spot.interface in entry.here and spot.interface not in table.seen(prefix)
        if gone and table.has_interface(spot.interface) and entry.order != Order(Action.REMOVE, spot):
            entry.losses, trouble = after_loss(entry.losses, self._loop.time())
            entry.trouble = trouble or entry.trouble
            self._teller.lost(prefix, spot.interface)

    def _ended(self, ends: list[tuple[Order, str]]) -> None:
        for order, problem in ends:
            entry = self._entries[order.spot.prefix]
            entry.order = None
            entry.trouble = after_failure(entry.trouble, problem, self._loop.time()) if problem else None
        self._review([order.spot.prefix for order, _ in ends])

    # What is to be done

    def _route_changed(self, prefix: Prefix, *, is_announced: bool) -> None:
        if is_announced:
            self._announced.add(prefix)
            self._aging.announced(prefix)
        else:
            self._announced.discard(prefix)
            if prefix in self._entries:
                self._aging.withdrawn(prefix, self._entries[prefix].linger)

    def _review(self, prefixes: Iterable[Prefix]) -> None:
        todo = Todo()
        for prefix in prefixes:
            entry = self._entries.get(prefix)
            if entry is not None:
                self._review_one(prefix, entry, todo)
        if todo.is_more_recorded:
            self._remember()
            if todo.orders:
                self._do_when_noted(todo.orders)
        elif todo.orders:
            self._do(todo.orders)
        if todo.is_less_recorded and self._forgetting is None:
            self._forgetting = self._loop.call_later(FORGET_AFTER, self._remember)
        self._wakes.arm()
        self._teller.review()
        self._news.set()
        if todo.presence:
            found = {**self.presence, **todo.presence}
            self.presence = {prefix: each for prefix, each in found.items() if each is not None}
            self._changed()

    def _do_when_noted(self, orders: list[Order]) -> None:
        """What is added has to be known after a crash."""

        async def wait() -> None:
            await self._memory.noted()
            self._do(orders)

        task = self._loop.create_task(wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _do(self, orders: list[Order]) -> None:
        if self._kernel is not None and not self._is_closed:
            self._kernel.carry_out(orders)

    def _review_one(self, prefix: Prefix, entry: Entry, todo: Todo) -> None:
        now = self._loop.time()
        if entry.losses and now >= entry.losses[-1] + LOSS_WINDOW:
            entry.losses = ()
        facts = self._facts(prefix, entry)
        found = judge(facts, now)
        before, entry.judgement = entry.judgement, found
        self._note_recorded(prefix, entry, found, facts, todo)
        if found.order is not None:
            entry.order = found.order
            todo.orders.append(found.order)
        if before is None or before.state is not found.state:
            entry.since = now
            self._teller.changed(
                None if before is None else before.state, self._finding(prefix, entry, found)
            )
        self._teller.note(self._finding(prefix, entry, found))
        presence = None if entry.spec is None else found.presence
        if self.presence.get(prefix) is not presence:
            todo.presence[prefix] = presence
        over_at = entry.losses[-1] + LOSS_WINDOW if entry.losses else None
        self._wakes.set(prefix, min((at for at in (found.next_at, over_at) if at is not None), default=None))
        if entry.spec is None and not entry.recorded and entry.order is None:
            self._drop(prefix)

    def _drop(self, prefix: Prefix) -> None:
        """It is of no concern any more."""
        del self._entries[prefix]
        self._aging.announced(prefix)
        self._wakes.set(prefix, None)
        self._teller.forget(prefix)

    def _note_recorded(
        self, prefix: Prefix, entry: Entry, found: Judgement, facts: Facts, todo: Todo
    ) -> None:
        seen = facts.seen or {}
        entry.here = frozenset(seen) & found.recorded
        for interface in entry.recorded - found.recorded:
            is_minded = entry.spec is not None and entry.spec.mode is Mode.OWN
            if interface in seen and entry.is_configured and not is_minded:
                self._teller.handed_over(prefix, interface)
        todo.is_more_recorded |= bool(found.recorded - entry.recorded)
        todo.is_less_recorded |= bool(entry.recorded - found.recorded)
        entry.recorded = found.recorded

    def _facts(self, prefix: Prefix, entry: Entry) -> Facts:
        kernel = self._kernel
        table = None if kernel is None else kernel.table
        interface = "" if entry.spec is None else entry.spec.interface
        return Facts(
            prefix=prefix,
            spec=entry.spec,
            is_configured=entry.is_configured,
            wish=self._wants(prefix),
            is_announced=prefix in self._announced,
            free_at=self._aging.free_at(prefix),
            seen=None if table is None else table.seen(prefix),
            has_interface=table is not None and table.has_interface(interface),
            recorded=entry.recorded,
            keeps_marks=kernel is not None and kernel.keeps_marks,
            trouble=entry.trouble,
            order=entry.order,
            is_closing=self._leaving is not None and prefix not in self._leaving,
        )

    def _finding(self, prefix: Prefix, entry: Entry, found: Judgement | None = None) -> Finding:
        if found is None:  # what it says of time is of now then
            found = judge(self._facts(prefix, entry), self._loop.time())
        return Finding(
            prefix=prefix,
            mode=None if entry.spec is None else entry.spec.mode,
            interface=", ".join(sorted(entry.recorded)) if entry.spec is None else entry.spec.interface,
            state=found.state,
            text=found.text,
            since=entry.since,
            is_unwanted=self._wants(prefix) is False,
            losses=len(entry.losses),
        )

    def _remember(self) -> None:
        if self._forgetting is not None:
            self._forgetting.cancel()
            self._forgetting = None
        spots = frozenset(
            Spot(interface, prefix) for prefix, entry in self._entries.items() for interface in entry.recorded
        )
        if spots != self._remembered:
            self._remembered = spots
            self._memory.note(spots)


async def _before(seconds: float, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
