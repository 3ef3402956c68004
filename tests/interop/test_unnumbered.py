"""Peers named by their interface, over cables without any address but the link-local ones, by the recipes of
docs/routers.

What counts is the kernel of the router: the host routes are in its tables, by the host's link-local address.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.lab import (
    Bird,
    Frr,
    Namespace,
    Router,
    Speaker,
    connect,
    namespaces,
    running,
    speaking,
    wait_until,
)
from tests.interop.lab.process import Process
from tests.interop.lab.speaker import rhi_command
from tests.interop.recipes import Recipe
from tests.interop.session import link_local

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]

VIP_4, VIP_6 = "203.0.113.10", "2001:db8::10"
RECIPES = [Recipe("frr-unnumbered.conf", Frr), Recipe("bird-unnumbered.conf", Bird)]


def recipes() -> pytest.MarkDecorator:
    mark = pytest.mark.feature("unnumbered peers")
    params = [pytest.param(recipe, marks=mark, id=recipe.daemon.NAME) for recipe in RECIPES]
    return pytest.mark.parametrize("recipe", params)


def kernel_route(router: Namespace, vip: str) -> str:
    """How the router's kernel reaches a service, in the words of `ip route`."""
    family = "-6" if ":" in vip else "-4"
    return router.run("ip", family, "route", "show", vip).strip()


def wait_installed(router: Namespace, host: Namespace) -> None:
    """Until both services are reached by the host's link-local address."""
    ours = link_local(host)
    wait_until(
        lambda: (
            f"via inet6 {ours} dev eth0" in kernel_route(router, VIP_4)
            and f"via {ours} dev eth0" in kernel_route(router, VIP_6)
        ),
        f"both services by {ours}",
        deadline=60.0,
        explain=lambda: [kernel_route(router, VIP_4), kernel_route(router, VIP_6)],
    )


def wait_gone(router: Namespace, *vips: str) -> None:
    wait_until(lambda: not any(kernel_route(router, vip) for vip in vips), f"{vips} gone", deadline=60.0)


def wait_said(speaker: Speaker, text: str) -> None:
    wait_until(lambda: text in speaker.explain(), f"rhi says {text!r}", explain=speaker.explain)


def sessions(speaker: Speaker, expected: int) -> int:
    """How many there have been, once it has said so of those expected: the router has routes sooner."""
    wait_until(lambda: speaker.explain().count("established:") >= expected, f"{expected} sessions")
    return speaker.explain().count("established:")


def say_something(router: Namespace, host: Namespace) -> None:
    """One datagram, for which the router must first ask for the host's link-layer address."""
    program = f"""import socket
address = socket.getaddrinfo("{link_local(host)}%eth0", 9)[0][4]
socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b"", address)"""
    router.run(sys.executable, "-c", program)


def set_sysctl(namespace: Namespace, name: str, value: int) -> None:
    namespace.run("sh", "-c", f"echo {value} > /proc/sys/net/{name}")


@contextlib.contextmanager
def cable() -> Iterator[tuple[Namespace, Namespace]]:
    """A host and a router."""
    with namespaces("host", "router") as (host, router):
        # it would take a default route from any advertisement that offers one
        set_sysctl(router, "ipv6/conf/default/accept_ra", 2)
        set_sysctl(router, "ipv6/conf/all/forwarding", 1)
        connect(host, router)
        yield host, router


@contextlib.contextmanager
def switch() -> Iterator[tuple[Namespace, Namespace, Namespace, Namespace]]:
    """A host and two routers on a switch: the host's link stays up whatever happens to theirs."""
    with namespaces("host", "switch", "first", "second") as (host, switch, first, second):
        switch.run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
        switch.run("ip", "link", "set", "br0", "up")
        for namespace, port in ((host, "host"), (first, "first"), (second, "second")):
            set_sysctl(namespace, "ipv6/conf/all/forwarding", int(namespace is not host))
            connect(namespace, switch, interfaces=("eth0", port))
            switch.run("ip", "link", "set", port, "master", "br0")
        yield host, switch, first, second


@recipes()
@pytest.mark.parametrize("first", ["rhi", "router"])
def test_unnumbered_host_routes_are_in_the_routers_kernel(recipe: Recipe, first: str) -> None:
    with cable() as (host, router), contextlib.ExitStack() as stack:
        daemon: Router = recipe.daemon(router, recipe.configuration)
        if first == "router":
            stack.enter_context(running(daemon))
            speaker = stack.enter_context(speaking(host, recipe.speak))
        else:
            speaker = stack.enter_context(speaking(host, recipe.speak))
            wait_said(speaker, "looking for the neighbour")
            stack.enter_context(running(daemon))

        wait_installed(router, host)
        assert "default" not in router.run("ip", "-6", "route")
        speaker.tell(f"withdraw {VIP_4}")
        wait_gone(router, VIP_4)
        assert kernel_route(router, VIP_6)
        assert speaker.stop() == 0
        wait_gone(router, VIP_6)


@recipes()
def test_unnumbered_peer_comes_back_with_its_link(recipe: Recipe) -> None:
    with (
        cable() as (host, router),
        running(recipe.daemon(router, recipe.configuration)),
        speaking(host, recipe.speak) as speaker,
    ):
        wait_installed(router, host)
        router.run("ip", "link", "set", "eth0", "down")
        wait_said(speaker, "Interface eth0 is up, but has no carrier")
        wait_gone(router, VIP_4, VIP_6)

        router.run("ip", "link", "set", "eth0", "up")
        wait_installed(router, host)


@recipes()
def test_unnumbered_peer_waits_for_an_interface_that_appears_later(recipe: Recipe) -> None:
    with namespaces("host", "router") as (host, router), speaking(host, recipe.speak) as speaker:
        wait_said(speaker, "Interface eth0 does not exist")
        connect(host, router)
        with running(recipe.daemon(router, recipe.configuration)):
            wait_installed(router, host)
            host.run("ip", "link", "delete", "eth0")
            wait_until(
                lambda: speaker.explain().count("Interface eth0 does not exist") == 2, "rhi notices at once"
            )


@recipes()
def test_unnumbered_session_follows_to_another_router(recipe: Recipe) -> None:
    with switch() as (host, middle, first, second):
        middle.run("ip", "link", "set", "second", "down")
        with (
            running(recipe.daemon(first, recipe.configuration)),
            speaking(host, ["--hold-time", "6", *recipe.speak]) as speaker,
        ):
            wait_installed(first, host)
            middle.run("ip", "link", "set", "second", "up")
            with running(recipe.daemon(second, recipe.configuration)):
                say_something(second, host)
                wait_until(lambda: link_local(second) in host.run("ip", "-6", "neighbour"), "it is seen")
                assert sessions(speaker, 1) == 1
                middle.run("ip", "link", "set", "first", "down")

                wait_installed(second, host)
                assert sessions(speaker, 2) == 2


def test_unnumbered_peer_does_not_guess_between_two_routers() -> None:
    with switch() as (host, middle, first, second), speaking(host, RECIPES[0].speak) as speaker:
        wait_said(speaker, "has more than one neighbour")
        both = sorted([link_local(first), link_local(second)])
        assert all(address in speaker.explain() for address in both)

        # nobody has to tell rhi: it asks those that it doubts
        middle.run("ip", "link", "set", "first", "down")
        with running(Bird(second, RECIPES[1].configuration)):
            wait_installed(second, host)


def test_unnumbered_passive_peer_takes_the_connection_of_frr() -> None:
    recipe = RECIPES[0]
    with (
        cable() as (host, router),
        running(Frr(router, recipe.configuration + " neighbor eth0 timers connect 1\n")),
        speaking(host, ["--passive", "--listen", "[::]:179", *recipe.speak]),
    ):
        wait_installed(router, host)


def test_unnumbered_peers_that_both_connect_have_one_session() -> None:
    recipe = RECIPES[0]
    with (
        cable() as (host, router),
        speaking(host, ["--listen", "[::]:179", *recipe.speak]) as speaker,
        running(Frr(router, recipe.configuration + " neighbor eth0 timers connect 1\n")),
    ):
        wait_installed(router, host)
        speaker.tell("announce 203.0.113.11")
        wait_until(lambda: kernel_route(router, "203.0.113.11"), "another route")

        assert sessions(speaker, 1) == 1


def test_unnumbered_session_with_a_password_and_ttl_security(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    key = tmp_path_factory.mktemp("key") / "key"
    key.write_text("not-a-secret\n")
    secured = (
        RECIPES[0].configuration
        + " neighbor eth0 password not-a-secret\n neighbor eth0 ttl-security hops 1\n"
    )
    options = ["--password-file", str(key), "--ttl-security", "--listen", "[::]:179"]
    with (
        cable() as (host, router),
        running(Frr(router, secured)),
        speaking(host, [*options, *RECIPES[0].speak]),
    ):
        wait_installed(router, host)


def test_unnumbered_peer_without_the_right_looks_into_the_kernels_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without = ["setpriv", "--inh-caps", "-net_raw", "--bounding-set", "-net_raw"]
    monkeypatch.setenv("RHI_COMMAND", " ".join([*without, *rhi_command()]))
    with (
        cable() as (host, router),
        running(Bird(router, RECIPES[1].configuration)),
        speaking(host, RECIPES[1].speak) as speaker,
    ):
        wait_said(speaker, "neither heard nor sent without the right CAP_NET_RAW")
        # whatever the router says to the host puts it there
        say_something(router, host)

        wait_installed(router, host)


def test_unnumbered_peer_offers_nothing_to_hosts_and_advertises_for_the_last_time_at_the_end(
    tmp_path: Path,
) -> None:
    with cable() as (host, router):
        fields = ["ipv6.hlim", "icmpv6.nd.ra.router_lifetime", "icmpv6.opt.type"]
        tshark = Process(
            router,
            ["tshark", "-l", "-n", "-i", "eth0", "-f", "icmp6", "-Y", "icmpv6.type == 134", "-T", "fields"]
            + [word for field in fields for word in ("-e", field)],
            tmp_path / "log",
        )
        advertisement = re.compile(r"^255\t0\t1$", re.MULTILINE)
        try:
            wait_until(lambda: "Capturing on" in tshark.log_tail(), "tshark listens")
            with speaking(host, RECIPES[0].speak) as speaker:
                wait_until(lambda: advertisement.search(tshark.log.read_text()), "an advertisement")
                wait_until(lambda: "router" in router.run("ip", "-6", "neighbour"), "the kernel has heard it")
                assert "default" not in router.run("ip", "-6", "route")
                before = len(advertisement.findall(tshark.log.read_text()))
                assert speaker.stop() == 0
            wait_until(lambda: len(advertisement.findall(tshark.log.read_text())) > before, "the last one")
        finally:
            tshark.kill()
        seen = [line for line in tshark.log.read_text().splitlines() if "\t" in line]
        assert set(seen) == {"255\t0\t1"}


FLOOD = r"""
import random, socket, struct, sys, time

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)

def advertisement():
    source, group = b"\xfe\x80" + bytes(6) + random.randbytes(8), socket.inet_pton(socket.AF_INET6, "ff02::1")
    mac = b"\x02" + random.randbytes(5)
    body = struct.pack("!BBHBBHII", 134, 0, 0, 0, 0, 0, 0, 0) + b"\1\1" + mac
    body = body[:2] + checksum(source + group + struct.pack("!II", len(body), 58) + body) + body[4:]
    header = struct.pack("!IHBB", 6 << 28, len(body), 58, 255)
    return bytes.fromhex("333300000001") + mac + b"\x86\xdd" + header + source + group + body

sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("eth0", 0))
packets = [advertisement() for _ in range(5000)]
end = time.monotonic() + 8
while time.monotonic() < end:
    for packet in packets:
        sock.send(packet)
"""


def memory_kb(pid: int) -> int:
    (found,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found)


def test_unnumbered_session_outlives_a_flood_of_advertisements() -> None:
    with (
        cable() as (host, router),
        running(Bird(router, RECIPES[1].configuration)),
        speaking(host, ["--hold-time", "6", *RECIPES[1].speak]) as speaker,
    ):
        wait_installed(router, host)
        before = memory_kb(speaker.pid)
        router.run(sys.executable, "-c", FLOOD, timeout=60.0)
        speaker.tell("announce 203.0.113.11")
        wait_until(lambda: kernel_route(router, "203.0.113.11"), "another route")

        assert memory_kb(speaker.pid) - before < 4096
        assert sessions(speaker, 1) == 1
