"""What is asked of the kernel, and what it tells, as bytes."""

import errno
import struct

import pytest

from rhi.daemon.addresses.messages import decode, decode_answer, dump_requests, encode_order, explain_errno
from rhi.daemon.addresses.picture import AddressNews, LinkNews, Picture, Seen
from rhi.daemon.addresses.plan import MARK, Action, Order
from rhi.daemon.addresses.spec import Spot
from rhi.model.prefix import to_prefix
from rhi.net.netlink import Done
from tests.net import kernel

V4, V6 = to_prefix("203.0.113.53"), to_prefix("2001:db8::53")


@pytest.mark.parametrize("prefix", [V4, V6])
def test_order_to_add_names_address_interface_and_who_adds_it(prefix: object) -> None:
    (news,) = decode(encode_order(Order(Action.ADD, Spot("lo", prefix)), 7, 1))  # type: ignore[arg-type]

    assert news == AddressNews(7, prefix.packed, prefix.length, is_gone=False, mark=MARK)  # type: ignore[attr-defined]


def test_order_to_remove_names_address_and_interface() -> None:
    (news,) = decode(encode_order(Order(Action.REMOVE, Spot("lo", V4)), 7, 1))

    assert news == AddressNews(7, V4.packed, 32, is_gone=True)


def test_requests_ask_for_interfaces_and_then_for_addresses() -> None:
    kinds = [struct.unpack_from("=IHH", request)[1:] for request in dump_requests()]

    assert kinds == [(18, 0x301), (22, 0x301)]


def test_news_of_interfaces_tell_names_and_whether_neighbours_may_ask() -> None:
    found = decode(kernel.link("eth0") + kernel.link("eth0", is_gone=True) + kernel.done())

    assert found == [
        LinkNews(kernel.ETH0, "eth0", is_gone=False, has_arp=True),
        LinkNews(kernel.ETH0, "eth0", is_gone=True, has_arp=True),
        Done(is_complete=True),
    ]


@pytest.mark.parametrize("flags", [kernel.TENTATIVE, kernel.DUPLICATE])
def test_news_of_addresses_tell_whether_they_answer(flags: int) -> None:
    (news,) = decode(kernel.address(flags=flags))

    assert isinstance(news, AddressNews)
    assert news.is_tentative == (flags == kernel.TENTATIVE)
    assert news.is_duplicate == (flags == kernel.DUPLICATE)


def test_answers_tell_what_went_wrong_with_which_request() -> None:
    answer = struct.pack("=IHHIIi", 36, 2, 0, 5, 0, -errno.EPERM)

    assert decode_answer(answer) == (5, errno.EPERM)
    assert decode_answer(b"") == (0, errno.EBADMSG)


@pytest.mark.parametrize(
    ("action", "number", "expected"),
    [
        (Action.ADD, 0, ""),
        (Action.ADD, errno.EEXIST, ""),
        (Action.REMOVE, errno.EADDRNOTAVAIL, ""),
        (Action.REMOVE, errno.ENODEV, ""),
        (Action.ADD, errno.ENODEV, "No such device"),
        (Action.ADD, errno.EPERM, "Operation not permitted: rhi needs the capability CAP_NET_ADMIN"),
        (Action.ADD, errno.ETIMEDOUT, "Connection timed out: the kernel has not answered"),
        (
            Action.ADD,
            errno.EACCES,
            "Permission denied: IPv6 is off there; set net.ipv6.conf.lo.disable_ipv6 = 0",
        ),
    ],
)
def test_errors_are_sentences_that_say_what_helps(action: Action, number: int, expected: str) -> None:
    assert explain_errno(Order(action, Spot("lo", V6)), number) == expected


def test_picture_goes_by_interfaces_and_knows_what_has_changed() -> None:
    picture = Picture()
    picture.apply(LinkNews(1, "lo", is_gone=False))
    picture.is_rebuilt = False
    picture.apply(AddressNews(1, V4.packed, 24, is_gone=False))
    assert picture.seen(V4) == {"lo": Seen(is_usable=True, is_duplicate=False, mark=None)}
    picture.apply(AddressNews(1, V4.packed, 32, is_gone=False, mark=MARK))
    assert picture.seen(V4) == {"lo": Seen(is_usable=True, is_duplicate=False, mark=MARK)}
    assert (picture.touched, picture.is_rebuilt) == ({V4.packed}, False)

    picture.apply(AddressNews(1, V4.packed, 32, is_gone=True))
    assert set(picture.seen(V4)) == {"lo"}
    picture.apply(LinkNews(1, "lo", is_gone=True))
    assert picture.seen(V4) == {}
    assert picture.is_rebuilt


def test_picture_of_one_interface_told_twice_is_nothing_new() -> None:
    picture = Picture()
    picture.apply(LinkNews(1, "lo", is_gone=False))
    picture.is_rebuilt = False

    picture.apply(LinkNews(1, "lo", is_gone=False))

    assert not picture.is_rebuilt
