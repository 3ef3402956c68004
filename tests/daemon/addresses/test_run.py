"""`rhi run` with addresses of its own on a real kernel, killed at the worst moments.

The moments are real ones: a router that cannot be reached, the instant at which the kernel shows an address,
the seconds between a withdrawal and the end of its age.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rhi.model.events import Event, RoutesReceived, SessionDown
from tests.daemon.addresses.network import PATIENCE, Daemon, collecting, shown, until
from tests.interop.lab.namespace import Namespace, connect, namespaces

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

VIP = "203.0.113.53"
ON_LO = f"{VIP}/32"
LINGER = 1.5

HEAD = """
router_id = "192.0.2.10"
as_number = 65001
state_file = "{folder}/state.json"
complete_within = "2s"

[peers."127.0.0.1"]
port = 1790
connect_retry_time = 0.2
"""
SERVICE = """
[services.{name}]
addresses = ["203.0.113.53"]
{more}
[[services.{name}.checks]]
type = "file"
path = "{folder}/{name}"
interval = 0.1
rise = 1
fall = 1
"""
OWN = f'address_mode = "own"\naddress_linger = {LINGER}'
# For those who look at an address between its withdrawal and its removal, on a machine that may be slow.
OWN_LONG = 'address_mode = "own"\naddress_linger = 5'
OWN_FOR_EVER = 'address_mode = "own"\naddress_linger = 3600'
CHECK = 'address_mode = "check"\ninterface = "lo"'


@pytest.fixture
def host() -> Iterator[Namespace]:
    with namespaces("host", "other") as (made, other):
        connect(made, other)
        yield made


class Scene:
    """A host, a daemon, and services that are healthy while there is a file of their name."""

    def __init__(self, host: Namespace, folder: Path, **services: str) -> None:
        self.host = host
        self.folder = folder
        self.daemon = Daemon(host, folder, self.text(**services))
        for name in services:
            self.up(name)

    def text(self, **services: str) -> str:
        parts = [SERVICE.format(name=name, more=more, folder=self.folder) for name, more in services.items()]
        return HEAD.format(folder=self.folder) + "".join(parts)

    def up(self, name: str) -> None:
        (self.folder / name).touch()

    def down(self, name: str) -> None:
        (self.folder / name).unlink()

    @property
    def is_on_lo(self) -> bool:
        return ON_LO in shown(self.host)

    @property
    def remembered(self) -> Any:
        file = self.folder / "state.json"
        return json.loads(file.read_text())["sections"].get("addresses") if file.exists() else None

    def stop(self) -> None:
        self.daemon.send(signal.SIGTERM)
        assert self.daemon.wait() == 0, self.daemon.text()


@pytest.fixture
def scene(host: Namespace, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(host, tmp_path, dns=OWN)
    try:
        yield made
    finally:
        made.daemon.kill()


class Ear:
    """What a router hears, in order."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, RoutesReceived):
            self.heard += [f"announce {route}" for route in event.announced if str(route) == VIP]
            self.heard += [f"withdraw {route}" for route in event.withdrawn if str(route) == VIP]
        elif isinstance(event, SessionDown) and event.established:
            self.heard.append("down")


def test_run_killed_between_add_and_announce_is_taken_over_by_the_next(scene: Scene) -> None:
    """No router is there yet: the address is added, and nobody is told."""
    scene.daemon.start()
    scene.daemon.until(lambda: scene.is_on_lo)
    scene.daemon.kill()
    assert scene.is_on_lo
    assert scene.remembered == {"lo": [VIP]}, "written before it was added"

    scene.daemon.start()
    with collecting(scene.host) as collector:
        assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()
        scene.stop()

    assert not scene.is_on_lo
    assert scene.remembered == {}


def test_run_killed_the_moment_the_address_is_there_leaves_nothing_behind(scene: Scene) -> None:
    """The next life has no such service, or finds it ill."""
    watcher = subprocess.Popen(
        scene.host.command([sys.executable, "-c", WATCHER]), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert watcher.stdin is not None
    assert watcher.stdout is not None
    watcher.stdout.readline()
    scene.daemon.start()
    watcher.stdin.write(f"{scene.daemon.pid}\n".encode())
    watcher.stdin.close()
    assert watcher.wait(PATIENCE) == 0
    watcher.stdout.close()
    assert scene.daemon.wait() == -signal.SIGKILL
    assert scene.is_on_lo

    scene.down("dns")
    scene.daemon.start()
    scene.daemon.until(lambda: not scene.is_on_lo)
    scene.daemon.until(lambda: scene.remembered == {})
    scene.up("dns")
    scene.daemon.until(lambda: scene.is_on_lo)
    scene.daemon.kill()

    scene.daemon.configure("allow_empty = true\n" + scene.text())
    scene.daemon.start()
    scene.daemon.until(lambda: not scene.is_on_lo)
    scene.stop()


# Kills a process as soon as the kernel tells of the address.
WATCHER = f"""
import os, signal, socket, sys
from rhi.daemon.addresses.messages import GROUPS, decode
from rhi.net.netlink_watch import open_netlink
ear = open_netlink(GROUPS)
ear.setblocking(True)
print("ready", flush=True)
pid = int(sys.stdin.readline())
while True:
    for news in decode(ear.recv(65536)):
        if getattr(news, "packed", b"") == socket.inet_aton({VIP!r}):
            os.kill(pid, signal.SIGKILL)
            sys.exit()
"""


def test_run_killed_between_withdraw_and_removal_removes_in_the_next_life(scene: Scene) -> None:
    ear = Ear()
    scene.daemon.configure(scene.text(dns=OWN_FOR_EVER))
    with collecting(scene.host, on_event=ear) as collector:
        scene.daemon.start()
        assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()
        scene.down("dns")
        until(lambda: ear.heard == [f"announce {VIP}", f"withdraw {VIP}"], scene.daemon.text)
        scene.daemon.kill()
        assert scene.is_on_lo

        scene.daemon.configure(scene.text(dns=OWN))
        scene.daemon.start()
        scene.daemon.until(lambda: not scene.is_on_lo)
        assert ear.heard.count(f"announce {VIP}") == 1

        scene.up("dns")
        assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()
        assert scene.is_on_lo
        scene.stop()
    assert not scene.is_on_lo


def test_lesson_10_run_withdraws_before_it_removes_also_at_the_end(scene: Scene) -> None:
    ear = Ear()
    scene.daemon.configure(scene.text(dns=OWN_LONG))
    with collecting(scene.host, on_event=ear) as collector:
        scene.daemon.start()
        assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()

        scene.daemon.send(signal.SIGTERM)
        until(lambda: f"withdraw {VIP}" in ear.heard, scene.daemon.text)
        assert scene.is_on_lo
        assert scene.daemon.wait() == 0

    assert ear.heard == [f"announce {VIP}", f"withdraw {VIP}", "down"]
    assert not scene.is_on_lo


@pytest.mark.parametrize("crash", [False, True])
def test_run_with_two_services_on_one_address_keeps_it_for_the_one_that_is_left(
    host: Namespace, tmp_path: Path, crash: bool
) -> None:
    both = f'{OWN}\nshare = "any"'
    scene = Scene(host, tmp_path, http=both, https=both)
    ear = Ear()
    try:
        with collecting(host, on_event=ear) as collector:
            scene.daemon.start()
            assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()
            scene.down("http")
            if crash:
                scene.daemon.until(lambda: "http: unhealthy" in scene.daemon.text())
                scene.daemon.kill()
                assert scene.is_on_lo
                # what the life before has announced must not be taken for the word of the next
                assert collector.wait_for(lambda routes: VIP not in routes, PATIENCE), scene.daemon.text()
                scene.daemon.start()
                assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()

            # the service that is left loses its configuration's companion too
            scene.daemon.configure(scene.text(https=both))
            scene.daemon.send(signal.SIGHUP)
            scene.daemon.until(lambda: "reload" in scene.daemon.text())
            assert scene.is_on_lo
            assert VIP in collector.routes()

            scene.down("https")
            scene.daemon.until(lambda: not scene.is_on_lo)
            assert VIP not in collector.routes()
            assert ear.heard.count(f"withdraw {VIP}") == 1
            scene.stop()
    finally:
        scene.daemon.kill()


def test_run_puts_an_address_back_that_an_operator_deletes_and_withdraws_nothing(scene: Scene) -> None:
    ear = Ear()
    with collecting(scene.host, on_event=ear) as collector:
        scene.daemon.start()
        assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()

        scene.host.run("ip", "address", "del", ON_LO, "dev", "lo")
        scene.daemon.until(lambda: scene.is_on_lo)
        scene.daemon.until(lambda: "somebody has removed it from lo" in scene.daemon.text())

        assert ear.heard == [f"announce {VIP}"]
        scene.stop()
    assert not scene.is_on_lo


def test_run_follows_a_checked_address_that_an_operator_deletes_and_adds(
    host: Namespace, tmp_path: Path
) -> None:
    scene = Scene(host, tmp_path, dns=CHECK)
    host.add_address("lo", ON_LO)
    try:
        with collecting(host) as collector:
            scene.daemon.start()
            assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()

            host.run("ip", "address", "del", ON_LO, "dev", "lo")
            assert collector.wait_for(lambda routes: VIP not in routes, PATIENCE), scene.daemon.text()
            assert not scene.is_on_lo

            host.add_address("lo", ON_LO)
            assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()
            scene.stop()
    finally:
        scene.daemon.kill()
    assert scene.is_on_lo, "an operator's"


def test_lesson_13_run_never_removes_an_address_of_an_operator(scene: Scene) -> None:
    scene.host.add_address("lo", ON_LO)
    with collecting(scene.host) as collector:
        scene.daemon.start()
        assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()
        scene.daemon.until(lambda: "where somebody else has put it" in scene.daemon.text())
        scene.down("dns")
        assert collector.wait_for(lambda routes: VIP not in routes, PATIENCE), scene.daemon.text()
        scene.stop()

    assert scene.is_on_lo


def test_lesson_49_run_keeps_an_address_that_a_reload_loses_until_that_is_known(scene: Scene) -> None:
    scene.daemon.configure(scene.text(dns=OWN_LONG))
    with collecting(scene.host) as collector:
        scene.daemon.start()
        assert collector.wait_for(lambda routes: VIP in routes, PATIENCE), scene.daemon.text()

        scene.daemon.configure("allow_empty = true\n" + scene.text())
        scene.daemon.send(signal.SIGHUP)
        assert collector.wait_for(lambda routes: VIP not in routes, PATIENCE), scene.daemon.text()
        assert scene.is_on_lo
        scene.daemon.until(lambda: not scene.is_on_lo)
        scene.stop()
