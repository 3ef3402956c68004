"""Two hosts that announce one address to a router, which spreads clients over both (ECMP), and a client.

    client ── router ┬─ one:  rhi run, service
                     └─ two:  rhi run, service

The router is a real one: its daemon puts one route with two next hops into the kernel of its namespace, which
chooses by a hash of addresses and ports (`fib_multipath_hash_policy`). The service answers on an address that
is on the loopback interface of both hosts.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.lab.bird import Bird
from tests.interop.lab.daemon import Daemon
from tests.interop.lab.fetching import TCP_PORT, Client, service
from tests.interop.lab.frr import Frr
from tests.interop.lab.namespace import Namespace, connect, namespaces
from tests.interop.lab.process import Process
from tests.interop.lab.router import Neighbour, Router, Settings, running
from tests.interop.lab.speaker import rhi_command
from tests.interop.lab.waiting import wait_until

SERVICE: Final = "203.0.113.10"
CLIENT: Final = "198.51.100.2"
ROUTER_AS: Final = 65000
HOSTS_AS: Final = 65001
# Of the daemon: what bounds the loss when something breaks.
INTERVAL: Final = 0.2
FALL: Final = 2
HOLD_TIME: Final = 3.0


@dataclass(frozen=True, slots=True)
class Plug:
    """Where a host is connected: both ends of its cable, and the interface of the router."""

    name: str
    host: str
    router: str
    interface: str


ONE: Final = Plug("one", "192.0.2.2", "192.0.2.1", "eth1")
TWO: Final = Plug("two", "192.0.2.6", "192.0.2.5", "eth2")


class Host:
    """One of the hosts: its service, and its daemon."""

    def __init__(self, namespace: Namespace, plug: Plug, policies: str) -> None:
        self.plug = plug
        self._namespace = namespace
        self._folder = Path(tempfile.mkdtemp(prefix="rhi-host-"))
        self._policies = policies
        self.rhi = Daemon(namespace, "")
        self.configure()
        self._service: Process | None = None

    def configure(self, *lines: str) -> None:
        """Write the file of its daemon, with more lines for the service."""
        text = configuration(self.plug, self._policies, *lines)
        (self.rhi.folder / "rhi.toml").write_text(text.replace("FOLDER", str(self.rhi.folder)))

    def start_service(self) -> None:
        self._service = service(self._namespace, SERVICE, self.plug.name, self._folder / "service.log")

    def kill_service(self) -> None:
        """As a crash would."""
        if self._service is not None:
            self._service.kill()

    def command(self, *words: str) -> None:
        """Give its daemon an order, as an operator does."""
        socket = str(self.rhi.folder / "rhi.sock")
        command = [*rhi_command(), words[0], "--socket", socket, *words[1:]]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def reload(self) -> None:
        """Have its daemon read its file again."""
        self.rhi.send(signal.SIGHUP)

    def fall_silent(self) -> None:
        """Nothing leaves the host any more, and nobody says so: its frames go to nobody's address."""
        self._namespace.run(
            "ip", "neigh", "replace", self.plug.router, "dev", "eth0", "lladdr", "02:00:00:00:00:01"
        )

    def speak_again(self) -> None:
        self._namespace.run("ip", "neigh", "del", self.plug.router, "dev", "eth0")

    def close(self) -> None:
        self.kill_service()
        self.rhi.close()
        shutil.rmtree(self._folder, ignore_errors=True)


class Site:
    """All of it, running; made by `anycast`."""

    def __init__(self, router: Router, network: Namespace, hosts: tuple[Host, Host], client: Client) -> None:
        self.router = router
        self.one, self.two = hosts
        self.client = client
        self._network = network

    def next_hops(self) -> set[str]:
        """Where the router's kernel sends what is for the service."""
        words = self._network.run("ip", "route", "show", SERVICE).split()
        return {after for word, after in itertools.pairwise(words) if word == "via"}

    def wait_for(self, *hosts: Host) -> None:
        """Wait until the router's kernel has these hosts as next hops, and no other."""
        wanted = {host.plug.host for host in hosts}
        wait_until(lambda: self.next_hops() == wanted, f"next hops {wanted}", explain=self._explain)

    def wait_for_both(self) -> None:
        """Wait until both hosts get questions, and answer."""
        self.wait_for(self.one, self.two)
        self.client.wait_for_answers_of(self.one.plug.name, self.two.plug.name)

    def changes(self) -> int:
        """How often the router was told something of the address."""
        return len(self.router.changes(f"{SERVICE}/32"))

    def _explain(self) -> str:
        return self._network.run("ip", "route")


def configuration(plug: Plug, policies: str, *lines: str) -> str:
    """Of the daemon of a host."""
    return "\n".join([
        f'router_id = "{plug.host}"', f"as_number = {HOSTS_AS}", 'state_file = "FOLDER/state.json"',
        "[api]", 'socket = "FOLDER/rhi.sock"',
        f'[peers."{plug.router}"]', f"peer_as = {ROUTER_AS}", f"hold_time = {HOLD_TIME:g}",
        "connect_retry_time = 0.5",
        "[services.web]", f'addresses = ["{SERVICE}"]', policies, *lines,
        "[[services.web.checks]]", 'type = "http"', f'url = "http://{SERVICE}:{TCP_PORT}/"',
        f"interval = {INTERVAL}", f"fall = {FALL}", "rise = 1", "timeout = 0.5", "",
    ])  # fmt: skip


def routing(daemon: type[Router]) -> str:
    """The router's configuration: equal paths share the traffic, and restarts are waited for."""
    peers = tuple(
        Neighbour(address=plug.host, local_address=plug.router, remote_as=HOSTS_AS) for plug in (ONE, TWO)
    )
    text = daemon.configure(Settings(as_number=ROUTER_AS, router_id="192.0.2.1", neighbours=peers))
    if daemon is Bird:
        text = text.replace("graceful restart off", "graceful restart aware")
        channel = "ipv4 { import none; export where source = RTS_BGP; };"
        return f"{text}protocol kernel {{ merge paths on; {channel} }}\n"
    assert daemon is Frr, "the others put no routes with two next hops into the kernel"
    helpers = "".join(f" neighbor {plug.host} graceful-restart-helper\n" for plug in (ONE, TWO))
    return text.replace(" address-family ipv4", f"{helpers} address-family ipv4", 1)


@contextlib.contextmanager
def anycast(daemon: type[Router], policies: str = "") -> Iterator[Site]:
    """Start everything, and end it whatever happens; `policies` are lines for the service."""
    with (
        namespaces("client", "router", "one", "two") as (outside, network, *places),
        contextlib.ExitStack() as parts,
    ):
        _lay_cables(outside, network, places)
        folder = Path(tempfile.mkdtemp(prefix="rhi-anycast-"))
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        router = parts.enter_context(running(daemon(network, routing(daemon))))
        hosts = tuple(Host(place, plug, policies) for place, plug in zip(places, (ONE, TWO), strict=True))
        for host in hosts:
            parts.callback(host.close)
            host.start_service()
            host.rhi.start()
        client = Client(outside, SERVICE, folder / "client.log")
        parts.callback(client.kill)
        site = Site(router, network, (hosts[0], hosts[1]), client)
        site.wait_for_both()
        yield site


def _lay_cables(outside: Namespace, network: Namespace, places: list[Namespace]) -> None:
    connect(outside, network)
    outside.add_address("eth0", f"{CLIENT}/24")
    network.add_address("eth0", "198.51.100.1/24")
    outside.run("ip", "route", "add", "default", "via", "198.51.100.1")
    for place, plug in zip(places, (ONE, TWO), strict=True):
        connect(place, network, interfaces=("eth0", plug.interface))
        place.add_address("eth0", f"{plug.host}/30")
        place.add_address("lo", f"{SERVICE}/32")
        network.add_address(plug.interface, f"{plug.router}/30")
        place.run("ip", "route", "add", "default", "via", plug.router)
    for option in ("ip_forward=1", "fib_multipath_hash_policy=1"):
        network.run("sysctl", "-q", "-w", f"net.ipv4.{option}")
