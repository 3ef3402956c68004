"""What `rhi speak` does about drains: those of standard input, the one at the end, and how they are told."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from rhi.model.drain import DrainStep
from rhi.model.events import DrainProgress
from rhi.model.prefix import Prefix
from rhi.threaded import Drain, Pool

# Seconds by which a signal may be late.
SIGNAL_TIME: Final = 0.5


class Draining:
    """The drains of one speaker."""

    def __init__(self, pool: Pool, wait: float) -> None:
        """`wait`: seconds between marks and withdrawals."""
        self._pool = pool
        self._wait = wait
        self._drains: list[Drain] = []

    def begin(self, routes: Sequence[Prefix]) -> None:
        """Drain these, or everything when there are none; returns at once."""
        self._drains = [drain for drain in self._drains if not drain.is_done]
        self._drains.append(self._pool.drain(routes or None, wait=self._wait))

    def cancel(self) -> None:
        """Cancel all that are under way."""
        for drain in self._drains:
            drain.cancel()

    def wait(self) -> None:
        """Wait for the end of all that are under way."""
        for drain in self._drains:
            wait_for(drain)


class Waited(Protocol):
    """What there is to wait for of a drain."""

    def wait(self, timeout: float | None = None) -> object:
        """Its outcome; None when `timeout` seconds were not enough."""


def wait_for(drain: Waited) -> None:
    """Wait for the end of a drain, in pieces.

    A signal that comes just before the thread begins to block is acted on only when that ends; a drain may
    take minutes.
    """
    while drain.wait(SIGNAL_TIME) is None:
        pass


def describe_drain(progress: DrainProgress) -> list[str]:
    """A step as lines for people; none for one that the next tells better."""
    text = _sentence(progress)
    return [f"drain {progress.drain}: {text}"] if text else []


def _sentence(progress: DrainProgress) -> str:
    behind = _behind(progress.behind)
    match progress.step:
        case DrainStep.MARK:
            all_of = "all of " if progress.everything else ""
            return f"marking {all_of}{_routes(progress.routes)} for graceful shutdown"
        case DrainStep.WAIT:
            return f"marked{behind}; withdrawing in {progress.wait_time:g} s"
        case DrainStep.WITHDRAW:
            return f"withdrawing {_routes(progress.routes)}{behind}"
        case DrainStep.CLOSE:
            return f"withdrawn{behind}; ending the sessions"
        case DrainStep.DONE:
            return f"done, {_routes(progress.withdrawn)} withdrawn{behind}"
        case DrainStep.CANCELLED:
            return f"cancelled, {_routes(progress.withdrawn)} withdrawn, the others as before"
        case DrainStep.SUPERSEDED:
            return f"given up for a later command, {_routes(progress.withdrawn)} withdrawn"
    return ""


def _routes(count: int) -> str:
    return {0: "no routes", 1: "1 route"}.get(count, f"{count} routes")


def _behind(behind: Mapping[str, str]) -> str:
    text = ", ".join(f"{peer} {lag}" for peer, lag in behind.items())
    return f", but {text}" if text else ""
