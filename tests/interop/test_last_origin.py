"""Never the last: an address stays while no other origin of it is seen, at a router that shows both.

The router reflects routes between two internal peers: a daemon whose service fails, and another speaker that
announces the same address, or does not.
"""

from __future__ import annotations

import pytest

from tests.interop.bench import KINDS, ROUTER_4, ROUTER_AS, Kind
from tests.interop.lab import (
    Bird,
    Frr,
    Namespace,
    Neighbour,
    Router,
    Settings,
    running,
    speaking,
    wait_until,
)
from tests.interop.lab.daemon import service, serving
from tests.interop.session import with_daemons

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

OURS, OTHERS = KINDS[0], KINDS[1]  # over IPv4
AS = ROUTER_AS[2]
ADDRESS = "10.66.99.1"
ROUTE = f"{ADDRESS}/32"
BESIDE = "10.66.98.1/32"
DEGRADED = 100  # the MED that `on_degraded` adds


def reflecting(daemon: type[Router]) -> str:
    """A router that tells each of its internal peers what it has from the other."""
    peers = tuple(
        Neighbour(address=kind.source, local_address=ROUTER_4, remote_as=AS, families=(4,))
        for kind in (OURS, OTHERS)
    )
    text = daemon.configure(Settings(as_number=AS, router_id=ROUTER_4, neighbours=peers))
    if daemon is Bird:
        return text.replace("  ipv4 {", "  rr client;\n  ipv4 {").replace("export none", "export all")
    for kind in (OURS, OTHERS):
        activate = f"  neighbor {kind.source} activate\n"
        text = text.replace(activate, f"{activate}  neighbor {kind.source} route-reflector-client\n", 1)
    return text


def configuration() -> str:
    head = [
        f'router_id = "{OURS.source_4}"', f"as_number = {AS}", f'[peers."{ROUTER_4}"]',
        f'source_ip = "{OURS.source}"', "connect_retry_time = 0.5", "",
    ]  # fmt: skip
    return "\n".join(head) + service("dns", ADDRESS, "never_last = true")


def other_client() -> list[str]:
    return ["--source", OTHERS.source, str(AS), OTHERS.source, ROUTER_4]


def origins(router: Router) -> set[str]:
    """The peers that announce the address, by the router's own table: the best of them and the others."""
    if isinstance(router, Bird):
        text = router.birdc("show", "route", ROUTE)
        return {kind.source for number, kind in enumerate((OURS, OTHERS)) if f"[peer{number} " in text}
    assert isinstance(router, Frr)
    text = router.vtysh(f"show bgp ipv4 unicast {ROUTE}")
    return {kind.source for kind in (OURS, OTHERS) if f"from {kind.source}" in text}


def wait_origins(router: Router, *kinds: Kind) -> None:
    wanted = {kind.source for kind in kinds}
    wait_until(lambda: origins(router) == wanted, f"the origins {wanted}")


@with_daemons([Bird, Frr])
def test_address_is_kept_until_another_origin_of_it_is_seen_and_kept_again_without_it(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, reflecting(daemon))) as router,
        speaking(near, other_client()) as other,
        serving(near, configuration(), "dns") as rhi,
    ):
        router.wait_route(ROUTE, peer=OURS.source)
        router.wait_established(OTHERS.source)

        rhi.set("dns", is_up=False)
        router.wait_route(ROUTE, peer=OURS.source, med=DEGRADED)
        # FRR sends the route to all clients, also to us who have announced it: that is no other origin
        other.tell(f"announce {BESIDE}")
        router.wait_route(BESIDE)
        assert "withdraw" not in router.changes(ROUTE)

        other.tell(f"announce {ROUTE} med 10")
        wait_origins(router, OTHERS)

        # the last of all steps: what the router has told of the other is out of date for a moment
        assert other.stop() == 0
        router.wait_route(ROUTE, peer=OURS.source, med=DEGRADED)

        rhi.set("dns", is_up=True)
        router.wait_route(ROUTE, peer=OURS.source, med=None)
