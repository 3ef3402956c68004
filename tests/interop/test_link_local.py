"""Sessions between link-local addresses, which have no meaning without the interface."""

from __future__ import annotations

import dataclasses

import pytest

from tests.interop.lab import (
    Bird,
    Frr,
    GoBgp,
    Namespace,
    Neighbour,
    OpenBgpd,
    Router,
    running,
    speaking,
)
from tests.interop.options import documented
from tests.interop.session import OUR_AS, OVER_6, link_local, settings, with_daemons

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]


def configuration(daemon: type[Router], ours: str, theirs: str) -> str:
    """The neighbour is written with its zone, but for FRR, which is told of the interface by an option."""
    options = [line.replace("ADDR", ours) for line in documented("link-local sessions", daemon) or []]
    zone = "" if daemon is Frr else "%eth0"
    local = f"{theirs}%eth0" if daemon is OpenBgpd else theirs
    peer = Neighbour(address=f"{ours}{zone}", local_address=local, remote_as=OUR_AS)
    return daemon.add_options(
        daemon.configure(dataclasses.replace(settings(OVER_6), neighbours=(peer,))), options
    )


@pytest.mark.feature("link-local sessions")
@with_daemons([Bird, Frr, GoBgp, OpenBgpd])
def test_session_over_link_local_addresses_sends_the_global_next_hop(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    ours, theirs = link_local(near), link_local(far)
    start = ["-m", "-4", OVER_6.source_4, "-6", OVER_6.source_6]
    speak = [*start, str(OUR_AS), OVER_6.source_4, f"{theirs}%eth0", *OVER_6.routes(1)]
    with running(daemon(far, configuration(daemon, ours, theirs))) as router, speaking(near, speak):
        assert router.wait_route(OVER_6.route_4(1)).next_hops == (OVER_6.source_4,)
        assert router.wait_route(OVER_6.route_6(1)).next_hops[0] == OVER_6.source_6
        # OpenBGPD's library names the interface after that number in another namespace
        assert router.routes()[OVER_6.route_6(1)].peer.partition("%")[0] == ours
