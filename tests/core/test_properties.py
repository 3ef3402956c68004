"""Random histories between two peers: whatever happens, when all is quiet the receiver has what it should.

`History` is a state machine of hypothesis. After each step it works out, with none of the code under test,
what the receiver ought to hold; when all is quiet it compares, and looks at what was sent on the way:

    - the receiver's table is the desired table after the filter, attribute by attribute
    - nothing that stayed was withdrawn, and nothing was announced that had not changed
    - status tells the truth
    - memory is in proportion to the routes, not to what happened

Limits of the engine are made small in most runs, so that a few routes take all its paths.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from rhi.core import adj_rib_out, block_view, replacement, route_block, route_table, slot_index
from rhi.core.route_table import RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.events import RoutesReceived, SessionUp
from rhi.model.parameters import Parameters
from rhi.model.prefix import FAMILY_OF_VERSION, Family, Prefix, to_prefix
from rhi.model.route_set import RouteSet
from rhi.model.status import Status
from rhi.testing.pair import End, Pair
from tests.core.script import ROUTE_REFRESH, cut, message

LEFT_AS = 65001


def wall_clock(_: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


PREFIXES = [
    to_prefix(text)
    for text in (
        *(f"203.0.113.{number}" for number in range(12)),
        *(f"2001:db8::{number:x}" for number in range(6)),
        *("198.51.100.0/24", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/23", "0.0.0.0/0"),
        *("2001:db8::/32", "2001:db8:1::/48", "2001:db8::/61", "::/0"),
    )
]
NETWORKS = (
    *("203.0.113.0/29", "203.0.113.3", "10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0"),
    *("2001:db8::/64", "2001:db8::/32", "::/0"),
)
COMMUNITIES = st.sampled_from([(), ("65000:1",), ("no-export", "65000:1"), ("65000:1", "no-export")])
NUMBERS = st.sampled_from([None, 0, 5])

FILTERS = st.lists(st.sampled_from(NETWORKS), max_size=2, unique=True).map(tuple)
LIVE = st.fixed_dictionaries(
    {
        "med": NUMBERS,
        "local_pref": NUMBERS,
        "prepend": st.sampled_from([0, 2]),
        "communities": COMMUNITIES,
        "large_communities": st.sampled_from([(), ("65000:1:2",)]),
        "next_hop_4": st.sampled_from([None, "192.0.2.99"]),
        "next_hop_6": st.sampled_from([None, "2001:db8:ffff::99"]),
        "accept": FILTERS,
        "reject": FILTERS,
        "connect_retry_time": st.sampled_from([5.0, 30.0]),
    }
)


def attributes_for(prefix: Prefix) -> st.SearchStrategy[PathAttributes]:
    """Attributes that `prefix` may be announced with."""
    own = "192.0.2.77" if prefix.family is Family.IPV4_UNICAST else "2001:db8:ffff::77"
    return st.builds(
        PathAttributes,
        med=NUMBERS,
        local_pref=NUMBERS,
        prepend=st.sampled_from([None, None, 1]),
        communities=st.one_of(st.none(), COMMUNITIES),
        next_hop=st.sampled_from([None, None, own]),
    )


ROUTES = st.sampled_from(PREFIXES).flatmap(lambda prefix: st.tuples(st.just(prefix), attributes_for(prefix)))

View = dict[Prefix, Mapping[str, Any]]


def first(own: Any, peers: Any) -> Any:
    return peers if own is None else own


def passes(prefix: Prefix, parameters: Parameters) -> bool:
    """The filter rule of the seed, written down once more with `ipaddress`."""

    def is_inside(networks: tuple[Any, ...]) -> bool:
        own = prefix.network
        return any(own.version == each.version and own.subnet_of(each) for each in networks)

    return is_inside(parameters.accept) or not is_inside(parameters.reject)


def readable(
    prefix: Prefix, attributes: PathAttributes, parameters: Parameters, pair: Pair, internal: bool
) -> dict[str, Any] | None:
    """What the receiver shows of a route; None when it cannot be sent."""
    is_ipv4 = prefix.family is Family.IPV4_UNICAST
    local = pair.left.address if FAMILY_OF_VERSION[pair.left.address.version] is prefix.family else None
    router_id = "192.0.2.1" if is_ipv4 else None
    next_hop = attributes.next_hop or (parameters.next_hop_4 if is_ipv4 else parameters.next_hop_6)
    next_hop = next_hop or local
    if next_hop is None and router_id is None:
        return None
    prepend = first(attributes.prepend, parameters.prepend)
    found = {
        "origin": "igp",
        "as_path": "" if internal else " ".join([str(LEFT_AS)] * (1 + prepend)),
        "next_hop": str(next_hop or router_id),
    }
    values = {
        "med": first(attributes.med, parameters.med),
        "local_pref": first(first(attributes.local_pref, parameters.local_pref), 100) if internal else None,
        "communities": [str(each) for each in first(attributes.communities, parameters.communities)],
        "large_community": [str(each) for each in parameters.large_communities],
    }
    return found | {name: value for name, value in values.items() if value not in (None, [])}


class History(RuleBasedStateMachine):
    """The left end announces; the right end listens."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()

    def teardown(self) -> None:
        try:
            if hasattr(self, "pair"):
                self.quiet()
        finally:
            self.patch.undo()

    @initialize(
        limit=st.sampled_from([1, 2, 4, 4, None]),
        internal=st.booleans(),
        multiprotocol=st.tuples(st.sampled_from([True, True, False]), st.sampled_from([True, True, False])),
        over_ipv6=st.booleans(),
        step=st.sampled_from([1, 2, 7, route_table.REPLACE_STEP]),
        chunk=st.sampled_from([1, 30, 200, 4096, 65536]),
        capacity=st.sampled_from([1, 100, 5000, 65536]),
        extended=st.booleans(),
        passive=st.booleans(),
        is_slow=st.booleans(),
        live=LIVE,
    )
    def begin(
        self,
        limit: int | None,
        internal: bool,
        multiprotocol: tuple[bool, bool],
        over_ipv6: bool,
        step: int,
        chunk: int,
        capacity: int,
        extended: bool,
        passive: bool,
        is_slow: bool,
        live: dict[str, Any],
    ) -> None:
        if limit is not None:
            self.patch.setattr(route_block, "BULK", limit)
            self.patch.setattr(route_block, "MAX_JOURNAL", 2 * limit)
            self.patch.setattr(route_block, "MIN_SWEEP", limit)
            self.patch.setattr(route_block, "MAX_SWEEP", limit * limit)
            self.patch.setattr(replacement, "_CHEAP", limit)
            self.patch.setattr(slot_index, "LAYER_SIZE", limit)
            self.patch.setattr(block_view, "_JOURNAL_STEP", limit)
            self.patch.setattr(block_view, "_MAX_COMPARED", limit)
            self.patch.setattr(adj_rib_out, "_MIN_COLLECT", limit)
            self.patch.setattr(adj_rib_out, "_MOST_ENCODED", limit)
        self.patch.setattr(route_table, "REPLACE_STEP", step)
        self.step = step
        self.fixed: dict[str, Any] = {
            "as_number": LEFT_AS,
            "multiprotocol": multiprotocol[0],
            "hold_time": 90,
            "extended_messages": extended,
        }
        self.internal = internal
        self.is_slow = is_slow
        self.live = live
        right = Parameters(
            as_number=LEFT_AS if internal else 65002,
            multiprotocol=multiprotocol[1],
            hold_time=90,
            passive=passive,
        )
        transport = Family.IPV6_UNICAST if over_ipv6 else Family.IPV4_UNICAST
        self.families = tuple(Family) if all(multiprotocol) else (transport,)
        addresses = ("2001:db8:1::1", "2001:db8:1::2") if over_ipv6 else ("192.0.2.1", "192.0.2.2")
        self.pair = Pair(self.parameters, right, addresses=addresses, chunk=chunk, capacity=capacity)
        self.wanted: dict[Prefix, PathAttributes] = {}
        self.peak = 0
        self.view: View = {}
        self.left_for_a_while: set[Prefix] = set()
        self.changed: set[Prefix] = set()
        self.all_may_come_again = True
        self.seen = (0, 0)
        self.pair.start()
        self.pair.right.is_reading = not is_slow

    @property
    def parameters(self) -> Parameters:
        return Parameters(**self.fixed, **self.live)

    def expected(self) -> View:
        found: View = {}
        for prefix, attributes in self.wanted.items():
            if prefix.family in self.families and passes(prefix, self.parameters):
                shown = readable(prefix, attributes, self.parameters, self.pair, self.internal)
                if shown is not None:
                    found[prefix] = shown
        return found

    def note(self) -> None:
        """Remember what has changed for the receiver; let bytes flow."""
        before, self.view = self.view, self.expected()
        self.left_for_a_while |= before.keys() - self.view.keys()
        self.changed |= {prefix for prefix, shown in self.view.items() if before.get(prefix) != shown}
        self.peak = max(self.peak, len(self.wanted))
        self.pair.settle()

    # What may happen

    @rule(route=ROUTES)
    def announce(self, route: tuple[Prefix, PathAttributes]) -> None:
        is_new = self.wanted.get(route[0]) != route[1]
        assert self.pair.left.table.announce(*route) is is_new
        self.wanted[route[0]] = route[1]
        self.note()

    @rule(prefix=st.sampled_from(PREFIXES))
    def withdraw(self, prefix: Prefix) -> None:
        assert self.pair.left.table.withdraw(prefix) is (prefix in self.wanted)
        self.wanted.pop(prefix, None)
        self.note()

    @rule(routes=st.lists(ROUTES, max_size=20).map(dict))
    def replace(self, routes: dict[Prefix, PathAttributes]) -> None:
        keys = routes.keys() | self.wanted.keys()
        changes = sum(routes.get(key) != self.wanted.get(key) for key in keys)
        assert self.pair.left.table.replace(routes) == changes
        self.wanted = dict(routes)
        self.note()

    @rule(routes=st.lists(ROUTES, max_size=20).map(dict))
    def replace_while_bytes_flow(self, routes: dict[Prefix, PathAttributes]) -> None:
        for _ in self.pair.left.table.replace_in_steps(RouteSet.of(routes), self.step):
            self.pair.settle()
        self.wanted = dict(routes)
        self.note()

    @rule(count=st.sampled_from([20, 300, 700]), sets=st.sampled_from([1, 3, 10**6]))
    def replace_with_many(self, count: int, sets: int) -> None:
        """More distinct attribute sets than a byte can number; more changes than the journal is for."""
        self.replace(
            {
                Prefix(Family.IPV4_UNICAST, 32, bytes((100, 64, *divmod(i, 256)))): PathAttributes(
                    med=i % sets
                )
                for i in range(count)
            }
        )

    @rule(prefixes=st.sets(st.sampled_from(PREFIXES), min_size=4))
    def replace_with_routes_all_alike(self, prefixes: set[Prefix]) -> None:
        self.replace(dict.fromkeys(prefixes, PathAttributes()))

    @rule(attributes=attributes_for(PREFIXES[0]).filter(lambda each: each.next_hop is None))
    def give_all_the_same_attributes(self, attributes: PathAttributes) -> None:
        self.replace(dict.fromkeys(self.wanted, attributes))

    @rule(live=LIVE)
    def change_parameters(self, live: dict[str, Any]) -> None:
        self.live = live
        self.pair.left.peer.configure(self.parameters, self.pair.now)
        self.note()

    @rule(name=st.sampled_from(["accept", "reject"]), networks=FILTERS)
    def change_filter(self, name: str, networks: tuple[str, ...]) -> None:
        self.change_parameters(self.live | {name: networks})

    @rule()
    def say_the_same_again(self) -> None:
        assert self.pair.left.table.replace(self.wanted) == 0
        self.pair.left.peer.configure(self.parameters, self.pair.now)
        self.note()

    @rule(is_reading=st.booleans())
    def read_or_not(self, is_reading: bool) -> None:
        self.pair.right.is_reading = is_reading
        self.pair.settle()

    @rule(is_reachable=st.booleans())
    def disconnect(self, is_reachable: bool) -> None:
        self.all_may_come_again = True
        self.pair.is_reachable = is_reachable
        self.pair.disconnect()

    @rule()
    def reset(self) -> None:
        self.all_may_come_again = True
        self.fixed["hold_time"] = 180 if self.fixed["hold_time"] == 90 else 90
        self.pair.left.peer.configure(self.parameters, self.pair.now, allow_reset=True)
        self.pair.settle()

    @precondition(lambda self: self.pair.left.peer.is_established)
    @rule(family=st.sampled_from(list(Family)))
    def refresh(self, family: Family) -> None:
        self.all_may_come_again = True
        body = family.afi.to_bytes(2, "big") + bytes((0, family.safi))
        self.pair.inject(message(ROUTE_REFRESH, body))

    @rule(seconds=st.sampled_from([0.5, 20.0, 100.0]))
    def pass_time(self, seconds: float) -> None:
        if not self.pair.right.is_reading:
            self.all_may_come_again = True  # the receiver's hold timer
        self.pair.run(seconds)

    # What must hold

    @rule()
    def quiet(self) -> None:
        """All is well again, and half a minute has passed: compare."""
        pair = self.pair
        pair.right.is_reading = True
        pair.is_reachable = True
        pair.run(40)

        assert pair.left.peer.is_established
        assert not pair.left.peer.is_pending
        assert pair.right.routes == self.view
        assert sorted(pair.right.end_of_rib) == sorted(family.label for family in self.families)
        self.check_what_was_sent()
        self.check_status(pair.left.peer.status(pair.now, wall_clock))
        self.check_memory(pair.left.table)
        pair.right.is_reading = not self.is_slow

    def check_what_was_sent(self) -> None:
        withdrawals = self.pair.right.withdrawals[self.seen[0] :]
        announcements = self.pair.right.announcements[self.seen[1] :]
        assert set(withdrawals) <= self.left_for_a_while
        if not self.all_may_come_again:
            assert set(announcements) <= self.changed
        self.seen = len(self.pair.right.withdrawals), len(self.pair.right.announcements)
        self.left_for_a_while = set()
        self.changed = set()
        self.all_may_come_again = False

    def check_status(self, status: Status) -> None:
        announced, withdrawn = told_in_this_session(self.pair.right)
        order = sorted(self.view, key=lambda prefix: (prefix.family.afi, prefix.packed, prefix.length))
        assert status.current_routes == len(self.view)
        assert status.adj_rib_out == [str(prefix) for prefix in order]
        assert (status.advertised_routes, status.withdrawn_routes) == (announced, withdrawn)
        assert not status.pending_routes
        assert status.held_back == self.held_back()
        assert self.pair.right.peer.status(self.pair.now, wall_clock).received_routes == announced

    def held_back(self) -> dict[str, int]:
        offered = tuple(Family) if self.fixed["multiprotocol"] else self.families
        ought = [p for p in self.wanted if p.family in offered and passes(p, self.parameters)]
        found: dict[str, int] = {}
        for prefix in ought:
            if prefix not in self.view:
                reason = "no_next_hop" if prefix.family in self.families else "family_not_negotiated"
                found[reason] = found.get(reason, 0) + 1
        return found

    def check_memory(self, table: RouteTable) -> None:
        assert len(table) == len(self.wanted)
        assert dict(table.routes()) == self.wanted
        assert len(table.store.by_id) == len(set(self.wanted.values()))
        for block in (*table.blocks(Family.IPV4_UNICAST), *table.blocks(Family.IPV6_UNICAST)):
            assert len(block.nlri) == block.record_size * len(block.ids)
            assert len(block.journal) <= max(route_block.MAX_JOURNAL, len(block.ids) // 2)
            assert len(block.ids) <= 3 * self.peak + route_block.MIN_SWEEP


def told_in_this_session(end: End) -> tuple[int, int]:
    """Routes announced and withdrawn in UPDATEs since the session came up."""
    announced = withdrawn = 0
    for event in reversed(end.events):
        if isinstance(event, SessionUp):
            break
        if isinstance(event, RoutesReceived):
            announced += len(event.announced)
            withdrawn += len(event.withdrawn)
    return announced, withdrawn


TestHistory = History.TestCase
TestHistory.settings = settings(
    stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


# The same with many routes, without chance


def host(number: int) -> Prefix:
    return Prefix(Family.IPV4_UNICAST, 32, (0x0A000000 + number).to_bytes(4, "big"))


def listening_pair(**options: Any) -> Pair:
    return Pair(
        Parameters(as_number=LEFT_AS, hold_time=0, extended_messages=False),
        Parameters(as_number=65002, hold_time=0, passive=True),
        **options,
    )


def updates_sent(end: End, start: int = 0) -> list[bytes]:
    return [body for kind, body in cut(bytes(end.sent[start:])) if kind == 2]


def test_ten_thousand_host_routes_fit_in_thirteen_messages() -> None:
    pair = listening_pair()
    pair.left.table.replace({host(i): PathAttributes() for i in range(10_000)})

    pair.start()

    updates = updates_sent(pair.left)
    assert len(updates) == 13 + 1
    assert updates[-1] == bytes(4)  # End-of-RIB
    assert max(19 + len(body) for body in updates) <= 4096
    assert len(pair.right.routes) == 10_000


def test_ten_thousand_changes_and_withdrawals_fill_their_messages_too() -> None:
    pair = listening_pair().start()
    pair.edit(lambda table: table.replace({host(i): PathAttributes() for i in range(10_000)}))
    start = len(pair.left.sent)

    pair.edit(lambda table: table.replace({host(i): PathAttributes(med=1) for i in range(10_000)}))
    middle = len(pair.left.sent)
    pair.edit(lambda table: table.replace({}))

    assert len(updates_sent(pair.left, start)) == 13 + len(updates_sent(pair.left, middle))
    assert len(updates_sent(pair.left, middle)) == 13
    assert pair.right.routes == {}
    assert len(pair.right.withdrawals) == 10_000


@pytest.mark.parametrize("extended", [False, True])
def test_every_message_is_within_the_agreed_size_whatever_the_attributes(extended: bool) -> None:
    pair = Pair(
        Parameters(as_number=LEFT_AS, multiprotocol=True, next_hop_6="2001:db8::1"),
        Parameters(as_number=65002, multiprotocol=True, extended_messages=extended),
    ).start()
    communities = [f"{i}:{i}" for i in range(1, 251)]
    large = [f"{i}:1:1" for i in range(1, 240)]
    routes = {host(i): PathAttributes(med=i % 3, communities=communities[: i % 251]) for i in range(800)}
    routes |= {
        Prefix(Family.IPV6_UNICAST, 128, i.to_bytes(16, "big")): PathAttributes(
            communities=communities, large_communities=large[: i % 240], prepend=i % 255
        )
        for i in range(1, 400)
    }

    pair.edit(lambda table: table.replace(routes))

    sizes = [19 + len(body) for body in updates_sent(pair.left)]
    assert max(sizes) <= (65535 if extended else 4096)
    status = pair.left.peer.status(pair.now, wall_clock)
    held_back = status.held_back.get("attributes_too_large", 0)
    assert len(pair.right.routes) == len(routes) - held_back
    assert (held_back == 0) is extended


def test_churn_of_distinct_prefixes_with_a_slow_reader_does_not_grow() -> None:
    pair = listening_pair(capacity=2000).start()
    pair.right.is_reading = False
    table = pair.left.table

    for number in range(100_000):
        table.announce(host(number), PathAttributes(med=number % 1000))
        if number >= 10:
            table.withdraw(host(number - 10))
        if number % 500 == 0:
            pair.settle()
            pair.right.is_reading = number % 5000 == 0

    (block,) = table.blocks(Family.IPV4_UNICAST)
    assert len(block.ids) < 1500
    assert len(block.journal) <= route_block.MAX_JOURNAL
    assert len(table.store.by_id) <= 11
    pair.right.is_reading = True
    pair.settle()
    assert set(pair.right.routes) == {host(number) for number in range(99_990, 100_000)}


def test_churn_of_attributes_does_not_grow() -> None:
    pair = listening_pair().start()

    for number in range(2000):
        pair.edit(lambda table, med=number: table.announce(host(med % 3), PathAttributes(med=med)))  # type: ignore[misc]

    (block,) = pair.left.table.blocks(Family.IPV4_UNICAST)
    assert len(block.ids) == 3
    assert len(pair.left.table.store.by_id) == 3
    assert {shown["med"] for shown in pair.right.routes.values() if shown} == {1997, 1998, 1999}


def test_stale_news_is_never_sent_to_a_slow_reader() -> None:
    pair = listening_pair(capacity=100).start()
    pair.edit(lambda table: table.announce(host(0), PathAttributes()))
    pair.right.is_reading = False

    for med in range(1000):
        pair.edit(lambda table, med=med: table.announce(host(0), PathAttributes(med=med)))  # type: ignore[misc]
    pair.right.is_reading = True
    pair.settle()

    assert len(pair.right.announcements) < 10
    assert pair.right.routes[host(0)]["med"] == 999  # type: ignore[index]


def test_route_that_came_and_went_unseen_is_never_mentioned() -> None:
    pair = listening_pair(capacity=1).start()
    pair.right.is_reading = False
    pair.edit(lambda table: table.announce(host(1), PathAttributes()))

    pair.edit(lambda table: table.announce(host(2), PathAttributes()))
    pair.edit(lambda table: table.withdraw(host(2)))
    pair.right.is_reading = True
    pair.settle()

    assert pair.right.announcements == [host(1)]
    assert pair.right.withdrawals == []


def test_addresses_of_networks_in_this_file_are_networks() -> None:
    assert all(ip_network(text) for text in NETWORKS)
