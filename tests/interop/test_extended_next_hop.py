"""IPv4 routes with an IPv6 next hop (RFC 8950)."""

from __future__ import annotations

import pytest

from tests.interop.lab import Bird, ExaBgp, Frr, GoBgp, Namespace, Router, running, speaking
from tests.interop.options import configure
from tests.interop.session import OVER_6, arguments, settings, with_daemons

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]


@pytest.mark.feature("IPv4 routes with IPv6 next hops")
@with_daemons([Bird, Frr, GoBgp, ExaBgp])
def test_ipv4_route_with_an_ipv6_next_hop(wire: tuple[Namespace, Namespace], daemon: type[Router]) -> None:
    near, far = wire
    config = configure(daemon, settings(OVER_6), "IPv4 routes with IPv6 next hops")
    speak = arguments(OVER_6, "--extended-next-hop")
    own = speak.index("-4")
    del speak[own : own + 2]  # with an IPv4 next hop of its own the route would take that
    with running(daemon(far, config)) as router, speaking(near, speak) as speaker:
        route = router.wait_route(OVER_6.route_4(1))
        router.wait_route(OVER_6.route_6(1))

        assert route.next_hops[0] == OVER_6.source_6
        speaker.tell(f"withdraw {OVER_6.route_4(1)}")
        router.wait_gone(OVER_6.route_4(1))
