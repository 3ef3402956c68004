"""All listening sockets of a pool, and which secrets they hold for whom.

A listening socket must have the key of a peer before that connects. Which connections a key is for the kernel
tells by their address alone; what it cannot tell apart is decided in `is_expected`.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import IPv6Network, ip_network
from typing import Final

from rhi.model.parameters import Parameters
from rhi.model.prefix import IPNetwork
from rhi.net.endpoint import ListenAddress, PeerAddress, PeerInterface
from rhi.net.keys import Secret, require_keys, secret_of
from rhi.net.listener import Listener, Security
from rhi.net.peer_map import ParsedDynamicPeers, ParsedPeers
from rhi.net.session import PeerSession

LINK_LOCAL: Final = IPv6Network("fe80::/10")


class Listeners:
    """Where connections of peers come in."""

    def __init__(
        self,
        dynamic_peers: ParsedDynamicPeers,
        find: Callable[[PeerAddress, int, Secret | None], PeerSession | None],
    ) -> None:
        """`find` returns the session that a connection belongs to; see `Listener`."""
        self._dynamic_peers = dynamic_peers
        self._find = find
        self._listeners: list[Listener] = []
        self._secured = Security()
        self._secrets: dict[PeerAddress | PeerInterface, Secret | None] = {}

    def open(self, addresses: Iterable[ListenAddress], peers: ParsedPeers) -> bool:
        """Accept connections there; `peers` are those that are about to be expected.

        Returns whether there was any address.

        Raises:
            ListenError: one of the sockets cannot be had; then none is kept.
            SocketOptionError: a peer has a password or keys, and the kernel has no TCP MD5 or no TCP-AO.
        """
        require_keys(self._all_parameters(peers))
        security = self._security(peers)
        opened: list[Listener] = []
        try:
            for address in addresses:
                opened.append(Listener(address, security, self._find))
        except OSError:
            for listener in opened:
                listener.close()
            raise
        self._listeners += opened
        self._secured = security
        return bool(opened)

    @property
    def addresses(self) -> list[ListenAddress]:
        """Where connections are accepted."""
        return [listener.address for listener in self._listeners]

    def expect(self, peers: ParsedPeers) -> None:
        """Have the secrets of these peers, and of dynamic ones.

        Raises:
            SocketOptionError: a peer has a password or keys, and the kernel has no TCP MD5, no TCP-AO, or
                no room for so many keys; nothing is changed then.
        """
        require_keys(self._all_parameters(peers))
        self._secure(self._security(peers))
        self._secrets = {address: secret_of(parameters) for address, (_, parameters) in peers.items()}

    @property
    def has_secrets(self) -> bool:
        """Some of the peers expected are to have one."""
        return any(self._secrets.values())

    def is_expected(self, address: PeerAddress, held: Secret | None) -> bool:
        """Whether a connection from there, for which the listener holds `held`, is what its peer is to have.

        It is not where links share addresses, which the kernel does not tell apart.
        """
        peers = (address, PeerInterface(address.zone or ""))
        return all(self._secrets.get(peer, held) == held for peer in peers)

    def close(self) -> None:
        """Accept no more."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _all_parameters(self, peers: ParsedPeers) -> list[Parameters]:
        dynamic = [parameters for _, parameters in self._dynamic_peers]
        return [*dynamic, *(parameters for _, parameters in peers.values())]

    def _secure(self, security: Security) -> None:
        """Have all listeners ask for it, or leave all as they are."""
        try:
            for listener in self._listeners:
                listener.secure(security)
        except OSError:
            for listener in self._listeners:
                # what cannot be put back is not held, and nobody gets in for want of it
                with suppress(OSError):
                    listener.secure(self._secured)
            raise
        self._secured = security

    def _security(self, peers: ParsedPeers) -> Security:
        """What listeners ask for. Changed keys count at once: they are for the next connection."""
        wanted = [*self._dynamic_peers, *networks(peers)]
        secrets = [(network, secret_of(each)) for network, each in wanted]
        return Security(
            keys={network: secret for network, secret in secrets if secret is not None},
            max_ttl=any(each.ttl_security for _, each in (*self._dynamic_peers, *peers.values())),
        )


def networks(peers: ParsedPeers) -> list[tuple[IPNetwork, Parameters]]:
    """Where the connections of peers come from; for unnumbered ones, any link-local address.

    The kernel does not tell interfaces apart: where peers on links differ in their secrets, listeners hold
    none for unnumbered ones, whose connections are closed then unless they want none. We connect to them.
    """
    found: list[tuple[IPNetwork, Parameters]] = []
    on_links = []
    for address, (_, parameters) in peers.items():
        if isinstance(address, PeerInterface) or address.zone is not None:
            on_links.append(parameters)
        if isinstance(address, PeerAddress):
            found.append((ip_network(address.address), parameters))
    unnumbered = [
        parameters for address, (_, parameters) in peers.items() if isinstance(address, PeerInterface)
    ]
    if unnumbered and len({secret_of(parameters) for parameters in on_links}) == 1:
        found.append((LINK_LOCAL, unnumbered[0]))
    return found
