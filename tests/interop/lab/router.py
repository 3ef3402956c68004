"""What every router of the lab can do, whichever daemon it is.

A test talks to this interface and reads the router's own table; what birdc, vtysh and the others print is
the business of one file each. A router runs in a namespace, with its configuration, sockets and log in a
folder of its own below the system's temporary folder: pytest's folders have names too long for a Unix
socket.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from tests.interop.lab.namespace import Namespace
from tests.interop.lab.process import Process
from tests.interop.lab.waiting import DEADLINE, wait_until

ESTABLISHED = "established"
ADMINISTRATIVE_SHUTDOWN = (6, 2)  # Cease, Administrative Shutdown (RFC 4486)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RouteSeen:
    """One route as a router holds it. None means "not carried", or, where a daemon cannot tell, "not shown".

    Communities are written as their numbers (`65535:0`), extended ones as `rt:65001:5` and `ro:65001:6`,
    whatever the daemon calls them.
    """

    prefix: str
    peer: str
    next_hops: tuple[str, ...]
    as_path: tuple[int, ...]
    origin: str
    med: int | None
    local_pref: int | None
    communities: frozenset[str] | None
    large_communities: frozenset[str] | None
    extended_communities: frozenset[str] | None
    usable: bool | None  # the router would use it: valid, next hop resolved, best


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """One peer in a generated configuration.

    Attributes:
        four_octet_as: the router can be configured with an AS number of four octets.
        passive: we connect and the router waits; else it dials too.
    """

    address: str
    local_address: str
    remote_as: int
    families: tuple[int, ...] = (4, 6)
    four_octet_as: bool = True
    passive: bool = True


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a generated configuration says about the router itself."""

    as_number: int
    router_id: str
    neighbours: tuple[Neighbour, ...]


class Router(abc.ABC):
    """A daemon with one configuration. Start, stop and kill it as often as needed; `close` ends its life."""

    NAME: ClassVar[str]
    TITLE: ClassVar[str]  # as its authors write it
    SHOWS_MISSING_MED: ClassVar[bool] = True  # False: a route without MED looks like one with MED 0
    DEFAULT_LOCAL_PREF: ClassVar[int | None] = None  # what it shows for a route of an eBGP peer
    KEEPS_TABLE: ClassVar[bool] = True  # False: it hands routes to a program and keeps none itself

    def __init__(self, namespace: Namespace, configuration: str) -> None:
        self.namespace = namespace
        self.configuration = configuration
        self.folder = Path(tempfile.mkdtemp(prefix=f"rhi-{self.NAME}-"))
        self.folder.chmod(0o755)  # some daemons drop to a user of their own
        self.log = self.folder / "log"
        self._processes: list[Process] = []

    @staticmethod
    @abc.abstractmethod
    def configure(settings: Settings) -> str:
        """The text of a configuration that accepts everything from its neighbours."""

    @staticmethod
    @abc.abstractmethod
    def add_options(configuration: str, lines: Sequence[str]) -> str:
        """That configuration with more lines for its first neighbour, as docs/routers/options.md has them."""

    @staticmethod
    @abc.abstractmethod
    def version() -> str:
        """What the installed daemon says it is, such as `2.0.12`."""

    @abc.abstractmethod
    def _launch(self) -> None:
        """Start the processes; each goes into `self._processes`, the one that has the sessions last."""

    @abc.abstractmethod
    def _answers(self) -> bool:
        """Whether the daemon answers questions."""

    @abc.abstractmethod
    def session_state(self, peer: str) -> str:
        """State of the session with that address, as in RFC 4271 but lower case; "" if there is none."""

    @abc.abstractmethod
    def routes(self) -> dict[str, RouteSeen]:
        """The router's table: the best route for each prefix it learned over BGP."""

    @abc.abstractmethod
    def changes(self, prefix: str) -> list[str]:
        """What the router noted about a prefix since it started, in order: "announce" or "withdraw"."""

    @abc.abstractmethod
    def last_notification(self, peer: str) -> tuple[int, int] | None:
        """Code and subcode of the last NOTIFICATION that this peer sent."""

    def start(self) -> None:
        self._launch()
        wait_until(self._alive_and_answering, f"{self.NAME} answers")

    def stop(self) -> None:
        """Ask it to end; whatever is left is killed."""
        for process in reversed(self._processes):
            process.stop()
        self._processes.clear()

    def kill(self) -> None:
        """End it as a crash would."""
        for process in reversed(self._processes):
            process.kill()
        self._processes.clear()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait_established(self, peer: str, *, deadline: float = DEADLINE) -> None:
        wait_until(
            lambda: self.session_state(peer) == ESTABLISHED,
            f"{self.NAME}: session with {peer} established",
            deadline=deadline,
            explain=lambda: f"state {self.session_state(peer)!r}",
        )

    def wait_route(self, prefix: str, **expected: object) -> RouteSeen:
        """Wait until the router has the route, would use it, and shows these attributes; return it."""
        seen: RouteSeen | None = None

        def there() -> bool:
            nonlocal seen
            seen = self.routes().get(prefix)
            if seen is None or seen.usable is False:
                return False
            return all(getattr(seen, name) == value for name, value in expected.items())

        wait_until(there, f"{self.NAME} has {prefix} with {expected}", explain=lambda: seen)
        assert seen is not None
        return seen

    def wait_changes(self, prefix: str, *expected: str) -> None:
        """Wait until the router has noted exactly these: its log may be a little behind its table."""
        wait_until(
            lambda: self.changes(prefix) == [*expected],
            f"{self.NAME} has noted {expected} of {prefix}",
            explain=lambda: self.changes(prefix),
        )

    def wait_gone(self, *prefixes: str) -> None:
        wait_until(
            lambda: not self.routes().keys() & set(prefixes),
            f"{self.NAME} has none of {prefixes}",
        )

    def wait_notification(self, peer: str, expected: tuple[int, int]) -> None:
        wait_until(
            lambda: self.last_notification(peer) == expected,
            f"{self.NAME} got NOTIFICATION {expected} from {peer}",
            explain=lambda: f"last {self.last_notification(peer)}",
        )

    def _alive_and_answering(self) -> bool:
        for process in self._processes:
            assert process.exit_status is None, f"{self.NAME} ended at once:\n{process.log_tail()}"
        return self._answers()

    def _run(
        self, command: Sequence[str], *, log: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._processes.append(Process(self.namespace, command, log or self.log, environment=environment))

    def _write(self, name: str, text: str, *, mode: int = 0o644) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path


AnyRouter = TypeVar("AnyRouter", bound=Router)


@contextlib.contextmanager
def running(router: AnyRouter) -> Iterator[AnyRouter]:
    """Start a router, and end it and remove its folder whatever happens."""
    try:
        router.start()
        yield router
    finally:
        router.close()


def community_numbers(names: Mapping[str, str], communities: Sequence[str]) -> frozenset[str]:
    """Communities with a daemon's names for the well-known ones replaced by their numbers."""
    return frozenset(names.get(community, community) for community in communities)
