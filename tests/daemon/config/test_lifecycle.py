"""What a file says of exits and crashes: what does not go together, and what it means for sessions."""

from pathlib import Path
from typing import Any

import pytest

from rhi.daemon.config.build import Setup, build
from rhi.daemon.config.lifecycle import stop_time
from rhi.daemon.config.load import load
from rhi.daemon.config.models import Config
from rhi.daemon.config.problems import ConfigError

HEAD = 'router_id = "192.0.2.10"\nas_number = 65001\n'
PEERS = '[peers."192.0.2.1"]\n[peers."192.0.2.2"]\n'
APART = '[peers."192.0.2.1"]\nreject = ["203.0.113.2"]\n[peers."192.0.2.2"]\nreject = ["203.0.113.1"]\n'


def service(name: str, number: int, *lines: str) -> str:
    return "\n".join([f"[services.{name}]", f'addresses = ["203.0.113.{number}"]', *lines]) + "\n"


def read(tmp_path: Path, *parts: str) -> Config:
    file = tmp_path / "rhi.toml"
    file.write_text("".join([HEAD, *parts]))
    return load(str(file))


def made(tmp_path: Path, *parts: str) -> Setup:
    return build(read(tmp_path, *parts))


def refused(tmp_path: Path, *parts: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(tmp_path, *parts)
    (problem,) = error.value.problems
    return problem


def restart_times(setup: Setup) -> dict[str, Any]:
    return {name: each.graceful_restart for name, each in setup.peers.items()}


def test_lesson_16_graceful_restart_is_off_unless_a_service_asks_for_it(tmp_path: Path) -> None:
    setup = made(tmp_path, "restart_time = 60\n", PEERS, service("dns", 1, 'on_crash = "fail-static"'))

    assert restart_times(setup) == {"192.0.2.1": 60, "192.0.2.2": 60}
    assert made(tmp_path, PEERS, service("dns", 1)).notes == ()
    assert set(restart_times(made(tmp_path, PEERS, service("dns", 1))).values()) == {None}


def test_services_that_differ_can_be_told_to_different_peers(tmp_path: Path) -> None:
    setup = made(tmp_path, APART, service("dns", 1, 'on_crash = "fail-static"'), service("web", 2))

    assert restart_times(setup) == {"192.0.2.1": 120, "192.0.2.2": None}


def test_services_that_differ_cannot_be_told_to_one_peer(tmp_path: Path) -> None:
    problem = refused(tmp_path, PEERS, service("dns", 1, 'on_crash = "fail-static"'), service("web", 2))

    assert problem.endswith(
        ":7: services.dns.on_crash: 'fail-static': peers.192.0.2.1 is told service web too, whose routes "
        "are not to be kept, and graceful restart is of a whole session; give both the same on_crash, or "
        "tell them to different peers (accept, reject)"
    )


def test_restart_time_of_a_peer_wins_and_services_follow_it(tmp_path: Path) -> None:
    own = '[peers."192.0.2.1"]\ngraceful_restart = 30\n'
    setup = made(tmp_path, own, service("dns", 1), service("web", 2, 'on_crash = "fail-static"'))

    assert restart_times(setup) == {"192.0.2.1": 30}


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        (
            [PEERS, service("dns", 1, 'on_exit = "keep"')],
            "services.dns.on_exit: 'keep': takes graceful restart: give on_crash = ",
        ),
        (
            [
                '[peers."192.0.2.1"]\ngraceful_restart = 30\n',
                service("dns", 1, 'on_crash = "withdraw"'),
            ],
            "services.dns.on_crash: 'withdraw': peers.192.0.2.1 is told it and has graceful_restart, by "
            "which it keeps routes; take the one or the other away",
        ),
        (
            [PEERS, service("dns", 1, 'on_crash = "warm"')],
            "services.dns.on_crash: 'warm': needs state_file, where announced routes are kept",
        ),
        (
            ["restart_time = 0.5\n", PEERS, service("dns", 1)],
            "restart_time: 0.5: must be whole seconds from 1 to 4095 (RFC 4724 §3)",
        ),
        (
            ["restart_time = 4096\n", PEERS, service("dns", 1)],
            "restart_time: 4096: must be whole seconds from 1 to 4095 (RFC 4724 §3)",
        ),
        (
            ["stop_time = 10\n", PEERS, service("dns", 1, 'on_exit = "drain"')],
            "stop_time: 10: is too short for the drain at the end, which needs 45 seconds",
        ),
        (
            [PEERS, service("dns", 1), "[drain]\ndeadline = 20\n"],
            "drain.deadline: 20 s are over before the wait of 30 s is; give more",
        ),
        (["stop_time = 0\n", PEERS, service("dns", 1)], "stop_time: 0: is too short"),
        ([PEERS, service("dns", 1, 'on_exit = "stay"')], "must be 'withdraw', 'drain' or 'keep'"),
    ],
)
def test_what_does_not_go_together_gets_one_sentence(tmp_path: Path, parts: list[str], sentence: str) -> None:
    assert sentence in refused(tmp_path, *parts)


def test_lesson_19_file_with_graceful_restart_is_told_about_bfd(tmp_path: Path) -> None:
    state = f'state_file = "{tmp_path}/state"\n'
    (note,) = made(tmp_path, state, '[peers."192.0.2.1"]\n', service("dns", 1, 'on_crash = "warm"')).notes

    assert note.startswith("peers.192.0.2.1: graceful restart is on")
    assert "BFD" in note


def test_end_has_time_for_its_drains(tmp_path: Path) -> None:
    assert stop_time(read(tmp_path, PEERS, service("dns", 1))) == 10.0
    assert stop_time(read(tmp_path, PEERS, service("dns", 1, 'on_exit = "drain"'))) == 55.0
    own = 'address_mode = "own"\naddress_linger = 7'
    assert stop_time(read(tmp_path, 'state_file = "/s"\n', PEERS, service("dns", 1, own))) == 17.0
    assert (
        stop_time(read(tmp_path, "stop_time = 50\n", PEERS, service("dns", 1, 'on_exit = "drain"'))) == 50.0
    )
