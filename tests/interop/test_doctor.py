"""The doctor on hosts that have what it warns of: kernel options, ports, rights and keys of a namespace."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.lab import Namespace, namespaces, wait_until

pytestmark = [pytest.mark.interop, pytest.mark.timeout(60)]

RHI = (sys.executable, "-m", "rhi")

CONFIGURATION = """
router_id = "192.0.2.10"
as_number = 65001
listen = ["192.0.2.10:179"]
[peers."192.0.2.1"]
PEER
[services.web]
addresses = "203.0.113.10"
[[services.web.checks]]
type = "icmp"
address = "192.0.2.1"
"""


@pytest.fixture
def host() -> Iterator[Namespace]:
    """One that has nothing wrong."""
    with namespaces("host") as (found,):
        for number, address in ((0, "192.0.2.10/24"), (1, "198.51.100.10/24")):
            found.run("ip", "link", "add", f"eth{number}", "type", "veth", "peer", "name", f"far{number}")
            for end in (f"eth{number}", f"far{number}"):
                found.run("ip", "link", "set", end, "up")
            found.add_address(f"eth{number}", address)
        found.add_address("lo", "203.0.113.10/32")
        yield found


def doctor(host: Namespace, tmp_path: Path, peer: str = "", *before: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and findings by code."""
    file = tmp_path / "rhi.toml"
    file.write_text(CONFIGURATION.replace("PEER", peer))
    command = host.command([*before, *RHI, "doctor", str(file), "--json"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    return done.returncode, {each["code"]: each for each in json.loads(done.stdout)}


def sysctl(host: Namespace, name: str, value: str) -> None:
    host.run("sysctl", "-qw", f"{name}={value}")


def test_doctor_finds_nothing_on_a_host_that_is_right(host: Namespace, tmp_path: Path) -> None:
    assert doctor(host, tmp_path) == (0, {})


def test_doctor_reads_kernel_options_of_the_host(host: Namespace, tmp_path: Path) -> None:
    sysctl(host, "net.ipv4.conf.eth1.rp_filter", "1")
    sysctl(host, "net.ipv4.conf.all.rp_filter", "0")
    sysctl(host, "net.ipv4.conf.eth0.rp_filter", "0")

    code, found = doctor(host, tmp_path)

    assert code == 0
    assert found.keys() == {"rp-filter"}
    assert found["rp-filter"]["subject"] == "interface eth1"


def test_doctor_sees_addresses_and_routes_that_are_gone(host: Namespace, tmp_path: Path) -> None:
    host.run("ip", "address", "del", "203.0.113.10/32", "dev", "lo")
    host.run("ip", "link", "set", "eth0", "down")
    absent = doctor(host, tmp_path)
    host.run("ip", "address", "del", "192.0.2.10/24", "dev", "eth0")
    foreign = doctor(host, tmp_path, 'source_ip = "192.0.2.11"')
    sysctl(host, "net.ipv4.ip_nonlocal_bind", "1")
    bindable = doctor(host, tmp_path, 'source_ip = "192.0.2.11"')

    assert absent[0] == 1
    assert absent[1].keys() == {"address-absent", "no-route"}
    assert foreign[1].keys() >= {"listen-address", "source-foreign", "router-id-foreign"}
    assert not bindable[1].keys() & {"listen-address", "source-foreign"}


def test_doctor_says_who_has_the_port(host: Namespace, tmp_path: Path) -> None:
    command = host.command([*RHI, "collect", "--listen", "0.0.0.0:179"])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as other:
        try:
            assert other.stdout is not None
            assert "listening" in other.stdout.readline()
            code, found = doctor(host, tmp_path)
        finally:
            other.kill()

    assert code == 1
    assert found.keys() == {"port-taken"}
    assert f"(pid {other.pid})" in found["port-taken"]["text"]


def test_doctor_without_rights_says_which_are_missing(host: Namespace, tmp_path: Path) -> None:
    sysctl(host, "net.ipv4.ping_group_range", "1 0")

    code, found = doctor(host, tmp_path, "", "setpriv", "--bounding-set=-all", "--inh-caps=-all")

    assert code == 1
    assert found.keys() == {"port-rights", "ping-group"}


def test_doctor_sees_that_the_other_end_has_no_key(host: Namespace, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sesame\n")
    peer = f'password_file = "{key}"'
    before = doctor(host, tmp_path, peer)
    signed = (
        "import socket, sys; from ipaddress import ip_address; from rhi.net.sockopt import set_md5_key\n"
        "server = socket.create_server(('127.0.0.1', 1179))\n"
        "set_md5_key(server, ip_address('127.0.0.1'), b'sesame'); print('ready', flush=True)\n"
        "client = socket.socket(); client.settimeout(0.2)\n"
        "try: client.connect(('127.0.0.1', 1179))\nexcept TimeoutError: pass\n"
    )
    host.run(sys.executable, "-c", signed)
    wait_until(lambda: host.count("TCPMD5NotFound") > 0, "a segment is dropped")

    code, found = doctor(host, tmp_path, peer)

    assert before == (0, {})
    assert code == 0
    assert found["key-drops"]["remedy"] == "set the same password at the other end"
