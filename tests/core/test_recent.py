"""Recent: which announcements are proven, and what is read back from messages."""

from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.core.adj_rib_out import AdjRibOut
from rhi.core.recent import MAX_BYTES, Announcement, Recent, announcements
from rhi.core.route_table import RouteTable
from rhi.model.attributes import PathAttributes
from rhi.model.prefix import to_prefix
from tests.core.script import KEEPALIVE, ROUTE_REFRESH, UPDATE, message, update_body
from tests.core.test_adj_rib_out import policy


def announce(route: str, origin: int = 0) -> bytes:
    """An UPDATE for one IPv4 host route."""
    attributes = bytes((0x40, 1, 1, origin)) + b"\x40\x03\x04\xc0\x00\x02\x01"
    return message(UPDATE, update_body(b"", attributes, b"\x20" + IPv4Address(route).packed))


def names(found: list[Announcement] | None) -> list[str]:
    assert found is not None
    return [str(announcement.prefix) for announcement in found]


def test_recent_is_unproven_until_the_settling_time_is_over() -> None:
    recent = Recent(3.0, has_keepalives=False)

    recent.add([announce("192.0.2.1")], 10.0)
    recent.add([announce("192.0.2.2")], 12.0)

    assert names(recent.unproven(12.9)) == ["192.0.2.1", "192.0.2.2"]
    assert names(recent.unproven(13.0)) == ["192.0.2.2"]
    assert names(recent.unproven(15.0)) == []


def test_recent_is_unproven_until_the_peer_was_heard_of() -> None:
    recent = Recent(3.0, has_keepalives=True)
    recent.add([announce("192.0.2.1")], 10.0)

    recent.heard(9.0)
    silent = recent.unproven(60.0), recent.proven_at(10.0)
    recent.heard(11.0)

    assert names(silent[0]) == ["192.0.2.1"]
    assert silent[1] == float("inf")
    assert recent.proven_at(10.0) == 13.0
    assert names(recent.unproven(60.0)) == []


def test_recent_forgets_what_is_proven() -> None:
    recent = Recent(3.0, has_keepalives=True)
    for second in range(1000):
        recent.add([announce("192.0.2.1")], float(second))
        recent.heard(float(second))

    assert len(recent._messages) <= 4
    assert recent._size == sum(len(part) for _, parts in recent._messages for part in parts)


def test_recent_of_more_than_is_kept_knows_no_suspects_until_all_that_is_proven() -> None:
    recent = Recent(3.0, has_keepalives=False)
    half = [message(UPDATE, update_body(b"", b"", b"\x20\xc0\x00\x02\x01" * 700))] * 75

    recent.add(half, 10.0)
    recent.add(half, 11.0)
    recent.add([announce("192.0.2.2")], 13.5)

    assert recent._size <= MAX_BYTES
    assert recent.unproven(12.9) is None
    assert "192.0.2.2" in names(recent.unproven(13.9))


def test_recent_names_a_route_once_for_each_way_it_was_announced() -> None:
    recent = Recent(3.0, has_keepalives=False)

    recent.add([announce("192.0.2.1"), announce("192.0.2.1"), announce("192.0.2.1", origin=1)], 10.0)

    found = recent.unproven(10.0)
    assert found is not None
    assert [len({part.exported for part in found}), names(found)] == [2, ["192.0.2.1"] * 2]


@pytest.mark.parametrize("kind", [KEEPALIVE, ROUTE_REFRESH])
def test_announcements_of_another_message_are_none(kind: int) -> None:
    assert list(announcements(message(kind, b"\x00\x01\x00\x01"))) == []


def test_announcements_of_a_withdrawal_and_of_end_of_rib_are_none() -> None:
    withdrawal = update_body(withdrawn=b"\x20\xc0\x00\x02\x01")
    unreach = update_body(attributes=b"\x80\x0f\x03\x00\x02\x01")

    found = [list(announcements(message(UPDATE, body))) for body in (withdrawal, unreach, b"\0\0\0\0")]

    assert found == [[], [], []]


@given(
    st.dictionaries(
        st.sampled_from(
            ["203.0.113.1", "203.0.113.2", "10.0.0.0/9", "0.0.0.0/0", "2001:db8::1", "2001:db8::/47"]
        ),
        st.fixed_dictionaries(
            {},
            optional={
                "med": st.integers(0, 9),
                "communities": st.lists(st.integers(0, 9), max_size=300, unique=True),
                "large_communities": st.just(("1:2:3",)),
                "prepend": st.integers(0, 20),
            },
        ),
    )
)
def test_announcements_are_what_the_messages_were_made_of(wanted: dict[str, dict[str, Any]]) -> None:
    made = policy(next_hop_6="2001:db8::99")
    table = RouteTable()
    for route, attributes in wanted.items():
        table.announce(to_prefix(route), PathAttributes(**attributes))
    families = {to_prefix(route).family for route in wanted}

    messages = [part for family in families for part in AdjRibOut(table, family, made, 4096).pull(1 << 20)]

    found = {announcement for part in messages for announcement in announcements(part)}
    assert found == {
        (prefix, made.export(attributes, prefix.family)) for prefix, attributes in table.routes()
    }
