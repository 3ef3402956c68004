"""Messages that only some sessions have: longer than 4,096 bytes, End-of-RIB, and the words of a shutdown."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.interop.lab import (
    ADMINISTRATIVE_SHUTDOWN,
    DAEMONS,
    ESTABLISHED,
    Bird,
    ExaBgp,
    Frr,
    GoBgp,
    Namespace,
    OpenBgpd,
    Router,
    embedding,
    running,
    speaking,
    wait_until,
)
from tests.interop.options import configure
from tests.interop.session import (
    OUR_AS,
    OVER_4,
    THEIR_AS,
    arguments,
    router_address,
    settings,
    with_daemons,
)

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

MANY = 250  # of each kind; 6,000 bytes together, too much for a message of 4,096
LARGE = " ".join(
    f"community 65001:{n} large-community 65001:7:{n} extended-community rt:65001:{n}" for n in range(MANY)
)
MESSAGE = "maintenance, back at nine"


@pytest.mark.feature("extended messages")
@with_daemons([Bird, Frr, ExaBgp])
def test_route_that_needs_an_extended_message_arrives_with_all_communities(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    config = configure(daemon, settings(OVER_4), "extended messages")
    with running(daemon(far, config)) as router, speaking(near, arguments(OVER_4)) as speaker:
        speaker.tell(*(f"announce {prefix} {LARGE}" for prefix in OVER_4.routes(2)))

        for prefix in OVER_4.routes(2):
            router.wait_route(prefix)
            assert number_of_communities(router, prefix) == [MANY] * 3


def number_of_communities(router: Router, prefix: str) -> list[int]:
    if isinstance(router, Bird):  # which shows the first of them only, so ask for their number
        kinds = ("bgp_community", "bgp_large_community", "bgp_ext_community")
        lengths = [f"show route {prefix} where {kind}.len = {MANY}" for kind in kinds]
        return [MANY * (prefix in router.birdc(*length.split())) for length in lengths]
    route = router.routes()[prefix]
    found = (route.communities, route.large_communities, route.extended_communities)
    return [len(communities or ()) for communities in found]


@with_daemons([GoBgp, OpenBgpd])
def test_route_that_needs_an_extended_message_is_held_back_from_a_router_without(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, daemon.configure(settings(OVER_4)))) as router,
        speaking(near, arguments(OVER_4)) as speaker,
    ):
        speaker.tell(f"announce {OVER_4.route_4(2)} {LARGE}", f"announce {OVER_4.route_4(3)}")
        router.wait_route(OVER_4.route_4(3))

        assert OVER_4.route_4(2) not in router.routes()
        wait_until(lambda: "attributes_too_large" in speaker.explain(), "rhi says why")
        assert router.session_state(OVER_4.source) == ESTABLISHED


@pytest.mark.feature("End-of-RIB")
@with_daemons(DAEMONS)
def test_router_is_told_the_end_of_each_family_after_its_routes(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    config = daemon.configure(settings(OVER_4)).replace("routes, states }", "routes, states, packets }")
    with running(daemon(far, config)) as router, speaking(near, arguments(OVER_4)):
        wait_until(lambda: ends_of_rib(router) == 2, "End-of-RIB of both families")

        assert set(OVER_4.routes(1)) <= router.routes().keys()


def ends_of_rib(router: Router) -> int:
    """How many the router has noted."""
    if isinstance(router, ExaBgp):
        messages = [e["neighbor"].get("message", {}) for e in router.events(OVER_4.source)]
        return sum("eor" in message for message in messages if isinstance(message, dict))
    pattern = {
        Bird: "Got END-OF-RIB",
        Frr: f"rcvd End-of-RIB for IPv[46] Unicast from {re.escape(OVER_4.source)} ",
        GoBgp: '"EOR received"',
        OpenBgpd: "received IPv[46] unicast EOR marker",
    }[type(router)]
    return len(re.findall(pattern, router.log.read_text()))


@pytest.mark.feature("shutdown communication", "administrative shutdown")
@with_daemons(DAEMONS)
def test_router_shows_the_words_of_our_shutdown(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    peer = {"as_number": OUR_AS, "source_ip": OVER_4.source}
    with (
        running(daemon(far, daemon.configure(settings(OVER_4)))) as router,
        embedding(
            near,
            router_id=OVER_4.source_4,
            peers={router_address(OVER_4): peer},
            routes=[OVER_4.route_4(1)],
        ) as program,
    ):
        router.wait_route(OVER_4.route_4(1))

        program.end(MESSAGE)

        router.wait_gone(OVER_4.route_4(1))
        router.wait_notification(OVER_4.source, ADMINISTRATIVE_SHUTDOWN)
        wait_until(lambda: MESSAGE in words_of_shutdown(router), f"{router.NAME} has the words")


def words_of_shutdown(router: Router) -> str:
    """Where the router keeps what our shutdown said."""
    if isinstance(router, Bird):
        return router.birdc("show", "protocols", "all", "peer0")
    if isinstance(router, Frr):
        return router.log.read_bytes().decode(errors="replace")
    if isinstance(router, OpenBgpd):
        return json.dumps(router.bgpctl("show", "neighbor", OVER_4.source), ensure_ascii=False)
    if isinstance(router, ExaBgp):
        return json.dumps(router.events(OVER_4.source), ensure_ascii=False)
    return router.log.read_text()


@pytest.mark.feature("shutdown communication")
@with_daemons([Bird, Frr, GoBgp, OpenBgpd])
def test_speaker_shows_the_words_of_the_routers_shutdown(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, daemon.configure(settings(OVER_4)))) as router,
        speaking(near, arguments(OVER_4)) as speaker,
    ):
        router.wait_route(OVER_4.route_4(1))

        shut_down(router)

        said = f'Administrative Shutdown: "{MESSAGE}"'
        wait_until(lambda: said in speaker.explain(), "rhi shows the words", explain=speaker.explain)


def shut_down(router: Router) -> None:
    """End the session as its operator would, with a reason."""
    peer = OVER_4.source
    if isinstance(router, Bird):
        router.birdc("disable", "peer0", f'"{MESSAGE}"')
    elif isinstance(router, Frr):
        lines = [
            "configure terminal",
            f"router bgp {THEIR_AS}",
            f"neighbor {peer} shutdown message {MESSAGE}",
        ]
        router.vtysh(*lines)
    elif isinstance(router, GoBgp):
        command = ["gobgp", "--target", router.api, "neighbor", peer, "shutdown", "--reason", MESSAGE]
        subprocess.run(command, check=True, capture_output=True, timeout=20)
    elif isinstance(router, OpenBgpd):
        command = ["bgpctl", "-s", str(router.folder / "ctl"), "neighbor", peer, "down", MESSAGE]
        subprocess.run(command, check=True, capture_output=True, timeout=20)
