"""Graceful restart as the restarting speaker (RFC 4724, RFC 8538, RFC 9494), marked refresh (RFC 7313)."""

from typing import Any

import pytest

from rhi.core.route_table import RouteTable
from rhi.model.attributes import NO_ATTRIBUTES
from rhi.model.events import SessionDown
from rhi.model.parameters import Parameters
from rhi.model.prefix import to_prefix
from rhi.model.status import State
from rhi.testing.pair import Pair
from rhi.wire.capabilities import GracefulRestart, LongLivedGracefulRestart
from rhi.wire.messages import Framer, RouteRefreshMessage, encode_message
from rhi.wire.notification import Notification
from rhi.wire.open import Open

ROUTE = to_prefix("192.0.2.80")
OPEN, UPDATE, NOTIFICATION, ROUTE_REFRESH = 1, 2, 3, 5


def pair(*, left: dict[str, Any] | None = None, right: dict[str, Any] | None = None) -> Pair:
    """Two ends; only the left one connects."""
    return Pair(
        Parameters(as_number=65001, **(left or {})),
        Parameters(as_number=65002, passive=True, **(right or {})),
    )


def add_route(table: RouteTable) -> None:
    table.announce(ROUTE, NO_ATTRIBUTES)


def messages(sent: bytes | bytearray) -> list[tuple[int, bytes]]:
    framer = Framer()
    framer.max_message_size = 65535
    return list(framer.feed(bytes(sent)))


def opens(sent: bytes | bytearray) -> list[Open]:
    return [Open.decode(body) for kind, body in messages(sent) if kind == OPEN]


def restart_capabilities(message: Open) -> list[GracefulRestart]:
    return [item for item in message.capabilities if isinstance(item, GracefulRestart)]


def test_graceful_restart_is_off_unless_asked_for() -> None:
    made = pair().start()

    assert restart_capabilities(opens(made.left.sent)[0]) == []


def test_rfc4724_4_1_restart_bit_is_set_in_the_first_session_only() -> None:
    made = pair(left={"graceful_restart": 120}).start()
    made.run(1)
    made.disconnect()
    made.run(5)

    first, second = (restart_capabilities(message)[0] for message in opens(made.left.sent))
    assert first == GracefulRestart(120, ((1, 1, True),), is_restarting=True, keeps_on_notification=True)
    assert second == GracefulRestart(120, ((1, 1, True),), is_restarting=False, keeps_on_notification=True)


def test_rfc4724_4_1_forwarding_bit_is_clear_in_the_first_session_after_nothing_was_forwarded() -> None:
    made = pair(left={"graceful_restart": 120})
    made.left.peer._forwarding_kept = False
    made.start()
    made.run(1)
    made.disconnect()
    made.run(5)

    first, second = (restart_capabilities(message)[0] for message in opens(made.left.sent))
    assert (first.is_restarting, first.families) == (True, ((1, 1, False),))
    assert (second.is_restarting, second.families) == (False, ((1, 1, True),))


@pytest.mark.parametrize(("seconds", "is_set"), [(119, True), (121, False)])
def test_rfc4724_4_1_restart_bit_is_set_only_while_the_peer_may_hold_older_routes(
    seconds: float, is_set: bool
) -> None:
    made = pair(left={"graceful_restart": 120})
    made.is_reachable = False
    made.start()
    made.run(seconds)
    made.left.peer.accept(made.left.address, made.right.address, made.now)

    sent = made.left.peer.data_to_send(made.left.peer._last_connection, 4096, made.now)

    assert [each.is_restarting for each in restart_capabilities(opens(sent)[0])] == [is_set]


def test_rfc9494_long_lived_stale_time_is_offered_for_each_family() -> None:
    made = pair(left={"graceful_restart": 120, "long_lived_stale_time": 3600}).start()

    assert LongLivedGracefulRestart(((1, 1, True, 3600),)) in opens(made.left.sent)[0].capabilities


def test_end_of_rib_waits_until_the_table_is_complete() -> None:
    made = pair()
    made.left.table.is_complete = False
    made.start()
    made.edit(add_route)
    made.run(30)
    assert ROUTE in made.right.routes
    assert made.right.end_of_rib == []

    made.left.table.is_complete = True
    made.settle()

    assert made.right.end_of_rib == ["ipv4"]


def test_rfc8538_4_stop_is_a_hard_reset_when_both_sides_keep_routes() -> None:
    made = pair(left={"graceful_restart": 120}, right={"graceful_restart": 60}).start()

    made.left.peer.stop(made.now, message="bye")
    made.settle()

    kind, body = messages(made.left.sent)[-1]
    assert (kind, body) == (NOTIFICATION, b"\x06\x09\x06\x02\x03bye")
    down = [event for event in made.right.events if isinstance(event, SessionDown)][-1]
    assert down.reason.endswith('Cease; Hard Reset: Cease; Administrative Shutdown: "bye"')


def test_stop_is_a_plain_cease_when_the_peer_does_not_keep_routes() -> None:
    made = pair(left={"graceful_restart": 120}).start()

    made.left.peer.stop(made.now)
    made.settle()

    assert messages(made.left.sent)[-1] == (NOTIFICATION, b"\x06\x02")


def test_stop_that_keeps_routes_says_nothing() -> None:
    made = pair(left={"graceful_restart": 120}, right={"graceful_restart": 60}).start()

    made.left.peer.stop(made.now, keep_routes=True)
    made.settle()

    assert NOTIFICATION not in [kind for kind, _ in messages(made.left.sent)]
    assert made.left.peer.state is State.IDLE
    assert not made.right.peer.is_established


def test_stop_that_would_keep_routes_is_a_cease_where_nobody_keeps_them() -> None:
    made = pair(left={"graceful_restart": 120}).start()

    made.left.peer.stop(made.now, keep_routes=True)
    made.settle()

    assert messages(made.left.sent)[-1] == (NOTIFICATION, b"\x06\x02")


def test_rfc4724_5_new_connection_of_a_restarted_peer_replaces_the_session() -> None:
    made = pair(left={"graceful_restart": 120}, right={"graceful_restart": 60}).start()
    made.edit(add_route)
    number = made.left.peer.session_connection
    assert number is not None

    # the peer dies without a word, comes back, and connects to us before we know
    accepted = made.left.peer.accept(made.left.address, made.right.address, made.now)
    assert accepted is not None
    assert made.left.peer.session_connection == number
    theirs = opens(made.right.sent)[0]
    made.left.peer.data_received(accepted, encode_message(OPEN, theirs.encode()), made.now)

    assert made.left.peer.session_connection is None
    reasons = [event.reason for event in made.left.peer.events() if isinstance(event, SessionDown)]
    assert reasons == ["Remote shutdown (the peer has restarted)"]
    assert made.left.peer.state is State.OPEN_CONFIRM


def test_established_session_wins_where_restart_was_not_agreed_on() -> None:
    made = pair().start()
    number = made.left.peer.session_connection

    accepted = made.left.peer.accept(made.left.address, made.right.address, made.now)

    assert made.left.peer.session_connection == number
    if accepted is not None:
        last = made.left.peer.data_to_send(accepted, 4096, made.now)
        assert messages(last)[-1] == (NOTIFICATION, b"\x06\x07")


def test_rfc7313_4_answer_to_a_refresh_is_marked_at_both_ends() -> None:
    made = pair().start()
    made.edit(add_route)
    before = len(made.left.sent)

    made.inject(encode_message(ROUTE_REFRESH, RouteRefreshMessage(1, 1).encode()))

    answer = messages(made.left.sent[before:])
    assert [kind for kind, _ in answer] == [ROUTE_REFRESH, UPDATE, ROUTE_REFRESH]
    assert answer[0][1] == b"\x00\x01\x01\x01"
    assert answer[-1][1] == b"\x00\x01\x02\x01"
    assert not made.left.peer.is_pending


def test_rfc7313_4_marks_of_the_peer_are_ignored() -> None:
    made = pair().start()
    made.edit(add_route)
    before = len(made.left.sent)

    for subtype in (1, 2, 3):
        made.inject(encode_message(ROUTE_REFRESH, RouteRefreshMessage(1, 1, subtype).encode()))

    assert made.left.sent[before:] == b""
    assert made.left.peer.is_established


def test_hard_reset_text_goes_one_level_deep() -> None:
    nested = Notification(6, 9, b"\x06\x09" * 2000)

    assert nested.text == "Cease; Hard Reset: Cease; Hard Reset"
