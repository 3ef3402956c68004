"""Calls that are carried out after they have returned: who made one learns from events that it has failed.

`CallFailed` tells of each failure, and `CallRecovered` that a later one of the same kind has worked. Nothing
is tried again here.
"""

import logging
from collections.abc import Callable
from typing import Final

from rhi.errors import SocketOptionError
from rhi.model.events import CallFailed, CallRecovered, Event

log = logging.getLogger("rhi")

CONFIGURE: Final = "configure"
# Any change of the routes: announce, withdraw, replace.
ROUTES: Final = "routes"


class CarriedOut:
    """The calls of one pool. Belongs to the I/O thread."""

    def __init__(self, deliver: Callable[[Event], object]) -> None:
        self._deliver = deliver
        self._failed: set[tuple[str, str]] = set()

    def run(self, name: str, call: Callable[[], object], peer: str = "") -> bool:
        """Do it, and contain what goes wrong; false when something has."""
        try:
            call()
        except Exception as error:  # a mistake of ours must not pass unseen
            self.failed(name, error, peer)
            return False
        self.worked(name, peer)
        return True

    def failed(self, name: str, error: Exception, peer: str = "") -> None:
        """It has not been done, or not all of it."""
        subject = f"{name} of {peer}" if peer else name
        if isinstance(error, SocketOptionError):
            # the kernel's word on what the user asked for, in one sentence
            reason, internal = error.strerror or str(error), False
            log.error("%s: %s; nothing is changed", subject, reason)
        else:
            reason, internal = f"internal error: {error!r}", True
            log.error("%s has failed", subject, exc_info=error)
        self._failed.add((name, peer))
        self._deliver(CallFailed(peer=peer, call=name, reason=reason, internal=internal))

    def worked(self, name: str, peer: str = "") -> None:
        """It has been done."""
        if (name, peer) in self._failed:
            self._failed.discard((name, peer))
            self._deliver(CallRecovered(peer=peer, call=name))

    def forget(self, peer: str) -> None:
        """The peer has left: nothing is said of its calls any more."""
        self._failed = {(name, about) for name, about in self._failed if about != peer}
