"""What `rhi sample` prints, loaded as it is: `rhi run` gets its session, its routes, and no other.

Of a sample nothing is changed but the words that its head asks to fill in. What runs besides announces one
more route than the sample was made of.
"""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.interop.bench import EXTERNAL_AS, ROUTER_4, ROUTER_6, ROUTER_AS, Kind
from tests.interop.lab import (
    DAEMONS,
    Bird,
    Frr,
    GoBgp,
    Namespace,
    Router,
    running,
    wait_until,
)
from tests.interop.lab.process import Process
from tests.interop.lab.speaker import rhi_command
from tests.interop.options import PASSWORD
from tests.interop.session import OVER_4, OVER_6, with_daemons
from tests.interop.test_unnumbered import cable as unnumbered_cable

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

OURS: Final = {
    *(f"203.0.113.{number}/32" for number in range(8, 13)),
    "198.51.100.0/25",
    "2001:db8:2::53/128",
    "2001:db8:2::54/128",
}
FOREIGN: Final = {"203.0.113.13/32", "203.0.113.8/31", "198.51.100.0/26", "2001:db8:2::55/128"}
SERVICES: Final = """
[services.dns]
addresses = ["203.0.113.8-203.0.113.12", "2001:db8:2::53-2001:db8:2::54"]
never_last = true
[services.net]
addresses = ["198.51.100.0/25"]
"""
FOREIGN_SERVICE: Final = f"[services.foreign]\naddresses = {sorted(FOREIGN)}\n"


@dataclasses.dataclass(frozen=True)
class Variant:
    """A configuration of rhi's: over which IP, and what else the peer is told."""

    name: str
    kind: Kind
    lines: str = ""
    listens: bool = False  # rhi waits, and the router connects

    def head(self, key_file: Path) -> str:
        router = ROUTER_4 if self.kind.transport == 4 else ROUTER_6
        source = f"[{self.kind.source}]" if self.kind.transport == 6 else self.kind.source
        listen = f'listen = ["{source}:1790"]\n' if self.listens else ""
        passive = "passive = true\n" if self.listens else ""
        return (
            f'router_id = "{self.kind.source_4}"\nas_number = {EXTERNAL_AS[2]}\n{listen}'
            f'[peers."{router}"]\npeer_as = {ROUTER_AS[2]}\nsource_ip = "{self.kind.source}"\n'
            f'next_hop_4 = "{self.kind.source_4}"\nnext_hop_6 = "{self.kind.source_6}"\n'
            f"multiprotocol = true\n{passive}{self.lines.format(key_file=key_file)}"
        )


SECURED: Final = (
    'password_file = "{key_file}"\nttl_security = true\nhold_time = 30\ngraceful_shutdown = true\n'
)
RESTARTING: Final = 'graceful_restart = 60\nlong_lived_stale_time = 600\nrole = "customer"\n'
PLAIN: Final = Variant("over-ipv6", OVER_6, RESTARTING)
WE_DIAL: Final = Variant("secured", OVER_4, SECURED)
ROUTER_DIALS: Final = Variant("secured-router-dials", OVER_6, SECURED, listens=True)
# A listening OpenBGPD has no key, and a listening ExaBGP answers with another TTL than 255.
CASES: Final = [
    *((daemon, variant) for daemon in DAEMONS for variant in (PLAIN, ROUTER_DIALS)),
    *((daemon, WE_DIAL) for daemon in (Bird, Frr, GoBgp)),
]


def sample(daemon: type[Router], config: Path, **words: str) -> str:
    """What the command prints, with words of its head filled in."""
    command = [*rhi_command(), "sample", daemon.NAME, "--config", str(config)]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout
    for word, value in {"SECRET": PASSWORD, "ROUTER_ID": ROUTER_4, **words}.items():
        text = text.replace(word, value)
    return text


@contextlib.contextmanager
def serving(namespace: Namespace, config: Path) -> Iterator[Process]:
    """`rhi run` with that file."""
    process = Process(namespace, [*rhi_command(), "run", str(config)], config.with_suffix(".log"))
    try:
        yield process
    finally:
        process.kill()


def write(folder: Path, head: str) -> tuple[Path, Path]:
    """The file that the sample is made of, and the one that runs."""
    sampled, run = folder / "sampled.toml", folder / "run.toml"
    sampled.write_text(head + SERVICES)
    run.write_text(head + FOREIGN_SERVICE + SERVICES)
    return sampled, run


def wait_exact(router: Router) -> None:
    """Until the router has our routes; and then it has no other."""
    expected = OURS if router.KEEPS_TABLE else OURS | FOREIGN  # ExaBGP's program has to filter
    wait_until(lambda: router.routes().keys() >= expected, "our routes", explain=router.routes)
    assert router.routes().keys() == expected


@pytest.mark.feature("samples of configurations")
@pytest.mark.parametrize(
    ("daemon", "variant"), [pytest.param(*case, id=f"{case[0].NAME}-{case[1].name}") for case in CASES]
)
def test_sample_loaded_as_it_is_gets_the_session_and_our_routes_only(
    wire: tuple[Namespace, Namespace], tmp_path: Path, daemon: type[Router], variant: Variant
) -> None:
    near, far = wire
    key = tmp_path / "key"
    key.write_text(PASSWORD)
    sampled, run = write(tmp_path, variant.head(key))

    with running(daemon(far, sample(daemon, sampled))) as router, serving(near, run):
        router.wait_established(variant.kind.source)
        wait_exact(router)
        if variant.lines == SECURED and router.KEEPS_TABLE:
            assert {route.local_pref for route in router.routes().values()} <= {0, 1}  # drained


@pytest.mark.feature("samples of configurations")
@with_daemons([Bird, Frr])
def test_sample_for_an_interface_gets_our_routes_without_any_address(
    tmp_path: Path, daemon: type[Router]
) -> None:
    head = f'router_id = "192.0.2.10"\nas_number = {EXTERNAL_AS[2]}\n[peers.eth0]\npeer_as = {ROUTER_AS[2]}\n'
    sampled, run = write(tmp_path, head)

    with unnumbered_cable() as (host, far):
        text = sample(daemon, sampled, INTERFACE="eth0")
        with running(daemon(far, text)) as router, serving(host, run):
            wait_exact(router)
