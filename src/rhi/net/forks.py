"""What a forked process gets of our sockets: none that a peer could see.

A fork copies descriptors. As long as a child has a connection, its peer does not see that the process with
the session has died, and goes on sending traffic here until the hold time is over; as long as it has a
listening socket, the port is taken for a new start. So a child closes its copies, which does nothing to the
process that it comes from. What stays open there, such as the event loop's and those to the kernel, tells no
peer anything. Programs that are executed (`subprocess`) get none anyway: Python closes its
descriptors then.
"""

import contextlib
import os
import socket
from collections.abc import Callable
from weakref import WeakSet

_sockets: WeakSet[socket.socket] = WeakSet()


def keep_from_children(sock: socket.socket) -> None:
    """Close a socket's copy in every child."""
    _sockets.add(sock)


def call_in_children(call: Callable[[], object]) -> None:
    """Have every child call this; it is the only thread there, and locks may be held by nobody."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=call)


def _close_copies() -> None:
    for sock in list(_sockets):
        number = sock.detach()
        if number >= 0:
            with contextlib.suppress(OSError):  # the others are to be closed all the same
                os.close(number)


call_in_children(_close_copies)
