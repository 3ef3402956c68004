"""What a router has to know, from a configuration."""

from typing import Any

import pytest

from rhi.daemon.config.build import BuildError
from rhi.daemon.config.load import check
from rhi.daemon.routers.session import Session, sessions_of
from rhi.model.parameters import Role
from rhi.net.endpoint import PeerAddress

SERVICES = {"dns": {"addresses": ["203.0.113.53", "2001:db8::53"]}}


def sessions(document: dict[str, Any], only: str | None = None, source: str | None = None) -> list[Session]:
    whole = {"router_id": "192.0.2.10", "as_number": 65001, "services": SERVICES, **document}

    def find(peer: PeerAddress) -> str | None:
        return source

    return sessions_of(check(whole, "rhi.toml", {}), find, only)


def session(name: str = "192.0.2.1", *, source: str | None = None, **settings: Any) -> Session:
    more: dict[str, Any] = {
        key: settings.pop(key) for key in ("listen", "services", "templates") if key in settings
    }
    (found,) = sessions({"peers": {name: settings}, **more}, source=source)
    return found


def lines(found: Session, family: int = 4) -> list[tuple[str, int]]:
    return [(str(entry.network), entry.length) for entry in found.entries[family]]


def test_session_of_a_plain_peer_has_its_family_only() -> None:
    found = session(source_ip="192.0.2.10", peer_as=65000)

    assert (found.host, found.host_as, found.is_guess) == ("192.0.2.10", 65001, False)
    assert (found.router, found.router_id, found.router_as) == ("192.0.2.1", "192.0.2.1", "65000")
    assert found.families == (4,)
    assert found.waits
    assert lines(found) == [("203.0.113.53/32", 32)]


def test_session_ranges_are_joined_only_where_that_says_the_same() -> None:
    services = {
        "hosts": {"addresses": ["198.51.100.0-198.51.100.8", "198.51.100.11"]},
        "nets": {"addresses": ["198.18.0.0/24", "198.18.1.0/24", "198.18.3.0/24", "198.18.3.0/25"]},
    }

    found = session(services=services)

    assert lines(found) == [
        ("198.51.100.0/29", 32),
        ("198.51.100.8/32", 32),
        ("198.51.100.11/32", 32),
        ("198.18.3.0/25", 25),
        ("198.18.0.0/23", 24),
        ("198.18.3.0/24", 24),
    ]
    assert found.limit(4) == 2 * 14


def test_session_routes_pass_the_filter_of_the_peer_first() -> None:
    services = {"hosts": {"addresses": ["198.51.100.0-198.51.100.7"]}}

    found = session(services=services, reject=["198.51.100.4/30"], accept=["198.51.100.7/32"])

    assert lines(found) == [("198.51.100.0/30", 32), ("198.51.100.7/32", 32)]


def test_session_limit_leaves_room_for_new_addresses() -> None:
    assert session().limit(4) == 10


@pytest.mark.parametrize(
    ("settings", "host", "is_guess"),
    [
        ({"source_ip": "192.0.2.11", "listen": ["192.0.2.10:179"]}, "192.0.2.11", False),
        ({"listen": ["[2001:db8::1]:179", "192.0.2.10:179"]}, "192.0.2.10", False),
        ({"listen": ["0.0.0.0:179"], "source": "192.0.2.12"}, "192.0.2.12", True),
        ({"source": "192.0.2.12"}, "192.0.2.12", True),
        ({}, "HOST_ADDRESS", False),
    ],
)
def test_session_host_address_is_the_surest_that_is_known(
    settings: dict[str, Any], host: str, is_guess: bool
) -> None:
    found = session(**settings)

    assert (found.host, found.is_guess) == (host, is_guess)


@pytest.mark.parametrize(
    ("listen", "port"),
    [
        ([], None),
        (["192.0.2.10:1790"], 1790),
        (["0.0.0.0:179"], 179),
        (["192.0.2.99:179"], None),
        (["[::]:179"], None),
        (["0.0.0.0:0"], None),
    ],
)
def test_session_router_may_connect_where_we_listen(listen: list[str], port: int | None) -> None:
    found = session(listen=listen, source_ip="192.0.2.10")

    assert found.host_port == port
    assert found.waits is (port is None)


def test_session_unknown_values_are_words_to_fill_in() -> None:
    found = session("2001:db8::1")

    assert (found.host, found.router_id, found.router_as) == ("HOST_ADDRESS", "ROUTER_ID", "ROUTER_AS")
    assert not found.is_internal


def test_session_of_an_interface_has_both_families_and_no_address() -> None:
    found = session("eth0", peer_as=65000)

    assert found.is_unnumbered
    assert (found.interface, found.router, found.families) == ("INTERFACE", "", (4, 6))
    assert found.extended_next_hop


def test_session_of_a_link_local_peer_leaves_the_routers_interface_open() -> None:
    found = session("fe80::1%eth0", source="fe80::2")

    assert (found.host, found.router, found.interface) == ("fe80::2", "fe80::1", "INTERFACE")


def test_session_of_a_prefix_has_a_router_that_connects() -> None:
    (found,) = sessions({"dynamic_peers": {"192.0.2.0/24": {}}, "listen": ["192.0.2.10:179"]})

    assert (found.host, found.router, found.router_id) == ("192.0.2.10", "ROUTER_ADDRESS", "ROUTER_ID")
    assert not found.waits


def test_session_key_is_named_and_not_read() -> None:
    templates = {"tor": {"password_file": "/nonexistent/key", "peer_as": 65000, "role": "provider"}}

    found = session(template="tor", templates=templates)

    assert found.key == "file /nonexistent/key"
    assert (found.router_as, found.role) == ("65000", Role.CUSTOMER)
    assert session(template="tor", templates=templates, password_env="KEY").key == (
        "variable KEY of the environment"
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("provider", "customer"),
        ("customer", "provider"),
        ("rs", "rs-client"),
        ("rs-client", "rs"),
        ("peer", "peer"),
    ],
)
def test_session_role_is_the_counterpart_of_ours(ours: str, theirs: str) -> None:
    found = session(role=ours)

    assert found.role is not None
    assert found.role.value == theirs


def test_session_of_an_internal_peer_needs_no_rule_for_graceful_shutdown() -> None:
    assert not session(peer_as=65001).needs_graceful_shutdown
    assert session(peer_as=65000).needs_graceful_shutdown


def test_session_hears_other_origins_only_for_services_that_must_not_be_the_last() -> None:
    assert session(services={"dns": {"addresses": "203.0.113.53", "never_last": True}}).hears
    assert not session().hears


def test_sessions_have_the_same_names_whether_asked_for_one_or_all() -> None:
    document: dict[str, Any] = {"peers": {"192.0.2.1": {}, "192.0.2.2": {}}}

    assert [each.name for each in sessions(document)] == ["rhi1", "rhi2"]
    assert [each.name for each in sessions(document, "192.0.2.2")] == ["rhi2"]


def test_sessions_without_peers_are_an_error() -> None:
    with pytest.raises(BuildError, match="there are none, so no router has a side of it"):
        sessions({"allow_empty": True})


def test_session_without_routes_is_an_error_of_that_peer_only() -> None:
    document: dict[str, Any] = {
        "peers": {"192.0.2.1": {}, "192.0.2.2": {"reject": ["0.0.0.0/0"]}},
        "services": {"dns": {"addresses": "203.0.113.53"}},
    }

    with pytest.raises(BuildError, match="is told none of the services' addresses"):
        sessions(document)
    assert len(sessions(document, "192.0.2.1")) == 1
