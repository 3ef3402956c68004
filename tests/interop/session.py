"""One session between `rhi speak` and a router: what the tests of single features have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tests.interop.bench import EXTERNAL_AS, KINDS, ROUTER_4, ROUTER_6, ROUTER_AS, Kind
from tests.interop.lab import Namespace, Neighbour, Router, Settings, wait_until

OVER_4, OVER_6 = (kind for kind in KINDS if not kind.internal)
OUR_AS, THEIR_AS = EXTERNAL_AS[2], ROUTER_AS[2]


def router_address(kind: Kind) -> str:
    return ROUTER_4 if kind.transport == 4 else ROUTER_6


def settings(*kinds: Kind, passive: bool = True) -> Settings:
    """The router's side, a neighbour for each kind; not `passive`: it dials."""
    neighbours = tuple(
        Neighbour(address=kind.source, local_address=router_address(kind), remote_as=OUR_AS, passive=passive)
        for kind in kinds
    )
    return Settings(as_number=THEIR_AS, router_id=ROUTER_4, neighbours=neighbours)


def arguments(kind: Kind, *options: str) -> list[str]:
    """Our side: both families, and one route of each."""
    return [
        *["-m", "-4", kind.source_4, "-6", kind.source_6, "--source", kind.source, *options],
        *[str(OUR_AS), kind.source_4, router_address(kind)],
        *kind.routes(1),
    ]


def listen_address(kind: Kind) -> str:
    return f"{kind.source}:179" if kind.transport == 4 else f"[{kind.source}]:179"


def link_local(namespace: Namespace, interface: str = "eth0") -> str:
    """Its link-local address there, once the kernel has given it one: a while after the cable was laid."""
    command = ("ip", "-6", "address", "show", "dev", interface, "scope", "link")
    found = wait_until(
        lambda: re.findall(r"inet6 (fe80::\S+)/64", namespace.run(*command)), "a link-local address"
    )
    return str(found[0])


def wait_counted(namespace: Namespace, counter: str) -> None:
    """Wait until that namespace's kernel has dropped one more segment for what `counter` counts."""
    before = namespace.count(counter)
    wait_until(lambda: namespace.count(counter) > before, f"one more {counter}")


def with_daemons(daemons: Iterable[type[Router]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("daemon", daemons, ids=lambda daemon: str(daemon.NAME))


def with_kinds() -> pytest.MarkDecorator:
    """Over IPv4 and over IPv6."""
    return pytest.mark.parametrize("kind", [OVER_4, OVER_6], ids=["over-ipv4", "over-ipv6"])
