"""Linux socket options of BGP: TCP MD5 (RFC 2385), TTL security (RFC 5082), unacknowledged bytes.

Options are set only when asked for. What the kernel refuses is a SocketOptionError with one sentence.
"""

import errno
import fcntl
import socket
import struct
import sys
from ipaddress import ip_network
from typing import Final

from rhi.errors import SocketOptionError
from rhi.model.prefix import IPAddress, IPNetwork
from rhi.model.wording import os_error_text

# <linux/tcp.h>, <linux/in.h>, <linux/in6.h>, <linux/sockios.h>; Python has no names for these.
_TCP_MD5SIG: Final = 14
_TCP_MD5SIG_EXT: Final = 32
_TCP_MD5SIG_FLAG_PREFIX: Final = 1
_IP_MINTTL: Final = 21
_IPV6_MINHOPCOUNT: Final = 73
_SIOCOUTQ: Final = 0x5411

_MAX_TTL: Final = 255
_MD5_KEY_BYTES: Final = 80


def set_md5_key(sock: socket.socket, peers: IPAddress | IPNetwork, key: bytes) -> None:
    """Sign and check segments to and from `peers` with `key`; an empty key removes it.

    Of several networks and addresses with keys, the longest that fits a peer counts.

    Raises:
        SocketOptionError: the kernel has no TCP MD5, or the key is too long for it.
    """
    network = ip_network(peers)
    option, flags, length = _TCP_MD5SIG, 0, 0
    if network.prefixlen != network.max_prefixlen:
        option, flags, length = _TCP_MD5SIG_EXT, _TCP_MD5SIG_FLAG_PREFIX, network.prefixlen
    # struct tcp_md5sig: sockaddr_storage, flags, prefix length, key length, interface, key
    address = sockaddr(network.network_address)
    value = struct.pack("=128sBBHi80s", address, flags, length, len(key), 0, key)
    try:
        require_linux()
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    except OSError as error:
        problem = no_room(error) or f"not possible on this system ({os_error_text(error)})"
        raise SocketOptionError(error.errno, f"TCP MD5 for {peers}: {problem}") from None


def set_ttl_security(sock: socket.socket) -> None:
    """Send with TTL 255 and drop segments that arrive with less: the peer is on our link (RFC 5082 §3).

    Raises:
        SocketOptionError: the kernel cannot check the TTL.
    """
    send_max_ttl(sock)
    try:
        require_linux()
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MINHOPCOUNT, _MAX_TTL)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_MINTTL, _MAX_TTL)
    except OSError as error:
        raise SocketOptionError(
            error.errno, f"TTL security: not possible on this system ({os_error_text(error)})"
        ) from None


def send_max_ttl(sock: socket.socket) -> None:
    """Send with TTL 255: a peer with TTL security takes nothing less."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, _MAX_TTL)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, _MAX_TTL)


def send_promptly(sock: socket.socket, limit_bytes: int) -> None:
    """Send each UPDATE at once, and let the kernel take in no more than `limit_bytes` that it cannot send.

    By itself Linux keeps a small message back until the one before is acknowledged, which a peer may put off
    for 40 ms, and asyncio changes that only for sockets made with the protocol's number; and it takes
    megabytes for a peer that reads slowly, which are stale by the time they are sent.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, limit_bytes)


def unacknowledged_bytes(sock: socket.socket) -> int:
    """Bytes written to `sock` that the peer's TCP has not acknowledged; 0 where the system cannot tell."""
    if not sys.platform.startswith("linux"):
        return 0
    try:
        return int(struct.unpack("i", fcntl.ioctl(sock.fileno(), _SIOCOUTQ, b"\0\0\0\0"))[0])
    except OSError:
        return 0


def no_room(error: OSError) -> str:
    """What is wrong when a socket has as many keys as the kernel lets it; empty when it is something else."""
    if error.errno != errno.ENOMEM:
        return ""
    return "the kernel has no room for more keys on one socket; raise the sysctl net.core.optmem_max"


def sockaddr(address: IPAddress) -> bytes:
    """The address as a struct sockaddr_in or sockaddr_in6 with port 0."""
    if address.version == 4:
        return struct.pack("=HH4s", socket.AF_INET, 0, address.packed)
    return struct.pack("=HHI16s", socket.AF_INET6, 0, 0, address.packed)


def require_linux() -> None:
    """Raises OSError elsewhere, where the numbers of these options mean something else."""
    if not sys.platform.startswith("linux"):
        raise OSError(f"{sys.platform} is not Linux")
