"""Each sentence of the doctor, provoked on a host that has nothing else wrong."""

import re
import tomllib
from collections.abc import Mapping
from ipaddress import ip_address, ip_interface
from pathlib import Path
from typing import Any

import pytest

from rhi.daemon import doctor
from rhi.daemon.config.build import build, no_key
from rhi.daemon.config.load import check
from rhi.daemon.doctor.diagnose import diagnose
from rhi.daemon.doctor.finding import Finding
from rhi.daemon.doctor.system import Interface, Listener, LivePeer, Owner, System

DOCUMENT = Path(__file__).parents[3] / "docs" / "doctor.md"

BASE = """
router_id = "192.0.2.10"
as_number = 65001
TOP
[peers."192.0.2.1"]
multiprotocol = true
next_hop_6 = "2001:db8::1:10"
PEER
[services.web]
addresses = ["203.0.113.10", "2001:db8::10"]
SERVICE
"""


def networks(*texts: str) -> Interface:
    return Interface(addresses=tuple(map(ip_interface, texts)))


INTERFACES = {
    "lo": networks("127.0.0.1/8", "::1/128", "203.0.113.10/32", "2001:db8::10/128", "10.255.255.1/30"),
    "eth0": networks("192.0.2.10/24", "2001:db8::1:10/112"),
}


def system(sysctl: Mapping[str, str] | None = None, **fields: Any) -> System:
    options = {"net/ipv4/ip_unprivileged_port_start": "1024", **(sysctl or {})}
    return System(**{"interfaces": INTERFACES, "user": "rhi", "gid": 7, "groups": frozenset({7}),
                     "sysctl": options.get, **fields})  # fmt: skip


def findings(
    host: System | None = None, *, top: str = "", peer: str = "", service: str = "", base: str = BASE
) -> list[Finding]:
    text = base.replace("TOP", top).replace("PEER", peer).replace("SERVICE", service)
    config = check(tomllib.loads(text), "file", {})
    return diagnose(config, build(config, no_key), host or system())


def refuses(*paths: str, why: str = "Permission denied") -> Any:
    return lambda path: why if path in paths else ""


def on_loopback(peer: str = "127.0.0.1", more: str = "", *, v6: bool = False) -> str:
    service = '"203.0.113.10", "2001:db8::10"' if v6 else '"203.0.113.10"'
    return (
        f'router_id = "192.0.2.10"\nas_number = 65001\n[peers."{peer}"]\n{more}\n'
        f"[services.web]\naddresses = [{service}]\n"
    )


def listening(
    name: str, address: str = "127.0.0.1", port: int = 179, program: str = "", *arguments: str
) -> tuple[Listener, ...]:
    return (Listener(ip_address(address), port, Owner(99, name, program, arguments)),)


def check_of(kind: str, more: str = "") -> str:
    return f'[[services.web.checks]]\ntype = "{kind}"\n{more}'


OUR_ID = "192.0.2.10"
TWO_UPLINKS = {**INTERFACES, "eth1": networks("198.51.100.1/24")}

# What is asked for and what the host is like, the code, and the line.
CASES: list[tuple[dict[str, Any], str, str]] = [
    # ports
    (
        {"top": 'listen = ["192.0.2.10:1179"]', "host": system(listeners=listening("bird", "0.0.0.0", 1179))},
        "port-taken",
        "error: listen 192.0.2.10:1179: the port is taken by bird (pid 99); stop that, or give rhi another "
        "address or port",
    ),
    (
        {
            "top": 'listen = ["[::]:1179"]',
            "host": system(listeners=(Listener(ip_address("2001:db8::1:10"), 1179),)),
        },
        "port-taken",
        "error: listen [::]:1179: the port is taken by another process; stop that, or give rhi another "
        "address or port, or run rhi doctor as root to see which",
    ),
    (
        {"top": 'api = { listen = "127.0.0.1:80", token_env = "T" }'},
        "port-rights",
        "error: api.listen 127.0.0.1:80: user rhi may not listen on a port below 1024; give the daemon "
        "CAP_NET_BIND_SERVICE, as AmbientCapabilities= in its unit does",
    ),
    (
        {"top": 'listen = ["192.0.2.99:1179"]'},
        "listen-address",
        "error: listen 192.0.2.99:1179: is not an address of this host; add it to an interface, or set "
        "net.ipv4.ip_nonlocal_bind = 1",
    ),
    # files
    (
        {"peer": 'password_file = "/k"', "host": system(unreadable=refuses("/k"))},
        "file-unreadable",
        "error: peers.192.0.2.1: password_file /k: Permission denied; let user rhi read it, and nobody else",
    ),
    (
        {
            "top": 'api = { listen = "127.0.0.1:9790", token_file = "/t" }',
            "host": system(unreadable=refuses("/t", why="No such file or directory")),
        },
        "file-unreadable",
        "error: api: token_file /t: No such file or directory; let user rhi read it, and nobody else",
    ),
    (
        {
            "service": check_of("http", 'url = "https://127.0.0.1/"\nca_file = "/ca"'),
            "host": system(unreadable=refuses("/ca")),
        },
        "file-unreadable",
        "error: check web/http: ca_file /ca: Permission denied; let user rhi read it",
    ),
    (
        {"peer": 'password_env = "KEY"', "host": system(is_secret=lambda name: False)},
        "variable-unset",
        "error: peers.192.0.2.1: password_env: the variable KEY is not set here; set it for the daemon, as "
        "EnvironmentFile= in its unit does, or use a file",
    ),
    (
        {
            "top": 'api = { listen = "127.0.0.1:9790", token_env = "T" }',
            "host": system(is_secret=lambda name: name != "T"),
        },
        "variable-unset",
        "error: api: token_env: the variable T is not set here; set it for the daemon, as EnvironmentFile= "
        "in its unit does, or use a file",
    ),
    (
        {
            "top": 'state_file = "/s/x"',
            "host": system(uncreatable=refuses("/s/x", why="/s may not be written to")),
        },
        "state-file",
        "error: state_file /s/x: cannot be written: /s may not be written to; make its directory, "
        "for user rhi to write to, as StateDirectory= in the unit does",
    ),
    (
        {"top": 'state_file = "/s/x"', "host": system(unlockable=refuses("/s/x.lock"))},
        "state-lock",
        "warning: state_file /s/x: nothing keeps a second daemon from it, since /s/x.lock cannot be locked: "
        "Permission denied; give it to the daemon's user: chown rhi /s/x.lock",
    ),
    (
        {
            "top": 'api = { socket = "/s/x" }',
            "host": system(uncreatable=refuses("/s/x", why="/s is no directory")),
        },
        "socket-directory",
        "error: api.socket /s/x: cannot be made: /s is no directory; make its directory, for user rhi to "
        "write to, as RuntimeDirectory= in the unit does",
    ),
    (
        {"top": f'api = {{ socket = "/{"x" * 104}" }}'},
        "socket-path",
        f"error: api.socket /{'x' * 104}: its path is longer than the 107 bytes that a socket may have, with "
        ".new; give it a shorter one",
    ),
    (
        {"top": 'api = { socket = "/x", group = "netops" }', "host": system(has_group=lambda name: False)},
        "socket-group",
        "error: api.socket /x: there is no group netops; add it: groupadd netops",
    ),
    # addresses
    (
        {
            "service": 'address_mode = "own"',
            "top": 'state_file = "/s"',
            "base": BASE.replace("203.0.113.10", "203.0.113.99"),
        },
        "address-rights",
        "error: service web: user rhi may not add addresses to interfaces; give the daemon CAP_NET_ADMIN, as "
        "AmbientCapabilities= in its unit does",
    ),
    (
        {"service": 'address_mode = "check"\ninterface = "eth7"'},
        "no-interface",
        "error: service web: there is no interface eth7; correct its name, or bring it about",
    ),
    (
        {
            "base": BASE.replace("203.0.113.10", "192.0.2.77"),
            "host": system(
                {"net/ipv4/conf/eth0/arp_announce": "2"},
                interfaces={**INTERFACES, "lo": networks("127.0.0.1/8", "192.0.2.77/32", "2001:db8::10/128")},
            ),
        },
        "arp",
        "warning: addresses: 192.0.2.77 on lo: eth0 is in the same network, 192.0.2.0/24, where neighbours "
        "reach this host by ARP whatever BGP says; set net.ipv4.conf.eth0.arp_ignore = 1",
    ),
    # checks
    (
        {
            "service": check_of("exec", 'command = ["/bin/x"]'),
            "host": system(not_runnable=refuses("/bin/x", why="there is no such program")),
        },
        "check-command",
        "error: check web/exec: command /bin/x: there is no such program; install it, or let user rhi run "
        "it",
    ),
    (
        {
            "service": check_of("haproxy", 'socket = "/h"\nbackend = "b"'),
            "host": system(unwritable=refuses("/h", why="may not be written to")),
        },
        "check-socket",
        "error: check web/haproxy: socket /h: may not be written to; have HAProxy make it, with rights for "
        "user rhi: stats socket /h mode 660 group GROUP level user",
    ),
    (
        {
            "service": check_of("icmp", 'address = "192.0.2.1"'),
            "host": system({"net/ipv4/ping_group_range": "1\t0"}),
        },
        "ping-group",
        "error: check web/icmp: no group of user rhi is in net.ipv4.ping_group_range = 1 0, and there is no "
        'CAP_NET_RAW; set net.ipv4.ping_group_range = "7 7", or give the daemon CAP_NET_RAW',
    ),
    (
        {"service": check_of("tcp", 'address = "192.0.2.1"\nport = 1\nsource = "192.0.2.99"')},
        "check-source",
        "error: check web/tcp: source 192.0.2.99 is not an address of this host; add it to an interface, or "
        "leave source out",
    ),
    (
        {"service": check_of("tcp", 'address = "192.0.2.1"\nport = 1\ninterface = "eth9"')},
        "check-interface",
        "error: check web/tcp: there is no interface eth9; correct its name, or leave interface out",
    ),
    (
        {"host": system(open_files=100)},
        "open-files",
        "warning: limits: 100 open files are fewer than the 152 that 0 checks and 1 peers may take; raise "
        "the limit, as LimitNOFILE=4096 in the unit does",
    ),
    (
        {"host": system(clock=0.0, changed_at=1e9)},
        "clock",
        "warning: clock: it is behind the time at which the configuration was changed; have it set, by NTP "
        "for example: certificates are judged by it, and logs are ordered by it",
    ),
    # sessions
    (
        {"base": BASE.replace("192.0.2.10", "192.0.2.1", 1)},
        "router-id-peer",
        "warning: router_id 192.0.2.1: is the address of a peer, whose own router id it often is; internal "
        "peers refuse a router id that is theirs; use an address of this host",
    ),
    (
        {"base": BASE.replace("192.0.2.10", "192.0.2.99", 1)},
        "router-id-foreign",
        "warning: router_id 192.0.2.99: is not an address of this host, so nothing keeps another host from "
        "having it too; use an address of this host",
    ),
    (
        {"host": system(peers=(LivePeer(name="192.0.2.1", is_established=False, remote_router_id=OUR_ID),))},
        "router-id-same",
        "error: peer 192.0.2.1: has our router id, 192.0.2.10; give one of the two another",
    ),
    (
        {"base": BASE + "[peers.eth7]\n"},
        "no-interface",
        "error: peer eth7: there is no such interface; correct its name, or bring it about",
    ),
    (
        {"base": BASE + '[peers."fe80::1%eth7"]\n'},
        "no-interface",
        "error: peer fe80::1%eth7: there is no interface eth7; correct its name, or bring it about",
    ),
    (
        {
            "base": BASE + "[peers.eth1]\n",
            "host": system(interfaces={**INTERFACES, "eth1": Interface(is_up=False)}),
        },
        "interface-down",
        "error: peer eth1: the interface is down; connect it, and bring it up: ip link set eth1 up",
    ),
    (
        {"base": BASE + "[peers.eth0]\n", "host": system({"net/ipv6/conf/eth0/disable_ipv6": "1"})},
        "no-ipv6",
        "error: peer eth0: IPv6 is off on it, and neighbours are found by their link-local addresses; set "
        "net.ipv6.conf.eth0.disable_ipv6 = 0",
    ),
    (
        {"base": BASE + '[peers."eth0.7"]\n',
         "host": system({"net/ipv6/conf/eth0.7/disable_ipv6": "1"},
                        interfaces={**INTERFACES, "eth0.7": Interface()})},
        "no-ipv6",
        "error: peer eth0.7: IPv6 is off on it, and neighbours are found by their link-local addresses; set "
        "net.ipv6.conf.eth0/7.disable_ipv6 = 0",
    ),
    (
        {"peer": 'source_ip = "192.0.2.99"'},
        "source-foreign",
        "error: peer 192.0.2.1: source_ip 192.0.2.99 is not an address of this host, so no connection can "
        "begin there; add it to an interface, or leave source_ip out",
    ),
    (
        {"host": system(no_route=lambda address: "Network is unreachable")},
        "no-route",
        "error: peer 192.0.2.1: cannot be reached: Network is unreachable; add the address or route that "
        "leads there",
    ),
    (
        {"peer": 'password_file = "/k"', "host": system(has_md5=False)},
        "no-md5",
        "error: peer 192.0.2.1: has a password, and this kernel has no TCP MD5 signatures; use one with "
        "CONFIG_TCP_MD5SIG, or leave the password out at both ends",
    ),
    (
        {"peer": 'password_file = "/k"', "host": system(key_drops={"TCPMD5NotFound": 3})},
        "key-drops",
        "warning: peer 192.0.2.1: since it began the kernel has dropped 3 TCP segments without the "
        "signature that the password asks for, of these or other connections; set the same password at the "
        "other end",
    ),
    (
        {"peer": 'password_file = "/k"', "host": system(key_drops={"TCPMD5Failure": 3})},
        "key-drops",
        "warning: peer 192.0.2.1: since it began the kernel has dropped 3 TCP segments with a signature by "
        "another password, of these or other connections; compare the passwords of both ends",
    ),
    (
        {
            "peer": 'password_file = "/k"',
            "host": system(
                key_drops={"TCPMD5NotFound": 1}, peers=(LivePeer(name="192.0.2.1", is_established=False),)
            ),
        },
        "key-drops",
        "warning: peer 192.0.2.1: since it began the kernel has dropped 1 TCP segment without the signature "
        "that the password asks for, of these or other connections; set the same password at the other end",
    ),
    (
        {"host": system(key_drops={"TCPMD5Unexpected": 3})},
        "key-drops",
        "warning: peer 192.0.2.1: since it began the kernel has dropped 3 TCP segments with a signature, "
        "where no password is set, of these or other connections; set the password that the other end has",
    ),
    # next hops
    (
        {"base": on_loopback(more='next_hop_4 = "192.0.2.10"')},
        "peer-silent",
        "warning: peer 127.0.0.1: is on this host, and nobody listens on port 179; start the routing "
        "daemon, and have it wait for connections there",
    ),
    (
        {"base": on_loopback(), "host": system(listeners=listening("bird"))},
        "loopback-next-hop",
        "warning: peer 127.0.0.1: IPv4 routes have the loopback next hop 127.0.0.1, which leads nowhere "
        "once they leave this host; have the daemon there rewrite it (next hop self; docs/routers has "
        "recipes), or set next_hop_4 to an address that others can reach",
    ),
    (
        {"base": on_loopback(), "host": system(listeners=listening("gobgpd"))},
        "gobgp-next-hop",
        "error: peer 127.0.0.1: GoBGP refuses IPv4 routes with the loopback next hop 127.0.0.1; set "
        "next_hop_4 to an address of this host that is not loopback",
    ),
    (
        {
            "base": on_loopback(more='next_hop_4 = "10.255.255.2"'),
            "host": system(listeners=listening("bgpd", "127.0.0.1", 179, "/usr/lib/frr/bgpd")),
        },
        "frr-loopback",
        "error: peer 127.0.0.1: FRR 8.4 resets sessions over 127.0.0.0/8 (nexthop_set failed); put a small "
        "network on lo, and peer from its second address: docs/routers/README.md, FRR",
    ),
    (
        {
            "base": on_loopback("10.255.255.1"),
            "host": system(listeners=listening("bgpd", "0.0.0.0", 179, "/usr/lib/frr/bgpd")),
        },
        "frr-next-hop",
        "error: peer 10.255.255.1: FRR refuses routes with the next hop 10.255.255.1, an address of this "
        "host; set next_hop_4 to the second address of a network on lo: docs/routers/README.md, FRR",
    ),
    (
        {"base": BASE.replace('next_hop_6 = "2001:db8::1:10"', "")},
        "no-next-hop",
        "error: peer 192.0.2.1: IPv6 routes of service web have no next hop there, and are held back; set "
        "next_hop_6 to an address of this host",
    ),
    (
        {"base": BASE.replace("multiprotocol = true", "")},
        "family-not-carried",
        "error: service web: no peer takes its IPv6 routes; set multiprotocol = true for a peer, at both "
        "ends",
    ),
    # traffic
    (
        {"base": BASE.replace("203.0.113.10", "203.0.113.11")},
        "address-absent",
        "warning: service web: 203.0.113.11 is on no interface of this host, so traffic to it is drawn here "
        "and refused; add it: ip address add 203.0.113.11/32 dev lo",
    ),
    (
        {
            "base": BASE.replace("203.0.113.10", "203.0.113.11-203.0.113.15"),
            "host": system({"net/ipv4/ip_forward": "1"}),
        },
        "address-absent",
        "warning: service web: 203.0.113.11, 203.0.113.12, 203.0.113.13 and 2 more are on no interface of "
        "this host, so traffic to them is drawn here and refused, unless this host passes them on; add "
        "them, as in: ip address add 203.0.113.11/32 dev lo",
    ),
    (
        {"host": system({"net/ipv4/conf/all/rp_filter": "1", "net/ipv4/conf/eth0/rp_filter": "2"},
                        interfaces=TWO_UPLINKS)},
        "rp-filter",
        "warning: interface eth1: drops packets whose way back is another interface (rp_filter = 1), as it "
        "may be with several uplinks; set net.ipv4.conf.eth1.rp_filter = 2",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("case", "code", "line"), CASES, ids=[f"{at}-{case[1]}" for at, case in enumerate(CASES)]
)
def test_doctor_sentence_is_provoked_alone(case: dict[str, Any], code: str, line: str) -> None:
    found = findings(**case)

    assert [each.line() for each in found] == [line]
    assert found[0].code == code
    assert found[0].to_json()["code"] == code


def test_doctor_restart_without_addresses_is_told_beside_them() -> None:
    found = findings(peer="graceful_restart = 60", base=BASE.replace("203.0.113.10", "203.0.113.11"))

    assert [each.code for each in found] == ["address-absent", "restart-path"]
    assert found[1].line() == (
        "warning: peer 192.0.2.1: keeps routes for 60 s while the daemon is away, and the addresses of "
        "service web are not on this host to be served meanwhile; put them on lo for good, or leave "
        "graceful_restart out"
    )


def test_doctor_tells_of_many_services_at_once() -> None:
    more = "".join(f'[services.s{at}]\naddresses = "10.0.0.{at}"\n' for at in range(9))

    found = findings(base=BASE + more)

    assert [each.code for each in found] == ["address-absent"]
    assert found[0].line().startswith("warning: service s0, s1, s2 and 6 more: 10.0.0.0, 10.0.0.1,")


def test_doctor_every_code_of_the_source_is_provoked_here() -> None:
    source = "".join(path.read_text() for path in Path(str(doctor.__file__)).parent.glob("*.py"))
    codes = set(re.findall(r'(?:error|warning)\(\s*"([a-z0-9-]+)"', source))

    assert codes == {code for _, code, _ in CASES} | {"restart-path"}


def test_doctor_every_code_is_documented() -> None:
    documented = set(
        re.findall(r"`([a-z0-9]+-[a-z0-9-]+|clock|arp)`", DOCUMENT.read_text().partition("**Rights**")[2])
    )

    assert documented == {code for _, code, _ in CASES} | {"restart-path"}


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"top": 'listen = ["0.0.0.0:179"]', "host": system(capabilities=frozenset({"CAP_NET_BIND_SERVICE"}))},
        {"top": 'listen = ["0.0.0.0:179"]', "host": system({"net/ipv4/ip_unprivileged_port_start": "0"})},
        {"top": 'listen = ["192.0.2.99:1179"]', "host": system({"net/ipv4/ip_nonlocal_bind": "1"})},
        {"peer": 'source_ip = "192.0.2.99"', "host": system({"net/ipv4/ip_nonlocal_bind": "1"})},
        {"top": 'listen = ["192.0.2.10:1179"]', "host": system(listeners=listening("x", "192.0.2.9", 1179))},
        {"top": 'listen = ["192.0.2.10:1179"]', "host": system(listeners=listening("x", "192.0.2.10", 179))},
        {
            "top": 'listen = ["192.0.2.10:1179"]',
            "host": system(
                listeners=listening(
                    "python3", "0.0.0.0", 1179, "", "python3", "/usr/bin/rhi", "run", "x.toml"
                )
            ),
        },
        {
            "service": check_of("icmp", 'address = "::1"'),
            "host": system(capabilities=frozenset({"CAP_NET_RAW"})),
        },
        {
            "service": check_of("icmp", 'address = "::1"'),
            "host": system({"net/ipv4/ping_group_range": "5 9"}),
        },
        {
            "peer": 'password_file = "/k"',
            "host": system(
                key_drops={"TCPMD5NotFound": 3, "TCPMD5Unexpected": 1},
                peers=(LivePeer(name="192.0.2.1", is_established=True),),
            ),
        },
        {
            "base": on_loopback("10.255.255.1", 'source_ip = "10.255.255.2"'),
            "host": system(listeners=listening("bgpd", "0.0.0.0", 179, "/usr/lib/frr/bgpd")),
        },
        {
            "base": on_loopback(more='next_hop_4 = "192.0.2.10"'),
            "host": system(listeners=listening("gobgpd", "::")),
        },
        {
            "base": on_loopback("::1", 'multiprotocol = true\nnext_hop_4 = "192.0.2.10"', v6=True),
            "host": system(listeners=listening("gobgpd", "::1")),
        },
        {"peer": "graceful_restart = 60"},
        {
            "service": 'address_mode = "own"',
            "top": 'state_file = "/s"',
            "peer": "graceful_restart = 60",
            "base": BASE.replace("203.0.113.10", "203.0.113.99"),
            "host": system(capabilities=frozenset({"CAP_NET_ADMIN"})),
        },
        {
            "top": 'listen = ["0.0.0.0:1179"]',
            "host": system(listeners=listening("bird", "::", 1179), is_taken=lambda address, port: False),
        },
        {"host": system({"net/ipv4/conf/all/rp_filter": "1"})},
        {"host": system({"net/ipv4/conf/all/rp_filter": "2"}, interfaces=TWO_UPLINKS)},
        {
            "base": on_loopback(more='next_hop_4 = "10.255.255.2"'),
            "host": system(
                listeners=listening("bgpd", "127.0.0.1", 179, "/usr/lib/frr/bgpd"),
                peers=(LivePeer(name="127.0.0.1", is_established=True),),
            ),
        },
        {"base": BASE + "[peers.eth0]\n"},
        {"base": BASE.replace("203.0.113.10", "203.0.113.0/24")},
    ],
)
def test_doctor_finds_nothing_where_nothing_is_wrong(case: dict[str, Any]) -> None:
    assert [each.line() for each in findings(**case)] == []


def test_doctor_tells_errors_first() -> None:
    found = findings(system(open_files=1, no_route=lambda address: "x"))

    assert [each.code for each in found] == ["no-route", "open-files"]
