"""Keeps Python's garbage collector from stalling the daemon.

A full collection looks at every object there is, and stops everything meanwhile, keepalives too: a quarter of
a second with 5,000 services, every other second. What a configuration is made of lives until the next one, so
it is left out of collections (`gc.freeze`) once it is at work, and looked through at a reload, when it may
have become garbage. What is made later, round by round, is collected as ever.

It is for a process that is the daemon and nothing else.
"""

from collections.abc import Callable
from typing import Any, Protocol


class Collector(Protocol):
    """What is needed of the module `gc`."""

    def unfreeze(self) -> None: ...

    def collect(self) -> int: ...

    def freeze(self) -> None: ...


class Settled:
    """To be called with each decision: leaves out what has come to stay.

    That is at the first decision of a configuration, and again when all its services are decided, since by
    then every check and service remembers something.
    """

    def __init__(
        self, setup: Callable[[], object], is_decided: Callable[[], bool], collector: Collector
    ) -> None:
        """`setup`: the configuration in force; `is_decided`: whether all its services are."""
        self._setup = setup
        self._is_decided = is_decided
        self._collector = collector
        self._known: object = None
        self._is_settled = False

    def __call__(self, *decision: Any) -> None:
        """A decision has been made."""
        if self._setup() is not self._known:
            self._known, self._is_settled = self._setup(), False
            self._collector.unfreeze()
            self._collector.collect()
            self._collector.freeze()
        if not self._is_settled and self._is_decided():
            self._is_settled = True
            self._collector.freeze()
