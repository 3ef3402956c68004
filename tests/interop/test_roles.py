"""Roles and the attribute Only to Customer (RFC 9234), as routers see them."""

from __future__ import annotations

import re

import pytest

from tests.interop.lab import (
    ESTABLISHED,
    Bird,
    Frr,
    Namespace,
    OpenBgpd,
    Router,
    running,
    speaking,
    wait_until,
)
from tests.interop.options import configure
from tests.interop.session import OUR_AS, OVER_4, arguments, settings, with_daemons

pytestmark = [pytest.mark.interop, pytest.mark.timeout(120), pytest.mark.feature("roles and OTC")]

DAEMONS_WITH_ROLES = [Bird, Frr, OpenBgpd]
# Two of the roles, as the daemons write them.
WORDS = {Bird: {"rs-client": "rs_client", "rs": "rs_server"}, Frr: {"rs": "rs-server"}, OpenBgpd: {}}


def configuration(daemon: type[Router], role: str) -> str:
    return configure(daemon, settings(OVER_4), "roles and OTC", customer=WORDS[daemon].get(role, role))


def has_our_mark(router: Router, prefix: str) -> bool:
    """Whether the route has the attribute OTC with our AS number."""
    if isinstance(router, Bird):
        return f"BGP.otc: {OUR_AS}" in router.birdc("show", "route", prefix, "all")
    if isinstance(router, Frr):
        family = "ipv6" if ":" in prefix else "ipv4"
        return f"otc {OUR_AS}" in router.vtysh(f"show bgp {family} unicast {prefix}")
    assert isinstance(router, OpenBgpd)
    (route,) = router.bgpctl("show", "rib", "detail", prefix)["rib"]
    marks = [attribute for attribute in route.get("attributes", []) if attribute["type"] == "OTC"]
    return [mark["as"] for mark in marks] == [OUR_AS]


@pytest.mark.parametrize(
    ("ours", "theirs", "is_marked"),
    [
        ("provider", "customer", True),
        ("customer", "provider", False),
        ("peer", "peer", True),
        ("rs", "rs-client", True),
        ("rs-client", "rs", False),
    ],
)
@with_daemons(DAEMONS_WITH_ROLES)
def test_router_takes_our_role_and_what_may_not_come_up_again_is_marked(
    wire: tuple[Namespace, Namespace], daemon: type[Router], ours: str, theirs: str, is_marked: bool
) -> None:
    near, far = wire
    with (
        running(daemon(far, configuration(daemon, theirs))) as router,
        speaking(near, arguments(OVER_4, "--role", ours, "--role-strict")),
    ):
        for prefix in OVER_4.routes(1):
            router.wait_route(prefix)

            # a router itself marks what comes from its provider, its peer or its route server, if we do not
            assert has_our_mark(router, prefix) is is_marked


@with_daemons(DAEMONS_WITH_ROLES)
def test_role_that_is_no_counterpart_ends_the_session(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, configuration(daemon, "provider"))) as router,
        speaking(near, arguments(OVER_4, "--role", "provider")) as speaker,
    ):
        wait_until(lambda: "Role Mismatch" in speaker.explain(), "rhi says why")
        assert router.session_state(OVER_4.source) != ESTABLISHED


@with_daemons([Bird])
def test_router_without_a_role_is_refused_by_a_strict_speaker(
    wire: tuple[Namespace, Namespace], daemon: type[Router]
) -> None:
    near, far = wire
    with (
        running(daemon(far, daemon.configure(settings(OVER_4)))) as router,
        speaking(near, arguments(OVER_4, "--role", "customer", "--role-strict")),
    ):
        wait_until(lambda: re.search("Received: Role mismatch", router.log.read_text()), "BIRD logs 2/11")
        assert router.session_state(OVER_4.source) != ESTABLISHED
