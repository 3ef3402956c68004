"""Calls that are carried out after they have returned: who made one learns from events that it has failed.

`CallFailed` tells of each failure, and `CallRecovered` that the next one of the same kind has worked. Nothing
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
    """The calls of one pool. Belongs to its thread."""

    def __init__(self, deliver: Callable[[Event], object]) -> None:
        self._deliver = deliver
        self._failed: set[tuple[str, str]] = set()

    def run(self, name: str, call: Callable[[], object], peer: str = "") -> bool:
        """Do it, and contain what goes wrong; false when something has."""
        try:
            call()
        except SocketOptionError as error:
            # the kernel's word on what the user asked for, in one sentence
            reason, internal = error.strerror or str(error), False
            log.error("%s: %s; nothing is changed", name, reason)
        except Exception as error:  # a mistake of ours must not pass unseen
            reason, internal = f"internal error: {error!r}", True
            log.exception("%s has failed", name)
        else:
            if (name, peer) in self._failed:
                self._failed.discard((name, peer))
                self._deliver(CallRecovered(peer=peer, call=name))
            return True
        self._failed.add((name, peer))
        self._deliver(CallFailed(peer=peer, call=name, reason=reason, internal=internal))
        return False
