"""Options of ExaBGP's healthcheck: what becomes of each, and what is said of those without an equivalent."""

import argparse
import importlib
from typing import Any

import pytest

from rhi.daemon.decision.reconciler import Inputs, Reconciler
from rhi.daemon.decision.spec import Verdict
from rhi.daemon.importing.exabgp_options import OPTIONS, REMARKS, parse_options
from tests.daemon.importing.converting import Converted, from_exabgp, healthcheck, no_file, sentence_of

A, B, C = "203.0.113.10", "203.0.113.11", "2001:db8::10"


def original_options() -> dict[tuple[str, ...], Any]:
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module("exabgp.application.healthcheck").setargs(parser)
    return {tuple(action.option_strings): action for action in parser._actions}


def test_options_are_all_those_of_the_installed_exabgp_with_its_defaults() -> None:
    theirs = original_options()
    ours = parse_options([], no_file)

    assert OPTIONS.keys() == theirs.keys()
    for flags, action in theirs.items():
        name = action.dest if action.dest in ("ips", "neighbors") else flags[0].lstrip("-").replace("-", "_")
        if name not in ("syslog_facility", "no_ip_setup", "ips", "neighbors"):
            assert getattr(ours, name) == action.default, flags


def test_every_option_is_converted_or_remarked_upon() -> None:
    used = {
        "name command interval fast_interval timeout rise fall disable next_hop ip local_preference start_ip "
        "deaggregate_networks up_metric down_metric disabled_metric increase community extended_community "
        "large_community disabled_community as_path up_as_path down_as_path disabled_as_path neighbor config "
        "withdraw_on_down debug no_ip_setup dynamic_ip_setup ip_ifname"
    }
    # nothing to say: rhi sends changes only, waits for no acknowledgement, and has no syslog of its own
    silent = {"debounce", "no_ack", "no_syslog"}
    names = {flags[0].lstrip("-").replace("-", "_") for flags in OPTIONS}

    assert names == set(*map(str.split, used)) | silent | REMARKS.keys()


def metrics(converted: Converted, **verdicts: Verdict) -> dict[str, tuple[int | None, int | None]]:
    """MED and prepend of each address with these verdicts of the kinds of checks."""
    setup = converted.setup
    reconciler = Reconciler(setup.specs)
    known = {
        name: next((each for kind, each in verdicts.items() if setup.checks[name].type == kind), Verdict.UP)
        for name in setup.checks
    }
    reconciler.decide(Inputs(verdicts=known), 0.0)
    return {str(prefix): (each.med, each.prepend) for prefix, each in reconciler.routes.items()}


def test_command_becomes_a_check_by_a_shell_at_the_same_pace() -> None:
    (check,) = healthcheck(f"--cmd 'curl -sf http://127.0.0.1/' --ip {A}").setup.checks.values()

    assert check.command == ("/bin/sh", "-c", "curl -sf http://127.0.0.1/")
    assert (check.interval, check.fast_interval, check.timeout, check.rise, check.fall) == (5, 1, 5, 3, 3)


def test_metrics_are_those_of_each_state_and_count_up_by_address() -> None:
    converted = healthcheck(f"--cmd x --disable /etc/off --ip {A} --ip {B} --start-ip 1 --increase 2")

    assert metrics(converted) == {B: (100, None), A: (102, None)}
    assert metrics(converted, exec=Verdict.DOWN) == {B: (1000, None), A: (1002, None)}
    assert metrics(converted, file=Verdict.DOWN) == {B: (500, None), A: (502, None)}


def test_withdraw_on_down_withdraws_when_down_and_when_disabled() -> None:
    converted = healthcheck(f"--cmd x --disable /etc/off --withdraw-on-down --ip {A}")

    assert metrics(converted) == {A: (100, None)}
    assert metrics(converted, exec=Verdict.DOWN) == metrics(converted, file=Verdict.DOWN) == {}


def test_address_that_is_named_twice_has_the_last_metric_as_there() -> None:
    converted = healthcheck(f"--cmd x --ip {A} --ip {B} --ip {A} --increase 5")

    assert metrics(converted) == {A: (110, None), B: (105, None)}


def test_metric_that_counts_down_below_zero_is_noted() -> None:
    converted = healthcheck(f"--cmd x --ip {A} --ip {B} --up-metric 3 --increase -5")

    assert metrics(converted) == {A: (3, None), B: (0, None)}
    assert "service service-2: metric -2: must be 0 to 4294967295" in converted.notes


def test_increase_of_zero_is_one_service() -> None:
    converted = healthcheck(f"--cmd x --increase 0 --ip {A} --ip {C} --name web")

    assert list(converted.file["services"]) == ["web"]
    assert converted.file["services"]["web"]["addresses"] == [A, C]


def test_next_hop_is_that_of_its_family_only() -> None:
    converted = healthcheck(f"--cmd x --increase 0 --ip {A} --ip {C} --next-hop 192.0.2.9")

    services = converted.file["services"]
    assert [each.get("next_hop") for each in services.values()] == ["192.0.2.9", None]
    assert "--next-hop 192.0.2.9: is of the other address family" in str(converted.notes)


def test_networks_are_announced_whole_or_address_by_address() -> None:
    whole = healthcheck("--cmd x --ip 203.0.113.0/30")
    single = healthcheck("--cmd x --ip 203.0.113.0/30 --deaggregate-networks")

    assert list(metrics(whole)) == ["203.0.113.0/30"]
    assert [med for med, _ in metrics(single).values()] == [100, 101, 102, 103]


def test_paths_of_our_own_number_are_prepends() -> None:
    paths = "--as-path '65001 65001' --down-as-path '65001 65001 65001' --disabled-as-path 65001"
    converted = healthcheck(f"--cmd x --disable /etc/off --ip {A} {paths}")

    assert metrics(converted) == {A: (100, 1)}
    assert metrics(converted, exec=Verdict.DOWN) == {A: (1000, 2)}
    assert metrics(converted, file=Verdict.DOWN) == {A: (500, 1)}
    assert "--disabled-as-path: is shorter than that of up; it stays" in str(converted.notes)
    assert "65001 is taken for our own AS number" in str(converted.notes)


def test_communities_are_taken_over_and_those_of_disabled_are_added() -> None:
    converted = healthcheck(
        f"--cmd x --ip {A} --community '65001:1 [ no-export, 0xFFFF029A ]' --large-community 65001:1:2 "
        "--extended-community 'target:65001:5 origin:65001:6 bandwidth:65001:1e6 65001:7' "
        "--disabled-community 65001:666 --local-preference 200"
    )

    (service,) = converted.file["services"].values()
    assert service["communities"] == ["65001:1", "no-export", "blackhole"]
    assert service["large_communities"] == ["65001:1:2"]
    assert service["extended_communities"] == ["rt:65001:5", "ro:65001:6", "lb:65001:1000000", "rt:65001:7"]
    assert service["on_unhealthy"] == {"med_add": 900, "communities": ["65001:666"]}
    assert service["local_pref"] == 200
    assert "is added to --community, and does not replace it" in str(converted.notes)


NOTED = [
    ("--up-metric 2000", "--down-metric 1000: is better than that of up; it stays"),
    ("--as-path '65001 65002'", "as-path [ 65001 65002 ]: is left out: a path has our own AS number only"),
    (
        "--community 65001:70000",
        "--community 65001:70000: left out: community '65001:70000': write two numbers",
    ),
    ("--extended-community redirect:1:2", "--extended-community redirect:1:2: left out: extended community"),
    ("--interval 0", "--interval 0: healthcheck ends after one announcement; here the check goes on"),
    ("--interval 0.5", "fast_interval 1: is 0.5 here, since it may be 0.05 to 0.5"),
    ("--timeout 0", "--timeout 0: there is always a time-out, 3600 s here"),
    ("--rise 5000", "rise 5000: is 1000 here, since it may be 1 to 1000"),
    ("--path-id 7", "--path-id 7: several paths of one route (ADD-PATH) are not sent"),
    ("--execute 'a b' --execute c", "--execute a b, c: no command is run on a change: read the event stream"),
    ("--user nobody", "--user nobody: give the user in the unit: User="),
    ("--sudo", "--sudo: no command is run for addresses: where rhi adds them, it needs CAP_NET_ADMIN itself"),
    ("--label web", "--label web: addresses get no label: rhi knows those that it has added"),
    ("--disable etc/off", "--disable etc/off: a path must begin with /; from ExaBGP's directory?"),
    ("--cmd 'test $HOME' -t 3", "the command uses $HOME: give it by environment = { HOME = ... }"),
    ("--up-metric -5", "metric -5: must be 0 to 4294967295"),
    ("--down-metric 5000000000", "--down-metric 5000000000: is more than a MED can be"),
]


@pytest.mark.parametrize(("options", "expected"), NOTED, ids=[options for options, _ in NOTED])
def test_what_has_no_equivalent_is_said(options: str, expected: str) -> None:
    assert expected in " ".join(healthcheck(f"--cmd x --ip {A} {options}").notes)


WRONG = [
    (
        "--cmd x",
        "service: has no --ip, and so announces what is on the loopback interface; name the addresses",
    ),
    ("--ip 203.0.113.1/24", "healthcheck: argument --ip: 203.0.113.1/24 has host bits set"),
    (
        "--ip 203.0.113.1 --interval soon",
        "healthcheck: argument --interval/-i: 'soon' is no number of seconds",
    ),
    ("--ip 203.0.113.1 --interval nan", "healthcheck: argument --interval/-i: 'nan' is no number of seconds"),
    ("--ip 203.0.113.1 --colour red", "healthcheck: unrecognized arguments: --colour red"),
    ("--ip 10.0.0.0/8 --deaggregate-networks", "--deaggregate-networks of 10.0.0.0/8: more than 1024 routes"),
    ("--ip 203.0.113.1 --neighbor x", "healthcheck: argument --neighbor: 'x' does not appear to be an IPv4"),
    ("--ip 203.0.113.1 --config none", "none: is not there"),
    ("--ip '203.0.113.1", "command line: No closing quotation"),
]


@pytest.mark.parametrize(("options", "expected"), WRONG, ids=[options for options, _ in WRONG])
def test_wrong_options_get_their_sentence(options: str, expected: str) -> None:
    assert sentence_of(healthcheck, options).startswith(expected)


def test_addresses_that_the_options_leave_open_are_given() -> None:
    assert list(metrics(healthcheck("--cmd x --label web", A))) == [A]


def test_option_file_is_read_as_healthcheck_reads_it() -> None:
    text = (
        f"debug\nname = haproxy\n# no\ninterval = 10\nfast-interval = 1\ncommand = curl -f 'a=b'\nip = {A}\n"
    )

    converted = from_exabgp(text)

    (check,) = converted.setup.checks.values()
    assert (check.interval, check.command[2]) == (10, "curl -f 'a=b'")
    assert list(converted.file["services"]) == ["haproxy"]
    assert converted.file["log"] == {"level": "debug"}


def test_options_of_the_command_line_win_over_those_of_its_file() -> None:
    files = {"/etc/check": f"interval = 10\nrise = 7\ncommand = x\nip = {A}"}

    (check,) = from_exabgp("exabgp healthcheck -F /etc/check --rise 2", files=files).setup.checks.values()

    assert (check.interval, check.rise) == (10, 2)


def test_neighbors_of_a_command_line_are_peers() -> None:
    converted = healthcheck(f"--cmd x --ip {A} --neighbor 192.0.2.1 --neighbor '*'")

    assert list(converted.file["peers"]) == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("curl -sf http://127.0.0.1:80/x;true", 'type = "http", url = "http://127.0.0.1:80/x"'),
        ("/usr/bin/dig @127.0.0.1 x", 'type = "dns"'),
        ("nc -z 127.0.0.1 80", 'type = "tcp"'),
    ],
)
def test_commands_that_a_check_can_do_without_are_named(command: str, expected: str) -> None:
    assert f"# Cheaper, if no more is asked: {expected}" in healthcheck(f"--cmd '{command}' --ip {A}").text
