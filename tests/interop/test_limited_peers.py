"""Peers that understand less: AS numbers of two octets only, one address family only.

What a peer did not offer is not used on it (RFC 5492), and its session lives on.
"""

from __future__ import annotations

import pytest

from tests.interop.bench import EXTERNAL_AS, KINDS, ROUTER_4, ROUTER_6, Kind
from tests.interop.lab import (
    DAEMONS,
    ESTABLISHED,
    Bird,
    ExaBgp,
    Frr,
    Namespace,
    Neighbour,
    OpenBgpd,
    Router,
    Settings,
    running,
    speaking,
)
from tests.interop.options import configure
from tests.interop.session import with_daemons

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

AS_TRANS = 23456  # stands for a number of four octets towards a peer of two (RFC 6793 §9)
OUR_AS, ROUTER_AS = 4_200_000_001, 65010

OVER_4, OVER_6 = (kind for kind in KINDS if not kind.internal)


def neighbour(
    kind: Kind, *, remote_as: int, families: tuple[int, ...] = (4, 6), four_octet_as: bool = True
) -> Neighbour:
    local = ROUTER_4 if kind.transport == 4 else ROUTER_6
    return Neighbour(
        address=kind.source,
        local_address=local,
        remote_as=remote_as,
        families=families,
        four_octet_as=four_octet_as,
    )


def arguments(kind: Kind, as_number: int, *options: str) -> list[str]:
    return [
        *["-4", kind.source_4, "-6", kind.source_6, "--source", kind.source, *options],
        *[str(as_number), kind.source_4, ROUTER_4 if kind.transport == 4 else ROUTER_6],
        *kind.routes(1),
    ]


# GoBGP always offers AS numbers of four octets. BIRD and OpenBGPD, told not to offer them, read ours
# all the same and compare it with the configured one; ExaBGP then knows AS_TRANS only.
@pytest.mark.feature("peers of 2-octet AS numbers")
@pytest.mark.parametrize(
    ("daemon", "remote_as"),
    [(Bird, OUR_AS), (OpenBgpd, OUR_AS), (ExaBgp, AS_TRANS)],
    ids=["bird", "openbgpd", "exabgp"],
)
def test_peer_of_two_octets_gets_as_trans_and_the_true_path(
    wire: tuple[Namespace, Namespace], daemon: type[Router], remote_as: int
) -> None:
    near, far = wire
    peers = (neighbour(OVER_4, remote_as=remote_as, four_octet_as=False),)
    settings = Settings(as_number=ROUTER_AS, router_id=ROUTER_4, neighbours=peers)
    config = configure(daemon, settings, "peers of 2-octet AS numbers")
    with (
        running(daemon(far, config)) as router,
        speaking(near, arguments(OVER_4, OUR_AS, "-m")) as speaker,
    ):
        speaker.tell(f"announce {OVER_4.route_4(2)} prepend 2")

        # AS_PATH carries AS_TRANS; the daemon puts the true number back from AS4_PATH.
        assert router.wait_route(OVER_4.route_4(1)).as_path == (OUR_AS,)
        assert router.wait_route(OVER_4.route_6(1)).as_path == (OUR_AS,)
        assert router.wait_route(OVER_4.route_4(2)).as_path == (OUR_AS,) * 3


@pytest.mark.feature("address families as agreed")
@with_daemons(DAEMONS)
def test_peer_of_one_family_gets_that_family_only(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    peers = (
        neighbour(OVER_4, remote_as=OUR_AS, families=(4,)),
        neighbour(OVER_6, remote_as=OUR_AS, families=(6,)),
    )
    config = daemon.configure(Settings(as_number=ROUTER_AS, router_id=ROUTER_4, neighbours=peers))
    with (
        running(daemon(far, config)) as router,
        speaking(near, arguments(OVER_4, OUR_AS, "-m")) as over_4,
        speaking(near, arguments(OVER_6, OUR_AS, "-m")) as over_6,
    ):
        router.wait_route(OVER_4.route_4(1))
        router.wait_route(OVER_6.route_6(1))

        # one more change each, so that what came before it has been dealt with
        over_4.tell(f"announce {OVER_4.route_6(2)}", f"announce {OVER_4.route_4(2)}")
        over_6.tell(f"announce {OVER_6.route_4(2)}", f"announce {OVER_6.route_6(2)}")
        router.wait_route(OVER_4.route_4(2))
        router.wait_route(OVER_6.route_6(2))

        assert set(router.routes()) == {
            *(OVER_4.route_4(index) for index in (1, 2)),
            *(OVER_6.route_6(index) for index in (1, 2)),
        }
        for kind in (OVER_4, OVER_6):
            assert router.session_state(kind.source) == ESTABLISHED


@pytest.mark.feature("address families as agreed")
@with_daemons(DAEMONS)
def test_without_multiprotocol_each_session_carries_its_own_family(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    peers = tuple(neighbour(kind, remote_as=OUR_AS) for kind in (OVER_4, OVER_6))
    config = daemon.configure(Settings(as_number=ROUTER_AS, router_id=ROUTER_4, neighbours=peers))
    with (
        running(daemon(far, config)) as router,
        speaking(near, arguments(OVER_4, OUR_AS)) as over_4,
        speaking(near, arguments(OVER_6, OUR_AS)) as over_6,
    ):
        over_4.tell(f"announce {OVER_4.route_6(2)}", f"announce {OVER_4.route_4(2)}")
        over_6.tell(f"announce {OVER_6.route_4(2)}", f"announce {OVER_6.route_6(2)}")
        for index in (1, 2):
            router.wait_route(OVER_4.route_4(index))
            router.wait_route(OVER_6.route_6(index))

        assert set(router.routes()) == {
            *(OVER_4.route_4(index) for index in (1, 2)),
            *(OVER_6.route_6(index) for index in (1, 2)),
        }


@pytest.mark.feature("peers without capabilities")
@with_daemons([Bird, Frr, OpenBgpd])
def test_peer_without_capabilities_gets_ipv4_routes(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    config = configure(daemon, settings_without_capabilities(EXTERNAL_AS[2]), "peers without capabilities")
    with (
        running(daemon(far, config)) as router,
        speaking(near, arguments(OVER_4, EXTERNAL_AS[2], "-m")) as speaker,
    ):
        assert router.wait_route(OVER_4.route_4(1)).as_path == (EXTERNAL_AS[2],)

        speaker.tell(f"announce {OVER_4.route_4(2)}", f"withdraw {OVER_4.route_4(1)}")
        router.wait_route(OVER_4.route_4(2))
        router.wait_gone(OVER_4.route_4(1))


def test_frr_without_capabilities_leaves_as4_path_unread(wire: tuple[Namespace, Namespace]) -> None:
    near, far = wire
    config = configure(Frr, settings_without_capabilities(OUR_AS), "peers without capabilities")
    with running(Frr(far, config)) as frr, speaking(near, arguments(OVER_4, OUR_AS, "-m")):
        assert frr.wait_route(OVER_4.route_4(1)).as_path == (AS_TRANS,)


def settings_without_capabilities(remote_as: int) -> Settings:
    # an address family can only be agreed on with capabilities
    peer = neighbour(OVER_4, remote_as=remote_as, families=(4,), four_octet_as=False)
    return Settings(as_number=ROUTER_AS, router_id=ROUTER_4, neighbours=(peer,))
