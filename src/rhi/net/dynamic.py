"""Peers that are known by prefix only: each connection from inside one has a session while it lasts.

Anybody inside a prefix can connect, so there are limits: in all, and for each address that connections come
from. A connection counts from the moment it is accepted until its socket is closed. What is above a limit is
closed without a word, like the connection of a stranger. So is what comes too fast: all places can be taken
at once, and then ADMISSIONS_PER_SECOND, of which one address has SOURCE_ADMISSIONS_PER_SECOND. To begin a
session costs many times what it costs to close a connection, and others would miss the time that thousands of
short ones take. Peers that are configured by name are neither counted nor limited: nobody else can keep them
out.
"""

import asyncio
import resource
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rhi.errors import InvalidValueError
from rhi.model.events import Event, SessionDown
from rhi.model.parameters import Parameters
from rhi.model.prefix import IPAddress, IPNetwork
from rhi.model.wording import shown
from rhi.net.endpoint import PeerAddress
from rhi.net.keys import Secret, secret_of
from rhi.net.session import PeerSession

MAX_DYNAMIC_PEERS: Final = 1000
# One address can have a tenth of all places, and a host with many speakers, told apart by port, is served.
MAX_PER_SOURCE: Final = 100
ADMISSIONS_PER_SECOND: Final = 100.0
SOURCE_ADMISSIONS_PER_SECOND: Final = 10.0
# Addresses whose admissions are remembered; each is forgotten when it may take all its places at once again.
MAX_REMEMBERED: Final = 10_000

Deliver = Callable[[list[Event]], None]


@dataclass(frozen=True, slots=True)
class DynamicLimits:
    """How many dynamic peers may be connected at once: in all, and from one address."""

    total: int = MAX_DYNAMIC_PEERS
    per_source: int = MAX_PER_SOURCE

    def __post_init__(self) -> None:
        for what, value in (
            ("max_dynamic_peers", self.total),
            ("max_dynamic_peers_per_source", self.per_source),
        ):
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1_000_000:
                raise InvalidValueError(f"{what} {shown(value)}: must be a number from 1 to 1000000")

    @property
    def affordable(self) -> int:
        """`total`, or half of the file descriptors that this process may have, if that is less."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.total if soft == resource.RLIM_INFINITY else min(self.total, max(1, soft // 2))


class DynamicSessions:
    """The sessions of dynamic peers.

    Attributes:
        by_name: those that are there, by the peer's address, with its port when there are several.
    """

    def __init__(
        self,
        peers: Sequence[tuple[IPNetwork, Parameters]],
        limits: DynamicLimits,
        make: Callable[[PeerAddress, str, Parameters, Deliver], PeerSession],
        deliver: Deliver,
        retire: Callable[[PeerSession], None],
    ) -> None:
        """`peers` has the longest prefix first.

        `make` makes a session, `deliver` gets the events of all, `retire` ends one for good.
        """
        self.by_name: dict[str, PeerSession] = {}
        self._peers = peers
        self._limit = limits.affordable
        self._limit_per_source = limits.per_source
        self._make = make
        self._deliver = deliver
        self._retire = retire
        self._loop = asyncio.get_running_loop()
        self._held: dict[PeerSession, IPAddress] = {}
        self._sources: Counter[IPAddress] = Counter()
        self._burst = max(float(self._limit), ADMISSIONS_PER_SECOND)
        self._admissions = self._burst
        self._counted_at = self._loop.time()
        # when an address will have its whole burst again; who was admitted last comes last
        self._rested_at: dict[IPAddress, float] = {}

    def admit(self, address: PeerAddress, port: int, held: Secret | None) -> PeerSession | None:
        """A session for a connection that has come in; None for that of a stranger, or above a limit.

        `held` is what the listener has for it: None also where the prefix is to have another.
        """
        source = address.address
        if len(self._held) >= self._limit or self._sources[source] >= self._limit_per_source:
            return None
        for network, parameters in self._peers:
            if source in network:
                may_enter = secret_of(parameters) == held and self._is_slow_enough(source)
                return self._add(address, port, parameters) if may_enter else None
        return None

    def closed(self, session: PeerSession) -> None:
        """The session has no socket any more: there is room for another."""
        source = self._held.pop(session, None)
        if source is not None:
            self._sources[source] -= 1
            if not self._sources[source]:
                del self._sources[source]

    def _is_slow_enough(self, source: IPAddress) -> bool:
        """Whether one more from this address may be admitted now; counts it."""
        now = self._loop.time()
        rested_at = max(now, self._rested_at.get(source, now))
        # half an admission for what sums of instants are off
        if (rested_at - now) * SOURCE_ADMISSIONS_PER_SECOND > self._limit_per_source - 0.5:
            return False
        gained = (now - self._counted_at) * ADMISSIONS_PER_SECOND
        self._counted_at, self._admissions = now, min(self._burst, self._admissions + gained)
        if self._admissions < 1.0:
            return False
        self._admissions -= 1.0
        self._remember(source, rested_at + 1.0 / SOURCE_ADMISSIONS_PER_SECOND, now)
        return True

    def _remember(self, source: IPAddress, rested_at: float, now: float) -> None:
        self._rested_at.pop(source, None)
        while self._rested_at:
            oldest = next(iter(self._rested_at))
            if self._rested_at[oldest] > now and len(self._rested_at) < MAX_REMEMBERED:
                break
            del self._rested_at[oldest]
        self._rested_at[source] = rested_at

    def _add(self, address: PeerAddress, port: int, parameters: Parameters) -> PeerSession:
        name = str(address) if str(address) not in self.by_name else f"{address} port {port}"

        def deliver(events: list[Event]) -> None:
            self._deliver(events)
            if any(isinstance(event, SessionDown) for event in events):
                self._loop.call_soon(self._remove, name, session)

        session = self.by_name[name] = self._make(address, name, parameters, deliver)
        self._held[session] = address.address
        self._sources[address.address] += 1
        session.start()
        # also if the connection is not accepted, of which no event tells
        self._loop.call_soon(self._drop_unused, name, session)
        return session

    def _drop_unused(self, name: str, session: PeerSession) -> None:
        if not session.is_open:
            self._remove(name, session)

    def _remove(self, name: str, session: PeerSession) -> None:
        if self.by_name.get(name) is session:
            del self.by_name[name]
            self._retire(session)
        if not session.is_open:
            self.closed(session)
