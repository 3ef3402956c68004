"""The other daemons on rhi's own host: docs/routers, loaded as they are and proven to the second hop.

BIRD's recipe has a file of its own, test_seed_loopback.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.interop.lab import (
    ADMINISTRATIVE_SHUTDOWN,
    Bird,
    ExaBgp,
    Frr,
    GoBgp,
    OpenBgpd,
    namespaces,
    running,
    speaking,
)
from tests.interop.recipes import (
    HOST_4,
    HOST_6,
    OUR_AS,
    VIP_4,
    VIP_6,
    Chain,
    Recipe,
    core_settings,
    second_hop,
)

pytestmark = [pytest.mark.interop, pytest.mark.timeout(180)]


class Case(NamedTuple):
    recipe: Recipe
    peer: str  # rhi's address as the daemon sees it
    next_hops: tuple[str, str]  # what rhi sends
    one_session: bool  # both families over one session to the core


FRR = Case(
    Recipe("frr-loopback.conf", Frr),
    "10.255.255.2",
    ("10.255.255.2", "fd0b:2b0b:a7b8:ffff::2"),
    one_session=True,
)
GOBGP = Case(Recipe("gobgp-loopback.toml", GoBgp), "127.0.0.1", (HOST_4, HOST_6), one_session=False)
OPENBGPD = Case(
    Recipe("openbgpd-loopback.conf", OpenBgpd), "127.0.0.1", ("127.0.0.1", "::1"), one_session=False
)
EXABGP = Recipe("exabgp-loopback.conf", ExaBgp)

HERE = pytest.mark.feature("daemon on our own host")
CASES = [pytest.param(case, marks=HERE, id=case.recipe.daemon.NAME) for case in (FRR, GOBGP, OPENBGPD)]


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    made: Case = request.param
    return made


@pytest.fixture(scope="module")
def chain(case: Case) -> Iterator[Chain]:
    with second_hop(case.recipe, Bird, Bird.configure(core_settings(one_session=case.one_session))) as made:
        made.host.wait_established(case.peer)
        for address in (HOST_4,) if case.one_session else (HOST_4, HOST_6):
            made.core.wait_established(address)
        yield made


def test_daemon_would_use_the_routes(chain: Chain, case: Case) -> None:
    for prefix, next_hop in zip((VIP_4, VIP_6), case.next_hops, strict=True):
        seen = chain.host.wait_route(prefix)

        assert seen.usable
        assert seen.next_hops == (next_hop,)
        assert seen.as_path == ()
        assert seen.local_pref == 100


def test_core_has_both_routes_with_the_next_hop_of_the_host(chain: Chain) -> None:
    for prefix, next_hop in ((VIP_4, HOST_4), (VIP_6, HOST_6)):
        seen = chain.core.wait_route(prefix)

        assert seen.next_hops[0] == next_hop
        assert all(hop.startswith("fe80::") for hop in seen.next_hops[1:])
        assert seen.as_path == (OUR_AS,)


def test_core_has_only_what_the_policy_lets_pass(chain: Chain) -> None:
    outside = ("192.168.102.7/32", "2001:db8::7/128", "192.168.101.128/25")
    chain.speaker.tell(*(f"announce {prefix}" for prefix in outside))

    chain.speaker.tell("announce 192.168.101.9", "announce fd0b:2b0b:a7b8:1ee7:c0de::9")

    inside = {"192.168.101.9/32", "fd0b:2b0b:a7b8:1ee7:c0de::9/128"}
    for prefix in inside:
        chain.core.wait_route(prefix)
    assert chain.core.routes().keys() == {VIP_4, VIP_6, *inside}


def test_withdrawn_route_leaves_the_core(chain: Chain) -> None:
    second = ("192.168.101.8/32", "fd0b:2b0b:a7b8:1ee7:c0de::8/128")
    chain.speaker.tell(*(f"announce {prefix}" for prefix in second))
    for prefix in second:
        chain.core.wait_route(prefix)

    chain.speaker.tell(*(f"withdraw {prefix}" for prefix in second))

    chain.core.wait_gone(*second)
    assert {VIP_4, VIP_6} <= chain.core.routes().keys()


def test_killed_daemon_learns_the_routes_again(chain: Chain) -> None:
    chain.core.wait_route(VIP_4)

    chain.host.kill()
    chain.core.wait_gone(VIP_4, VIP_6)
    chain.host.start()

    chain.core.wait_route(VIP_4)
    chain.core.wait_route(VIP_6)


def test_clean_shutdown_takes_the_routes_from_the_core(chain: Chain, case: Case) -> None:
    assert chain.speaker.stop() == 0

    chain.host.wait_notification(case.peer, ADMINISTRATIVE_SHUTDOWN)
    chain.core.wait_gone(VIP_4, VIP_6)


@pytest.mark.feature("daemon on our own host", on=ExaBgp)
def test_exabgp_tells_its_program_of_both_routes_and_of_the_end() -> None:
    with (
        namespaces("host") as (host_net,),
        running(ExaBgp(host_net, EXABGP.configuration)) as host,
        speaking(host_net, EXABGP.speak) as speaker,
    ):
        assert host.wait_route(VIP_4).next_hops == ("127.0.0.1",)
        assert host.wait_route(VIP_6).next_hops == ("::1",)

        assert speaker.stop() == 0

        host.wait_notification("127.0.0.1", ADMINISTRATIVE_SHUTDOWN)
        host.wait_gone(VIP_4, VIP_6)
