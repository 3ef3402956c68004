"""The loopback scenario: rhi and BIRD on one host, BIRD passes the routes on to a core router.

BIRD's configuration is docs/routers/bird-loopback.conf as it is, addresses included; the test host only
adds a log target. The claim is about the second hop: the core has both routes, and neither next hop is a
loopback address.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.lab import ADMINISTRATIVE_SHUTDOWN, Bird, Frr, Router, wait_until
from tests.interop.recipes import (
    CORE_4,
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

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(180),
    pytest.mark.feature("daemon on our own host", on=Bird),
]

RECIPE = Recipe("bird-loopback.conf", Bird)
OUTSIDE_4, OUTSIDE_6 = "192.168.102.7/32", "2001:db8::7/128"  # not what the filter `vips` lets pass


@pytest.fixture(scope="module", params=[Bird, Frr], ids=["core-bird", "core-frr"])
def chain(request: pytest.FixtureRequest) -> Iterator[Chain]:
    daemon: type[Router] = request.param
    configuration = daemon.configure(core_settings(one_session=True))
    if daemon is Bird:  # the recipe asks for BFD
        configuration = "protocol bfd {}\n" + Bird.add_options(configuration, ["bfd on;"])
    with second_hop(RECIPE, daemon, configuration) as made:
        made.host.wait_established("127.0.0.1")
        made.core.wait_established(HOST_4)
        yield made


def birdc(chain: Chain, *command: str) -> str:
    assert isinstance(chain.host, Bird)
    return chain.host.birdc(*command)


def test_command_is_the_one_of_the_scenario() -> None:
    assert RECIPE.speak[:6] == ["-6", "::1", "-m", "65001", "127.0.0.1", "127.0.0.1"]


def test_bird_has_the_routes_of_the_loopback_session(chain: Chain) -> None:
    def next_hops() -> dict[str, tuple[str, ...]]:
        return {prefix: route.next_hops for prefix, route in chain.host.routes().items()}

    expected = {VIP_4: ("127.0.0.1",), VIP_6: ("::1",)}
    wait_until(lambda: next_hops() == expected, f"BIRD has {expected}")

    # BIRD does not resolve a loopback next hop, so it would not use the routes itself; it passes them on.
    assert {route.usable for route in chain.host.routes().values()} == {False}


def test_core_has_both_routes_with_the_next_hop_of_the_host(chain: Chain) -> None:
    ipv4 = chain.core.wait_route(VIP_4)
    ipv6 = chain.core.wait_route(VIP_6)

    assert ipv4.next_hops == (HOST_4,)
    assert ipv6.next_hops[0] == HOST_6
    assert all(hop.startswith("fe80::") for hop in ipv6.next_hops[1:])
    for route in (ipv4, ipv6):
        assert route.as_path == (OUR_AS,)
        assert route.origin == "igp"
        assert route.med is None


def test_core_has_only_what_the_filter_lets_pass(chain: Chain) -> None:
    outside = (OUTSIDE_4, OUTSIDE_6)

    chain.speaker.tell(*(f"announce {prefix}" for prefix in outside), "announce 192.168.101.9")

    chain.core.wait_route("192.168.101.9/32")
    wait_until(lambda: chain.host.routes().keys() >= set(outside), "BIRD has them")
    assert chain.core.routes().keys() == {VIP_4, VIP_6, "192.168.101.9/32"}


def test_withdrawn_route_leaves_the_core(chain: Chain) -> None:
    second = ("192.168.101.8/32", "fd0b:2b0b:a7b8:1ee7:c0de::8/128")
    chain.speaker.tell(*(f"announce {prefix}" for prefix in second))
    for prefix in second:
        chain.core.wait_route(prefix)

    chain.speaker.tell(*(f"withdraw {prefix}" for prefix in second))

    chain.core.wait_gone(*second)
    assert {VIP_4, VIP_6} <= chain.core.routes().keys()


def test_bfd_session_is_up_with_a_core_that_speaks_bfd(chain: Chain) -> None:
    def is_up() -> bool:
        sessions = [line.split() for line in birdc(chain, "show", "bfd", "sessions").splitlines()]
        return any(words[:1] == [CORE_4] and "Up" in words for words in sessions)

    if isinstance(chain.core, Bird):
        wait_until(is_up, "BFD up", explain=lambda: birdc(chain, "show", "bfd", "sessions"))
    else:
        assert not is_up()  # and the routes are there all the same, as the tests above say


def test_clean_shutdown_takes_the_routes_from_the_core(chain: Chain) -> None:
    assert chain.speaker.stop() == 0

    chain.host.wait_notification("127.0.0.1", ADMINISTRATIVE_SHUTDOWN)
    chain.core.wait_gone(VIP_4, VIP_6)
    chain.speaker.start()


def test_killed_bird_learns_the_routes_again(chain: Chain) -> None:
    chain.core.wait_route(VIP_4)

    chain.host.kill()
    chain.core.wait_gone(VIP_4, VIP_6)
    chain.host.start()

    chain.core.wait_route(VIP_4)
    chain.core.wait_route(VIP_6)


def test_killed_speaker_takes_its_routes_and_is_let_in_again(chain: Chain) -> None:
    chain.core.wait_route(VIP_4)

    chain.speaker.kill()
    chain.core.wait_gone(VIP_4, VIP_6)
    chain.speaker.start()

    chain.core.wait_route(VIP_4)
    chain.core.wait_route(VIP_6)
