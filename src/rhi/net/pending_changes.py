"""Changes of routes on their way from the program's threads to the one that has the table.

What has been noted but not taken over is bounded by the number of different routes, since a later change of a
route replaces an earlier one. While the interpreter ends nothing is noted any more: a thread that will never
run again may hold the lock.
"""

from sys import is_finalizing
from threading import RLock

from rhi.model.attributes import PathAttributes
from rhi.model.prefix import Prefix
from rhi.model.route_set import RouteSet


class PendingChanges:
    """Changes to the table that the I/O thread has yet to take over: the last word on each route."""

    def __init__(self) -> None:
        self._lock = RLock()  # re-entrant, as all here: a signal handler may come in between
        self._whole: RouteSet | None = None
        self._single: dict[Prefix, PathAttributes | None] = {}

    def put(self, prefix: Prefix, attributes: PathAttributes | None) -> None:
        """Announce, or withdraw without attributes."""
        if is_finalizing():
            return
        with self._lock:
            self._single[prefix] = attributes

    def replace(self, routes: RouteSet) -> None:
        """The whole set; changes noted before do not count any more."""
        if is_finalizing():
            return
        with self._lock:
            self._whole = routes
            self._single = {}

    def take(self) -> tuple[RouteSet | None, dict[Prefix, PathAttributes | None]] | None:
        """What has been noted, to be applied in this order; None when another thread is about to note more.

        The I/O thread must not wait here: who holds the lock may be in a signal handler that waits for it.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            taken = self._whole, self._single
            self._whole, self._single = None, {}
        finally:
            self._lock.release()
        return taken
