"""When addresses have to be looked at although nothing happens, and one timer for all of them."""

import asyncio
from collections.abc import Callable

from rhi.model.prefix import Prefix


class Wakes:
    """Made, used and closed in one event loop."""

    def __init__(self, wake: Callable[[list[Prefix]], object]) -> None:
        """`wake` is called with those whose time has come."""
        self._loop = asyncio.get_running_loop()
        self._wake = wake
        self._instants: dict[Prefix, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def set(self, prefix: Prefix, at: float | None) -> None:
        """Look at it then; None: never. `arm` makes it count."""
        if at is None:
            self._instants.pop(prefix, None)
        else:
            self._instants[prefix] = at

    def arm(self) -> None:
        """Go by what has been set."""
        self.close()
        if self._instants:
            self._timer = self._loop.call_at(min(self._instants.values()), self._ring)

    def close(self) -> None:
        """Wake nobody."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        due = [prefix for prefix, at in self._instants.items() if at <= now]
        for prefix in due:
            del self._instants[prefix]
        self._wake(due)
