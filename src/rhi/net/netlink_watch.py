"""Keeps a picture of something of the kernel's true, by netlink, without polling.

It asks for everything once, takes the kernel's news from then on, and asks again when news were lost.
Answers and news come through one socket, in the order in which the kernel made them, and what is told while
it answers goes into the new picture too: so a picture is never older than the last news. What a picture
holds, and how messages are read, is the business of subclasses.
"""

import asyncio
import errno
import logging
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Final, Generic, TypeVar

from rhi.model.wording import os_error_text
from rhi.net.netlink import NETLINK_ROUTE, Done

log = logging.getLogger("rhi")

# More than the kernel puts into one datagram.
DATAGRAM_BYTES: Final = 64 * 1024
# How long to leave a socket alone that fails.
ERROR_PAUSE: Final = 1.0


T = TypeVar("T")
M = TypeVar("M")


class NetlinkWatch(ABC, Generic[T, M]):
    """Keeps a table true, and tells when it has changed.

    Attributes:
        table: the picture; None before the kernel has told all.
        READS_PER_TURN: datagrams taken before other work of the event loop gets its turn.
    """

    READS_PER_TURN: ClassVar[int] = 16

    def __init__(
        self,
        name: str,
        requests: Sequence[bytes],
        open_socket: Callable[[], socket.socket],
        changed: Callable[[], None],
        *,
        complete_after: int,
    ) -> None:
        """Make `requests` one after the other; after so many answers the table is complete. `changed` is
        called when it has changed, or is another one.

        Raises:
            OSError: there is no netlink, or it is not permitted.
        """
        self.table: T | None = None
        self._name = name
        self._changed = changed
        self._requests, self._complete_after = requests, complete_after
        self._loop = asyncio.get_running_loop()
        self._socket = open_socket()
        self._fresh = self._new_table()
        self._to_ask: list[bytes] = []
        self._is_lossy = False
        self._loop.add_reader(self._socket, self._read)
        self._ask_all()

    @abstractmethod
    def _new_table(self) -> T:
        """An empty picture."""

    @abstractmethod
    def _parse(self, data: bytes) -> Sequence[M | Done]:
        """The messages of one datagram, in order; `Done` at the end of an answer."""

    @abstractmethod
    def _is_for_table(self, message: M) -> bool:
        """Whether it belongs into the table; whatever else is to be done with it is done here."""

    @abstractmethod
    def _apply(self, table: T, message: M) -> None:
        """Note it in a table."""

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
        # into a table of its own: what is half told must not look like things that have gone
        self._fresh = self._new_table()
        self._is_lossy = False
        self._to_ask = list(self._requests)
        self._ask_next()

    def _ask_next(self) -> None:
        if self._socket.fileno() < 0:
            return
        try:
            self._socket.send(self._to_ask[0])
        except OSError as error:
            text = os_error_text(error)
            log.warning("%s: netlink: %s; asking again in %s s", self._name, text, ERROR_PAUSE)
            self._loop.call_later(ERROR_PAUSE, self._ask_next)

    def _read(self) -> None:
        is_changed = False
        for _ in range(self.READS_PER_TURN):
            try:
                data, _, _, sender = self._socket.recvmsg(DATAGRAM_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                self._lost_news(error)
                break
            if sender and sender[0] != 0:
                continue  # not from the kernel
            is_changed |= self._take(self._parse(data))
        if is_changed and self.table is not None:
            self._changed()

    def _take(self, messages: Iterable[M | Done]) -> bool:
        is_changed = False
        for message in messages:
            if isinstance(message, Done):
                is_changed |= self._answered(message)
            elif self._is_for_table(message):
                is_changed = True
                self._apply(self._fresh, message)
                if self.table is not None and self.table is not self._fresh:
                    self._apply(self.table, message)
        return is_changed

    def _answered(self, done: Done) -> bool:
        """One of the answers is there; true when the last one is."""
        if not self._to_ask:
            return False
        if not done.is_complete or self._is_lossy:
            self._loop.call_later(ERROR_PAUSE, self._ask_all)
            self._to_ask = []
            return False
        del self._to_ask[0]
        if len(self._requests) - len(self._to_ask) == self._complete_after:
            self.table = self._fresh
            self._changed()
        if self._to_ask:
            self._ask_next()
            return False
        return True

    def _lost_news(self, error: OSError) -> None:
        if error.errno != errno.ENOBUFS:
            text = os_error_text(error)
            log.warning("%s: netlink: %s; pausing for %s s", self._name, text, ERROR_PAUSE)
            self._loop.remove_reader(self._socket)
            self._loop.call_later(ERROR_PAUSE, self._resume)
        else:
            self.ask_again()

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket, self._read)


def open_netlink(groups: int) -> socket.socket:
    """A socket that hears of these groups of news.

    Raises:
        OSError: there is no netlink, or it is not permitted.
    """
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        raise OSError(errno.EAFNOSUPPORT, "no netlink")
    sock = socket.socket(family, socket.SOCK_RAW, NETLINK_ROUTE)
    try:
        sock.setblocking(False)
        sock.bind((0, groups))
    except OSError:
        sock.close()
        raise
    return sock
