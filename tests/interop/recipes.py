"""The recipes of docs/routers, read by the tests so that what is documented is what was run.

A recipe is a configuration file. The commands that go with it are in its head as comments: `rhi speak ...`,
and `ip ...` where the host needs an address first. The host and the router that the files name exist in the
lab under exactly those addresses, so no line is changed on the way.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.interop.lab import (
    Namespace,
    Neighbour,
    Router,
    Settings,
    Speaker,
    connect,
    namespaces,
    running,
    speaking,
)

FOLDER = Path(__file__).parents[2] / "docs" / "routers"

OUR_AS, CORE_AS = 65001, 65000
HOST_4, HOST_6 = "10.12.34.1", "2001:db8:12:34::1"
CORE_4, CORE_6 = "10.12.34.56", "2001:db8:12:34::56"
VIP_4, VIP_6 = "192.168.101.7/32", "fd0b:2b0b:a7b8:1ee7:c0de::7/128"


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """A file of docs/routers and the daemon that it is for."""

    file: str
    daemon: type[Router]

    @property
    def configuration(self) -> str:
        return (FOLDER / self.file).read_text()

    def commands(self, program: str) -> list[list[str]]:
        """Arguments of each command line for `program` in the comments of the file."""
        lines = re.findall(rf"^[#!]\s+({program} .*)$", self.configuration, re.MULTILINE)
        return [shlex.split(line)[1:] for line in lines]

    @property
    def speak(self) -> list[str]:
        """Arguments of `rhi speak`."""
        (command,) = self.commands("rhi speak")
        return command[1:]


@dataclasses.dataclass(frozen=True, slots=True)
class Chain:
    """rhi and a router on one host, and the core router that hears of the routes second hand."""

    host: Router
    core: Router
    speaker: Speaker
    host_namespace: Namespace


@contextlib.contextmanager
def second_hop(recipe: Recipe, core: type[Router], core_configuration: str) -> Iterator[Chain]:
    """Run a recipe as its file says, with a core router at the other end of a cable."""
    with namespaces("host", "core") as (host_net, core_net):
        connect(host_net, core_net)
        host_net.add_address("eth0", f"{HOST_4}/24", f"{HOST_6}/64")
        core_net.add_address("eth0", f"{CORE_4}/24", f"{CORE_6}/64")
        for command in recipe.commands("ip"):
            host_net.run("ip", *command)
        with (
            running(core(core_net, core_configuration)) as core_router,
            running(recipe.daemon(host_net, recipe.configuration)) as host,
            speaking(host_net, recipe.speak) as speaker,
        ):
            yield Chain(host, core_router, speaker, host_net)


def core_settings(*, one_session: bool) -> Settings:
    """The core's side: both families over one session, or IPv6 over a session of its own.

    The core dials too: BIRD and GoBGP on the host take five seconds and more for their first attempt.
    """
    ipv4 = Neighbour(address=HOST_4, local_address=CORE_4, remote_as=OUR_AS, passive=False)
    if not one_session:
        ipv4 = dataclasses.replace(ipv4, families=(4,))
    ipv6 = dataclasses.replace(ipv4, address=HOST_6, local_address=CORE_6, families=(6,))
    return Settings(as_number=CORE_AS, router_id=CORE_4, neighbours=(ipv4,) if one_session else (ipv4, ipv6))
