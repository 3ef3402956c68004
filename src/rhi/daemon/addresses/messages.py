"""Netlink messages of interfaces and addresses, made and read with pyroute2.

An IPv6 address is added without duplicate detection, since anycast addresses are on several hosts and must
answer at once; and deprecated (RFC 4862 §5.5.4), so that the host takes it for no connections of its own.
"""

import errno
import socket
import struct
from typing import Any, Final

from pyroute2.netlink import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
)
from pyroute2.netlink.rtnl import RTM_DELADDR, RTM_DELLINK, RTM_GETADDR, RTM_GETLINK, RTM_NEWADDR, RTM_NEWLINK
from pyroute2.netlink.rtnl.ifaddrmsg import IFA_F_DADFAILED, IFA_F_NODAD, IFA_F_TENTATIVE, ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import IFF_LOOPBACK, IFF_NOARP, ifinfmsg
from pyroute2.netlink.rtnl.marshal import MarshalRtnl

from rhi.daemon.addresses.picture import AddressNews, LinkNews, News
from rhi.daemon.addresses.plan import MARK, Action, Order
from rhi.model.prefix import Family
from rhi.model.wording import os_error_text
from rhi.net.netlink import Done

# RTMGRP_LINK, RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR
GROUPS: Final = 0x1 | 0x10 | 0x100

_NLM_F_DUMP_INTR: Final = 0x10
_FOREVER: Final = 0xFFFFFFFF
_ERROR: Final = struct.Struct("=IHHIIi")


class _Address(ifaddrmsg):  # type: ignore[misc]
    """With IFA_PROTO (Linux 5.18), which older pyroute2 does not know."""

    nla_map = (
        ("IFA_UNSPEC", "hex"),
        ("IFA_ADDRESS", "ipaddr"),
        ("IFA_LOCAL", "ipaddr"),
        ("IFA_LABEL", "asciiz"),
        ("IFA_BROADCAST", "ipaddr"),
        ("IFA_ANYCAST", "ipaddr"),
        ("IFA_CACHEINFO", "cacheinfo"),
        ("IFA_MULTICAST", "ipaddr"),
        ("IFA_FLAGS", "uint32"),
        ("IFA_RT_PRIORITY", "uint32"),
        ("IFA_TARGET_NETNSID", "hex"),
        ("IFA_PROTO", "uint8"),
    )


class _Marshal(MarshalRtnl):  # type: ignore[misc]
    msg_map = {  # noqa: RUF012 - pyroute2 declares it so
        RTM_NEWLINK: ifinfmsg,
        RTM_DELLINK: ifinfmsg,
        RTM_NEWADDR: _Address,
        RTM_DELADDR: _Address,
    }


_marshal = _Marshal()


def dump_requests() -> list[bytes]:
    """Ask for all interfaces, then for all addresses."""
    return [
        _encode(ifinfmsg(), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1),
        _encode(_Address(), RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, 1),
    ]


def encode_order(order: Order, index: int, number: int) -> bytes:
    """The request that carries out an order on the interface of that index; the answer has its number."""
    prefix = order.spot.prefix
    message = _Address()
    message["family"] = prefix.family.socket_family
    message["prefixlen"] = prefix.length
    message["index"] = index
    address = str(prefix)
    message["attrs"] = [("IFA_LOCAL", address), ("IFA_ADDRESS", address)]
    if order.action is Action.REMOVE:
        return _encode(message, RTM_DELADDR, NLM_F_REQUEST | NLM_F_ACK, number)
    message["attrs"].append(("IFA_PROTO", MARK))
    if prefix.family is Family.IPV6_UNICAST:
        message["flags"] = IFA_F_NODAD
        life = {"ifa_preferred": 0, "ifa_valid": _FOREVER, "cstamp": 0, "tstamp": 0}
        message["attrs"].append(("IFA_CACHEINFO", life))
    return _encode(message, RTM_NEWADDR, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, number)


def decode_answer(data: bytes) -> tuple[int, int]:
    """The number of the request that is answered, and its errno; 0 is none."""
    if len(data) < _ERROR.size:
        return 0, errno.EBADMSG
    _, kind, _, number, _, code = _ERROR.unpack_from(data)
    return number, -code if kind == NLMSG_ERROR else errno.EBADMSG


def decode(data: bytes) -> list[News | Done]:
    """The news of one datagram, in order."""
    found: list[News | Done] = []
    is_interrupted = False
    for message in _marshal.parse(data):
        header = message["header"]
        is_interrupted |= bool(header["flags"] & _NLM_F_DUMP_INTR)
        kind = header["type"]
        if kind in (NLMSG_DONE, NLMSG_ERROR):
            found.append(Done(kind == NLMSG_DONE and not is_interrupted))
        elif kind in (RTM_NEWLINK, RTM_DELLINK):
            # a bridge tells of its ports in the same words
            if message["family"] == socket.AF_UNSPEC:
                found.append(_link(message, is_gone=kind == RTM_DELLINK))
        elif kind in (RTM_NEWADDR, RTM_DELADDR):
            address = _address(message, is_gone=kind == RTM_DELADDR)
            if address is not None:
                found.append(address)
    return found


def explain_errno(order: Order, number: int) -> str:
    """Why an order was not carried out, and what helps; empty when the end is as it should be."""
    is_add = order.action is Action.ADD
    if number == 0 or number in ({errno.EEXIST} if is_add else {errno.EADDRNOTAVAIL, errno.ENODEV}):
        return ""
    text = os_error_text(OSError(number, ""))
    interface = order.spot.interface
    if number == errno.EPERM:
        return f"{text}: rhi needs the capability CAP_NET_ADMIN"
    if number == errno.EACCES and order.spot.prefix.family is Family.IPV6_UNICAST:
        return f"{text}: IPv6 is off there; set net.ipv6.conf.{interface}.disable_ipv6 = 0"
    if number == errno.ETIMEDOUT:
        return f"{text}: the kernel has not answered"
    return text


def _encode(message: Any, kind: int, flags: int, number: int) -> bytes:
    message["header"] = {"type": kind, "flags": flags, "sequence_number": number, "pid": 0}
    message.encode()
    return bytes(message.data)


def _link(message: Any, *, is_gone: bool) -> LinkNews:
    has_arp = not message["flags"] & (IFF_NOARP | IFF_LOOPBACK)
    return LinkNews(message["index"], message.get_attr("IFLA_IFNAME") or "", is_gone, has_arp)


def _address(message: Any, *, is_gone: bool) -> AddressNews | None:
    family = message["family"]
    # towards a peer of a point-to-point link, the one is ours and the other is theirs
    text = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
    if family not in (socket.AF_INET, socket.AF_INET6) or text is None:
        return None
    flags = message.get_attr("IFA_FLAGS")
    flags = message["flags"] if flags is None else flags
    return AddressNews(
        index=message["index"],
        packed=socket.inet_pton(family, text),
        length=message["prefixlen"],
        is_gone=is_gone,
        is_tentative=bool(flags & IFA_F_TENTATIVE),
        is_duplicate=bool(flags & IFA_F_DADFAILED),
        mark=message.get_attr("IFA_PROTO") or 0,
    )
