"""The bench of the matrix: one router, one cable, four speakers.

The router has one AS number and four neighbours: a session over IPv4 and one over IPv6, each as eBGP and as
iBGP. Every session carries both families. Two benches for each daemon, one with AS numbers of two octets
and one with four, make the whole matrix; each daemon is started once for each.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from tests.interop.lab import (
    Namespace,
    Neighbour,
    Router,
    Settings,
    Speaker,
    connect,
    namespaces,
    running,
)

ROUTER_4, ROUTER_6 = "192.0.2.1", "2001:db8:1::1"

ROUTER_AS = {2: 65010, 4: 4_200_000_010}
EXTERNAL_AS = {2: 65001, 4: 4_200_000_001}


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One cell of the matrix, apart from the daemon and the width of AS numbers."""

    transport: int  # 4 or 6
    internal: bool

    def __str__(self) -> str:
        return f"over-ipv{self.transport}-{'ibgp' if self.internal else 'ebgp'}"

    @property
    def number(self) -> int:
        """Tells the four kinds apart in addresses and prefixes."""
        return 10 * self.transport + self.internal

    @property
    def source_4(self) -> str:
        return f"192.0.2.{self.number}"

    @property
    def source_6(self) -> str:
        return f"2001:db8:1::{self.number}"

    @property
    def source(self) -> str:
        return self.source_4 if self.transport == 4 else self.source_6

    def route_4(self, index: int) -> str:
        return f"10.66.{self.number}.{index}/32"

    def route_6(self, index: int) -> str:
        return f"2001:db8:2:{self.number}::{index}/128"

    def routes(self, index: int) -> tuple[str, str]:
        """Host routes of this kind alone, so that sessions do not compete for one prefix."""
        return self.route_4(index), self.route_6(index)

    def next_hop(self, prefix: str) -> str:
        return self.source_6 if ":" in prefix else self.source_4


KINDS = tuple(Kind(transport, internal) for transport in (4, 6) for internal in (False, True))


class Bench:
    """A running router and the speakers of all kinds, each with its session."""

    def __init__(self, router: Router, near: Namespace, as_width: int) -> None:
        self.router = router
        self.as_width = as_width
        self.speakers = {kind: Speaker(near, self.arguments(kind)) for kind in KINDS}

    def our_as(self, kind: Kind) -> int:
        return (ROUTER_AS if kind.internal else EXTERNAL_AS)[self.as_width]

    def arguments(self, kind: Kind) -> list[str]:
        return [
            *["-m", "-4", kind.source_4, "-6", kind.source_6, "--source", kind.source],
            *["--peer-as", str(ROUTER_AS[self.as_width])],
            *[str(self.our_as(kind)), kind.source_4, ROUTER_4 if kind.transport == 4 else ROUTER_6],
            *kind.routes(1),  # announced from the start, for as long as the bench lives
        ]

    def as_path(self, kind: Kind, *, prepended: int = 0) -> tuple[int, ...]:
        """The path the router should see."""
        own = self.our_as(kind)
        return (own,) * prepended if kind.internal else (own,) * (1 + prepended)

    def close(self) -> None:
        for speaker in self.speakers.values():
            speaker.close()


@contextlib.contextmanager
def bench(daemon: type[Router], as_width: int) -> Iterator[Bench]:
    """Lay the cable, start the router and all speakers, and wait for the sessions."""
    settings = Settings(
        as_number=ROUTER_AS[as_width],
        router_id=ROUTER_4,
        neighbours=tuple(
            Neighbour(
                address=kind.source,
                local_address=ROUTER_4 if kind.transport == 4 else ROUTER_6,
                remote_as=(ROUTER_AS if kind.internal else EXTERNAL_AS)[as_width],
            )
            for kind in KINDS
        ),
    )
    with cable() as (near, far), running(daemon(far, daemon.configure(settings))) as router:
        made = Bench(router, near, as_width)
        try:
            for speaker in made.speakers.values():
                speaker.start()
            for kind in KINDS:
                router.wait_established(kind.source)
            yield made
        finally:
            made.close()


@contextlib.contextmanager
def cable() -> Iterator[tuple[Namespace, Namespace]]:
    """Two namespaces: speakers in the first, with addresses for each kind, and a router in the second."""
    with namespaces("rhi", "router") as (near, far):
        connect(near, far)
        for kind in KINDS:
            near.add_address("eth0", f"{kind.source_4}/24", f"{kind.source_6}/64")
        far.add_address("eth0", f"{ROUTER_4}/24", f"{ROUTER_6}/64")
        yield near, far
