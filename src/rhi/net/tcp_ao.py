"""TCP-AO (RFC 5925) as Linux 6.7 and newer have it: the structures of its socket options, packed by hand.

The first key of a socket is the one it begins with: Current_key, which it signs with, and RNext_key, which it
asks the peer for. A listening socket has neither, and learns them from the connection. The structures are
tested byte for byte. What a kernel with TCP-AO makes of them is not: untested against a kernel that has it.
"""

import socket
import struct
from ipaddress import ip_network
from typing import Final

from rhi.errors import SocketOptionError
from rhi.model.prefix import IPAddress, IPNetwork
from rhi.model.tcp_ao import MAX_AO_KEY_BYTES, AoAlgorithm, AoKey
from rhi.model.wording import os_error_text
from rhi.net.sockopt import no_room, require_linux, sockaddr

# <linux/tcp.h>
_TCP_AO_ADD_KEY: Final = 38
_TCP_AO_DEL_KEY: Final = 39
_SET_CURRENT: Final = 1 << 0
_SET_RNEXT: Final = 1 << 1

# offset  tcp_ao_add                       tcp_ao_del
#      0  sockaddr_storage, 128 bytes      sockaddr_storage, 128 bytes
#    128  name of the algorithm, 64        interface, s32
#    192  interface, s32                   bits: set_current, set_rnext, del_async, u32 (at 132)
#    196  bits: set_current, set_rnext     reserved, u16 (at 136)
#    200  reserved, u16                    prefix length, send id, receive id (at 138)
#    202  prefix length, send id,          current key, rnext, flags (at 141)
#         receive id, length of MAC,
#         flags, length of key
#    208  key, 80 bytes
# in all  288                              144
_ADD: Final = struct.Struct(f"=128s64siIHBBBBBB{MAX_AO_KEY_BYTES}s")
_DELETE: Final = struct.Struct("=128siIHBBBBBB")
_MAC_BYTES: Final = 12  # both algorithms are cut to 96 bits (RFC 5926 §3.2)
_KERNEL_NAMES: Final = {
    AoAlgorithm.HMAC_SHA_1_96: b"hmac(sha1)",
    AoAlgorithm.AES_128_CMAC_96: b"cmac(aes128)",
}


def add_ao_key(
    sock: socket.socket, peers: IPAddress | IPNetwork, key: AoKey, *, is_first: bool = False
) -> None:
    """Sign and check segments to and from `peers` with `key`; `is_first` makes it the one to begin with.

    Raises:
        SocketOptionError: the kernel has no TCP-AO, or refuses the key.
    """
    _set(sock, _TCP_AO_ADD_KEY, pack_add(peers, key, is_first=is_first), peers)


def delete_ao_key(sock: socket.socket, peers: IPAddress | IPNetwork, key: AoKey) -> None:
    """Take a key away from a listening socket; connections that exist keep it.

    Raises:
        SocketOptionError: the kernel has no TCP-AO, or the socket does not have the key.
    """
    _set(sock, _TCP_AO_DEL_KEY, pack_delete(peers, key), peers)


def pack_add(peers: IPAddress | IPNetwork, key: AoKey, *, is_first: bool) -> bytes:
    """A struct tcp_ao_add."""
    network = ip_network(peers)
    return _ADD.pack(
        sockaddr(network.network_address),
        _KERNEL_NAMES[key.algorithm],
        0,
        _SET_CURRENT | _SET_RNEXT if is_first else 0,
        0,
        network.prefixlen,
        key.send_id,
        key.receive_id,
        _MAC_BYTES,
        0,
        len(key.key),
        key.key,
    )


def pack_delete(peers: IPAddress | IPNetwork, key: AoKey) -> bytes:
    """A struct tcp_ao_del."""
    network = ip_network(peers)
    address = sockaddr(network.network_address)
    return _DELETE.pack(address, 0, 0, 0, network.prefixlen, key.send_id, key.receive_id, 0, 0, 0)


def _set(sock: socket.socket, option: int, value: bytes, peers: IPAddress | IPNetwork) -> None:
    try:
        require_linux()
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    except OSError as error:
        problem = no_room(error) or (
            f"not possible on this system ({os_error_text(error)}); "
            "it needs Linux 6.7 or newer, built with CONFIG_TCP_AO"
        )
        raise SocketOptionError(error.errno, f"TCP-AO for {peers}: {problem}") from None
