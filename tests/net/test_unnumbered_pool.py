"""A pool with peers that are named by their interface."""

import pytest

import rhi
from rhi.model.events import PeerAdded, PeerRemoved, SessionDown
from rhi.net.endpoint import PeerInterface
from rhi.net.listeners import LINK_LOCAL, networks
from rhi.net.peer_map import parse_peers
from tests.net.raw import Events, wait_until

US = rhi.Parameters(as_number=65001)
NOT_THERE = "rhi-not-there"


def test_unnumbered_peer_carries_both_families_with_extended_next_hops() -> None:
    ((name, parameters),) = parse_peers({"eth0": US}).values()

    assert name == "eth0"
    assert parameters.multiprotocol
    assert parameters.extended_next_hop
    assert parse_peers({"192.0.2.1": US}).popitem()[1] == ("192.0.2.1", US)


def test_unnumbered_peer_beside_a_peer_on_its_link_is_refused() -> None:
    with pytest.raises(
        rhi.InvalidValueError, match="is on eth0, which is a peer itself; name the one or the"
    ):
        parse_peers({"eth0": US, "fe80::1%eth0": US})

    assert len(parse_peers({"eth0": US, "fe80::1%eth1": US, "192.0.2.1": US})) == 3


def test_unnumbered_peer_has_no_ipv4_source() -> None:
    with pytest.raises(rhi.InvalidValueError, match="of the other address family"):
        parse_peers({"eth0": rhi.Parameters(as_number=65001, source_ip="192.0.2.10")})


@pytest.mark.parametrize(
    ("other", "password", "is_keyed"),
    [
        ("eth1", "secret", True),
        ("fe80::1%eth1", "secret", True),
        ("192.0.2.1", None, True),
        ("eth1", None, False),
        ("fe80::1%eth1", "other", False),
    ],
)
def test_unnumbered_peers_have_a_password_towards_us_when_all_on_links_agree(
    other: str, password: str | None, is_keyed: bool
) -> None:
    with_key = rhi.Parameters(as_number=65001, password="secret")
    peers = {"eth0": with_key, other: rhi.Parameters(as_number=65001, password=password)}
    found = networks(parse_peers(peers))

    assert any(network == LINK_LOCAL for network, _ in found) == is_keyed


def test_unnumbered_peers_whose_tcp_ao_keys_differ_have_none_towards_us() -> None:
    one, two = (rhi.Parameters(as_number=65001, ao_keys=[rhi.AoKey(key, 1, 1)]) for key in ("one", "two"))

    assert networks(parse_peers({"eth0": one, "eth1": two})) == []
    assert [network for network, _ in networks(parse_peers({"eth0": one, "eth1": one}))] == [LINK_LOCAL]


def test_unnumbered_peer_waits_for_an_interface_that_is_not_there() -> None:
    events = Events()
    with rhi.Pool("192.0.2.10", {NOT_THERE: US}, observer=events) as pool:
        events.wait(SessionDown)
        status = pool.status()[NOT_THERE]

        assert status.last_error == f"Interface {NOT_THERE} does not exist"
        assert status.state is rhi.State.ACTIVE
        assert status.connection_attempts == 0
        pool.configure({})
        events.wait(PeerRemoved)
    assert events.of(PeerAdded)[0].peer == NOT_THERE


def test_unnumbered_peer_is_told_of_the_loopback_interface_by_the_kernel() -> None:
    with rhi.Pool("192.0.2.10", {"lo": US, NOT_THERE: US}) as pool:
        wait_until(lambda: "loopback" in pool.status()["lo"].last_error, "the kernel's answer")
        pool.configure({"lo": US})
        wait_until(lambda: set(pool.status()) == {"lo"}, "the other one is gone")
        pool.configure({"lo": US, NOT_THERE: US})

        wait_until(lambda: "does not exist" in pool.status()[NOT_THERE].last_error, "it is told again")


def test_session_may_be_unnumbered() -> None:
    with rhi.Session("192.0.2.10", NOT_THERE, US) as session:
        wait_until(lambda: "does not exist" in session.status().last_error, "the kernel's answer")


def test_interface_prints_as_its_name() -> None:
    assert str(PeerInterface("eth0.100")) == "eth0.100"
