"""The peers of a pool as its user writes them, by address, interface or prefix; checked here."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from rhi.errors import InvalidValueError
from rhi.model.parameters import Parameters
from rhi.model.prefix import IPAddress, IPNetwork, to_network
from rhi.model.wording import shown
from rhi.net.endpoint import PeerAddress, PeerInterface, parse_peer
from rhi.net.unnumbered import for_interface

PeerMap = Mapping[str, Parameters] | Mapping[IPAddress, Parameters]
ParsedPeers = dict[PeerAddress | PeerInterface, tuple[str, Parameters]]
DynamicPeers = Mapping[str, Parameters] | Mapping[IPNetwork, Parameters]
ParsedDynamicPeers = list[tuple[IPNetwork, Parameters]]


def parse_peers(peers: PeerMap) -> ParsedPeers:
    """Peers by address or interface, with the name their user gave them.

    Raises:
        InvalidValueError: a name is neither, or two stand for the same peer.
    """
    found: ParsedPeers = {}
    for name, parameters in _items(peers, "peers"):
        address = parse_peer(name)
        if not isinstance(parameters, Parameters):
            raise _not_parameters(f"peer {name}", parameters)
        if address in found:
            raise InvalidValueError(f"peer {name}: is the same as {found[address][0]}; name each peer once")
        source = parameters.source_ip
        version = 6 if isinstance(address, PeerInterface) else address.address.version
        if source is not None and source.version != version:
            raise InvalidValueError(f"peer {name}: source_ip {source} is of the other address family")
        is_interface = isinstance(address, PeerInterface)
        found[address] = (str(name), for_interface(parameters) if is_interface else parameters)
    for address, (name, _) in found.items():
        if isinstance(address, PeerAddress) and PeerInterface(address.zone or "") in found:
            raise InvalidValueError(
                f"peer {name}: is on {address.zone}, which is a peer itself; name the one or the other"
            )
    return found


def parse_dynamic_peers(peers: DynamicPeers) -> ParsedDynamicPeers:
    """Parameters of peers that may connect from anywhere inside a prefix, longest prefix first.

    Raises:
        InvalidValueError: not a prefix.
    """
    found = []
    for prefix, parameters in _items(peers, "dynamic peers"):
        if not isinstance(parameters, Parameters):
            raise _not_parameters(f"dynamic peers {prefix}", parameters)
        found.append((to_network(prefix, "dynamic peers"), replace(parameters, passive=True)))
    return sorted(found, key=lambda item: item[0].prefixlen, reverse=True)


def _not_parameters(what: str, value: object) -> InvalidValueError:
    # the value itself may hold a password
    kind = type(value).__name__
    hint = "; rhi.Parameters.from_json makes them from a JSON object" if isinstance(value, Mapping) else ""
    return InvalidValueError(f"{what}: must have rhi.Parameters, not {kind}{hint}")


def _items(peers: PeerMap | DynamicPeers, what: str) -> Iterable[tuple[Any, Parameters]]:
    if not isinstance(peers, Mapping):
        raise InvalidValueError(f"{what} {shown(peers)}: must be a mapping from addresses to rhi.Parameters")
    return peers.items()
