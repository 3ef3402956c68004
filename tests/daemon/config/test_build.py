from pathlib import Path
from typing import Any

import pytest

from rhi.daemon.addresses.spec import AddressSpec, Mode
from rhi.daemon.config.build import BuildError, Setup, build
from rhi.daemon.config.load import check
from rhi.daemon.config.problems import ConfigError
from rhi.daemon.decision.spec import ALL, Adjustment, Damping, OnTrip, Quota, Sharing
from rhi.health.tcp import TcpCheck
from rhi.model.attributes import Origin, PathAttributes
from rhi.model.prefix import to_prefix

BASE: dict[str, Any] = {"router_id": "192.0.2.1", "as_number": 65001, "allow_empty": True}
TCP = {"type": "tcp", "address": "127.0.0.1", "port": 53}


def built(**parts: Any) -> Setup:
    return build(check(BASE | parts, "x", {}))


def test_drain_adds_the_mark_to_what_a_service_says() -> None:
    services = built(
        services={
            "dns": {"addresses": ["203.0.113.1"], "on_drain": {"prepend_add": 3}},
            "web": {"addresses": ["203.0.113.2"]},
        }
    ).specs.services

    assert services["dns"].draining == Adjustment(prepend_add=3, graceful_shutdown=True)
    assert services["web"].draining == Adjustment(graceful_shutdown=True)


def test_peers_take_templates_and_the_file_s_as_number(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("secret\n")
    setup = built(
        templates={"tor": {"hold_time": "9s", "med": 5, "password_file": str(key)}},
        peers={"192.0.2.9": {"template": "tor", "med": 6}, "192.0.2.8": {"as_number": 65009}},
    )

    first, second = setup.peers.values()

    assert (first.as_number, first.hold_time, first.med, first.password) == (65001, 9, 6, b"secret")
    assert (second.as_number, second.password) == (65009, None)


def test_peers_take_keys_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RHI_TEST_KEY", "secret")

    setup = built(peers={"192.0.2.9": {"password_env": "RHI_TEST_KEY"}})

    assert setup.peers["192.0.2.9"].password == b"secret"


def test_peers_that_cannot_be_are_named_all_at_once(tmp_path: Path) -> None:
    empty, two = tmp_path / "empty", tmp_path / "two"
    empty.write_text("\n")
    two.write_text("a\nb\n")

    with pytest.raises(BuildError) as caught:
        built(
            peers={
                "192.0.2.1": {"password_file": str(tmp_path / "none")},
                "192.0.2.2": {"password_file": str(empty)},
                "192.0.2.3": {"password_file": str(two)},
                "192.0.2.4": {"password_env": "RHI_TEST_UNSET"},
                "192.0.2.5": {"role_strict": True},
            }
        )

    assert [problem.text for problem in caught.value.problems] == [
        f"secret in file {tmp_path}/none: No such file or directory",
        f"secret in file {empty}: is empty",
        f"secret in file {two}: must be its first and only line",
        "secret in variable RHI_TEST_UNSET: it is not set",
        "role_strict: needs role (RFC 9234)",
    ]


def test_service_becomes_what_the_decision_works_with() -> None:
    setup = built(
        services={
            "dns": {
                "addresses": "203.0.113.1-203.0.113.2",
                "checks": [TCP, {**TCP, "name": "second", "kind": "dependency"}, TCP],
                "policy": "any",
                "on_unhealthy": {"med_add": 5},
                "med": 1,
                "origin": "egp",
                "damping": {"half_life": "1m"},
                "min_up": "500ms",
            }
        }
    )

    service = setup.specs.services["dns"]

    assert service.prefixes == (to_prefix("203.0.113.1"), to_prefix("203.0.113.2"))
    assert service.checks == ("dns/tcp", "dns/tcp-2")
    assert service.dependencies == ("dns/second",)
    assert service.bands[0].at_least == Quota(count=1)
    assert service.unhealthy == Adjustment(med_add=5)
    assert service.attributes == PathAttributes(med=1, origin=Origin.EGP)
    assert service.damping == Damping(half_life=60.0)
    assert service.min_up == 0.5
    assert set(setup.checks) == {"dns/tcp", "dns/second", "dns/tcp-2"}


def test_services_share_checks_of_the_file_and_addresses_by_rule() -> None:
    one = {"addresses": "203.0.113.1", "checks": ["backbone"], "share": "any"}
    setup = built(checks={"backbone": TCP}, services={"a": one, "b": one})

    assert setup.specs.services["a"].checks == setup.specs.services["b"].checks == ("backbone",)
    assert isinstance(setup.checks["backbone"], TcpCheck)
    assert setup.specs.sharing == {to_prefix("203.0.113.1"): Sharing.ANY}


def test_bands_and_groups_become_what_the_decision_works_with() -> None:
    bands = [
        {"name": "full", "at_least": "80 %", "recover_at": "90 %"},
        {"name": "half", "at_least": 1, "action": {"prepend_add": 2}},
    ]
    setup = built(
        services={"dns": {"addresses": "203.0.113.1", "bands": bands, "group": "g", "checks": [TCP]}},
        groups={"g": {"floor": "50 %", "on_trip": "degrade", "suspect_within": 5}},
    )

    full, half = setup.specs.services["dns"].bands
    group = setup.specs.groups["g"]

    assert (full.adjustment, half.adjustment) == (Adjustment(), Adjustment(prepend_add=2))
    assert full.recover_at is not None
    assert (group.floor.of(3), group.on_trip, group.suspect_within) == (2, OnTrip.DEGRADE, 5.0)
    assert setup.specs.groups["default"].floor.of(10) == 0


def test_addresses_are_minded_as_services_say() -> None:
    own = {"address_mode": "own", "address_linger": "9s", "address_while": "configured"}
    setup = built(
        state_file="/var/lib/rhi/state.json",
        services={
            "dns": {"addresses": "203.0.113.1", **own},
            "dot": {"addresses": "203.0.113.1", **own, "address_linger": 3},
            "web": {"addresses": ["203.0.113.2", "198.51.100.0/24"], "address_mode": "check"},
            "ntp": {"addresses": "203.0.113.3", "address_mode": "check", "interface": "eth0"},
            "old": {"addresses": "203.0.113.4"},
        },
    )

    assert setup.addresses == {
        to_prefix("203.0.113.1"): AddressSpec(mode=Mode.OWN, interface="lo", linger=9.0, is_constant=True),
        to_prefix("203.0.113.2"): AddressSpec(mode=Mode.CHECK),
        to_prefix("198.51.100.0/24"): AddressSpec(mode=Mode.CHECK),
        to_prefix("203.0.113.3"): AddressSpec(mode=Mode.CHECK, interface="eth0"),
    }


def test_lesson_28_a_probe_of_an_address_that_is_there_only_when_the_probe_passes_is_refused() -> None:
    """And one of an address that is always there reaches this host, not another one that has it too."""
    dns = {
        "addresses": "192.0.2.53",
        "checks": [{**TCP, "address": "192.0.2.53"}],
        "address_mode": "own",
        "interface": "dummy0",
    }
    with pytest.raises(ConfigError, match='write address_while = "configured"'):
        built(state_file="/state", services={"dns": dns})

    built(state_file="/state", services={"dns": {**dns, "address_while": "configured"}})


def test_service_without_a_policy_needs_all_of_its_checks() -> None:
    setup = built(services={"dns": {"addresses": "203.0.113.1", "checks": [TCP]}})

    assert setup.specs.services["dns"].bands[0].at_least == ALL


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        (
            {"eth0": {}, "fe80::1%eth0": {}},
            "peer fe80::1%eth0: is on eth0, which is a peer itself; name the one or the other",
        ),
        (
            {"192.0.2.9": {"source_ip": "2001:db8::1"}},
            "peer 192.0.2.9: source_ip 2001:db8::1 is of the other address family",
        ),
    ],
)
def test_peers_that_cannot_stand_together_are_named(peers: dict[str, Any], expected: str) -> None:
    with pytest.raises(BuildError) as caught:
        built(peers=peers)

    assert [problem.text for problem in caught.value.problems] == [expected]


def test_peers_may_be_named_by_their_interface() -> None:
    assert list(built(peers={"eth0": {}, "bond0.100": {}}).peers) == ["eth0", "bond0.100"]
