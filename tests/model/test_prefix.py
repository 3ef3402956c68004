"""Addresses and routes from text, and what is wrong with text that is none."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rhi.model.prefix import (
    FAMILY_OF_CODES,
    FAMILY_OF_VERSION,
    Family,
    Prefix,
    to_address,
    to_ipv4,
    to_ipv6,
    to_network,
    to_prefix,
    to_prefixes,
)
from tests.model.anything import ANYTHING, check_sentence, refusal, refusal_or_none

V4, V6 = Family.IPV4_UNICAST, Family.IPV6_UNICAST

# text as a user writes it, the route, text as rhi prints it
ROUTES = [
    ("192.0.2.10", Prefix(V4, 32, b"\xc0\x00\x02\x0a"), "192.0.2.10"),
    (" 192.0.2.10\n", Prefix(V4, 32, b"\xc0\x00\x02\x0a"), "192.0.2.10"),
    ("192.0.2.10/32", Prefix(V4, 32, b"\xc0\x00\x02\x0a"), "192.0.2.10"),
    ("192.0.2.0/24", Prefix(V4, 24, b"\xc0\x00\x02"), "192.0.2.0/24"),
    ("192.0.2.128/25", Prefix(V4, 25, b"\xc0\x00\x02\x80"), "192.0.2.128/25"),
    ("0.0.0.0/0", Prefix(V4, 0, b""), "0.0.0.0/0"),
    ("2001:db8::10", Prefix(V6, 128, ip_address("2001:db8::10").packed), "2001:db8::10"),
    ("2001:DB8:0:0::10/128", Prefix(V6, 128, ip_address("2001:db8::10").packed), "2001:db8::10"),
    ("2001:db8::/32", Prefix(V6, 32, b"\x20\x01\x0d\xb8"), "2001:db8::/32"),
    ("2001:db8::/33", Prefix(V6, 33, b"\x20\x01\x0d\xb8\x00"), "2001:db8::/33"),
    ("::/0", Prefix(V6, 0, b""), "::/0"),
    ("::ffff:192.0.2.1", Prefix(V6, 128, bytes(10) + b"\xff\xff\xc0\x00\x02\x01"), "::ffff:192.0.2.1"),
]


@pytest.mark.parametrize(("family", "codes"), [(V4, (1, 1)), (V6, (2, 1))])
def test_family_has_the_codes_of_rfc4760(family: Family, codes: tuple[int, int]) -> None:
    assert (family.afi, family.safi) == codes
    assert FAMILY_OF_CODES[codes] is family


def test_family_sizes_and_labels() -> None:
    assert [(family.label, family.bits, family.size) for family in Family] == [
        ("ipv4", 32, 4),
        ("ipv6", 128, 16),
    ]
    assert FAMILY_OF_VERSION == {4: V4, 6: V6}


@pytest.mark.parametrize(("text", "prefix", "printed"), ROUTES)
def test_to_prefix_text_gives_the_bytes_on_the_wire(text: str, prefix: Prefix, printed: str) -> None:
    assert to_prefix(text) == prefix
    assert str(prefix) == printed
    assert repr(prefix) == f"Prefix({printed!r})"


@pytest.mark.parametrize(("text", "prefix", "printed"), ROUTES)
def test_prefix_network_is_the_same_as_an_ipaddress_object(text: str, prefix: Prefix, printed: str) -> None:
    assert prefix.network == ip_network(text.strip())
    assert to_prefix(prefix.network) == prefix


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ip_address("192.0.2.1"), "192.0.2.1"),
        (ip_address("2001:db8::1"), "2001:db8::1"),
        (ip_network("192.0.2.0/24"), "192.0.2.0/24"),
        (ip_network("2001:db8::/32"), "2001:db8::/32"),
        (ip_interface("192.0.2.1/32"), "192.0.2.1"),
        (ip_interface("2001:db8::1"), "2001:db8::1"),
        (to_prefix("192.0.2.1"), "192.0.2.1"),
    ],
)
def test_to_prefix_objects_are_taken_like_their_text(value: Any, text: str) -> None:
    assert to_prefix(value) == to_prefix(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not an IPv4 or IPv6 address, such as 192.0.2.10 or 2001:db8::10"),
        ("router1", "not an IPv4 or IPv6 address"),
        ("192.0.2", "not an IPv4 or IPv6 address"),
        ("192.0.2.1.5", "not an IPv4 or IPv6 address"),
        ("192.0.2.", "not an IPv4 or IPv6 address"),
        ("[2001:db8::1]", "not an IPv4 or IPv6 address"),
        ("2001:db8::1::2", "not an IPv4 or IPv6 address"),
        ("192.0.2.0 /24", "not an IPv4 or IPv6 address"),
        ("192.0.2.\N{ARABIC-INDIC DIGIT ONE}", "not an IPv4 or IPv6 address"),
        ("\N{FULLWIDTH DIGIT ONE}92.0.2.1", "not an IPv4 or IPv6 address"),
        ("192.0.2.1\0", "not an IPv4 or IPv6 address"),
        ("\ud800", "not an IPv4 or IPv6 address"),
        ("192.0.2.256", "octets must be 0 to 255"),
        ("1921.0.2.1", "octets must be 0 to 255"),
        ("192.0.2.010", "octets must not have leading zeros"),
        ("00.0.0.0", "octets must not have leading zeros"),
        ("fe80::1%eth0", "a route has no zone; give the address without %"),
        ("192.0.2.0/33", "the prefix length must be a number from 0 to 32"),
        ("2001:db8::/129", "the prefix length must be a number from 0 to 128"),
        ("192.0.2.0/", "the prefix length must be"),
        ("192.0.2.0/-1", "the prefix length must be"),
        ("192.0.2.0/+8", "the prefix length must be"),
        ("192.0.2.0/24/24", "the prefix length must be"),
        ("192.0.2.0/ 24", "the prefix length must be"),
        ("192.0.2.0/٢٤", "the prefix length must be"),
        ("192.0.2.0/²", "the prefix length must be"),
        ("192.0.2.0/0000000000999", "the prefix length must be"),
        ("192.0.2.0/" + "0" * 5000, "the prefix length must be"),
        ("192.0.2.0/255.255.255.0", "the prefix length must be"),
        ("192.0.2.1/24", "bits are set past the length; write 192.0.2.0/24 or drop it"),
        ("192.0.2.0/0", "bits are set past the length; write 0.0.0.0/0 or drop it"),
        ("2001:db8::1/64", "bits are set past the length; write 2001:db8::/64 or drop it"),
    ],
)
def test_to_prefix_wrong_text_says_what_would_be_right(text: str, why: str) -> None:
    message = refusal(to_prefix, text)

    assert message.startswith(f"route {text!r}"[:80])
    assert why in message


def test_to_prefix_interface_inside_a_network_is_no_route() -> None:
    assert "write 192.0.2.0/24 or drop it" in refusal(to_prefix, ip_interface("192.0.2.1/24"))


def test_to_prefix_address_object_with_a_zone_is_no_route() -> None:
    message = refusal(to_prefix, IPv6Address("fe80::1%eth0"))

    assert message == "route fe80::1%eth0: a route has no zone; give the address without %eth0"


@given(st.one_of(ANYTHING, st.text()))
@example(b"\xc0\x00\x02\x01")
@example(0xC0000201)
def test_to_prefix_anything_is_a_route_or_one_sentence(value: Any) -> None:
    refusal_or_none(to_prefix, value)


@given(st.ip_addresses(), st.integers(0, 128))
def test_to_prefix_reads_back_what_it_prints(address: IPv4Address | IPv6Address, length: int) -> None:
    network = ip_network((address, min(length, address.max_prefixlen)), strict=False)

    prefix = to_prefix(network)

    assert to_prefix(str(prefix)) == prefix
    assert len(prefix.packed) == (prefix.length + 7) // 8
    assert prefix.network == network


def test_to_prefixes_returns_all_in_order() -> None:
    assert to_prefixes(["192.0.2.2", "192.0.2.1"]) == [to_prefix("192.0.2.2"), to_prefix("192.0.2.1")]


@pytest.mark.parametrize("values", ["192.0.2.1", ip_network("192.0.2.0/24"), 5, None, {"192.0.2.1": {}}])
def test_to_prefixes_single_value_is_not_taken_apart(values: Any) -> None:
    assert refusal(to_prefixes, values).startswith("routes ")


@pytest.mark.parametrize("value", ["192.0.2.1", " 192.0.2.1 ", ip_address("192.0.2.1")])
def test_to_address_text_and_object_are_the_same(value: Any) -> None:
    assert to_address(value, "peer") == IPv4Address("192.0.2.1")


def test_to_address_keeps_the_zone_of_a_link_local_address() -> None:
    address = to_address("fe80::1%eth0", "peer")

    assert isinstance(address, IPv6Address)
    assert address.scope_id == "eth0"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "router1",
        "192.0.2.1/32",
        "192.0.2.01",
        "192.0.2.٣",
        3221225985,
        b"\xc0\x00\x02\x01",
        True,
        None,
        ip_interface("192.0.2.1/24"),
        ip_network("192.0.2.1"),
    ],
)
def test_to_address_anything_else_is_refused(value: Any) -> None:
    message = refusal(to_address, value, "peer")

    assert message == f"peer {value!r}: not an IPv4 or IPv6 address, such as 192.0.2.1 or 2001:db8::1"


def test_to_ipv4_other_family_says_which_one_is_wanted() -> None:
    assert to_ipv4("192.0.2.1", "router id") == IPv4Address("192.0.2.1")
    assert (
        refusal(to_ipv4, "::1", "router id") == "router id '::1': must be an IPv4 address, such as 192.0.2.1"
    )


def test_to_ipv6_other_family_says_which_one_is_wanted() -> None:
    assert to_ipv6("::1", "next_hop_6") == IPv6Address("::1")
    message = refusal(to_ipv6, "192.0.2.1", "next_hop_6")
    assert message == "next_hop_6 '192.0.2.1': must be an IPv6 address, such as 2001:db8::1"


@given(ANYTHING)
def test_addresses_anything_is_an_address_or_one_sentence(value: Any) -> None:
    for convert in (to_address, to_ipv4, to_ipv6, to_network):
        message = refusal_or_none(convert, value, "what")
        assert message is None or message.startswith("what ")


def test_to_network_bare_address_is_its_host_prefix() -> None:
    assert to_network("192.0.2.1", "accept") == ip_network("192.0.2.1/32")
    assert to_network(ip_address("::1"), "accept") == ip_network("::1/128")
    assert to_network(ip_network("10.0.0.0/8"), "accept") == ip_network("10.0.0.0/8")
    assert to_network("10.0.0.0/8", "accept") == ip_network("10.0.0.0/8")


def test_to_network_wrong_text_names_the_field_once() -> None:
    message = refusal(to_network, "10.0.0.1/8", "reject")

    assert message == "reject '10.0.0.1/8': bits are set past the length; write 10.0.0.0/8 or drop it"
    check_sentence(message)
