"""The interfaces of this host by netlink: which there are, whether they are up, our link-local addresses.

`InterfaceTable` is the picture, made of netlink messages. `InterfaceMonitor` keeps it true. Nothing is
polled, and no right is needed. What is told of neighbours is passed on and not kept.
"""

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Final

from rhi.net.netlink import (
    GROUPS,
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
from rhi.net.netlink_watch import NetlinkWatch, open_netlink

# Link-local addresses of one interface that are minded; one is usual.
MAX_ADDRESSES: Final = 16


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface as it is now.

    Attributes:
        link: what the kernel says of it.
        addresses: its link-local addresses and how they stand.
    """

    link: Link
    addresses: dict[IPv6Address, Standing] = field(default_factory=dict, hash=False)


class InterfaceTable:
    """Interfaces by index; `find` looks for a name."""

    def __init__(self) -> None:
        self._links: dict[int, Link] = {}
        self._addresses: dict[int, dict[IPv6Address, Standing]] = {}

    def apply(self, message: Message) -> None:
        """Note what one message tells."""
        if isinstance(message, Link):
            self._links[message.index] = message
        elif isinstance(message, LinkGone):
            self._links.pop(message.index, None)
            self._addresses.pop(message.index, None)
        elif isinstance(message, Address):
            known = self._addresses.setdefault(message.index, {})
            if message.standing is None:
                known.pop(message.address, None)
            elif message.address in known or len(known) < MAX_ADDRESSES:
                known[message.address] = message.standing

    def find(self, name: str) -> Interface | None:
        """The interface of that name, as it is now."""
        for index, link in self._links.items():
            if link.name == name:
                return Interface(link, dict(self._addresses.get(index, {})))
        return None


class InterfaceMonitor(NetlinkWatch[InterfaceTable, Message]):
    """Keeps a table true, and tells when it has changed; it is complete before neighbours come, who may be
    addresses of ours.
    """

    def __init__(
        self,
        changed: Callable[[], None],
        neighbour_seen: Callable[[Neighbour], None],
        *,
        open_socket: Callable[[], socket.socket] | None = None,
    ) -> None:
        """`changed` is called after news of links or addresses, `neighbour_seen` with each of a neighbour.

        Raises:
            OSError: there is no netlink, or it is not permitted.
        """
        self._neighbour_seen = neighbour_seen
        super().__init__(
            "interfaces",
            [dump_request(kind) for kind in Kind],
            open_socket or (lambda: open_netlink(GROUPS)),
            changed,
            complete_after=list(Kind).index(Kind.ADDRESSES) + 1,
        )

    def _new_table(self) -> InterfaceTable:
        return InterfaceTable()

    def _parse(self, data: bytes) -> Sequence[Message | Done]:
        return parse(data)

    def _is_for_table(self, message: Message) -> bool:
        if isinstance(message, Neighbour):
            self._neighbour_seen(message)
            return False
        return True

    def _apply(self, table: InterfaceTable, message: Message) -> None:
        table.apply(message)
