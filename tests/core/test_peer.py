"""One neighbour as its driver sees it: actions, bytes, timers, events, status."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.core.actions import Connect, Disconnect
from rhi.model.attributes import PathAttributes
from rhi.model.events import (
    EndOfRibReceived,
    EndOfRibSent,
    RoutesHeldBack,
    RoutesReceived,
    SessionDown,
    SessionUp,
    StateChanged,
)
from rhi.model.parameters import Parameters
from rhi.model.prefix import to_prefix
from rhi.model.status import State
from rhi.testing.pair import Pair
from tests.core.script import (
    IPV4,
    IPV6,
    KEEPALIVE,
    NOTIFICATION,
    OPEN,
    OUR_AS,
    THEIR_AS,
    UPDATE,
    Script,
    four_octet_as,
    message,
    notifications,
    open_body,
    update_body,
)

BOTH = IPV4 + IPV6 + four_octet_as(THEIR_AS)


def parameters(**more: Any) -> Parameters:
    return Parameters(as_number=OUR_AS, **({"hold_time": 90} | more))


def test_peer_events_of_a_session_come_in_order() -> None:
    script = Script().establish().hang_up("reset")

    kinds = [type(event) for event in script.events if not isinstance(event, StateChanged)]
    states = [event.after for event in script.events if isinstance(event, StateChanged)]

    assert kinds == [SessionUp, EndOfRibSent, SessionDown]
    assert states[-3:] == [State.OPEN_CONFIRM, State.ESTABLISHED, State.ACTIVE]


def test_peer_actions_are_asked_once() -> None:
    script = Script(answer="silence")
    script.peer.start(0.0)

    assert script.peer.actions() == [Connect(1)]
    assert script.peer.actions() == []
    script.peer.stop(1.0)
    assert script.peer.actions() == [Disconnect(1)]


def test_peer_start_twice_is_start_once() -> None:
    script = Script(answer="silence").start().start()

    assert script.attempts == [0.0]


def test_peer_stop_twice_and_start_again() -> None:
    script = Script().establish().stop().stop()
    assert len(script.downs) == 1

    script.start().establish()

    assert script.status.established_sessions == 2


def test_peer_stop_of_an_opening_connection_sends_a_cease() -> None:
    script = Script().start().stop()

    assert [kind for kind, _ in script.take()] == [OPEN, NOTIFICATION]
    assert script.state is State.IDLE


def test_peer_answers_for_unknown_connections_are_harmless() -> None:
    script = Script().establish()

    script.peer.data_received(99, b"rubbish", 0.0)
    script.peer.connection_lost(99, "", 0.0)
    script.peer.connect_failed(99, "", 0.0)
    assert script.peer.data_to_send(99, 100, 0.0) == b""
    script.peer.handle_timeout(0.0)
    script.pump()

    assert script.state is State.ESTABLISHED


def test_peer_connection_made_after_stop_is_closed() -> None:
    script = Script(answer="silence").start().stop()

    script.peer.connection_made(1, script.local, script.remote, 1.0)

    assert script.peer.actions() == [Disconnect(1)]
    assert script.state is State.IDLE


def test_peer_session_connection_is_the_one_that_is_up() -> None:
    script = Script().start()
    assert script.peer.session_connection is None

    script.establish()

    assert script.peer.session_connection == script.open[0]


def test_peer_status_through_a_session() -> None:
    script = Script(parameters(multiprotocol=True), answer="refuse").start()
    status = script.status
    assert (status.state, status.connection_attempts, status.successful_connections) == (State.ACTIVE, 1, 0)
    assert status.last_error == "Connection failed (connection refused)"
    assert status.retry_in_s == pytest.approx(0.5)
    assert (status.remote_asn, status.local_ip, status.hold_time) == (0, "", 90)

    script.answer = "accept"
    script.run(1).establish(capabilities=BOTH, hold_time=30).announce("203.0.113.1", "203.0.113.2")
    script.table.withdraw(to_prefix("203.0.113.2"))
    script.pump().run(5.5)
    status = script.status

    assert (status.state, status.duration_s) == (State.ESTABLISHED, 5)
    assert (status.connection_attempts, status.successful_connections, status.established_sessions) == (
        2,
        1,
        1,
    )
    assert (status.hold_time, status.local_asn, status.remote_asn) == (30, OUR_AS, THEIR_AS)
    assert (status.local_ip, status.remote_ip) == ("192.0.2.1", "192.0.2.2")
    assert (status.remote_router_id, status.families) == ("192.0.2.2", ("ipv4", "ipv6"))
    assert (status.advertised_routes, status.withdrawn_routes, status.current_routes) == (2, 1, 1)
    assert (status.last_error, status.retry_in_s) == ("", None)

    script.answer = "silence"
    script.hang_up("reset")
    status = script.status
    assert (status.advertised_routes, status.withdrawn_routes, status.current_routes) == (2, 1, 0)
    assert (status.families, status.last_error) == ((), "Remote shutdown (reset)")
    script.run(30)
    assert script.status.advertised_routes == 0  # counted anew from the next attempt on, as in the seed


def test_peer_is_pending_until_the_peer_was_told() -> None:
    script = Script().establish()
    assert not script.peer.is_pending

    script.table.announce(to_prefix("203.0.113.1"), PathAttributes())
    assert script.peer.is_pending
    script.pump()

    assert not script.peer.is_pending


def test_peer_held_back_routes_make_events() -> None:
    script = Script(parameters(multiprotocol=True)).establish(capabilities=BOTH)
    script.announce("2001:db8::1", "2001:db8::2")
    script.configure(parameters(multiprotocol=True, next_hop_6="2001:db8::9"))

    told = [(e.reason, e.count) for e in script.events if isinstance(e, RoutesHeldBack)]

    assert told == [("no_next_hop", 2), ("no_next_hop", 0)]


def test_peer_filter_spares_routes_from_being_held_back() -> None:
    script = Script(parameters(multiprotocol=True, reject=["::/0"])).establish(capabilities=IPV4)

    script.announce("2001:db8::1")

    assert script.status.held_back == {}


def test_peer_reports_received_routes() -> None:
    script = Script().establish(capabilities=b"")
    attributes = bytes.fromhex("40010100 4002040201fdea 400304c0000202")

    script.send(message(UPDATE, update_body(b"\x18\xcb\x00\x72", attributes, b"\x18\xcb\x00\x71")))
    script.send(message(UPDATE, update_body(b"\x18\xcb\x00\x71")))
    script.send(message(UPDATE, bytes(4)))

    first, second, last = script.events[-3:]
    assert isinstance(first, RoutesReceived)
    assert first.announced == (to_prefix("203.0.113.0/24"),)
    assert first.withdrawn == (to_prefix("203.0.114.0/24"),)
    assert first.attributes == {"origin": "igp", "as_path": "65002", "next_hop": "192.0.2.2"}
    assert isinstance(second, RoutesReceived)
    assert second.attributes is None
    assert isinstance(last, EndOfRibReceived)
    assert script.status.received_routes == 1


def test_peer_counts_received_routes_without_reporting_them() -> None:
    script = Script()
    script.peer._routes._reports_routes = False
    script.establish(capabilities=b"")

    script.send(message(UPDATE, bytes.fromhex("0000 0012 40010100 4002040201fdea 400304c0000202 18cb0071")))

    assert script.status.received_routes == 1
    assert not any(isinstance(event, RoutesReceived) for event in script.events)


def test_peer_configure_live_change_resets_nothing() -> None:
    script = Script(parameters()).establish().announce("203.0.113.1")
    script.take()

    script.configure(parameters(med=5, connect_retry_time=7.0))
    assert [kind for kind, _ in script.take()] == [UPDATE]
    script.configure(parameters(med=5, connect_retry_time=8.0))

    assert script.take() == []
    assert script.status.pending_changes == ()


def test_peer_configure_without_a_connection_takes_effect_at_once() -> None:
    script = Script(parameters(), answer="silence").start()

    script.answer = "accept"
    script.configure(parameters(hold_time=30))

    assert script.abandoned == [1]
    ((_, body),) = script.take()
    assert body[3:5] == b"\x00\x1e"


def test_peer_configure_while_stopped_does_not_connect() -> None:
    script = Script(parameters()).configure(parameters(hold_time=30))

    assert script.attempts == []
    assert script.peer.parameters.hold_time == 30


def test_peer_configure_of_an_opening_connection_opens_another() -> None:
    script = Script(parameters(peer_as=64999)).start()
    script.take()

    script.configure(parameters(peer_as=THEIR_AS))
    assert notifications(script.take()) == [b"\x06\x06"]
    script.run(1).establish()

    assert script.downs[-1].local


def test_peer_configure_to_passive_stops_connecting() -> None:
    script = Script(parameters(), answer="refuse").start().run(3)

    script.configure(parameters(passive=True)).run(100)

    assert script.attempts == [0.0, 0.5, 1.5]
    assert script.accept() is not None


def test_peer_data_to_send_after_the_end_is_the_last_word_once() -> None:
    script = Script().establish()
    script.peer.stop(0.0, message="bye")

    assert script.peer.data_to_send(1, 1, 0.0) == message(NOTIFICATION, b"\x06\x02\x03bye")
    assert script.peer.data_to_send(1, 1, 0.0) == b""


def test_pair_refused_connection_is_tried_again() -> None:
    pair = Pair(parameters(), Parameters(as_number=THEIR_AS, passive=True))
    pair.is_reachable = False
    pair.start().run(5)
    assert pair.left.peer.state is State.ACTIVE

    pair.is_reachable = True
    pair.run(5)

    assert pair.left.peer.is_established


@given(data=st.lists(st.binary(max_size=60), max_size=6), seed=st.integers(0, 2**32))
def test_peer_nothing_that_is_received_makes_it_raise(data: list[bytes], seed: int) -> None:
    choice = random.Random(seed)
    script = Script().start()
    prefix = [message(OPEN, open_body()), message(KEEPALIVE)][: choice.randrange(3)]

    for piece in [*prefix, *(message(choice.choice([1, 2, 2, 2, 3, 5]), each) for each in data)]:
        if script.open:
            script.send(piece)
        assert len(script.open) <= 1
    script.run(300)


def pair_with_a_route(**more: Any) -> Pair:
    pair = Pair(parameters(**more), Parameters(as_number=OUR_AS, passive=True)).start()
    pair.edit(lambda table: table.announce(to_prefix("203.0.113.1"), PathAttributes(local_pref=7)))
    pair.run(1)
    return pair


def seen_by_right(pair: Pair) -> tuple[object, ...]:
    """LOCAL_PREF and communities of the one route."""
    (attributes,) = pair.right.routes.values()
    assert attributes is not None
    return attributes["local_pref"], *attributes.get("communities", ())


def test_mark_changes_what_is_sent_without_a_withdraw_and_takes_it_back() -> None:
    pair = pair_with_a_route(communities=["1:2"])

    pair.left.peer.mark(True)
    pair.settle()
    marked = seen_by_right(pair)
    pair.left.peer.mark(False)
    pair.settle()

    assert marked == (0, "1:2", "65535:0")
    assert seen_by_right(pair) == (7, "1:2")
    assert pair.right.withdrawals == []


def test_mark_of_what_is_marked_sends_nothing() -> None:
    pair = pair_with_a_route()
    pair.left.peer.mark(True)
    pair.settle()
    before = len(pair.right.announcements)

    pair.left.peer.mark(False)
    pair.left.peer.mark(True)
    pair.settle()

    assert len(pair.right.announcements) == before


def test_mark_outlasts_new_parameters_and_the_session() -> None:
    pair = pair_with_a_route()
    pair.left.peer.mark(True)

    pair.left.peer.configure(parameters(communities=["1:3"]), pair.now)
    pair.settle()
    configured = seen_by_right(pair)
    pair.disconnect()
    pair.run(30)

    assert configured == seen_by_right(pair) == (0, "1:3", "65535:0")


def test_configure_of_graceful_shutdown_is_live() -> None:
    pair = pair_with_a_route()

    pair.left.peer.configure(parameters(graceful_shutdown=True), pair.now)
    pair.settle()

    assert seen_by_right(pair) == (0, "65535:0")
    assert pair.left.peer.pending_changes == ()
    assert pair.right.withdrawals == []
