"""A configuration that a client shows: checked, small, and nothing that it names is opened."""

import os
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon.config.build import Setup, build
from rhi.daemon.config.load import check
from rhi.daemon.config.problems import ConfigError
from rhi.daemon.control.planning import MAX_ADDRESSES, setup_of
from rhi.model.parameters import Parameters

PEER = "192.0.2.1"


def document(addresses: Any = "203.0.113.10", **peer: Any) -> dict[str, Any]:
    return {
        "router_id": "192.0.2.10",
        "as_number": 65001,
        "peers": {PEER: peer},
        "services": {"dns": {"addresses": addresses}},
    }


def running(**peer: Any) -> Setup:
    return build(check(document(**peer), "file", {}), lambda file, variable: b"sesame" if file else None)


def test_setup_of_takes_a_key_from_the_same_place_for_the_same() -> None:
    setup = setup_of(document(password_file="/keys/a"), running(password_file="/keys/a"))

    assert setup.peers[PEER] == Parameters(as_number=65001, password="sesame")


@pytest.mark.parametrize("peer", [{"password_file": "/keys/b"}, {"password_env": "RHI_KEY"}])
def test_setup_of_takes_a_key_from_another_place_for_a_new_one(peer: dict[str, str]) -> None:
    before = running(password_file="/keys/a")

    setup = setup_of(document(**peer), before)

    assert before.peers[PEER].changed_fields(setup.peers[PEER]) == {"password"}


def test_setup_of_does_not_open_what_a_client_names(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # reading it would never end

    setup = setup_of(document(password_file=str(pipe)), running())

    assert setup.keys == {(str(pipe), None): b"unread"}


def test_setup_shows_no_key_to_those_who_print_it() -> None:
    assert "sesame" not in repr(running(password_file="/keys/a"))


@pytest.mark.parametrize(
    "addresses",
    [
        "10.0.0.0-10.0.64.1",
        ["10.0.0.0-10.0.63.255", "10.1.0.1", "10.1.0.2"],
        ["2001:db8::-2001:db8:ffff::"],
    ],
)
def test_setup_of_few_letters_for_many_addresses_is_refused_before_they_are_made(addresses: Any) -> None:
    # one is announced already
    sentence = f"addresses: at most {MAX_ADDRESSES + 1} can be planned over the API"

    with pytest.raises(ConfigError, match=rf"document: services: \d+ {sentence}"):
        setup_of(document(addresses), running())


@pytest.mark.parametrize("addresses", [[["a"]], {"a": 1}, "b-a", 7, None])
def test_setup_of_wrong_addresses_is_refused_by_the_usual_rules(addresses: Any) -> None:
    with pytest.raises(ConfigError, match=r"document: services\.dns\.addresses"):
        setup_of(document(addresses), running())


@pytest.mark.parametrize("services", [[], 1, {"dns": 1}])
def test_setup_of_wrong_services_is_refused_by_the_usual_rules(services: Any) -> None:
    with pytest.raises(ConfigError, match=r"document: services"):
        setup_of({**document(), "services": services}, running())
