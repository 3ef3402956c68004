"""Both sides connect at once (RFC 4271 §6.8): one connection stays, the same on both sides, in whatever order
messages arrive and however they are cut.

`Crossing` holds two started peers and both their connections; a test says which bytes arrive next.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from random import Random

import pytest

from rhi.core.actions import Connect
from rhi.core.collision import COLLISION_WAIT
from rhi.core.peer import Peer
from rhi.core.route_table import RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.events import EndOfRibReceived, Event, SessionDown, SessionUp
from rhi.model.parameters import Parameters
from rhi.model.prefix import to_prefix
from rhi.model.status import State
from rhi.testing.pair import Pair
from tests.core.script import (
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    UPDATE,
    Script,
    cut,
    message,
    notifications,
    open_body,
)

LOST_COLLISION = b"\x06\x07"


class Crossing:
    """Peers "a" and "b" that connect to each other at the same moment: connection "a" is the one a opened.

    Attributes:
        flying: messages under way, by connection and receiver.
        ended: connections that are closed.
    """

    def __init__(
        self,
        router_ids: tuple[str, str] = ("192.0.2.1", "192.0.2.2"),
        as_numbers: tuple[int, int] = (65001, 65002),
        *,
        random: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.now = 0.0
        self.addresses = {"a": ip_address("192.0.2.1"), "b": ip_address("192.0.2.2")}
        self.peers = {
            name: Peer(
                name,
                IPv4Address(router_id),
                Parameters(as_number=number),
                RouteTable(),
                now=0.0,
                random=random,
            )
            for name, router_id, number in zip("ab", router_ids, as_numbers, strict=True)
        }
        self.events: dict[str, list[Event]] = {"a": [], "b": []}
        self.numbers: dict[tuple[str, str], int] = {}
        self.flying: dict[tuple[str, str], list[bytes]] = {(c, to): [] for c in "ab" for to in "ab"}
        self.sent: dict[tuple[str, str], list[tuple[int, bytes]]] = {key: [] for key in self.flying}
        self.ended: set[str] = set()
        for peer in self.peers.values():
            peer.start(0.0)
        dialed = {
            name: action.connection
            for name, peer in self.peers.items()
            for action in peer.actions()
            if isinstance(action, Connect)
        }
        for name, number in dialed.items():
            other = other_than(name)
            accepted = self.peers[other].accept(self.addresses[other], self.addresses[name], 0.0)
            assert accepted is not None
            self.numbers[name, name], self.numbers[name, other] = number, accepted
        for name, number in dialed.items():
            other = other_than(name)
            self.peers[name].connection_made(number, self.addresses[name], self.addresses[other], 0.0)
        self.pump()

    def deliver(self, connection: str, to: str, count: int = 1) -> None:
        """The next `count` messages of `connection` reach `to` in one piece."""
        queue = self.flying[connection, to]
        data = b"".join(queue[:count])
        del queue[:count]
        if (connection, to) in self.numbers:
            self.peers[to].data_received(self.numbers[connection, to], data, self.now)
        self.pump()

    def choices(self) -> list[tuple[str, str]]:
        """What can arrive next."""
        return [key for key, queue in self.flying.items() if queue]

    def pump(self) -> None:
        for name, peer in self.peers.items():
            closing = [action.connection for action in peer.actions()]
            for connection in "ab":
                number = self.numbers.get((connection, name))
                if number is None:
                    continue
                messages = cut(peer.data_to_send(number, 65536, self.now))
                self.sent[connection, name] += messages
                self.flying[connection, other_than(name)] += [message(*each) for each in messages]
                if number in closing:
                    del self.numbers[connection, name]
                    self.ended.add(connection)
                    peer.connection_lost(number, "", self.now)
            self.events[name] += peer.events()

    def finish(self) -> None:
        """Closed connections are seen as closed."""
        for connection in self.ended:
            for name in "ab":
                number = self.numbers.pop((connection, name), None)
                if number is not None:
                    self.peers[name].connection_lost(number, "", self.now)
        self.pump()

    def wait(self, seconds: float) -> None:
        """Time passes; what flies goes on flying."""
        self.now += seconds
        for peer in self.peers.values():
            peer.handle_timeout(self.now)
        self.pump()

    def sessions(self) -> dict[str, str | None]:
        """Which connection is each side's session."""
        found: dict[str, str | None] = {}
        for name, peer in self.peers.items():
            number = peer.session_connection
            held = [c for (c, at), n in self.numbers.items() if at == name and n == number]
            found[name] = held[0] if held else None
        return found


def other_than(name: str) -> str:
    return "b" if name == "a" else "a"


WINNERS = [
    (("192.0.2.1", "192.0.2.2"), (65001, 65002), "b"),
    (("192.0.2.2", "192.0.2.1"), (65001, 65002), "a"),
    (("10.0.0.9", "9.255.255.255"), (65001, 65001), "a"),
    (("128.0.0.1", "127.0.0.1"), (65001, 65002), "a"),  # as unsigned numbers
    (("192.0.2.1", "192.0.2.1"), (65001, 65002), "b"),  # RFC 6286 §2.3
    (("192.0.2.1", "192.0.2.1"), (4200000000, 65002), "a"),
]


@pytest.mark.parametrize(("router_ids", "as_numbers", "winner"), WINNERS)
@pytest.mark.parametrize("first", ["a", "b"])
def test_rfc4271_6_8_connection_of_the_higher_identifier_stays(
    router_ids: tuple[str, str], as_numbers: tuple[int, int], winner: str, first: str
) -> None:
    crossing = Crossing(router_ids, as_numbers)
    loser = other_than(winner)
    for connection in (first, other_than(first)):
        crossing.deliver(connection, "a")
        crossing.deliver(connection, "b")

    while crossing.choices():
        crossing.deliver(*crossing.choices()[0])
    crossing.finish()

    assert crossing.sessions() == {"a": winner, "b": winner}
    assert LOST_COLLISION in notifications(crossing.sent[loser, "a"] + crossing.sent[loser, "b"])
    assert notifications(crossing.sent[winner, "a"] + crossing.sent[winner, "b"]) == []
    for name in "ab":
        assert [type(e) for e in crossing.events[name] if isinstance(e, SessionUp | SessionDown)] == [
            SessionUp
        ]


@pytest.mark.parametrize(("router_ids", "as_numbers", "winner"), WINNERS)
def test_rfc4271_6_8_open_and_keepalive_in_one_piece_decide_like_two(
    router_ids: tuple[str, str], as_numbers: tuple[int, int], winner: str
) -> None:
    """Both sides hear of both connections at once: the usual case of routers that start together."""
    crossing = Crossing(router_ids, as_numbers)
    # each side's OPEN on its own connection arrives first, and is answered
    crossing.deliver("a", "b")
    crossing.deliver("b", "a")
    assert [len(crossing.flying[key]) for key in (("a", "a"), ("b", "b"))] == [2, 2]

    crossing.deliver("a", "a", count=2)
    crossing.deliver("b", "b", count=2)
    while crossing.choices():
        crossing.deliver(*crossing.choices()[0], count=9)
    crossing.finish()

    assert crossing.sessions() == {"a": winner, "b": winner}


@pytest.mark.parametrize("winner", ["a", "b"])
def test_rfc4271_6_8_session_stays_whatever_the_identifiers(winner: str) -> None:
    ids = ("192.0.2.1", "192.0.2.2") if winner == "a" else ("192.0.2.2", "192.0.2.1")
    crossing = Crossing(ids)
    for _ in range(2):
        crossing.deliver(winner, "a")
        crossing.deliver(winner, "b")
    crossing.wait(COLLISION_WAIT)
    assert crossing.sessions() == {"a": winner, "b": winner}

    while crossing.choices():
        crossing.deliver(*crossing.choices()[0])
    crossing.finish()

    assert crossing.sessions() == {"a": winner, "b": winner}
    assert [body for key in crossing.sent for body in notifications(crossing.sent[key])] == [
        LOST_COLLISION
    ] * 2


@pytest.mark.parametrize("seed", range(400))
def test_rfc4271_6_8_any_order_leaves_one_session_the_same_on_both_sides(seed: int) -> None:
    choice = Random(seed)
    router_ids, as_numbers, _ = choice.choice(WINNERS)
    crossing = Crossing(router_ids, as_numbers)

    while crossing.choices():
        key = choice.choice(crossing.choices())
        crossing.deliver(*key, count=choice.randint(1, 3))
        established = [key for key in crossing.sessions().items() if key[1] is not None]
        assert len(established) <= 2
    crossing.finish()
    crossing.wait(COLLISION_WAIT)
    crossing.finish()

    sessions = crossing.sessions()
    assert sessions["a"] == sessions["b"] is not None
    for events in crossing.events.values():
        assert [type(event) for event in events if isinstance(event, SessionUp | SessionDown)] == [SessionUp]


@pytest.mark.parametrize("router_ids", [("192.0.2.1", "192.0.2.2"), ("192.0.2.2", "192.0.2.1")])
@pytest.mark.parametrize("chunk", [1, 19, 65536])
def test_two_active_peers_get_one_session(router_ids: tuple[str, str], chunk: int) -> None:
    pair = Pair(
        Parameters(as_number=65001), Parameters(as_number=65002), router_ids=router_ids, chunk=chunk
    ).start()

    pair.run(30)

    for end in (pair.left, pair.right):
        assert end.peer.is_established
        assert end.peer.status(pair.now, lambda _: datetime(2026, 1, 1, tzinfo=UTC)).established_sessions == 1
        assert not any(isinstance(event, SessionDown) for event in end.events)


# From one side, with a neighbour written by hand


def both_open(router_id: str) -> tuple[Script, int, int]:
    """Our connection in OpenConfirm, and a second one from the neighbour in OpenSent."""
    script = Script().start()
    script.send(message(OPEN, open_body(router_id=router_id)))
    script.accept()
    script.take()
    return script, script.open[0], script.open[1]


@pytest.mark.parametrize(("router_id", "ours_stays"), [("192.0.2.0", True), ("192.0.2.2", False)])
def test_collision_is_decided_when_the_second_open_comes(router_id: str, ours_stays: bool) -> None:
    script, ours, theirs = both_open(router_id)
    stays, goes = (ours, theirs) if ours_stays else (theirs, ours)

    script.send(message(OPEN, open_body(router_id=router_id)), theirs)

    assert script.take(goes)[-1] == (NOTIFICATION, LOST_COLLISION)
    assert (script.open, script.closed) == ([stays], [goes])
    script.send(message(KEEPALIVE), stays)
    assert script.state is State.ESTABLISHED
    assert script.downs == []


def test_incoming_connection_in_established_state_is_closed() -> None:
    script = Script().establish()
    session = script.open[0]

    second = script.accept()

    assert second is not None
    assert script.take(second)[-1] == (NOTIFICATION, LOST_COLLISION)
    assert script.open == [session]
    assert script.state is State.ESTABLISHED
    assert script.downs == []


def test_connection_beside_the_session_has_nothing_of_what_the_session_has_yet_to_say() -> None:
    script = Script().establish()
    session = script.open[0]
    second = script.accept()
    assert second is not None

    script.table.announce(to_prefix("203.0.113.10"), PathAttributes())

    assert script.peer.is_pending
    assert script.peer.has_more(session)
    assert not script.peer.has_more(second)
    assert not script.peer.has_more(99)


def test_attempt_under_way_is_given_up_when_an_incoming_connection_is_established() -> None:
    script = Script(answer="silence").start()
    script.accept()

    script.establish()

    assert script.abandoned == [1]
    script.run(80)
    assert len(script.attempts) == 1
    # a connection that was made all the same is closed without a word
    script.peer.connection_made(1, script.local, script.remote, script.now)
    script.pump()
    assert script.abandoned == [1, 1]
    assert script.state is State.ESTABLISHED


def test_loss_of_our_connection_beside_a_silent_one_is_told_and_tried_again() -> None:
    script, ours, theirs = both_open("192.0.2.2")

    script.hang_up("reset", ours)

    assert script.open == [theirs]
    assert [down.reason for down in script.downs] == ["Remote shutdown (reset)"]
    script.run(1)
    assert len(script.open) == 2


def test_silent_connection_may_still_become_the_session_when_ours_is_lost() -> None:
    script, ours, theirs = both_open("192.0.2.2")
    script.hang_up("reset", ours)

    script.send(message(OPEN, open_body()), theirs).send(message(KEEPALIVE), theirs)

    assert script.state is State.ESTABLISHED
    script.run(5)
    assert script.open == [theirs]


def test_silent_connection_may_still_become_the_session_when_ours_ends_with_an_error() -> None:
    script, ours, theirs = both_open("192.0.2.2")
    script.send(message(OPEN, open_body(hold_time=1)), ours)

    script.send(message(OPEN, open_body()), theirs).send(message(KEEPALIVE), theirs)

    assert script.state is State.ESTABLISHED
    script.run(5)
    assert script.open == [theirs]
    assert script.status.connection_attempts == 1


def test_fault_on_one_of_two_connections_leaves_the_other() -> None:
    script, ours, theirs = both_open("192.0.2.2")

    script.send(message(OPEN, open_body(version=3)), theirs)

    assert (script.open, script.downs) == ([ours], [])
    script.send(message(KEEPALIVE), ours)
    assert script.state is State.ESTABLISHED


# A connection that the identifiers are against, Established while theirs is still coming up


def yielding() -> tuple[Script, int, int]:
    """Ours is Established; the neighbour's, which its higher identifier prefers, has said nothing yet."""
    script, ours, theirs = both_open("192.0.2.2")
    script.send(message(KEEPALIVE), ours)
    script.take()
    assert (script.state, script.ups) == (State.OPEN_CONFIRM, [])
    return script, ours, theirs


def test_collision_peer_that_decided_by_identifiers_gets_its_session_without_a_loss() -> None:
    """It closes ours before it knows that we were Established there; BIRD 2.0.12 does this."""
    script, ours, theirs = yielding()

    script.send(message(NOTIFICATION, LOST_COLLISION), ours)
    script.send(message(OPEN, open_body()), theirs).send(message(KEEPALIVE), theirs)

    assert (script.open, script.state) == ([theirs], State.ESTABLISHED)
    assert (len(script.ups), script.downs) == (1, [])


def test_collision_peer_that_closes_its_own_connection_leaves_the_established_one() -> None:
    script, ours, theirs = yielding()

    script.send(message(NOTIFICATION, LOST_COLLISION), theirs)

    assert (script.open, script.state) == ([ours], State.ESTABLISHED)
    assert (len(script.ups), script.downs) == (1, [])


def test_collision_update_shows_which_connection_the_peer_took() -> None:
    script, ours, theirs = yielding()

    script.send(message(UPDATE, bytes(4)), ours)

    assert (script.open, script.state) == ([ours], State.ESTABLISHED)
    assert script.take(theirs)[-1] == (NOTIFICATION, LOST_COLLISION)
    assert any(isinstance(event, EndOfRibReceived) for event in script.events)


def test_collision_keepalive_shows_which_connection_the_peer_took() -> None:
    script, ours, theirs = yielding()

    script.send(message(OPEN, open_body()), theirs)
    assert script.open == [ours, theirs]
    script.send(message(KEEPALIVE), theirs)

    assert script.take(ours)[-1] == (NOTIFICATION, LOST_COLLISION)
    assert (script.open, script.state) == ([theirs], State.ESTABLISHED)
    assert (len(script.ups), script.downs) == (1, [])


def test_collision_silent_rival_puts_the_session_off_for_a_second_only() -> None:
    script, ours, theirs = yielding()

    script.run(COLLISION_WAIT - 0.1)
    assert script.ups == []
    script.run(0.2)

    assert (script.open, script.state) == ([ours], State.ESTABLISHED)
    assert script.take(theirs)[-1] == (NOTIFICATION, LOST_COLLISION)
    assert script.peer.next_timeout() > script.now


def test_collision_connection_that_the_identifiers_prefer_waits_for_nobody() -> None:
    script, ours, theirs = both_open("192.0.2.0")

    script.send(message(KEEPALIVE), ours)

    assert (script.open, script.state) == ([ours], State.ESTABLISHED)
    assert script.take(theirs)[-1] == (NOTIFICATION, LOST_COLLISION)
