"""Addresses of peers and listeners: text with zones and ports, and what sockets make of them."""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Final

from rhi.errors import InvalidValueError
from rhi.model.parameters import to_port
from rhi.model.prefix import IPAddress, to_address
from rhi.model.wording import shown

_MAX_INTERFACE_NAME: Final = 15  # Linux: IFNAMSIZ less the closing zero
# What interfaces are called in practice, VLANs such as eth0.100 and eth0.100.7 included. Linux would allow
# nearly anything; but a mistyped address or a host's name must not be waited for as if it were an interface.
_INTERFACE_TEXT: Final = re.compile(r"(?=[^.]*[A-Za-z])[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[0-9]{1,4}){0,2}")
_LISTEN_TEXT: Final = re.compile(r"(?:\[(?P<ipv6>[^][]*:[^][]*)\]|(?P<ipv4>[^][:]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where a peer is: an address, for link-local ones with the name of the interface."""

    address: IPAddress
    zone: str | None = None

    @classmethod
    def parse(cls, value: str | IPAddress) -> "PeerAddress":
        """From `192.0.2.1`, `2001:db8::1`, `fe80::1%eth0`; brackets around IPv6 are let through.

        Raises:
            InvalidValueError: not a unicast address, or a link-local one without its zone.
        """
        text = value.strip() if isinstance(value, str) else str(value)
        if text.startswith("[") and text.endswith("]"):
            text = text[1:-1]
        address = to_address(text, "peer")
        if address.is_unspecified or address.is_multicast:
            raise InvalidValueError(f"peer {text!r}: must be a unicast address, such as 192.0.2.1")
        return cls(*_without_zone(address, f"peer {text!r}"))

    @classmethod
    def of_socket(cls, name: tuple[Any, ...]) -> "PeerAddress":
        """From what `getpeername` returns."""
        address = to_address(str(name[0]).partition("%")[0], "peer")
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            return cls(address.ipv4_mapped)
        if address.is_link_local and address.version == 6:
            return cls(address, _interface_name(str(name[3])))
        return cls(address)

    @property
    def socket_family(self) -> int:
        """AF_INET or AF_INET6."""
        return socket.AF_INET if self.address.version == 4 else socket.AF_INET6

    def to_socket(self, port: int) -> tuple[Any, ...]:
        """For `connect`.

        Raises:
            OSError: there is no interface of the zone's name.
        """
        return _socket_name(self.address, self.zone, port)

    def __str__(self) -> str:
        return f"{self.address}%{self.zone}" if self.zone else str(self.address)


@dataclass(frozen=True, slots=True)
class PeerInterface:
    """The one neighbour on an interface, whatever its address: an unnumbered peer."""

    name: str

    def __str__(self) -> str:
        return self.name


def parse_peer(value: str | IPAddress) -> PeerAddress | PeerInterface:
    """A peer by its address, or by the name of the interface that it is on, such as `eth0`.

    Raises:
        InvalidValueError: neither, or what `PeerAddress.parse` refuses.
    """
    text = value.strip() if isinstance(value, str) else ""
    is_name = len(text) <= _MAX_INTERFACE_NAME and _INTERFACE_TEXT.fullmatch(text) and text != "localhost"
    if is_name:
        return PeerInterface(text)
    try:
        return PeerAddress.parse(value)
    except InvalidValueError as error:
        if text and not any(letter in text for letter in ":%/[]"):
            raise InvalidValueError(f"{error}, nor the name of an interface, such as eth0") from None
        raise


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """An address of ours and a port; 0.0.0.0 and :: are all of their family, port 0 is any free one."""

    address: IPAddress
    port: int

    @classmethod
    def parse(cls, value: "str | tuple[str | IPAddress, int] | ListenAddress") -> "ListenAddress":
        """From `127.0.0.1:1790`, `[::1]:1790`, or address and port.

        Raises:
            InvalidValueError: not such an address.
        """
        if isinstance(value, ListenAddress):
            return value
        if isinstance(value, str):
            match = _LISTEN_TEXT.fullmatch(value.strip())
            if match is None:
                raise InvalidValueError(
                    f"listen {shown(value)}: write ADDRESS:PORT, such as 127.0.0.1:1790 or [::1]:1790"
                )
            host: str | IPAddress = match["ipv6"] or match["ipv4"]
            port = int(match["port"])
        elif isinstance(value, tuple) and len(value) == 2:
            host, port = value
        else:
            raise InvalidValueError(f"listen {shown(value)}: must be text or a pair of address and port")
        address = to_address(host, "listen")
        if address.is_multicast:
            raise InvalidValueError(f"listen {address}: must be a unicast address of this machine")
        plain, zone = _without_zone(address, f"listen {address}")
        return cls(
            plain if zone is None else IPv6Address(f"{plain}%{zone}"),
            port if port == 0 and not isinstance(port, bool) else to_port(port, "listen port"),
        )

    @property
    def socket_family(self) -> int:
        """AF_INET or AF_INET6."""
        return socket.AF_INET if self.address.version == 4 else socket.AF_INET6

    def to_socket(self) -> tuple[Any, ...]:
        """For `bind`.

        Raises:
            OSError: there is no interface of the zone's name.
        """
        return _socket_name(*_without_zone(self.address, "listen"), self.port)

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"


def _without_zone(address: IPAddress, what: str) -> tuple[IPAddress, str | None]:
    """A plain address and the name of its zone, which link-local ones must have and others must not."""
    if isinstance(address, IPv4Address):
        return address, None
    zone, plain = address.scope_id, IPv6Address(address.packed)
    if plain.ipv4_mapped is not None:
        raise InvalidValueError(f"{what}: write {plain.ipv4_mapped}")
    if plain.is_link_local:
        if zone is None:
            raise InvalidValueError(f"{what}: a link-local address needs its zone, such as {plain}%eth0")
        return plain, _interface_name(zone)
    if zone is not None:
        raise InvalidValueError(f"{what}: only link-local addresses have a zone; write {plain}")
    return plain, None


def _socket_name(address: IPAddress, zone: str | None, port: int) -> tuple[Any, ...]:
    if address.version == 4:
        return str(address), port
    return str(address), port, 0, socket.if_nametoindex(zone) if zone else 0


def _interface_name(zone: str) -> str:
    """The interface's name also when the zone is its number; a name that does not exist yet stays as it is.

    Raises:
        InvalidValueError: no interface can have such a name.
    """
    is_name = zone.isascii() and zone.isprintable() and len(zone) <= _MAX_INTERFACE_NAME
    if not is_name or any(letter in zone for letter in " /"):
        raise InvalidValueError(f"zone {shown(zone)}: must be the name or the number of an interface")
    if not zone.isdecimal():
        return zone
    try:
        return socket.if_indextoname(int(zone))
    except (OSError, OverflowError):
        return zone
