"""Addresses of peers and listeners as users write them."""

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from rhi.errors import InvalidValueError
from rhi.net.endpoint import ListenAddress, PeerAddress, PeerInterface, parse_peer

LO_INDEX = socket.if_nametoindex("lo")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%lo", "fe80::1%lo"),
        ("[fe80::1%lo]", "fe80::1%lo"),
        (f"fe80::1%{LO_INDEX}", "fe80::1%lo"),
        ("fe80::1%not-there-yet", "fe80::1%not-there-yet"),
        ("fe80::1%4000000", "fe80::1%4000000"),
        ("fe80::1%99999999999999", "fe80::1%99999999999999"),
        (ip_address("192.0.2.1"), "192.0.2.1"),
        (ip_address("fe80::1%lo"), "fe80::1%lo"),
    ],
)
def test_peer_address_is_understood(text: Any, written: str) -> None:
    assert str(PeerAddress.parse(text)) == written


@pytest.mark.parametrize("first", ["2001:db8::1", "[2001:db8:0::1]", "2001:0db8::0001"])
def test_peer_addresses_that_are_spelled_differently_are_equal(first: str) -> None:
    assert PeerAddress.parse(first) == PeerAddress.parse("2001:db8::1")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("router.example", "not an IPv4 or IPv6 address"),
        ("", "not an IPv4 or IPv6 address"),
        ("192.0.2.1/32", "not an IPv4 or IPv6 address"),
        ("192.0.2.01", "not an IPv4 or IPv6 address"),
        ("192.0.2.1:179", "not an IPv4 or IPv6 address"),
        ("[2001:db8::1", "not an IPv4 or IPv6 address"),
        ("0.0.0.0", "must be a unicast address"),
        ("::", "must be a unicast address"),
        ("224.0.0.1", "must be a unicast address"),
        ("ff02::1", "must be a unicast address"),
        ("::ffff:192.0.2.1", "write 192.0.2.1"),
        ("fe80::1", "needs its zone, such as fe80::1%eth0"),
        ("2001:db8::1%lo", "only link-local addresses have a zone; write 2001:db8::1"),
        ("fe80::1%", "not an IPv4 or IPv6 address"),
        ("fe80::1%a\0b", "must be the name or the number of an interface"),
        ("fe80::1%a b", "must be the name or the number of an interface"),
        ("fe80::1%a/b", "not an IPv4 or IPv6 address"),
        ("fe80::1%sixteen-letters-", "must be the name or the number of an interface"),
        ("fe80::1%\ud800", "must be the name or the number of an interface"),
        (3221225985, "not an IPv4 or IPv6 address"),
        (None, "not an IPv4 or IPv6 address"),
    ],
)
def test_peer_address_that_cannot_be_is_refused_with_one_sentence(text: Any, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason) as error:
        PeerAddress.parse(text)

    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name",
    ["eth0", "enp3s0f1np1", "eth0.100", "bond0.100.7", "br-lan", "veth_a", "3g-wan", "a", "fifteen-letters"],
)
def test_peer_by_its_interface_is_understood(name: str) -> None:
    assert parse_peer(f" {name} ") == PeerInterface(name)
    assert str(parse_peer(name)) == name


@pytest.mark.parametrize("text", ["192.0.2.1", "fe80::1%lo", "[2001:db8::1]"])
def test_peer_by_its_address_is_no_interface(text: str) -> None:
    assert parse_peer(text) == PeerAddress.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "192.0.2.300",
        "192.0.2",
        "192.0.2.1.",
        "1.2.3.4.5",
        "l92.0.2.1",
        "3221225985",
        "router1.example.com",
        "router.example",
        "localhost",
        "sixteen-letters-",
        "eth0.12345",
        "eth 0",
        "-eth0",
        "..",
        "eth0.",
        "été",
        "eth٣",
        "eth0\n.1",
    ],
)
def test_peer_that_is_neither_address_nor_interface_is_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(InvalidValueError, match="not an IPv4 or IPv6 address") as error:
        parse_peer(text)

    assert str(error.value).endswith("nor the name of an interface, such as eth0")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["192.0.2.1/32", "192.0.2.1:179", "eth0/1", "eth0:1", "", None, 7])
def test_peer_that_looks_like_an_address_alone_is_refused_as_one(text: Any) -> None:
    with pytest.raises(InvalidValueError, match=r"such as 192\.0\.2\.1 or 2001:db8::1$"):
        parse_peer(text)


def test_peer_address_of_a_socket_is_that_of_its_peer() -> None:
    assert str(PeerAddress.of_socket(("192.0.2.1", 179))) == "192.0.2.1"
    assert str(PeerAddress.of_socket(("2001:db8::1", 179, 0, 0))) == "2001:db8::1"
    assert str(PeerAddress.of_socket(("::ffff:192.0.2.1", 179, 0, 0))) == "192.0.2.1"
    assert str(PeerAddress.of_socket(("fe80::1%lo", 179, 0, LO_INDEX))) == "fe80::1%lo"
    assert PeerAddress.of_socket(("fe80::1", 179, 0, LO_INDEX)) == PeerAddress.parse("fe80::1%lo")


def test_peer_address_for_a_socket_has_the_number_of_its_zone() -> None:
    assert PeerAddress.parse("192.0.2.1").to_socket(179) == ("192.0.2.1", 179)
    assert PeerAddress.parse("2001:db8::1").to_socket(179) == ("2001:db8::1", 179, 0, 0)
    assert PeerAddress.parse("fe80::1%lo").to_socket(179) == ("fe80::1", 179, 0, LO_INDEX)


def test_peer_address_in_a_zone_that_is_not_there_cannot_be_used() -> None:
    with pytest.raises(OSError, match="interface"):
        PeerAddress.parse("fe80::1%not-there").to_socket(179)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("127.0.0.1:1790", "127.0.0.1:1790"),
        ("0.0.0.0:179", "0.0.0.0:179"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("[::1]:1790", "[::1]:1790"),
        ("[::]:00179", "[::]:179"),
        ("[fe80::1%lo]:179", "[fe80::1%lo]:179"),
        (f"[fe80::1%{LO_INDEX}]:179", "[fe80::1%lo]:179"),
        (("::1", 1790), "[::1]:1790"),
        ((ip_address("127.0.0.1"), 0), "127.0.0.1:0"),
        (ListenAddress.parse("127.0.0.1:1790"), "127.0.0.1:1790"),
    ],
)
def test_listen_address_is_understood(value: Any, written: str) -> None:
    assert str(ListenAddress.parse(value)) == written


def test_listen_address_for_a_socket_has_the_number_of_its_zone() -> None:
    assert ListenAddress.parse("127.0.0.1:179").to_socket() == ("127.0.0.1", 179)
    assert ListenAddress.parse("[fe80::1%lo]:179").to_socket() == ("fe80::1", 179, 0, LO_INDEX)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("127.0.0.1", "write ADDRESS:PORT"),
        ("127.0.0.1:", "write ADDRESS:PORT"),
        (":179", "write ADDRESS:PORT"),
        ("::1:179", "write ADDRESS:PORT"),
        ("[::1:179", "write ADDRESS:PORT"),
        ("]::1[:179", "write ADDRESS:PORT"),
        ("[127.0.0.1]:179", "write ADDRESS:PORT"),
        ("127.0.0.1:+179", "write ADDRESS:PORT"),
        ("127.0.0.1:١٧٩", "write ADDRESS:PORT"),
        ("127.0.0.1:" + "1" * 10_000, "write ADDRESS:PORT"),
        ("127.0.0.1:65536", "65536"),
        ("localhost:179", "not an IPv4 or IPv6 address"),
        ("224.0.0.1:179", "must be a unicast address of this machine"),
        ("[fe80::1]:179", "needs its zone"),
        ("[::ffff:127.0.0.1]:179", "write 127.0.0.1"),
        (("127.0.0.1", -1), "-1"),
        (("127.0.0.1", True), "True"),
        (("127.0.0.1", "179"), "179"),
        (("127.0.0.1",), "must be text or a pair"),
        (179, "must be text or a pair"),
        (None, "must be text or a pair"),
    ],
)
def test_listen_address_that_cannot_be_is_refused_with_one_sentence(value: Any, reason: str) -> None:
    with pytest.raises(InvalidValueError, match=reason) as error:
        ListenAddress.parse(value)

    assert len(str(error.value)) < 250
