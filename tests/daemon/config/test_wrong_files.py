"""Wrong configuration files, and the sentence each of them gets."""

import json
import os
from pathlib import Path

import pytest

from rhi.daemon.config import files
from rhi.daemon.config.load import load
from rhi.daemon.config.problems import ConfigError

# Stands in front of each fragment, which so begins in line 4.
HEAD = 'router_id = "192.0.2.10"\nas_number = 65001\n'
HEAD_OF_LITTLE = "allow_empty = true\n" + HEAD
PEER = '[peers."192.0.2.1"]\n'
SERVICE = '[services.dns]\naddresses = ["203.0.113.1"]\n'

CHECK = SERVICE + '[[services.dns.checks]]\ntype = "tcp"\naddress = "192.0.2.5"\nport = 53\n'
STATE = 'state_file = "/var/lib/rhi/state.json"\n'

FRAGMENTS = [
    # peers
    (
        PEER + "hold_time = 2",
        '5: peers."192.0.2.1".hold_time: 2: must be 0 (no timers) or 3 to 65535 seconds',
    ),
    (
        PEER + 'hold_time = "9 years"',
        "5: peers.\"192.0.2.1\".hold_time: '9 years': must be a duration: a number of "
        "seconds, or text such as 500ms, 30s, 5m, 2h",
    ),
    (PEER + "holdtime = 9", '5: peers."192.0.2.1".holdtime: is no known key; did you mean hold_time?'),
    (
        PEER + 'password = "hunter2"',
        '5: peers."192.0.2.1".password: must not stand here: name a file that holds '
        "it with password_file, or a variable of the environment with password_env",
    ),
    (
        PEER + 'password_file = "a"\npassword_env = "B"',
        '6: peers."192.0.2.1".password_env: stands beside password_file: give one of them',
    ),
    (PEER + "port = 0", '5: peers."192.0.2.1".port: 0: must be a port number from 1 to 65535'),
    (PEER + 'multiprotocol = "yes"', "5: peers.\"192.0.2.1\".multiprotocol: 'yes': must be true or false"),
    (
        PEER + "peer_as = 23456",
        '5: peers."192.0.2.1".peer_as: 23456: 23456 is reserved (AS_TRANS, RFC 6793); '
        "give the real AS number",
    ),
    (
        PEER + 'next_hop_6 = "192.0.2.9"',
        "5: peers.\"192.0.2.1\".next_hop_6: '192.0.2.9': must be an IPv6 address, such as 2001:db8::1",
    ),
    (
        PEER + 'role = "boss"',
        "5: peers.\"192.0.2.1\".role: 'boss': must be one of provider, rs, rs-client, customer, peer",
    ),
    (
        PEER + "passive = true",
        '5: peers."192.0.2.1".passive: waits for the peer to connect, which needs listen = [...]',
    ),
    (
        PEER + 'template = "tors"\n[templates.tor]',
        "5: peers.\"192.0.2.1\".template: 'tors': there is no such template; did you mean tor?",
    ),
    (
        '[peers."192.0.2.300"]',
        "4: peers.\"192.0.2.300\": '192.0.2.300': not an IPv4 or IPv6 address, such as "
        "192.0.2.1 or 2001:db8::1, nor the name of an interface, such as eth0",
    ),
    (
        '[peers."fe80::1"]',
        "4: peers.\"fe80::1\": 'fe80::1': a link-local address needs its zone, such as fe80::1%eth0",
    ),
    (
        '[peers."2001:db8::1"]\n[peers."2001:db8:0::1"]',
        '5: peers."2001:db8:0::1": is the same peer as 2001:db8::1; name each peer once',
    ),
    (
        '[peers."10.0.0.1/24"]',
        "4: peers.\"10.0.0.1/24\": '10.0.0.1/24': not an IPv4 or IPv6 address, such as "
        "192.0.2.1 or 2001:db8::1",
    ),
    (
        '[dynamic_peers."10.0.0.0/8"]',
        '4: dynamic_peers."10.0.0.0/8": connect to us, which needs listen = [...]',
    ),
    # services
    ("[services.dns]", "4: services.dns.addresses: is missing"),
    ("[services.dns]\naddresses = []", "5: services.dns.addresses: []: must name at least one address"),
    (
        '[services.dns]\naddresses = ["203.0.113.256"]',
        "5: services.dns.addresses: route '203.0.113.256': octets must be 0 to 255",
    ),
    (
        '[services.dns]\naddresses = "203.0.113.9-203.0.113.1"',
        "5: services.dns.addresses: range "
        "'203.0.113.9-203.0.113.1': must be two addresses of one family, the lower one first, such as "
        "192.0.2.1-192.0.2.9",
    ),
    (
        '[services.dns]\naddresses = "10.0.0.0-10.255.255.255"',
        "5: services.dns.addresses: range "
        "'10.0.0.0-10.255.255.255': has 16777216 addresses; at most 65536 are allowed",
    ),
    (
        '[services.dns]\naddresses = ["203.0.113.1", "224.0.0.5", "::1", "ff02::1-ff02::9", "0.0.0.0", 5]',
        "5: services.dns.addresses: "
        "route '224.0.0.5': is multicast; must be unicast, and reachable from other hosts; "
        "route '::1': is loopback; must be unicast, and reachable from other hosts; "
        "range 'ff02::1-ff02::9': is multicast; must be unicast, and reachable from other hosts; "
        "route '0.0.0.0': is unspecified; must be unicast, and reachable from other hosts; "
        "5: must be text: an address, a prefix, or a range such as 192.0.2.1-192.0.2.9",
    ),
    (
        '[services."a\\nb"]\naddresses = "203.0.113.1"',
        "4: services.\"a\\nb\": 'a\\nb': must be a name: one line of text, and not empty",
    ),
    (
        CHECK.replace("[[", "policy = 0\n[["),
        "6: services.dns.policy: 0: passes whatever the checks say; must be at least 1",
    ),
    (
        SERVICE + "local_pref = 4294967296",
        "6: services.dns.local_pref: 4294967296: must be at most 4294967295",
    ),
    (
        SERVICE + 'policy = "most"',
        '6: services.dns.policy: \'most\': must be "all", "any", "at least N", "N %" or a number',
    ),
    (SERVICE + "policy = 3", "6: services.dns.policy: 3: more than the 0 checks there are"),
    (
        SERVICE + 'on_unhealthy = "die"',
        "6: services.dns.on_unhealthy: 'die': must be \"withdraw\", or a table such as { med_add = 100 }",
    ),
    (
        SERVICE + "on_unhealthy = { med_ad = 1 }",
        "6: services.dns.on_unhealthy.med_ad: is no known key; did you mean med_add?",
    ),
    (SERVICE + "med = -1", "6: services.dns.med: -1: must be at least 0"),
    (
        SERVICE + 'communities = ["65001:70000"]',
        "6: services.dns.communities: community '65001:70000': write two "
        "numbers from 0 to 65535, such as 65000:100, or one of accept-own, blackhole, graceful-shutdown, "
        "llgr-stale, no-advertise, no-export, no-export-subconfed, no-llgr, no-peer",
    ),
    (
        SERVICE + 'group = "gorup"\n[groups.group]',
        "6: services.dns.group: 'gorup': there is no such group; did you mean group?",
    ),
    (
        SERVICE + 'min_up = "soon"',
        "6: services.dns.min_up: 'soon': must be a duration: a number of seconds, or "
        "text such as 500ms, 30s, 5m, 2h",
    ),
    (
        SERVICE + "damping = { reuse = 5000 }",
        "6: services.dns.damping.reuse: 5000: must be below suppress, 3000",
    ),
    (
        SERVICE + "damping = { max_suppress = 10 }",
        "6: services.dns.damping.max_suppress: 10: is too short to ever reach suppress, 3000",
    ),
    (
        SERVICE + 'next_hop = "2001:db8::1"',
        "6: services.dns.next_hop: 2001:db8::1: is of another address family "
        "than 203.0.113.1; make it a service of its own",
    ),
    (
        SERVICE + '[services.web]\naddresses = ["203.0.113.1"]\nshare = "any"',
        "8: services.web.share: 'any': service dns, which has 203.0.113.1 too, says 'all'; they must agree",
    ),
    (
        SERVICE + 'policy = "all"\n[[services.dns.bands]]\nname = "full"\nat_least = "all"',
        "6: services.dns.policy: stands beside bands, which say what is healthy: give one of them",
    ),
    (
        SERVICE + '[[services.dns.bands]]\nname = "a"\nat_least = 1\n[[services.dns.bands]]\nname = "a"\n'
        "at_least = 0",
        "10: services.dns.bands[1].name: 'a': is there already; give another name",
    ),
    (
        SERVICE + 'checks = ["backbone"]',
        "6: services.dns.checks[0]: 'backbone': there is no such check; there are none",
    ),
    # addresses on this host
    (
        SERVICE + 'address_mode = "add"',
        "6: services.dns.address_mode: 'add': must be 'none', 'check' or 'own'",
    ),
    (
        SERVICE + 'address_mode = "check"\ninterface = "eth0/1"',
        "7: services.dns.interface: 'eth0/1': must be the name of a network interface, such as eth0",
    ),
    (
        SERVICE + 'interface = "lo"',
        "6: services.dns.interface: counts only where addresses are minded: "
        'write address_mode = "own" or "check" too',
    ),
    (
        SERVICE + 'address_mode = "check"\naddress_linger = 9',
        "7: services.dns.address_linger: counts only where rhi adds addresses: "
        'write address_mode = "own" too',
    ),
    (
        SERVICE + 'address_while = "configured"',
        '6: services.dns.address_while: counts only where rhi adds addresses: write address_mode = "own" too',
    ),
    (
        STATE + SERVICE + 'address_mode = "own"\naddress_while = "healthy"',
        "8: services.dns.address_while: 'healthy': must be 'announced' or 'configured'",
    ),
    (
        STATE + SERVICE + 'address_mode = "own"\naddress_linger = "long"',
        "8: services.dns.address_linger: 'long': must be a duration: a number of seconds, or "
        "text such as 500ms, 30s, 5m, 2h",
    ),
    (
        SERVICE + 'address_mode = "own"',
        '6: services.dns.address_mode: "own" needs state_file, so that rhi knows after a crash '
        "what it has added",
    ),
    (
        f'{STATE}[services.dns]\naddresses = ["198.51.100.0/24"]\naddress_mode = "own"',
        '6: services.dns.addresses: 198.51.100.0/24: is no single address, and "own" adds only those; '
        '"check" takes it too',
    ),
    (
        STATE + CHECK.replace("192.0.2.5", "203.0.113.1").replace("[[", 'address_mode = "own"\n[['),
        "8: services.dns.checks[0]: probes 203.0.113.1, which is on this host only while it is announced, "
        'and is announced when the probe passes: write address_while = "configured"',
    ),
    (
        SERVICE + 'address_mode = "check"\n[services.web]\naddresses = ["203.0.113.1"]',
        "7: services.web.address_mode: service dns, which has 203.0.113.1 too, says something else; "
        "they must agree",
    ),
    # checks
    (CHECK + "prot = 53", "10: services.dns.checks[0].prot: is no known key; did you mean port?"),
    (CHECK.replace("53", "0"), "9: services.dns.checks[0].port: 0: must be at least 1"),
    (
        CHECK + 'interval = "soon"',
        "10: services.dns.checks[0].interval: 'soon': must be a duration: a number of "
        "seconds, or text such as 500ms, 30s, 5m, 2h",
    ),
    (
        CHECK.replace("tcp", "tpc"),
        "6: services.dns.checks[0]: type 'tpc': must be one of tcp, tls, http, dns, icmp, grpc, exec, file, "
        "systemd, process, push, haproxy; did you mean tcp?",
    ),
    (
        CHECK.replace('type = "tcp"\n', ""),
        '6: services.dns.checks[0]: has no type: give one, such as type = "tcp"',
    ),
    ('[checks.backbone]\ntype = "icmp"', "4: checks.backbone.address: is missing"),
    # the rest
    (
        '[groups.g]\nfloor = "101 %"',
        "5: groups.g.floor: '101 %': must be at most 100 %",
    ),
    ('[groups.g]\non_trip = "explode"', "5: groups.g.on_trip: 'explode': must be 'hold' or 'degrade'"),
    ("[groups.g]\nwindow = 0", "5: groups.g.window: 0: must be more than 0"),
    ('[api]\nmode = "0999"', "5: api.mode: '0999': must be an octal mode of three digits, such as \"0660\""),
    (
        '[api]\nlisten = "127.0.0.1:8080"',
        "5: api.listen: needs token_file or token_env, so that not everybody may use it",
    ),
    (
        '[api]\ntoken_file = "/x"\ntoken_env = "X"',
        "6: api.token_env: stands beside token_file: give one of them",
    ),
    (
        'listen = ["127.0.0.1"]',
        "4: listen[0]: '127.0.0.1': write ADDRESS:PORT, such as 127.0.0.1:1790 or [::1]:1790",
    ),
    ('[log]\nformat = "xml"', "5: log.format: 'xml': must be 'text' or 'json'"),
    ("servises = 1", "4: servises: is no known key; did you mean services?"),
    ("[services]\ndns = 1", "5: services.dns: 1: must be a table of names and values"),
]


def problems(file: Path, text: str) -> list[str]:
    """What `load` says, without the name of the file."""
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(str(file))
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [problem.removeprefix(str(file)).lstrip(":").strip() for problem in caught.value.problems]


@pytest.mark.parametrize(("fragment", "expected"), FRAGMENTS, ids=[text[-60:] for _, text in FRAGMENTS])
def test_wrong_value_gets_its_sentence(tmp_path: Path, fragment: str, expected: str) -> None:
    assert problems(tmp_path / "rhi.toml", HEAD_OF_LITTLE + fragment) == [expected]


WHOLE_FILES = [
    (
        "",
        [
            "as_number: is missing",
            "peers: there are none: write allow_empty = true if nobody is to be told",
            "router_id: is missing",
            "services: there are none: write allow_empty = true if nothing is to be announced",
        ],
    ),
    (
        "as_number = 65001\nrouter_id = 1\nallow_empty = true",
        ["2: router_id: 1: must be an IPv4 address, such as 192.0.2.1"],
    ),
    (
        HEAD,
        [
            "peers: there are none: write allow_empty = true if nobody is to be told",
            "services: there are none: write allow_empty = true if nothing is to be announced",
        ],
    ),
    ("router_id =", ["is no TOML: Invalid value (at end of document)"]),
    ("a = 1\na = 2", ["is no TOML: Cannot overwrite a value (at end of document)"]),
]


@pytest.mark.parametrize(("text", "expected"), WHOLE_FILES)
def test_wrong_file_gets_its_sentences(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert problems(tmp_path / "rhi.toml", text) == expected


def test_wrong_json_is_told_by_path(tmp_path: Path) -> None:
    document = {"router_id": "192.0.2.1", "as_number": 65001, "peers": {"192.0.2.9": {"port": "x"}}}

    found = problems(tmp_path / "rhi.json", json.dumps(document))

    assert "peers.\"192.0.2.9\".port: 'x': must be a port number from 1 to 65535" in found
    assert problems(tmp_path / "bad.json", "{") == [
        "is no JSON: Expecting property name enclosed in double quotes (line 1, column 2)"
    ]
    assert problems(tmp_path / "list.json", "[]") == ["must hold a table of settings"]


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = HEAD + PEER + 'port = -1\ntemplate = "x"\n' + SERVICE + "med = -1\nmin_up = -1\n"

    found = problems(tmp_path / "rhi.toml", text)

    assert [line.split(":")[0] for line in found] == ["4", "5", "8", "9"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\xff", "is no UTF-8 text (byte 0)"),
        (b"a" * (16 * 1024 * 1024 + 1), "is larger than 16777216 bytes"),
    ],
    ids=["encoding", "size"],
)
def test_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, expected: str) -> None:
    file = tmp_path / "rhi.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigError, match="is ") as caught:
        load(str(file))

    assert caught.value.problems == [f"{file}: {expected}"]


def test_file_that_is_a_pipe_without_a_writer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIPE_TIME", 0.01)
    os.mkfifo(tmp_path / "pipe.toml")

    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path / "pipe.toml"))

    assert caught.value.problems == [f"{tmp_path}/pipe.toml: cannot be read: is a pipe that nobody writes to"]


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(str(tmp_path / "none.toml"))

    assert caught.value.problems == [f"{tmp_path}/none.toml: cannot be read: No such file or directory"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rhi.toml", ".".join("a" * 10_000) + " = 1"),
        ("rhi.toml", "[" + ".".join("a" * 10_000) + "]"),
        ("rhi.toml", "a = " + "[" * 100 + "]" * 100),
        ("rhi.json", '{"a":' * 400 + "1" + "}" * 400),
    ],
    ids=["key", "header", "list", "json"],
)
def test_file_that_is_deeper_than_any_configuration_is_refused(tmp_path: Path, name: str, text: str) -> None:
    assert problems(tmp_path / name, text) == ["is nested too deeply"]


def test_file_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    (found,) = problems(tmp_path / "rhi.json", "[" * 100_000)

    assert found in ("is nested too deeply", "must hold a table of settings") or found.startswith(
        "is no JSON"
    )
