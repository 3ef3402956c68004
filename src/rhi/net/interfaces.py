"""The interfaces of this host by netlink: which there are, whether they are up, our link-local addresses.

`InterfaceTable` is the picture, made of netlink messages. `InterfaceMonitor` keeps it true: it asks for
everything once, takes the kernel's news from then on, and asks again when news were lost. Nothing is polled,
and no right is needed. What is told of neighbours is passed on and not kept.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from typing import Final

from rhi.net.endpoint import os_error_text
from rhi.net.netlink import (
    GROUPS,
    NETLINK_ROUTE,
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

log = logging.getLogger("rhi")

# More than the kernel puts into one datagram.
DATAGRAM_BYTES: Final = 64 * 1024
# Datagrams taken before other work of the event loop gets its turn.
READS_PER_TURN: Final = 16
# How long to leave a socket alone that fails.
ERROR_PAUSE: Final = 1.0
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


class InterfaceMonitor:
    """Keeps a table true, and tells when it has changed.

    Attributes:
        table: the interfaces; None before the kernel has told all.
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
        self.table: InterfaceTable | None = None
        self._changed = changed
        self._neighbour_seen = neighbour_seen
        self._loop = asyncio.get_running_loop()
        self._socket = (open_socket or open_netlink)()
        self._fresh = InterfaceTable()
        self._to_ask: list[Kind] = []
        self._is_lossy = False
        self._loop.add_reader(self._socket, self._read)
        self._ask_all()

    def close(self) -> None:
        """Watch no more."""
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def ask_again(self) -> None:
        """Have the kernel tell everything once more."""
        if self._to_ask:
            self._is_lossy = True  # the answer that is under way will not do
        else:
            self._ask_all()

    def _ask_all(self) -> None:
        # into a table of its own: what is half told must not look like interfaces that have gone
        self._fresh = InterfaceTable()
        self._is_lossy = False
        self._to_ask = list(Kind)
        self._ask_next()

    def _ask_next(self) -> None:
        if self._socket.fileno() < 0:
            return
        try:
            self._socket.send(dump_request(self._to_ask[0]))
        except OSError as error:
            log.warning("interfaces: netlink: %s; asking again in %s s", os_error_text(error), ERROR_PAUSE)
            self._loop.call_later(ERROR_PAUSE, self._ask_next)

    def _read(self) -> None:
        is_changed = False
        for _ in range(READS_PER_TURN):
            try:
                data, _, _, sender = self._socket.recvmsg(DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self._lost_news(error)
                break
            if sender and sender[0] != 0:
                continue  # not from the kernel
            is_changed |= self._take(parse(data))
        if is_changed and self.table is not None:
            self._changed()

    def _take(self, messages: Iterable[Message]) -> bool:
        is_changed = False
        for message in messages:
            if isinstance(message, Done):
                is_changed |= self._answered(message)
            elif isinstance(message, Neighbour):
                self._neighbour_seen(message)
            else:
                is_changed = True
                self._fresh.apply(message)
                if self.table is not None and self.table is not self._fresh:
                    self.table.apply(message)
        return is_changed

    def _answered(self, done: Done) -> bool:
        """One of the answers is there; true when the last one is."""
        if not self._to_ask:
            return False
        if not done.is_complete or self._is_lossy:
            self._loop.call_later(ERROR_PAUSE, self._ask_all)
            self._to_ask = []
            return False
        kind = self._to_ask.pop(0)
        if kind is Kind.ADDRESSES:
            # complete before neighbours come, who may be addresses of ours
            self.table = self._fresh
            self._changed()
        if self._to_ask:
            self._ask_next()
            return False
        return True

    def _lost_news(self, error: OSError) -> None:
        if error.errno != errno.ENOBUFS:
            log.warning("interfaces: netlink: %s; pausing for %s s", os_error_text(error), ERROR_PAUSE)
            self._loop.remove_reader(self._socket)
            self._loop.call_later(ERROR_PAUSE, self._resume)
        else:
            self.ask_again()

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket, self._read)


def open_netlink() -> socket.socket:
    """A socket that hears of links, addresses and neighbours.

    Raises:
        OSError: there is no netlink, or it is not permitted.
    """
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        raise OSError(errno.EAFNOSUPPORT, "no netlink")
    sock = socket.socket(family, socket.SOCK_RAW, NETLINK_ROUTE)
    try:
        sock.setblocking(False)
        sock.bind((0, GROUPS))
    except OSError:
        sock.close()
        raise
    return sock
