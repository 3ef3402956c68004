"""Services of several processes that share addresses: they say the same of where these are."""

from typing import Any

from tests.daemon.importing.converting import Converted, from_exabgp

A, B, C = "203.0.113.10", "203.0.113.11", "203.0.113.12"
NEIGHBOR = (
    "neighbor 192.0.2.1 { router-id 192.0.2.9; local-as 65001; peer-as 65001; "
    "api { processes [ a b c ]; } %s }\n"
)


def configuration(*options: str, route: str = "") -> Converted:
    """From a configuration with a process for each of these options, and maybe a route of its own."""
    static = f"static {{ route {route} next-hop self; }}" if route else ""
    processes = [
        f"process {name} {{ run python -m exabgp healthcheck --cmd x {each}; }}\n"
        for name, each in zip("abc", options, strict=False)
    ]
    return from_exabgp(NEIGHBOR % static + "".join(processes))


def said(converted: Converted) -> dict[str, tuple[Any, ...]]:
    keys = ("address_mode", "interface", "address_while")
    return {name: tuple(map(each.get, keys)) for name, each in converted.file["services"].items()}


def test_one_address_is_where_the_process_put_it_that_did_most() -> None:
    constant = ("own", "eth1", "configured")
    converted = configuration(
        f"--ip {A} --no-ip-setup", f"--ip {A} --ip-ifname {A}%eth1", f"--ip {A} --dynamic-ip-setup"
    )

    assert said(converted) == {"a": constant, "b": constant, "c": constant}
    notes = [each for each in converted.notes if "another way" in each]
    assert notes == [
        "service a: address_mode: service b, service c has an address of it too, and another way; "
        'it is "own" as there',
        "service c: address_mode: service a, service b has an address of it too, and another way; "
        'it is "own" as there',
    ]


def test_route_of_the_file_itself_is_of_the_same_address_however_it_is_written() -> None:
    assert said(configuration(f"--ip {A}", route=f"{A}/32"))["static"] == ("own", None, "configured")


def test_nothing_is_done_for_addresses_that_are_shared_in_part() -> None:
    converted = configuration(
        f"--ip {A} --ip {B} --increase 0", f"--ip {B} --ip {C} --increase 0 --no-ip-setup"
    )

    assert set(said(converted).values()) == {(None, None, None)}
    assert "CAP_NET_ADMIN" not in converted.text
    assert "it is left out: put the addresses there before" in str(converted.notes)


def test_services_that_share_nothing_or_agree_are_left_as_they_are() -> None:
    converted = configuration(f"--ip {A}", f"--ip {A}", f"--ip {B} --no-ip-setup")

    assert said(converted) == {
        "a": ("own", None, "configured"),
        "b": ("own", None, "configured"),
        "c": (None, None, None),
    }
    assert "another way" not in str(converted.notes)
