"""maximum_prefixes: what is counted, when it is told, and how the session ends (RFC 4486 §4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.core.events import EventLog
from rhi.core.prefix_limit import PrefixLimit
from rhi.errors import NotificationError
from rhi.model.events import PrefixLimitNear, SessionUp
from rhi.model.parameters import Parameters
from rhi.model.prefix import Prefix, to_prefix
from rhi.model.status import State
from rhi.wire.mp_nlri import MpReach, MpUnreach
from rhi.wire.update import Update
from tests.core.script import (
    IPV4,
    IPV6,
    OUR_AS,
    UPDATE,
    Script,
    four_octet_as,
    message,
    notifications,
    update_body,
)

BASE = bytes.fromhex("40010100 4002060201 0000fdea")
NEXT_HOP = bytes.fromhex("400304c0000202")
REACHED_3 = bytes.fromhex("0601 0001 01 00000003")  # Cease, IPv4 unicast, limit 3


def announce(*numbers: int, attributes: bytes = BASE + NEXT_HOP) -> bytes:
    return message(
        UPDATE, update_body(b"", attributes, b"".join(b"\x18\xcb\x00" + bytes((n,)) for n in numbers))
    )


def withdraw(*numbers: int) -> bytes:
    return message(UPDATE, update_body(b"".join(b"\x18\xcb\x00" + bytes((n,)) for n in numbers)))


def announce_6(*numbers: int) -> bytes:
    nlri = b"".join(b"\x20\x20\x01\x0d" + bytes((n,)) for n in numbers)
    value = b"\x00\x02\x01\x10" + bytes(15) + b"\x01\x00" + nlri
    return message(UPDATE, update_body(b"", BASE + b"\x80\x0e" + bytes((len(value),)) + value))


def limited(limit: int = 3) -> Script:
    both = IPV4 + IPV6 + four_octet_as(65002)
    parameters = Parameters(as_number=OUR_AS, hold_time=90, multiprotocol=True, maximum_prefixes=limit)
    return Script(parameters).establish(capabilities=both)


def test_rfc4486_4_one_prefix_too_many_ends_the_session_with_family_and_limit() -> None:
    script = limited()

    script.send(announce(1, 2, 3))
    assert script.state is State.ESTABLISHED
    script.send(announce(4))

    assert notifications(script.take()) == [REACHED_3]
    assert (script.downs[-1].code, script.downs[-1].subcode, script.downs[-1].local) == (6, 1, False)
    assert script.status.last_error == (
        "Sent notification[6:1]: Cease; Maximum Number of Prefixes Reached: ipv4 3 (the peer announces more)"
    )


def test_prefix_limit_counts_families_apart() -> None:
    script = limited()

    script.send(announce(1, 2, 3) + announce_6(1, 2, 3))
    assert script.state is State.ESTABLISHED
    script.send(announce_6(4))

    assert notifications(script.take()) == [bytes.fromhex("0601 0002 01 00000003")]


def test_prefix_limit_does_not_count_a_route_twice_nor_one_that_is_gone() -> None:
    script = limited()

    for number in range(0, 200, 2):
        script.send(announce(number, number) + announce(number) + announce(number + 1, 201))
        script.send(withdraw(number, number + 1, 250) + withdraw(number))

    assert script.state is State.ESTABLISHED


def test_prefix_limit_counts_what_is_treated_as_withdraw_as_gone() -> None:
    script = limited()
    script.send(announce(1, 2, 3))

    script.send(announce(1, 2, attributes=BASE))  # NEXT_HOP is missing
    script.send(announce(4, 5))

    assert script.state is State.ESTABLISHED


def test_prefix_limit_ignores_what_comes_behind() -> None:
    script = limited()

    script.send(announce(1, 2, 3, 4) + announce(5, 6) * 100)

    assert notifications(script.take()) == [REACHED_3]
    assert len(script.downs) == 1
    assert script.status.received_routes == 4


def test_prefix_limit_keeps_nothing_when_the_session_is_over() -> None:
    script = limited().send(announce(1, 2, 3)).hang_up()

    assert script.peer._routes.incoming._limit is None


def test_prefix_limit_peer_that_leaks_is_met_with_growing_pauses_and_counted_anew() -> None:
    script = limited()
    pauses = []

    for _ in range(8):
        script.send(announce(1, 2, 3, 4))
        assert script.state is State.IDLE
        began, attempts = script.now, len(script.attempts)
        while len(script.attempts) == attempts:
            script.run_to_timer()
        pauses.append(script.now - began)
        script.establish(capabilities=IPV4 + four_octet_as(65002)).send(announce(1, 2, 3))
        assert script.peer.is_established

    assert pauses == pytest.approx([1, 2, 4, 8, 16, 30, 30, 30])


def test_prefix_limit_is_told_once_for_each_family_when_three_quarters_are_used() -> None:
    script = limited(4)

    script.send(announce(1, 2))
    assert not any(isinstance(event, PrefixLimitNear) for event in script.events)
    script.send(announce(3) + withdraw(3) + announce(3) + announce_6(1, 2, 3, 4))

    told = [event for event in script.events if isinstance(event, PrefixLimitNear)]
    assert [(event.family, event.count, event.limit) for event in told] == [("ipv4", 3, 4), ("ipv6", 4, 4)]


def test_prefix_limit_changed_in_a_session_waits_for_the_next() -> None:
    script = limited(3)
    raised = Parameters(as_number=OUR_AS, hold_time=90, multiprotocol=True, maximum_prefixes=10)

    script.configure(raised)
    assert script.status.pending_changes == ("maximum_prefixes",)
    script.send(announce(1, 2, 3, 4))
    while len([event for event in script.events if isinstance(event, SessionUp)]) < 2:
        script.run_to_timer()
        if script.open:
            script.establish(capabilities=IPV4 + four_octet_as(65002))
    script.send(announce(1, 2, 3, 4))

    assert script.state is State.ESTABLISHED


def test_no_prefix_limit_keeps_nothing() -> None:
    script = Script().establish()

    script.send(announce(*range(200)))

    assert script.peer._routes.incoming._limit is None


ROUTES = st.sampled_from([to_prefix(text) for text in ("10.0.0.0/8", "10.0.0.0/9", "192.0.2.1", "0.0.0.0/0")])
ROUTES_6 = st.sampled_from([to_prefix(text) for text in ("2001:db8::/32", "2001:db8::/33", "::1", "::/0")])
UPDATES = st.builds(
    lambda withdrawn, announced, unreach, reach: Update(
        withdrawn=tuple(withdrawn),
        announced=tuple(announced),
        attributes={14: MpReach(2, 1, bytes(16), tuple(reach)), 15: MpUnreach(2, 1, tuple(unreach))},
    ),
    st.lists(ROUTES, max_size=3),
    st.lists(ROUTES, max_size=4),
    st.lists(ROUTES_6, max_size=3),
    st.lists(ROUTES_6, max_size=4),
)


@given(st.lists(UPDATES, max_size=12), st.integers(1, 5))
def test_prefix_limit_ends_any_history_exactly_when_more_are_held(history: list[Update], limit: int) -> None:
    counting = PrefixLimit(limit, EventLog("192.0.2.2"))
    held: set[Prefix] = set()

    for update in history:
        held = (held - set(update.all_withdrawn)) | set(update.all_announced)
        is_over = any(
            sum(prefix.family is family for prefix in held) > limit for family in {p.family for p in held}
        )
        try:
            counting.take(update)
        except NotificationError:
            assert is_over
            assert all(len(each) <= limit + 1 for each in counting._held.values())
            return
        assert not is_over
        assert sum(len(each) for each in counting._held.values()) == len(held)
