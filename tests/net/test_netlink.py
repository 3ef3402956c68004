"""What Linux tells by netlink, read from bytes."""

import socket
import struct
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhi.net.netlink import (
    Address,
    Done,
    Kind,
    Link,
    LinkGone,
    Message,
    Neighbour,
    Standing,
    dump_request,
    parse,
)
from tests.net import kernel
from tests.net.kernel import ETH0, MAC, OTHERS, OURS, THEIRS


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (kernel.link(), Link(ETH0, "eth0", True, True, False, MAC)),
        (kernel.link(flags=kernel.UP), Link(ETH0, "eth0", True, False, False, MAC)),
        (kernel.link(flags=kernel.RUNNING), Link(ETH0, "eth0", False, False, False, MAC)),
        (
            kernel.link("lo", flags=kernel.UP | kernel.RUNNING | kernel.LOOPBACK, mac=b""),
            Link(ETH0, "lo", True, True, True, b""),
        ),
        (kernel.link(is_gone=True), LinkGone(ETH0)),
        (kernel.address(), Address(ETH0, OURS, Standing.USABLE)),
        (kernel.address(flags=kernel.TENTATIVE), Address(ETH0, OURS, Standing.TENTATIVE)),
        (
            kernel.address(flags=kernel.TENTATIVE | kernel.DUPLICATE),
            Address(ETH0, OURS, Standing.DUPLICATE),
        ),
        (kernel.address(is_gone=True), Address(ETH0, OURS, None)),
        (kernel.address(OURS, theirs=THEIRS), Address(ETH0, OURS, Standing.USABLE)),
        (kernel.neighbour(), Neighbour(ETH0, THEIRS, True, False, False)),
        (
            kernel.neighbour(state=kernel.STALE, flags=kernel.ROUTER),
            Neighbour(ETH0, THEIRS, True, False, True),
        ),
        (kernel.neighbour(state=kernel.INCOMPLETE), Neighbour(ETH0, THEIRS, False, False, False)),
        (kernel.neighbour(state=kernel.FAILED), Neighbour(ETH0, THEIRS, False, True, False)),
        (kernel.neighbour(is_gone=True), Neighbour(ETH0, THEIRS, False, False, False)),
        (kernel.done(), Done(True)),
        (kernel.failed(16), Done(False)),
    ],
)
def test_netlink_message_is_read(data: bytes, expected: Message) -> None:
    assert parse(data) == [expected]


@pytest.mark.parametrize(
    "data",
    [
        kernel.link(family=socket.AF_BRIDGE, is_gone=True),
        kernel.address(IPv6Address("2001:db8::1")),
        kernel.neighbour(IPv6Address("2001:db8::2")),
        kernel.neighbour(IPv6Address("ff02::1")),
        kernel.neighbour(flags=kernel.PROXY),
        kernel.neighbour(family=socket.AF_INET),
        kernel.message(24, bytes(12)),
    ],
    ids=["bridge port", "global address", "global neighbour", "group", "proxy", "IPv4", "route"],
)
def test_netlink_message_of_no_interest_is_left_out(data: bytes) -> None:
    assert parse(data + kernel.done()) == [Done(True)]


def test_netlink_messages_of_one_datagram_come_in_order() -> None:
    data = kernel.link("a") + kernel.address() + kernel.neighbour(OTHERS) + kernel.done()

    assert [type(message) for message in parse(data)] == [Link, Address, Neighbour, Done]


@pytest.mark.parametrize("length", [0, 8, 15, 1000])
def test_netlink_message_of_impossible_length_ends_the_datagram(length: int) -> None:
    broken = struct.pack("=I", length) + kernel.link()[4:]

    assert parse(kernel.address() + broken + kernel.done()) == [Address(ETH0, OURS, Standing.USABLE)]


def test_netlink_dump_that_was_interrupted_is_not_complete() -> None:
    assert parse(kernel.message(16, bytes(16), flags=0x10) + kernel.done())[-1] == Done(False)


@pytest.mark.parametrize("kind", Kind)
def test_netlink_dump_request_has_the_length_and_flags_of_the_kernel(kind: Kind) -> None:
    request = dump_request(kind)

    length, number, flags, _, port = struct.unpack_from("=IHHII", request)
    assert (length, number, flags, port) == (len(request), kind, 0x301, 0)


@given(st.binary(max_size=200))
def test_netlink_any_bytes_are_read_without_an_error(data: bytes) -> None:
    parse(data)


@given(st.sampled_from([kernel.link(), kernel.address(), kernel.neighbour()]), st.data())
def test_netlink_message_cut_anywhere_is_read_without_an_error(message: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(message)))
    body = bytearray(message[:at])
    for _ in range(data.draw(st.integers(0, 3))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    parse(bytes(body))
