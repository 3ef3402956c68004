"""Looks every few seconds at what the kernel drops over keys, for peers that we wait for.

An attempt of ours that times out asks by itself. A peer that should connect to us, and whose segments are
dropped before they become a connection, would never be heard of otherwise.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

from rhi.net.key_drops import key_hint, read_key_drops
from rhi.net.session import PeerSession

log = logging.getLogger("rhi")

INTERVAL: Final = 5.0
# Peers that have no name have no status either; the log is told this seldom.
LOG_INTERVAL: Final = 60.0


class KeyWatch:
    """Begins with `start`, and goes on until `stop`."""

    def __init__(self, sessions: Callable[[], Iterable[PeerSession]], *, logs: bool) -> None:
        """`sessions` returns those to tell; `logs` is for dynamic peers that have keys."""
        self._sessions = sessions
        self._logs = logs
        self._drops = self._logged = read_key_drops()
        self._logged_at = -LOG_INTERVAL
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; harmless when begun already."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        self.start()
        before, self._drops = self._drops, read_key_drops()
        told = [each.name for each in self._sessions() if each.note_key_drops(before, self._drops)]
        if told:
            others = f" and {len(told) - 1} more" if len(told) > 1 else ""
            hint = key_hint(before, self._drops, has_key=True)
            log.warning("waiting for peer %s%s: %s", told[0], others, hint)
        now = asyncio.get_running_loop().time()
        if self._logs and now - self._logged_at >= LOG_INTERVAL:
            hint = key_hint(self._logged, self._drops, has_key=True)
            self._logged = self._drops
            if hint:
                self._logged_at = now
                log.warning("dynamic peers: %s", hint)
