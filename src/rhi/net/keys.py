"""Which keys sockets have: TCP MD5 (RFC 2385) or TCP-AO (RFC 5925), by where the other end is.

What is wanted is a mapping from addresses and prefixes to secrets; `SocketKeys` brings one socket there, and
touches nothing that stays as it is. What it cannot reach it leaves: a socket without the key of a peer would
let in who has none. `require_keys` says beforehand whether the kernel can do it at all.
"""

import errno
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Final

from rhi.model.parameters import Parameters
from rhi.model.prefix import IPAddress, IPNetwork
from rhi.model.tcp_ao import AoKey
from rhi.net.sockopt import set_md5_key
from rhi.net.tcp_ao import add_ao_key, delete_ao_key

# A key of TCP MD5, or those of TCP-AO.
Secret = bytes | tuple[AoKey, ...]

_ANY_HOST: Final = ip_address("127.0.0.1")
_ANY_AO_KEY: Final = AoKey(b"rhi", 0, 0)


def secret_of(parameters: Parameters) -> Secret | None:
    """What a peer's segments are signed with; None when they are not."""
    return parameters.password or parameters.ao_keys or None


def require_keys(peers: Iterable[Parameters]) -> None:
    """See whether the kernel has what these peers ask for, on a socket that is not used.

    Raises:
        SocketOptionError: it has no TCP MD5, or no TCP-AO.
    """
    secrets = [secret_of(parameters) for parameters in peers]
    needs_md5 = any(isinstance(secret, bytes) for secret in secrets)
    needs_ao = any(isinstance(secret, tuple) for secret in secrets)
    if not needs_md5 and not needs_ao:
        return
    with socket.socket() as sock:
        if needs_md5:
            set_md5_key(sock, _ANY_HOST, b"rhi")
    with socket.socket() as sock:
        if needs_ao:
            add_ao_key(sock, _ANY_HOST, _ANY_AO_KEY)


class SocketKeys:
    """The keys of one socket."""

    def __init__(self, held: Mapping[IPNetwork, Secret] | None = None, *, listens: bool = False) -> None:
        """`held` is what it has already: an accepted socket has its peer's from the listening one."""
        self._held: dict[IPNetwork, Secret] = dict(held or {})
        self._lengths = _lengths(self._held)
        self._listens = listens

    def set(self, sock: socket.socket, wanted: Mapping[IPNetwork, Secret]) -> None:
        """Have exactly these keys; what stays is not touched, and a password that changes is never missing.

        What is to go goes last: nothing has gone yet when the kernel refuses what is to come.

        Raises:
            SocketOptionError: the kernel refuses one; the keys are those from before.
        """
        before = dict(self._held)
        try:
            for peers, secret in wanted.items():
                self._put(sock, peers, secret)
            for peers in [peers for peers in before if peers not in wanted]:
                self._take(sock, peers)
        except OSError:
            self._restore(sock, before)
            raise
        finally:
            self._lengths = _lengths(self._held)

    def held_for(self, address: IPAddress) -> Secret | None:
        """The secret that the kernel checks connections from `address` with: that of the longest match."""
        # of lengths there are few: who connects must not have us look at a thousand keys
        for length in self._lengths:
            if length <= address.max_prefixlen:
                secret = self._held.get(ip_network((address, length), strict=False))
                if secret is not None:
                    return secret
        return None

    def _put(self, sock: socket.socket, peers: IPNetwork, secret: Secret) -> None:
        held = self._held.get(peers)
        if held == secret:
            return
        if held is not None and not (isinstance(held, bytes) and isinstance(secret, bytes)):
            self._take(sock, peers)
        try:
            _add(sock, peers, secret, has_first=not self._listens)
        except OSError:
            if not isinstance(secret, bytes):
                with suppress(OSError):
                    _remove(sock, peers, secret)  # the first ones of several
            raise
        self._held[peers] = secret

    def _take(self, sock: socket.socket, peers: IPNetwork) -> None:
        _remove(sock, peers, self._held[peers])
        del self._held[peers]

    def _restore(self, sock: socket.socket, before: Mapping[IPNetwork, Secret]) -> None:
        for peers in [peers for peers in self._held if peers not in before]:
            with suppress(OSError):
                self._take(sock, peers)
        for peers, secret in before.items():
            with suppress(OSError):
                self._put(sock, peers, secret)


def _lengths(networks: Iterable[IPNetwork]) -> list[int]:
    return sorted({network.prefixlen for network in networks}, reverse=True)


def _add(sock: socket.socket, peers: IPNetwork, secret: Secret, *, has_first: bool) -> None:
    if isinstance(secret, bytes):
        set_md5_key(sock, peers, secret)
        return
    for position, key in enumerate(secret):
        add_ao_key(sock, peers, key, is_first=has_first and position == 0)


def _remove(sock: socket.socket, peers: IPNetwork, secret: Secret) -> None:
    if not isinstance(secret, bytes):
        for key in secret:
            delete_ao_key(sock, peers, key)
        return
    try:
        set_md5_key(sock, peers, b"")
    except OSError as error:
        if error.errno != errno.ENOENT:  # gone is what was asked for
            raise
