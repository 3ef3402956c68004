"""The keys on the sockets of one session, and what the kernel's counts tell when its peer is not heard.

Segments with a wrong key, or with none, are dropped before anybody hears of them: all there is to see is a
count of the whole system that has grown since an attempt began, or since the peer was last heard.
"""

import socket
from ipaddress import ip_network

from rhi.model.parameters import Parameters
from rhi.model.prefix import IPNetwork
from rhi.net.endpoint import PeerAddress
from rhi.net.key_drops import KeyDrops, key_hint, read_key_drops
from rhi.net.keys import Secret, SocketKeys, secret_of


class SessionKeys:
    """What is signed and checked on each connection, by its number.

    Attributes:
        has_heard: the peer has sent something since `note_drops`.
    """

    def __init__(self) -> None:
        self.has_heard = False
        self._keys: dict[int, SocketKeys] = {}
        # when an attempt began, or the peer was last heard
        self._drops: KeyDrops | None = None

    def __contains__(self, connection: int) -> bool:
        return connection in self._keys

    def attempt_begins(self) -> None:
        """What is dropped from now on may be what the peer answers."""
        self._drops = read_key_drops()

    def accepted(self, connection: int, address: PeerAddress, parameters: Parameters) -> None:
        """A connection has come in: its socket has the peer's key from the listening one."""
        self._keys[connection] = SocketKeys(_wanted(address, parameters))

    def dials(
        self, connection: int, sock: socket.socket, address: PeerAddress, parameters: Parameters
    ) -> None:
        """Give the key to a socket that is about to connect.

        Raises:
            SocketOptionError: the kernel refuses it.
        """
        self._keys[connection] = SocketKeys()
        self.change(connection, sock, address, parameters)

    def change(
        self, connection: int, sock: socket.socket, address: PeerAddress, parameters: Parameters
    ) -> None:
        """Sign and check with another key, or none.

        Raises:
            SocketOptionError: the kernel refuses it; the key is that from before.
        """
        self._keys[connection].set(sock, _wanted(address, parameters))

    def forget(self, connection: int) -> None:
        """Its socket is closed."""
        self._keys.pop(connection, None)

    def note_drops(self, drops: KeyDrops) -> None:
        """These are the counts while there are sockets; they are of interest if the peer was heard."""
        if self.has_heard:
            self._drops, self.has_heard = drops, False

    def explain_silence(self, parameters: Parameters, *, is_dialing: bool) -> str:
        """What is known of why the peer is not heard, as far as keys go."""
        has_key = secret_of(parameters) is not None
        hint = "" if self._drops is None else key_hint(self._drops, read_key_drops(), has_key=has_key)
        if not hint and has_key and is_dialing:
            hint = "a peer with another key, or with none, does not answer either"
        return hint


def _wanted(address: PeerAddress, parameters: Parameters) -> dict[IPNetwork, Secret]:
    secret = secret_of(parameters)
    return {} if secret is None else {ip_network(address.address): secret}
