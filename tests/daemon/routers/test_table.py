"""The samples themselves: golden texts of those that no test can load, and what holds for all of them."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from rhi.daemon.config.load import check
from rhi.daemon.routers.session import sessions_of
from rhi.daemon.routers.table import RENDERERS

GOLDEN: Final = Path(__file__).parent / "golden"
UNTESTED: Final = ("ios-xe", "ios-xr", "junos", "eos", "sr-linux", "routeros")
MARKS: Final = {"frr": "!", "ios-xe": "!", "ios-xr": "!", "eos": "!"}
SERVICES: Final = {
    "hosts": {"addresses": ["198.51.100.0-198.51.100.8", "2001:db8:2::53"]},
    "nets": {"addresses": ["198.18.0.0/24", "198.18.1.0/24"]},
}
PEER: Final = {
    "peer_as": 65000,
    "source_ip": "192.0.2.10",
    "multiprotocol": True,
    "ttl_security": True,
    "password_file": "/etc/rhi/key",
    "role": "customer",
    "graceful_restart": 60,
}


def render(router: str, peer: str = "192.0.2.1", /, **changes: Any) -> str:
    """A sample of a configuration with one peer; `changes` are of the peer, or of the file as `rhi_...`."""
    more = {key[4:]: changes.pop(key) for key in list(changes) if key.startswith("rhi_")}
    document = {
        "router_id": "192.0.2.10",
        "as_number": 65001,
        "services": SERVICES,
        "peers": {peer: {key: value for key, value in {**PEER, **changes}.items() if value is not None}},
        **more,
    }
    (session,) = sessions_of(check(document, "rhi.toml", {}), lambda end: None)
    return RENDERERS[router](session)


def body(router: str, text: str) -> str:
    """A sample without its comments."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(MARKS.get(router, "#")))


def on_all_routers() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("router", RENDERERS)


@pytest.mark.parametrize("router", UNTESTED)
def test_sample_of_an_untested_router_is_as_reviewed(router: str) -> None:
    text = render(router)

    assert text == (GOLDEN / f"{router}.txt").read_text()


@on_all_routers()
def test_sample_says_in_its_first_line_whether_it_is_untested(router: str) -> None:
    first = render(router).splitlines()[0]

    mark = MARKS.get(router, "#")
    assert (first == f"{mark} Untested: written from documentation") is (router in UNTESTED)


@on_all_routers()
def test_sample_of_an_unnumbered_peer_names_what_is_left_to_fill_in(router: str) -> None:
    text = render(router, "eth0", source_ip=None)

    # and names nothing that stands nowhere
    assert ("INTERFACE" in body(router, text)) is ("Fill in INTERFACE" in text)
    assert ("ROUTER_ADDRESS" in body(router, text)) is ("Fill in ROUTER_ADDRESS" in text)
    assert not re.search(r"local-address\s*;", text)
    # whoever cannot do without an address says so
    assert ("HOST_ADDRESS" in body(router, text)) is (
        "Not here: a neighbour without an address; HOST_ADDRESS is the host's link-local one" in text
    )


@on_all_routers()
def test_sample_of_a_link_local_peer_puts_no_router_in_between(router: str) -> None:
    text = render(router, "fe80::1%eth0", source_ip="fe80::2", ttl_security=None)

    assert "With another router in between" in render(router, ttl_security=None)
    assert "With another router in between" not in text
    assert router != "exabgp" or "%" not in body(router, text)


@on_all_routers()
def test_sample_of_other_origins_lets_them_through_to_us(router: str) -> None:
    services = {"hosts": {**SERVICES["hosts"], "never_last": True}}

    heard = render(router, rhi_services=services)
    silent = render(router, rhi_services={"hosts": SERVICES["hosts"]})

    assert (heard == silent) is (router == "exabgp")


@on_all_routers()
def test_sample_of_an_internal_peer_has_no_rule_for_graceful_shutdown(router: str) -> None:
    text = render(router, peer_as=65001, role=None)

    assert "65535" not in text
    assert "GRACEFUL_SHUTDOWN" not in text


@on_all_routers()
def test_sample_for_where_we_listen_lets_the_router_connect(router: str) -> None:
    waits = body(router, render(router))
    dials = body(router, render(router, rhi_listen=["192.0.2.10:179"]))

    assert re.search("passive|connect=no", waits)
    assert not re.search("passive(?!-mode = false| false)|connect=no", dials)


@on_all_routers()
def test_sample_of_other_ports_has_them_or_says_that_it_has_not(router: str) -> None:
    text = render(router, port=1179, rhi_listen=["192.0.2.10:1790"])

    assert "1179" in text
    assert "1790" in text


@on_all_routers()
def test_sample_never_holds_what_a_name_smuggles_in(router: str) -> None:
    text = render(router, password_file="/etc/rhi/key\nno router bgp 65000")

    assert "\nno router" not in text
    assert "/etc/rhi/key?no router" in text


@on_all_routers()
def test_sample_of_a_strict_role_is_told_or_said_not_to_be(router: str) -> None:
    text = render(router, role="provider", role_strict=True)

    assert "customer" in text
    assert re.search("strict|enforce|require roles on|insist", text)


@on_all_routers()
def test_sample_without_options_says_nothing_of_them(router: str) -> None:
    text = render(
        router, ttl_security=None, password_file=None, role=None, graceful_restart=None, multiprotocol=None
    )

    for word in ("SECRET", "255", "ttl-security", "ttl maximum-hops", "graceful-restart", "2001:db8"):
        assert word not in text
