"""`Status` under the seed's JSON names, and `Flushed`."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from rhi.model.status import Flushed, State, Status

WHEN = datetime(2026, 3, 4, 5, 6, 7, 890000, tzinfo=UTC)

# Name and JSON type of each field, in the seed's order.
SEED = [
    ("state", str),
    ("when", str),
    ("duration_s", int),
    ("update_calculation_ms", int),
    ("advertised_routes", int),
    ("withdrawn_routes", int),
    ("current_routes", int),
    ("connection_attempts", int),
    ("successful_connections", int),
    ("established_sessions", int),
    ("last_error", str),
    ("hold_time", int),
    ("local_asn", int),
    ("remote_asn", int),
    ("adj_rib_out", list),
    ("local_ip", str),
]


@pytest.mark.parametrize(
    "status",
    [
        Status(when=WHEN),
        Status(
            when=WHEN, update_calculation_ms=1.7, read_adj_rib_out=lambda: ["192.0.2.1"], retry_in_s=0.12345
        ),
    ],
    ids=["empty", "filled"],
)
def test_status_json_begins_with_exactly_the_seeds_keys_and_types(status: Status) -> None:
    shown = json.loads(json.dumps(status.to_json()))

    assert [(name, type(value)) for name, value in list(shown.items())[: len(SEED)]] == SEED


def test_status_json_continues_with_ours() -> None:
    assert list(Status(when=WHEN).to_json())[len(SEED) :] == [
        "remote_ip",
        "remote_router_id",
        "families",
        "end_of_rib",
        "pending_routes",
        "held_back",
        "pending_changes",
        "retry_in_s",
        "received_routes",
        "malformed_updates",
        "quarantined",
    ]


def test_state_values_are_the_seeds_words() -> None:
    words = ["IDLE", "CONNECT", "ACTIVE", "OPEN_SENT", "OPEN_CONFIRM", "ESTABLISHED"]

    assert [state.value for state in State] == words


def test_status_json_values() -> None:
    status = Status(
        state=State.ESTABLISHED,
        when=WHEN,
        duration_s=5,
        update_calculation_ms=1.7,
        current_routes=1,
        families=("ipv4", "ipv6"),
        held_back={"no_next_hop": 2},
        pending_changes=("hold_time",),
        retry_in_s=0.12345,
        read_adj_rib_out=lambda: ["192.0.2.1"],
    )

    shown = status.to_json()

    assert shown["state"] == "ESTABLISHED"
    assert shown["when"] == "2026-03-04T05:06:07Z"
    assert shown["update_calculation_ms"] == 2
    assert shown["adj_rib_out"] == ["192.0.2.1"]
    assert shown["families"] == ["ipv4", "ipv6"]
    assert shown["held_back"] == {"no_next_hop": 2}
    assert shown["pending_changes"] == ["hold_time"]
    assert shown["retry_in_s"] == 0.123


def test_status_when_is_shown_in_utc() -> None:
    status = Status(when=WHEN.astimezone(timezone(timedelta(hours=2))))

    assert status.to_json()["when"] == "2026-03-04T05:06:07Z"


def test_status_adj_rib_out_is_made_anew_at_each_call() -> None:
    routes = ["192.0.2.1"]
    status = Status(when=WHEN, read_adj_rib_out=lambda: list(routes))

    status.adj_rib_out.append("192.0.2.2")

    assert status.adj_rib_out == ["192.0.2.1"]


def test_seed_26_status_is_a_copy_that_the_session_no_longer_changes() -> None:
    held_back = {"no_next_hop": 1}
    status = Status(when=WHEN, held_back=held_back)

    held_back["no_next_hop"] = 2
    status.to_json()["held_back"]["no_next_hop"] = 3

    assert status.held_back == {"no_next_hop": 1}


def test_status_is_a_value() -> None:
    one = Status(when=WHEN, held_back={"a": 1}, read_adj_rib_out=lambda: [])
    other = Status(when=WHEN, held_back={"a": 1}, read_adj_rib_out=lambda: ["192.0.2.1"])

    assert one == other
    assert hash(one) == hash(other)
    assert one != Status(when=WHEN)


def test_flushed_is_true_when_nobody_is_behind() -> None:
    assert Flushed()
    assert not Flushed(behind={"192.0.2.1": "12 bytes not acknowledged"})
    assert hash(Flushed()) == hash(Flushed())
