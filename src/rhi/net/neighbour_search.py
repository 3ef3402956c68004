"""Who is the one neighbour on a link: what was seen of it goes in, whom to connect to comes out.

`NeighbourSearch` is a value-in, value-out machine, as `rhi.core.peer` is one:

    inputs     interface_changed, seen, silent, solicited, session_changed, handle_timeout
    polls      actions, next_timeout
    getters    candidates, is_open_to

Routers, by their advertisements, by the kernel's word or by an answer to what only routers answer, are
preferred to other hosts, which count only when no router has shown up for a while. Of several that are
equally good, those are dropped that do not answer to neighbour solicitations (RFC 4861 §7.3). If there are
still two, none is chosen: the search says so, and goes on to ask. A session lasts until it ends by itself;
then the neighbour is looked for anew.

However many hosts there are and whatever they send, `MAX_CANDIDATES` of them are minded, and the choice is
made four times a second at most.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Final, NamedTuple

from rhi.net.interfaces import Interface
from rhi.net.netlink import Standing
from rhi.net.router_discovery import CALM_INTERVAL, MIN_DELAY_BETWEEN, AdvertisementSchedule

MAX_CANDIDATES: Final = 16
# Listed by name in a reason.
MAX_NAMED: Final = 4
# A sighting counts for so long, unless the kernel goes on to know the neighbour.
SIGHTING_TIME: Final = 60.0
# How long a router that has been asked may take to answer; only then do other hosts count.
SETTLE_TIME: Final = MIN_DELAY_BETWEEN
CHOICE_INTERVAL: Final = 0.25
# Between questions, doubling without end (RFC 7559 §2) up to the last; the first is soon, as the other end of
# a link may be ready a little later than ours. Solicitations are at least RTR_SOLICITATION_INTERVAL apart, as
# are rounds of questions to neighbours (RFC 4861 §10).
FIRST_INTERVAL: Final = 1.0
LAST_INTERVAL: Final = 60.0
SOLICITATION_INTERVAL: Final = 4.0
# MAX_UNICAST_SOLICIT and RETRANS_TIMER (RFC 4861 §10): how often a neighbour is asked before it is dropped.
MAX_QUESTIONS: Final = 3
QUESTION_INTERVAL: Final = 1.0
# Another program on this host that has not advertised for so long does so no more, or it was a forgery: three
# times what RFC 4861 §6.2.1 has for the usual interval.
ELSEWHERE_TIME: Final = 3 * CALM_INTERVAL[1]


class Connect(NamedTuple):
    """The neighbour is there: connect to it."""

    address: IPv6Address


class Wait(NamedTuple):
    """There is nobody to connect to, for this reason."""

    reason: str


class Attend(NamedTuple):
    """Open or close the socket for router discovery."""

    is_open: bool


class Ask(NamedTuple):
    """Have whoever is on the link show up; `solicits`: with a router solicitation too."""

    solicits: bool


class Verify(NamedTuple):
    """Have these tell whether they are still there."""

    doubtful: tuple[IPv6Address, ...]


class Advertise(NamedTuple):
    """Send a router advertisement."""


Action = Connect | Wait | Attend | Ask | Verify | Advertise


@dataclass(slots=True)
class _Candidate:
    is_router: bool
    in_kernel: bool
    heard_at: float


class NeighbourSearch:
    """The search on one interface; begins with the first `interface_changed`."""

    def __init__(self, interface: str, random: Callable[[], float]) -> None:
        """`random` returns numbers in [0, 1)."""
        self._name = interface
        self._interface: Interface | None = None
        self._candidates: dict[IPv6Address, _Candidate] = {}
        self._random = random
        self._advertisements = AdvertisementSchedule(random)
        self._elsewhere_until: float | None = None
        self._lack = ""
        self._is_attending = False
        self._is_connected = False
        self._is_established = False
        self._current: Connect | Wait | None = None
        self._actions: list[Action] = []
        self._ask_at: float | None = None
        self._interval = FIRST_INTERVAL
        self._solicited_at = float("-inf")
        self._settled_at = 0.0
        self._choose_at: float | None = None
        self._chosen_at = float("-inf")
        self._verify_at: float | None = None
        self._verified_since = float("-inf")
        self._questions = 0

    # Inputs

    def interface_changed(self, interface: Interface | None, now: float) -> None:
        """How the interface is now; None when there is none of that name."""
        before, self._interface = self._interface, interface
        if before is not None and interface is not None and before.link.index != interface.link.index:
            self._neglect()
            self._candidates.clear()
            self._conclude(Wait(f"Interface {self._name} has become another one"))
        obstacle = self._obstacle()
        if obstacle:
            if interface is None or not interface.link.is_running:
                self._candidates.clear()  # what comes back may be another cable
            self._neglect()
            self._conclude(Wait(f"Interface {self._name} {obstacle}"))
        elif not self._is_attending:
            self._is_attending = True
            self._actions.append(Attend(True))
            self._begin_advertising(now)
            self._begin_asking(now)
            self._choose(now)

    def seen(
        self, address: IPv6Address, now: float, *, is_router: bool = False, in_kernel: bool = False
    ) -> None:
        """Somebody on the link was heard; `in_kernel`: by the kernel, which will say when it has gone."""
        known = self._candidates.get(address)
        if known is None:
            if len(self._candidates) >= MAX_CANDIDATES and not self._make_room(now, is_router):
                return
            known = self._candidates[address] = _Candidate(is_router, in_kernel, now)
        known.is_router |= is_router
        known.in_kernel |= in_kernel
        if not in_kernel:  # whose news may be that it has not heard of it for some time
            known.heard_at = now
        self._choose_soon(now)

    def silent(self, address: IPv6Address, now: float, *, has_failed: bool) -> None:
        """The kernel knows a neighbour no longer; `has_failed`: because it does not answer."""
        known = self._candidates.get(address)
        if known is None:
            return
        known.in_kernel = False
        if has_failed:
            del self._candidates[address]
        self._choose_soon(now)

    def solicited(self, now: float) -> None:
        """Somebody on the link asks for routers."""
        self._advertisements.solicited(now)

    def advertises_elsewhere(self, now: float) -> bool:
        """Another program on this host advertises from our address: ours would take back what it says.

        Anybody on the link can pretend that, so it holds for a time, and no longer than the session. Returns
        whether it is new.
        """
        is_new = self._elsewhere_until is None
        self._elsewhere_until = now + ELSEWHERE_TIME
        self._advertisements.stop()
        return is_new

    def lacks(self, what: str, now: float) -> None:
        """What the search has to do without, told while there is nobody; empty when it has all it needs."""
        had_lack, self._lack = bool(self._lack), what
        if what:
            self._advertisements.stop()
        elif had_lack and self._is_attending:
            self._begin_advertising(now)

    def session_changed(self, now: float, *, is_connected: bool, is_established: bool) -> None:
        """What has become of the session: a connection is there, and how far it has come."""
        had_connection, self._is_connected = self._is_connected, is_connected
        was_established, self._is_established = self._is_established, is_established
        if is_connected:
            self._ask_at = self._verify_at = None
        elif had_connection and self._is_attending:
            self._begin_asking(now)
            self._choose(now)
        if was_established and not is_established:
            self._is_elsewhere_no_more(now)
            self._advertisements.hurry(now)

    def accepted(self, address: IPv6Address, now: float) -> None:
        """Somebody on the link has connected to us, and has been let in: as good as a router."""
        if isinstance(self._current, Wait):
            self._current = None  # it has to be said again after this session
        self.seen(address, now, is_router=True)

    def handle_timeout(self, now: float) -> None:
        """Do what is due. Harmless when nothing is."""
        if self._choose_at is not None and self._choose_at <= now:
            self._choose(now)
        if self._ask_at is not None and self._ask_at <= now:
            self._ask(now)
        if self._verify_at is not None and self._verify_at <= now:
            self._verify(now)
        if self._elsewhere_until is not None and self._elsewhere_until <= now:
            self._is_elsewhere_no_more(now)
        due = self._advertisements.next_at
        if due is not None and due <= now:
            self._actions.append(Advertise())
            self._advertisements.sent(now, is_calm=self._is_established)

    # Polls and getters

    @property
    def is_advertising(self) -> bool:
        """Advertisements are sent, by us and not by another program."""
        return self._advertisements.next_at is not None

    @property
    def candidates(self) -> list[IPv6Address]:
        """Who may be the neighbour, routers first."""
        return sorted(
            self._candidates, key=lambda address: (not self._candidates[address].is_router, address)
        )

    def is_open_to(self, address: IPv6Address) -> bool:
        """Whether somebody who connects to us may be the neighbour: it is, or nobody has been found."""
        return not isinstance(self._current, Connect) or self._current.address == address

    def actions(self) -> list[Action]:
        """What has to be done, in order; asked once."""
        actions, self._actions = self._actions, []
        return actions

    def next_timeout(self) -> float:
        """The instant at which to call `handle_timeout`; infinity when nothing is due."""
        dues = (
            self._choose_at,
            self._ask_at,
            self._verify_at,
            self._elsewhere_until,
            self._advertisements.next_at,
        )
        return min((due for due in dues if due is not None), default=float("inf"))

    # How the choice is made

    def _obstacle(self) -> str:
        """Why nobody can be reached by the interface; empty when somebody can."""
        if self._interface is None:
            return "does not exist"
        link, addresses = self._interface.link, self._interface.addresses
        if link.is_loopback:
            return "is a loopback interface, which has no neighbours; name the peer by its address"
        if not link.is_up:
            return "is down"
        if not link.is_running:
            return "is up, but has no carrier"
        if Standing.USABLE in addresses.values():
            return ""
        if not addresses:
            return "has no IPv6 link-local address"
        address, standing = next(iter(addresses.items()))
        if standing is Standing.TENTATIVE:
            return f"has yet to check that nobody else has its address {address}"
        return f"has the address {address}, which somebody else on the link has too"

    def _choose_soon(self, now: float) -> None:
        if self._is_attending:
            at = max(now, self._chosen_at + CHOICE_INTERVAL)
            self._choose_at = at if self._choose_at is None else min(at, self._choose_at)

    def _choose(self, now: float) -> None:
        self._choose_at = None
        if self._is_connected or not self._is_attending:
            return
        self._forget(now)
        if self._candidates:
            self._chosen_at = now
        routers = [address for address, known in self._candidates.items() if known.is_router]
        if not routers and now < self._settled_at:
            self._choose_at = self._settled_at
            if self._candidates or not isinstance(self._current, Wait):
                return
        found = sorted(routers or self._candidates)
        if len(found) == 1:
            self._conclude(Connect(found[0]))
        elif found:
            self._begin_to_verify(now)
            if self._verify_at is None:
                self._conclude(Wait(_too_many(found, self._name)))
        else:
            lack = f"; {self._lack}" if self._lack else ""
            self._conclude(Wait(f"Interface {self._name} has shown no neighbour yet{lack}"))

    def _conclude(self, conclusion: Connect | Wait) -> None:
        if conclusion != self._current:
            self._current = conclusion
            self._actions.append(conclusion)

    def _forget(self, now: float) -> None:
        """Drop those that have not been seen for long, where the kernel would not tell, and what is ours."""
        for address, known in list(self._candidates.items()):
            is_old = not known.in_kernel and known.heard_at + SIGHTING_TIME <= now
            is_own = self._interface is not None and address in self._interface.addresses
            if is_old or is_own:
                del self._candidates[address]

    def _make_room(self, now: float, is_router: bool) -> bool:
        self._forget(now)
        if len(self._candidates) >= MAX_CANDIDATES and is_router:
            # so that a crowd of hosts does not hide a router
            for address, known in self._candidates.items():
                if not known.is_router:
                    del self._candidates[address]
                    break
        return len(self._candidates) < MAX_CANDIDATES

    def _begin_advertising(self, now: float) -> None:
        if self._elsewhere_until is None and not self._lack:
            self._advertisements.start(now)

    def _is_elsewhere_no_more(self, now: float) -> None:
        if self._elsewhere_until is not None:
            self._elsewhere_until = None
            if self._is_attending:
                self._begin_advertising(now)

    def _begin_asking(self, now: float) -> None:
        self._interval = FIRST_INTERVAL
        self._ask_at = now
        self._settled_at = now + SETTLE_TIME

    def _ask(self, now: float) -> None:
        solicits = now - self._solicited_at >= SOLICITATION_INTERVAL
        if solicits:
            self._solicited_at = now
        self._actions.append(Ask(solicits))
        # as RFC 7559 §2 has it: a tenth more or less, so that many do not ask at once
        self._ask_at = now + self._interval * (0.9 + 0.2 * self._random())
        self._interval = min(LAST_INTERVAL, self._interval * 2)
        self._choose_soon(now)

    def _begin_to_verify(self, now: float) -> None:
        """Ask all whether they are still there, unless that has just been done."""
        if self._verify_at is None and now - self._verified_since >= SOLICITATION_INTERVAL:
            self._verified_since = self._verify_at = now
            self._questions = 0

    def _verify(self, now: float) -> None:
        if self._questions < MAX_QUESTIONS:
            self._questions += 1
            self._verify_at = now + QUESTION_INTERVAL
            self._actions.append(Verify(tuple(self._candidates)))
            return
        self._verify_at = None
        if not self._lack:
            for address, known in list(self._candidates.items()):
                if known.heard_at < self._verified_since:
                    del self._candidates[address]
        self._choose(now)

    def _neglect(self) -> None:
        """Stop to look and to advertise: the interface cannot be used."""
        self._ask_at = self._choose_at = self._verify_at = None
        self._advertisements.stop()
        if self._is_attending:
            self._is_attending = False
            self._actions.append(Attend(False))


def _too_many(found: list[IPv6Address], interface: str) -> str:
    named = [str(address) for address in found[:MAX_NAMED]]
    if len(found) > MAX_NAMED:
        named.append(f"{len(found) - MAX_NAMED} more")
    listed = " and ".join([", ".join(named[:-1]), named[-1]])
    return (
        f"Interface {interface} has more than one neighbour, {listed}; "
        f"name the peer by its address, such as {found[0]}%{interface}"
    )
