"""Where ExaBGP's healthcheck had its addresses on the host, and what services say of them."""

from typing import Any

import pytest

from tests.daemon.importing.converting import healthcheck, sentence_of

A, B, NETWORK = "203.0.113.10", "203.0.113.11", "198.51.100.0/30"
KEYS = ("address_mode", "interface", "address_while")
CONSTANT = {"address_mode": "own", "address_while": "configured"}
CHANGING = {"address_mode": "own"}
CHECKED = {"address_mode": "check", "interface": "lo"}


def said(options: str, *addresses: str) -> dict[str, dict[str, Any]]:
    """What services say of their addresses, by address."""
    services = healthcheck(f"--withdraw-on-down {options}", *addresses).file["services"].values()
    return {
        address: {key: service[key] for key in KEYS if key in service}
        for service in services
        for address in (
            [service["addresses"]] if isinstance(service["addresses"], str) else service["addresses"]
        )
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", CONSTANT),
        ("--no-ip-setup", {}),
        ("--dynamic-ip-setup", CHANGING),
        ("--dynamic-ip-setup --no-ip-setup", CHANGING),
        (f"--ip-ifname {A}%eth1", {**CONSTANT, "interface": "eth1"}),
        (f"--ip-ifname {A}%lo", CONSTANT),
        (f"--ip-ifname {A}%eth1 --dynamic-ip-setup", {**CHANGING, "interface": "eth1"}),
        (f"--ip-ifname {A}%eth1 --no-ip-setup", {}),
    ],
)
def test_address_is_added_as_it_was(options: str, expected: dict[str, Any]) -> None:
    assert said(f"--cmd x --ip {A} {options}") == {A: expected}


def test_interface_that_healthcheck_did_not_use_is_said() -> None:
    said_of = "--ip-ifname: does nothing with --no-ip-setup"

    assert said_of in str(healthcheck(f"--cmd x --ip {A} --ip-ifname {A}%eth1 --no-ip-setup").notes)
    assert said_of not in str(healthcheck(f"--cmd x --ip {A} --no-ip-setup").notes)


@pytest.mark.parametrize("options", ["--label web", "--no-ip-setup"])
def test_what_was_found_on_lo_is_looked_for_there(options: str) -> None:
    assert said(f"--cmd x {options}", A) == {A: CHECKED}


def test_what_was_found_on_lo_is_our_own_only_when_it_was_taken_away_before() -> None:
    options = "--cmd x --dynamic-ip-setup --withdraw-on-down"

    assert said(options, A) == {A: CHANGING}
    assert "what is on lo when rhi starts is not its own" in str(healthcheck(options, A).notes)


def test_addresses_of_one_metric_are_a_service_for_each_place() -> None:
    rest = "203.0.113.12", "198.51.100.4/30"
    options = f"--ip {A} --ip {B} --ip {NETWORK} --ip {rest[0]} --ip {rest[1]} --ip-ifname {B}%eth1"
    services = healthcheck(f"--cmd x --increase 0 {options}").file["services"].values()

    assert [each["addresses"] for each in services] == [[A, rest[0]], B, [NETWORK, rest[1]]]
    assert [each.get("interface") for each in services] == [None, "eth1", None]


def test_network_is_not_added_but_its_single_addresses_are() -> None:
    whole = f"--cmd x --ip {NETWORK} --ip-ifname {NETWORK}%eth1"

    assert said(whole) == {NETWORK: {"address_mode": "check"}}
    assert "a prefix: healthcheck added each address of it" in str(healthcheck(whole).notes)
    # healthcheck looks for the interface of each address, finds none, and takes lo
    assert list(said(f"{whole} --deaggregate-networks").values()) == [CONSTANT] * 4


@pytest.mark.parametrize(
    ("command", "is_asked"),
    [
        (f"curl -sf http://{A}:8080/", True),
        (f"dig @{A} example.com", True),
        ("curl -sf http://127.0.0.1:8080/", False),
        (f"dig @{A}0 example.com", False),
    ],
)
def test_address_that_the_command_asks_at_stays(command: str, is_asked: bool) -> None:
    options = f"--cmd '{command}' --ip {A} --dynamic-ip-setup --withdraw-on-down"

    assert said(options) == {A: CONSTANT if is_asked else CHANGING}
    assert ("the command asks at the address itself" in str(healthcheck(options).notes)) is is_asked


def test_ipv6_address_that_the_command_asks_at_stays() -> None:
    options = "--cmd 'curl http://[2001:DB8:0::10]:80/' --ip 2001:db8::10 --dynamic-ip-setup"

    assert said(options) == {"2001:db8::10": CONSTANT}


def test_address_under_a_worse_route_is_spoken_of_once() -> None:
    notes = healthcheck(f"--cmd x --ip {A} --ip {B} --dynamic-ip-setup").notes

    assert len([each for each in notes if "an address stays while its route is announced" in each]) == 1


@pytest.mark.parametrize("options", ["", "--dynamic-ip-setup"])
def test_rights_and_state_file_are_asked_for_where_rhi_adds_addresses(options: str) -> None:
    converted = healthcheck(f"--cmd x --ip {A} --ip {B} {options}")

    assert converted.file["state_file"] == "/var/lib/rhi/state.json"
    assert len([each for each in converted.notes if "CAP_NET_ADMIN" in each]) == 1


def test_neither_is_asked_for_where_rhi_adds_none() -> None:
    for converted in (healthcheck(f"--cmd x --ip {A} --no-ip-setup"), healthcheck("--cmd x", A)):
        assert "state_file" not in converted.file
        assert "CAP_NET_ADMIN" not in converted.text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (f"--ip-ifname {B}%eth1", f"--ip-ifname {B}/32%eth1: there is no --ip {B}/32"),
        (
            f"--ip-ifname {A}",
            f"healthcheck: argument --ip-ifname: '{A}' is no address%interface",
        ),
        ("--ip-ifname x%eth1", "healthcheck: argument --ip-ifname: 'x' does not appear to be an IPv4 or"),
    ],
)
def test_wrong_interface_gets_its_sentence(options: str, expected: str) -> None:
    assert sentence_of(healthcheck, f"--cmd x --ip {A} {options}").startswith(expected)
