"""Follows the addresses of this host's interfaces, and changes them, by netlink.

News come in the daemon's event loop. What is ordered is done by a thread, since the kernel may take its time
when others change the network too; whether it has been done is told there, and seen in the news before.
"""

import contextlib
import errno
import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Final

from rhi.daemon.addresses.messages import (
    GROUPS,
    decode,
    decode_answer,
    dump_requests,
    encode_order,
    explain_errno,
)
from rhi.daemon.addresses.picture import News, Picture
from rhi.daemon.addresses.plan import Order
from rhi.net.netlink import Done
from rhi.net.netlink_watch import NetlinkWatch, open_netlink

# Seconds that the kernel has to answer one request.
ANSWER_TIME: Final = 5.0
# Orders whose ends are told together.
PIECE: Final = 256
# Room for the news of a few thousand addresses that change at once.
RECEIVE_BYTES: Final = 1024 * 1024
# Since then the kernel keeps who has added an address (IFA_PROTO).
_KEEPS_MARKS: Final = (5, 18)

# Orders with what went wrong; nothing where nothing did.
Ends = list[tuple[Order, str]]


class Kernel(NetlinkWatch[Picture, News]):
    """The addresses there are, and a hand to change them. `table` is None before all have been told."""

    # about ten milliseconds: what changes together is decided together, however many addresses there are
    READS_PER_TURN: ClassVar[int] = 256

    def __init__(
        self,
        changed: Callable[[], None],
        ended: Callable[[Ends], None],
        *,
        open_socket: Callable[[], socket.socket] | None = None,
    ) -> None:
        """`changed` is called after news, `ended` with orders that have come to their ends.

        Raises:
            OSError: there is no netlink, or it is not permitted.
        """
        self._ended = ended
        self._executor = ThreadPoolExecutor(1, "rhi-addresses")
        super().__init__("addresses", dump_requests(), open_socket or _open_roomy, changed, complete_after=2)

    @property
    def keeps_marks(self) -> bool:
        """Whether the kernel shows who has added an address."""
        return keeps_marks(os.uname().release)

    def carry_out(self, orders: Sequence[Order]) -> None:
        """Have orders done, one after the other; returns at once."""
        table = self.table
        assert table is not None
        work = [(order, table.index_of(order.spot.interface)) for order in orders]
        self._executor.submit(self._work, work)

    def close(self) -> None:
        """Follow no more; what is being done is done to its end, and nobody is told."""
        super().close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _new_table(self) -> Picture:
        return Picture()

    def _parse(self, data: bytes) -> Sequence[News | Done]:
        return decode(data)

    def _is_for_table(self, message: News) -> bool:
        return True

    def _apply(self, table: Picture, message: News) -> None:
        table.apply(message)

    def _work(self, work: Sequence[tuple[Order, int | None]]) -> None:
        """In the thread."""
        for start in range(0, len(work), PIECE):
            ends = list(_done(work[start : start + PIECE]))
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._ended, ends)


def keeps_marks(release: str) -> bool:
    """Whether a kernel of this release shows who has added an address."""
    numbers = re.match(r"(\d+)\.(\d+)", release)
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= _KEEPS_MARKS


def _done(work: Sequence[tuple[Order, int | None]]) -> Iterator[tuple[Order, str]]:
    try:
        hand = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    except OSError as error:
        for order, _ in work:
            yield order, explain_errno(order, error.errno or errno.EIO)
        return
    with hand:
        hand.settimeout(ANSWER_TIME)
        for number, (order, index) in enumerate(work, 1):
            code = errno.ENODEV if index is None else _ask(hand, encode_order(order, index, number), number)
            yield order, explain_errno(order, code)


def _ask(hand: socket.socket, request: bytes, number: int) -> int:
    """Have a request answered; an errno, or 0."""
    try:
        hand.send(request)
        answered = 0
        while answered != number:  # a late answer to the one before is not this one's
            answered, code = decode_answer(hand.recv(65536))
    except TimeoutError:
        return errno.ETIMEDOUT
    except OSError as error:
        return error.errno or errno.EIO
    return code


def _open_roomy() -> socket.socket:
    found = open_netlink(GROUPS)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    return found
