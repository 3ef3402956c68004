"""Files of anycast-healthchecker: what becomes of them, and the wrong ones with their sentences."""

import pytest

from rhi.daemon.addresses.spec import Mode
from rhi.daemon.importing.anycast_healthchecker import CONVERTED, DEFAULTS, REMARKS, SERVICE_OPTIONS
from tests.daemon.importing.converting import from_anycast_healthchecker, sentence_of

# Version 0.9.10: options of its daemon's section and of services.
DAEMON_OPTIONS = """
pidfile bird_conf bird6_conf bird_variable bird6_variable log_maxbytes log_backups log_file stderr_file
stderr_log_server log_server log_server_port json_stdout json_log_server json_log_file purge_ip_prefixes
bird_keep_changes bird6_keep_changes bird_changes_counter bird6_changes_counter bird_reconfigure_cmd
bird6_reconfigure_cmd splay_startup prometheus_exporter prometheus_collector_textfile_dir
prometheus_exporter_interval ipv4 ipv6 dummy_ip_prefix dummy_ip6_prefix loglevel log_format_journalctl
"""

DAEMON = """
[DEFAULT]
interface             = lo
check_interval        = 4

[daemon]
pidfile               = /var/run/anycast-healthchecker/anycast-healthchecker.pid
ipv4                  = true
ipv6                  = true
bird_conf             = /var/lib/anycast-healthchecker/anycast-prefixes.conf
bird_variable         = ACAST_PS_ADVERTISE
bird_reconfigure_cmd  = sudo /usr/sbin/birdc configure
dummy_ip_prefix       = 10.189.200.255/32
loglevel              = critical
json_stdout           = true
prometheus_exporter   = false
splay_startup         = 2.5
colour                = red
"""
SERVICES = """
[foo.bar.com]
check_cmd         = /usr/bin/curl --fail --silent -H 'X: a b' http://10.52.12.1/
check_timeout     = 2.5
check_fail        = 4
check_rise        = 3
check_disabled    = false
on_disabled       = withdraw
ip_prefix         = 10.52.12.1/32
custom_bird_reconfigure_cmd = /usr/local/bin/hook

[foo6.bar.com]
check_cmd         = /usr/bin/curl --fail 'http://[fd12:aba6:57db:ffff::1]:8888'
check_interval    = 10
check_disabled    = false
ip_prefix         = fd12:aba6:57db:ffff::1/128
ip_check_disabled = true

[always]
check_cmd         = /bin/true
on_disabled       = advertise
ip_prefix         = 10.52.13.0/24

[never]
check_cmd         = /bin/true
ip_prefix         = 10.52.12.3
"""


def test_every_option_is_converted_or_remarked_upon() -> None:
    assert set(DAEMON_OPTIONS.split()) == REMARKS.keys() | CONVERTED
    assert set(SERVICE_OPTIONS) == DEFAULTS.keys() | {
        "check_cmd",
        "ip_prefix",
        "custom_bird_reconfigure_cmd",
    }


def test_services_keep_their_checks_and_their_pace() -> None:
    setup = from_anycast_healthchecker(DAEMON, SERVICES).setup
    first, second = setup.checks["foo.bar.com/exec"], setup.checks["foo6.bar.com/exec"]

    assert first.command == ("/usr/bin/curl", "--fail", "--silent", "-H", "X: a b", "http://10.52.12.1/")
    assert (first.interval, first.timeout, first.rise, first.fall) == (4, 2.5, 3, 4)
    assert (second.interval, second.timeout, second.rise, second.fall) == (10, 2, 2, 2)
    assert {name: str(*service.prefixes) for name, service in setup.specs.services.items()} == {
        "foo.bar.com": "10.52.12.1",
        "foo6.bar.com": "fd12:aba6:57db:ffff::1",
        "always": "10.52.13.0/24",
    }
    assert setup.specs.services["always"].checks == ()


def test_address_is_looked_for_where_it_was_and_never_added() -> None:
    located = SERVICES.replace("[foo6", "interface = dummy1\n[foo6")

    setups = [from_anycast_healthchecker(DAEMON, text).setup for text in (SERVICES, located)]

    # that of foo6.bar.com was not looked for, nor that of one without check
    assert [
        [(str(prefix), spec.mode, spec.interface) for prefix, spec in setup.addresses.items()]
        for setup in setups
    ] == [[("10.52.12.1", Mode.CHECK, "lo")], [("10.52.12.1", Mode.CHECK, "dummy1")]]


def test_peer_is_the_bird_of_this_host() -> None:
    (peer,) = from_anycast_healthchecker(DAEMON, SERVICES).setup.peers.items()

    assert peer[0] == "127.0.0.1"
    assert (peer[1].as_number, peer[1].peer_as, str(peer[1].next_hop_6)) == (65001, 65001, "::1")


def test_log_and_what_has_no_equivalent() -> None:
    converted = from_anycast_healthchecker(DAEMON, SERVICES)

    assert converted.file["log"] == {"level": "error", "format": "json"}
    for expected in (
        "[daemon] bird_conf, bird_variable, bird_reconfigure_cmd, dummy_ip_prefix: nothing is written",
        "[daemon] splay_startup: first probes are always spread over the interval",
        "[daemon] colour = red: is not known, and not converted",
        "service never: check_disabled is true, as it is when it is left out",
        "service foo.bar.com: custom_bird_reconfigure_cmd /usr/local/bin/hook: no command is run",
        "peer 127.0.0.1: the BIRD of this host",
    ):
        assert any(note.startswith(expected) for note in converted.notes), expected


def test_without_an_enabled_service_nothing_is_announced_and_it_is_said() -> None:
    converted = from_anycast_healthchecker("[a]\ncheck_cmd = x\nip_prefix = 10.0.0.1")

    assert converted.file["allow_empty"] is True
    assert "services: the source leads to none, so nothing is announced" in converted.notes


SERVICE = "[a]\ncheck_cmd = /bin/true\nip_prefix = 10.0.0.1\ncheck_disabled = false\n"
WRONG = [
    ("check_cmd = x", "File contains no section headers."),
    ("[a]\ncheck_cmd = x", "[a]: ip_prefix is missing"),
    ("[a]\nip_prefix = 10.0.0.1\ncheck_disabled = false", "[a]: check_cmd is missing"),
    (SERVICE.replace("/bin/true", "'x"), "[a]: check_cmd: No closing quotation"),
    (SERVICE.replace("/bin/true", ""), "[a]: check_cmd is empty"),
    (SERVICE.replace("10.0.0.1", "10.0.0.1/8"), "[a]: ip_prefix: 10.0.0.1/8 has host bits set"),
    (SERVICE + "on_disabled = maybe", "[a]: on_disabled 'maybe': must be withdraw or advertise"),
    (SERVICE + "check_rise = 1.5", "[a]: check_rise '1.5': is no number"),
    (SERVICE + "check_interval = inf", "[a]: check_interval 'inf': is no number"),
    (SERVICE.replace("false", "perhaps"), "[a]: check_disabled 'perhaps': must be true or false"),
    (SERVICE + SERVICE.replace("[a]", "[b]"), "[b]: ip_prefix 10.0.0.1 is that of [a] too; name each once"),
    (SERVICE + "x = %(y)s", "[a]: Bad value substitution"),
    (SERVICE + "[a]\n", "While reading from 'file 0' [line 5]: section 'a' already exists"),
]


@pytest.mark.parametrize(("text", "expected"), WRONG, ids=[expected for _, expected in WRONG])
def test_wrong_file_gets_its_sentence(text: str, expected: str) -> None:
    assert sentence_of(from_anycast_healthchecker, text).startswith(expected)
