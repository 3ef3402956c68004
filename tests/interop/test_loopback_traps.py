"""What docs/routers/README.md warns of, each warning with the daemon that gives cause for it.

Several hold for one version only. There the test names the version, and is skipped with another, so that an
upgrade asks for a new look at the text.
"""

from __future__ import annotations

import dataclasses
import re
import subprocess
from collections.abc import Callable

import pytest

from tests.interop.lab import (
    Bird,
    ExaBgp,
    Frr,
    GoBgp,
    Namespace,
    OpenBgpd,
    Router,
    Speaker,
    namespaces,
    running,
    speaking,
    wait_until,
)
from tests.interop.recipes import HOST_4, HOST_6, OUR_AS, VIP_4, VIP_6, Recipe, core_settings, second_hop

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

BIRD = Recipe("bird-loopback.conf", Bird)
FRR = Recipe("frr-loopback.conf", Frr)
GOBGP = Recipe("gobgp-loopback.toml", GoBgp)
OPENBGPD = Recipe("openbgpd-loopback.conf", OpenBgpd)
EXABGP = Recipe("exabgp-loopback.conf", ExaBgp)


@dataclasses.dataclass(frozen=True, slots=True)
class TextRecipe(Recipe):
    """A recipe with changes."""

    text: str

    @property
    def configuration(self) -> str:
        return self.text


LOOPBACK = ["-m", "-6", "::1", "65001", "127.0.0.1", "127.0.0.1"]


def prepare(host: Namespace, recipe: Recipe) -> None:
    """The host of the recipes, without the router outside."""
    host.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1")
    host.run("ip", "link", "set", "eth1", "up")
    host.run("ip", "link", "set", "eth0", "up")
    host.add_address("eth0", f"{HOST_4}/24", f"{HOST_6}/64")
    for command in recipe.commands("ip"):
        host.run("ip", *command)


def only_with(router: Router, version: str) -> None:
    if not router.version().startswith(version):
        pytest.skip(f"{router.NAME} {router.version()}: the warning is about {version}")


def logged(router: Router, pattern: str) -> Callable[[], bool]:
    return lambda: re.search(pattern, router.log.read_text()) is not None


def wait_logged(router: Router, pattern: str) -> None:
    wait_until(logged(router, pattern), f"{router.NAME} logs {pattern!r}")


def test_bird_refuses_an_external_loopback_peer_without_multihop() -> None:
    external = BIRD.configuration.replace("neighbor as 65001; ", "neighbor as 65101; ")
    arguments = ["-m", "-6", "::1", "65101", "127.0.0.1", "127.0.0.1", VIP_4]
    with namespaces("host") as (host,):
        prepare(host, BIRD)
        with running(Bird(host, external)) as bird, speaking(host, arguments):
            wait_logged(bird, "lb: Invalid remote address 127.0.0.1")

        multihop = external.replace("neighbor 127.0.0.1;", "neighbor 127.0.0.1; multihop;")
        with running(Bird(host, multihop)) as bird, speaking(host, arguments):
            bird.wait_established("127.0.0.1")


def test_bird_takes_several_speakers_with_a_range_of_neighbours() -> None:
    several = BIRD.configuration.replace("neighbor 127.0.0.1;", "neighbor range 127.0.0.0/8;")
    with namespaces("host") as (host,):
        prepare(host, BIRD)
        with (
            running(Bird(host, several)) as bird,
            speaking(host, ["--source", "127.0.0.2", "65001", "127.0.0.2", "127.0.0.1", "192.168.101.2"]),
            speaking(host, ["--source", "127.0.0.3", "65001", "127.0.0.3", "127.0.0.1", "192.168.101.3"]),
        ):
            wait_until(
                lambda: (
                    {prefix: route.peer for prefix, route in bird.routes().items()}
                    == {"192.168.101.2/32": "127.0.0.2", "192.168.101.3/32": "127.0.0.3"}
                ),
                "a route from each",
            )


def test_bird_passes_nothing_from_an_internal_peer_to_another() -> None:
    static = "protocol static { ipv4; route 192.168.101.99/32 blackhole; }\n"
    # an internal session counts as multihop, for which BFD wants to know the local address
    internal = BIRD.configuration.replace("neighbor as 65000;", "neighbor as 65001;").replace(
        "    bfd on;\n", ""
    )
    host_seen_by_core = core_settings(one_session=True)
    core_config = Bird.configure(dataclasses.replace(host_seen_by_core, as_number=OUR_AS))
    recipe = TextRecipe("bird-loopback.conf", Bird, static + internal)
    with second_hop(recipe, Bird, core_config) as chain:
        wait_until(lambda: VIP_4 in chain.host.routes(), "the host has the route")

        chain.core.wait_route("192.168.101.99/32")  # BIRD's own route crosses

        assert chain.core.routes().keys() == {"192.168.101.99/32"}


def test_bird_wants_the_local_address_of_an_internal_session_with_bfd() -> None:
    internal = BIRD.configuration.replace("neighbor as 65000;", "neighbor as 65001;")
    addressed = internal.replace("local    as 65001;", "local 10.12.34.1 as 65001;")
    with namespaces("host") as (host,):
        prepare(host, BIRD)
        refused = Bird(host, internal)
        refused._launch()
        try:
            wait_logged(refused, "Multihop BGP with BFD requires specified local address")
        finally:
            refused.close()
        with running(Bird(host, addressed)):
            pass


def test_bird_kernel_protocol_installs_the_routes_as_unreachable() -> None:
    kernel = "protocol kernel { ipv4 { export all; }; }\n"
    with namespaces("host") as (host,):
        prepare(host, BIRD)
        with running(Bird(host, BIRD.configuration + kernel)), speaking(host, [*LOOPBACK, VIP_4]):
            wait_until(
                lambda: "unreachable 192.168.101.7" in host.run("ip", "route", "show", "proto", "bird"),
                "the kernel has an unreachable route",
            )

        static = "protocol static { ipv4; route 192.168.101.99/32 blackhole; }\n"
        others = BIRD.configuration + static + kernel.replace("export all", 'export where proto != "lb"')
        with running(Bird(host, others)) as bird, speaking(host, [*LOOPBACK, VIP_4]):
            wait_until(lambda: VIP_4 in bird.routes(), "BIRD has the route")
            wait_until(
                lambda: "192.168.101.99" in host.run("ip", "route", "show", "proto", "bird"),
                "the kernel has the other route",
            )
            assert "192.168.101.7" not in host.run("ip", "route", "show", "proto", "bird")


def test_bird_refuses_its_own_router_id_from_an_internal_peer() -> None:
    with namespaces("host") as (host,):
        prepare(host, BIRD)
        with (
            running(Bird(host, f"router id 127.0.0.1;\n{BIRD.configuration}")) as bird,
            speaking(host, [*LOOPBACK, VIP_4]) as speaker,
        ):
            wait_logged(bird, "lb: Error: Bad BGP identifier")
            wait_until(lambda: "Bad BGP Identifier" in speaker.explain(), "rhi says why")
            assert bird.session_state("127.0.0.1") != "established"


def test_bird_drops_connections_for_a_minute_after_an_error_unless_told_otherwise() -> None:
    refusal = "lb: Error: Bad BGP identifier"
    same_id = f"router id 127.0.0.1;\n{BIRD.configuration}"
    with namespaces("host") as (host,):
        prepare(host, BIRD)
        with running(Bird(host, same_id)) as bird, speaking(host, [*LOOPBACK, VIP_4]):
            wait_until(
                lambda: re.search(r"Error wait: +[\d.]+/60\b", bird.birdc("show", "protocols", "all", "lb")),
                "BIRD waits",
                explain=lambda: bird.birdc("show", "protocols", "all", "lb"),
            )

        shorter = same_id.replace("passive; ", "passive; error wait time 1, 2; ")
        with running(Bird(host, shorter)) as bird, speaking(host, [*LOOPBACK, VIP_4]):
            wait_logged(bird, f"(?s){refusal}.*{refusal}")


@pytest.mark.parametrize("more", ["", "allow-reserved-ranges\n"], ids=["plain", "allow-reserved-ranges"])
def test_frr_8_refuses_peers_in_127(more: str) -> None:
    config = more + FRR.configuration.replace("10.255.255.2", "127.0.0.2")
    arguments = ["-m", "--source", "127.0.0.2", "65001", "127.0.0.2", "127.0.0.1", VIP_4]
    with namespaces("host") as (host,):
        prepare(host, FRR)
        with running(Frr(host, config)) as frr, speaking(host, arguments):
            only_with(frr, "8.")
            wait_logged(frr, "127.0.0.2: nexthop_set failed, resetting connection")
            assert not frr.routes()


@pytest.mark.parametrize("more", ["", " bgp allow-martian-nexthop\n"], ids=["plain", "allow-martian-nexthop"])
def test_frr_8_refuses_a_next_hop_that_is_its_own_address(more: str) -> None:
    config = FRR.configuration.replace(" bgp router-id", f"{more} bgp router-id")
    arguments = [
        "-m",
        "--source",
        "10.255.255.2",
        "-4",
        HOST_4,
        "-6",
        "::1",
        "65001",
        "10.255.255.2",
        "10.255.255.1",
    ]
    with namespaces("host") as (host,):
        prepare(host, FRR)
        with running(Frr(host, config)) as frr, speaking(host, [*arguments, VIP_4, VIP_6]):
            only_with(frr, "8.")
            for prefix in (VIP_4, VIP_6):
                wait_logged(frr, f"{prefix} IPv. unicast -- DENIED due to: martian or self next-hop")
            assert not frr.routes()


def test_frr_refuses_its_own_address_as_neighbour_when_typed() -> None:
    with namespaces("host") as (host,):
        prepare(host, FRR)
        with running(Frr(host, FRR.configuration)) as frr:
            assert "neighbor 10.255.255.2" in frr.vtysh("show running-config")
            typed = [
                "-c",
                "configure terminal",
                "-c",
                "router bgp 65001",
                "-c",
                "neighbor 10.255.255.1 remote-as 65001",
            ]
            answer = subprocess.run(
                ["vtysh", "--vty_socket", str(frr.folder), *typed],
                capture_output=True,
                text=True,
                check=False,
            )
            assert "Can not configure the local system as neighbor" in answer.stdout


def test_frr_installs_the_route_in_the_kernel_unless_the_host_has_the_address() -> None:
    def in_kernel() -> str:
        return host.run("ip", "route", "show", "proto", "bgp")

    with namespaces("host") as (host,):
        prepare(host, FRR)
        host.add_address("lo", "192.168.101.8/32")
        with running(Frr(host, FRR.configuration)) as frr, speaking(host, [*FRR.speak, "192.168.101.8"]):
            frr.wait_route("192.168.101.8/32")
            wait_until(lambda: "192.168.101.7 " in in_kernel(), "the kernel has the route")
            assert "192.168.101.8" not in in_kernel()


def test_next_router_with_graceful_restart_keeps_the_routes_of_a_killed_frr() -> None:
    helper = Bird.configure(core_settings(one_session=True)).replace(
        "graceful restart off", "graceful restart aware"
    )
    with second_hop(FRR, Bird, helper) as chain:
        for prefix in (VIP_4, VIP_6):
            chain.core.wait_route(prefix)

        chain.host.kill()

        wait_until(lambda: chain.core.session_state(HOST_4) != "established", "the core noticed")
        assert {VIP_4, VIP_6} <= chain.core.routes().keys()


GOBGP_ONE_SESSION = """    peer-as = 65000
  [[neighbors.afi-safis]]
    [neighbors.afi-safis.config]
      afi-safi-name = "ipv6-unicast"
"""


def test_gobgp_3_10_sends_ipv6_routes_over_ipv4_with_a_useless_next_hop() -> None:
    config = GOBGP.configuration.replace("    peer-as = 65000\n", GOBGP_ONE_SESSION, 1)
    core = Bird.configure(core_settings(one_session=True))
    with second_hop(TextRecipe(GOBGP.file, GoBgp, config), Bird, core) as chain:
        only_with(chain.host, "3.10")
        chain.core.wait_route(VIP_4)
        wait_logged(chain.core, f"mismatched address family \\({HOST_4} for ipv6\\)")
        assert VIP_6 not in chain.core.routes()


def test_openbgpd_7_7_sends_ipv6_routes_over_ipv4_with_a_useless_next_hop() -> None:
    config = OPENBGPD.configuration.replace(
        "neighbor 10.12.34.56 {\n", "neighbor 10.12.34.56 {\n\t\tannounce IPv6 unicast\n"
    )
    core = Bird.configure(core_settings(one_session=True))
    with second_hop(TextRecipe(OPENBGPD.file, OpenBgpd, config), Bird, core) as chain:
        only_with(chain.host, "7.7")
        chain.core.wait_route(VIP_4)
        wait_logged(chain.core, "Invalid NEXT_HOP attribute - address ::1 not directly reachable")
        assert VIP_6 not in chain.core.routes()


def test_gobgp_3_10_refuses_ipv4_routes_with_a_loopback_next_hop() -> None:
    with namespaces("host") as (host,):
        prepare(host, GOBGP)
        with running(GoBgp(host, GOBGP.configuration)) as gobgp, speaking(host, [*LOOPBACK, VIP_4, VIP_6]):
            only_with(gobgp, "3.10")
            wait_logged(gobgp, "invalid nexthop address")
            assert gobgp.wait_route(VIP_6).next_hops == ("::1",)
            assert gobgp.routes().keys() == {VIP_6}
            assert gobgp.session_state("127.0.0.1") == "established"


@pytest.mark.parametrize("end", [Speaker.stop, Speaker.kill], ids=["stopped", "killed"])
def test_gobgp_refuses_connections_for_a_while_after_a_session(end: Callable[[Speaker], object]) -> None:
    with namespaces("host") as (host,):
        prepare(host, GOBGP)
        with running(GoBgp(host, GOBGP.configuration)) as gobgp, speaking(host, GOBGP.speak) as speaker:
            gobgp.wait_established("127.0.0.1")
            end(speaker)
            speaker.start()

            wait_logged(gobgp, '"State":"BGP_FSM_IDLE".*"Closed an accepted connection"')
            gobgp.wait_established("127.0.0.1")


def test_openbgpd_refuses_its_own_router_id_from_an_internal_peer() -> None:
    arguments = ["-m", "-6", "::1", "65001", HOST_4, "127.0.0.1", VIP_4]
    with namespaces("host") as (host,):
        prepare(host, OPENBGPD)
        with running(OpenBgpd(host, OPENBGPD.configuration)) as openbgpd, speaking(host, arguments):
            wait_logged(openbgpd, "BGPID invalid")
            assert not openbgpd.routes()


def test_openbgpd_without_an_allow_rule_takes_nothing() -> None:
    config = "\n".join(line for line in OPENBGPD.configuration.splitlines() if not line.startswith("allow"))
    with namespaces("host") as (host,):
        prepare(host, OPENBGPD)
        with running(OpenBgpd(host, config)) as openbgpd, speaking(host, OPENBGPD.speak):
            received = wait_until(
                lambda: openbgpd.bgpctl("show", "rib", "in").get("rib"),
                "a route received",
            )
            assert received
            assert not openbgpd.routes()


def test_exabgp_takes_a_program_that_closes_its_output_for_dead() -> None:
    class Closing(ExaBgp):
        def _write(self, name: str, text: str, *, mode: int = 0o644) -> object:  # type: ignore[override]
            return super()._write(name, text.replace("exec 3>&1\n", ""), mode=mode)

    with namespaces("host") as (host,):
        exabgp = Closing(host, EXABGP.configuration)
        try:
            exabgp._launch()
            wait_logged(exabgp, "Too many death for events")
        finally:
            exabgp.close()
