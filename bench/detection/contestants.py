"""Who is measured: their configurations and processes. All watch one backend and speak to one router.

Each has an address of its own for its session and another for its probes, by which packets are told apart,
and one route. Both others run a command for each probe; curl is what their own documentation has. The pace is
the same for all: `fast` is what is asked for while the verdict may change, where that is a contestant's way.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from bench.adapters.base import SEARCH_PATH
from bench.adapters.exabgp import ENVIRONMENT
from bench.errors import Missing
from bench.program import Program
from tests.interop.lab.namespace import Namespace

HOST_AS: Final = 65001
ROUTER_AS: Final = 65000
ROUTER: Final = "10.99.0.1"
BACKEND: Final = ("127.0.0.1", 8099)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How all of them ask, in seconds and counts."""

    interval: float
    fast_interval: float
    rise: int
    fall: int

    def __str__(self) -> str:
        """For people, and to tell runs of one pace from others."""
        return (
            f"interval {self.interval:g} s, fast_interval {self.fast_interval:g} s, rise {self.rise}, "
            f"fall {self.fall}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One of those measured.

    Attributes:
        name: in the results.
        number: makes its addresses.
        is_fast: whether it asks faster while the verdict may change.
        start: writes its files into a folder and starts it.
    """

    name: str
    number: int
    is_fast: bool
    start: Callable[[Contestant, Pace, Namespace, Path], list[Program]]

    @property
    def route(self) -> str:
        return f"203.0.113.{self.number}"

    @property
    def address(self) -> str:
        return f"10.99.0.{10 + self.number}"

    @property
    def probes_from(self) -> str:
        return f"127.0.0.{10 + self.number}"

    def fast_interval(self, pace: Pace) -> float:
        return pace.fast_interval if self.is_fast else pace.interval

    @property
    def command(self) -> list[str]:
        """The probe as a command."""
        url = f"http://{BACKEND[0]}:{BACKEND[1]}/"
        return ["curl", "-sf", "-o", "/dev/null", "-m", "1", "--interface", self.probes_from, url]


def start_router(contestants: list[Contestant], namespace: Namespace, folder: Path) -> Program:
    """A BIRD that puts what it hears into the kernel's table."""
    neighbours = "".join(
        f"protocol bgp c{each.number} {{ local {ROUTER} as {ROUTER_AS}; "
        f"neighbor {each.address} as {HOST_AS}; "
        "passive; graceful restart off; ipv4 { import all; export none; }; }\n"
        for each in contestants
    )
    text = (
        f"log stderr all;\nrouter id {ROUTER};\nprotocol device {{}}\nprotocol direct {{ ipv4; }}\n"
        f"protocol kernel {{ ipv4 {{ export where source = RTS_BGP; }}; }}\n{neighbours}"
    )
    return _bird(namespace, folder, "router", text)


def start_rhi(contestant: Contestant, pace: Pace, namespace: Namespace, folder: Path) -> list[Program]:
    """With its tcp check."""
    check = f'type = "tcp"\naddress = "{BACKEND[0]}"\nport = {BACKEND[1]}'
    return _rhi(contestant, pace, namespace, folder, f'{check}\nsource = "{contestant.probes_from}"')


def start_rhi_exec(contestant: Contestant, pace: Pace, namespace: Namespace, folder: Path) -> list[Program]:
    """With the others' command."""
    words = ", ".join(f'"{word}"' for word in contestant.command)
    return _rhi(contestant, pace, namespace, folder, f'type = "exec"\ncommand = [{words}]')


def api_socket(contestant: Contestant, folder: Path) -> Path:
    """Where rhi tells its metrics."""
    return folder / f"rhi-{contestant.number}.sock"


def _rhi(contestant: Contestant, pace: Pace, namespace: Namespace, folder: Path, check: str) -> list[Program]:
    fast = f"fast_interval = {contestant.fast_interval(pace)}\n" if contestant.is_fast else ""
    file = folder / f"rhi-{contestant.number}.toml"
    file.write_text(f"""router_id = "{contestant.address}"
as_number = {HOST_AS}
[api]
socket = "{api_socket(contestant, folder)}"
[peers."{ROUTER}"]
source_ip = "{contestant.address}"
[services.backend]
addresses = "{contestant.route}"
[[services.backend.checks]]
{check}
interval = {pace.interval}
{fast}rise = {pace.rise}
fall = {pace.fall}
""")
    command = [sys.executable, "-m", "rhi", "run", str(file)]
    return [Program(namespace.command(command), folder / f"rhi-{contestant.number}.log")]


def start_exabgp(contestant: Contestant, pace: Pace, namespace: Namespace, folder: Path) -> list[Program]:
    """ExaBGP with its healthcheck as its process."""
    command = f"{sys.executable} -m exabgp healthcheck --no-syslog --no-ip-setup --withdraw-on-down"
    command += f" --ip {contestant.route}/32 --interval {pace.interval} --rise {pace.rise} --fall {pace.fall}"
    command += f" --fast-interval {contestant.fast_interval(pace)} --timeout 1"
    file = folder / f"exabgp-{contestant.number}.conf"
    file.write_text(f"""process check {{
  run {command} --cmd "{" ".join(contestant.command)}";
  encoder text;
}}
neighbor {ROUTER} {{
  router-id {contestant.address};
  local-address {contestant.address};
  local-as {HOST_AS};
  peer-as {ROUTER_AS};
  family {{ ipv4 unicast; }}
  api {{ processes [ check ]; }}
}}
""")
    log = folder / f"exabgp-{contestant.number}.log"
    words = [_program("exabgp"), "server", str(file)]
    return [Program(namespace.command(words), log, environment=ENVIRONMENT)]


def start_anycast_healthchecker(
    contestant: Contestant, pace: Pace, namespace: Namespace, folder: Path
) -> list[Program]:
    """anycast-healthchecker, and the BIRD whose list of prefixes it writes."""
    program = _program("anycast-healthchecker")
    prefixes = folder / "anycast-prefixes.conf"
    prefixes.write_text("define ACAST_PS_ADVERTISE = [ 10.189.200.255/32 ];\n")
    bird = _bird(
        namespace,
        folder,
        "anycast",
        f'log stderr all;\nrouter id {contestant.address};\ninclude "{prefixes}";\nprotocol device {{}}\n'
        "function match_route() { return net ~ ACAST_PS_ADVERTISE; }\n"
        'protocol direct { ipv4; interface "lo"; }\n'
        f"protocol bgp up {{ local {contestant.address} as {HOST_AS}; neighbor {ROUTER} as {ROUTER_AS};\n"
        "  connect delay time 1; ipv4 { import none; export where match_route(); next hop self; }; }\n",
    )
    namespace.add_address("lo", f"{contestant.route}/32")
    services = folder / "services"
    services.mkdir()
    reconfigure = f"{_program('birdc')} -s {folder}/anycast.ctl configure"
    (folder / "anycast.conf").write_text(f"""[daemon]
pidfile = {folder}/anycast.pid
bird_conf = {prefixes}
bird_reconfigure_cmd = {reconfigure}
loglevel = info
""")
    (services / "backend.conf").write_text(f"""[backend]
check_cmd = {" ".join(contestant.command)}
check_interval = {pace.interval}
check_timeout = 1
check_rise = {pace.rise}
check_fail = {pace.fall}
check_disabled = false
ip_prefix = {contestant.route}/32
ip_check_disabled = true
""")
    words = [program, "-f", str(folder / "anycast.conf"), "-d", str(services)]
    return [bird, Program(namespace.command(words), folder / "anycast.log")]


CONTESTANTS: Final = [
    Contestant(name="rhi", number=1, is_fast=False, start=start_rhi),
    Contestant(name="rhi, exec check", number=2, is_fast=False, start=start_rhi_exec),
    Contestant(name="ExaBGP healthcheck", number=3, is_fast=False, start=start_exabgp),
    Contestant(name="anycast-healthchecker", number=4, is_fast=False, start=start_anycast_healthchecker),
    Contestant(name="rhi, fast_interval", number=5, is_fast=True, start=start_rhi),
    Contestant(name="ExaBGP healthcheck, fast-interval", number=6, is_fast=True, start=start_exabgp),
]


def versions() -> dict[str, str]:
    """What is compared.

    Raises:
        Missing: something is not installed.
    """
    found = {"rhi": metadata.version("rhi"), "ExaBGP": metadata.version("exabgp")}
    try:
        found["anycast-healthchecker"] = metadata.version("anycast-healthchecker")
    except metadata.PackageNotFoundError:
        raise Missing("needs .venv/bin/pip install anycast-healthchecker") from None
    done = subprocess.run([_program("bird"), "--version"], capture_output=True, text=True, check=True)
    return {**found, "BIRD": (done.stdout + done.stderr).split()[-1]}


def _bird(namespace: Namespace, folder: Path, name: str, text: str) -> Program:
    file = folder / f"{name}.bird"
    file.write_text(text)
    words = [_program("bird"), "-f", "-c", str(file), "-s", str(folder / f"{name}.ctl"), "-P", f"{file}.pid"]
    return Program(namespace.command(words), folder / f"{name}.log")


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:{SEARCH_PATH}")
    if found is None:
        raise Missing(f"{name} is not installed")
    return found
