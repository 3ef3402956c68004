"""icmp checks against this host, and against a host in a namespace that stops answering."""

import json
import struct
import subprocess
import sys
from typing import Any

import pytest

from rhi.errors import InvalidValueError
from rhi.health.icmp import _checksum, _echo_request
from rhi.health.table import to_check
from tests.interop.lab.namespace import Namespace, connect, namespaces

# Probes the addresses given by a check, and prints result or alarm; "drop" makes the far side fall silent.
PROGRAM = """
import asyncio, json, sys
from rhi.health.runner import Runner
from rhi.health.table import to_check

async def main():
    for text in sys.argv[1:]:
        loop = asyncio.get_running_loop()
        first = loop.create_future()
        runner = Runner(lambda report: first.done() or first.set_result(report))
        runner.configure({"it": to_check({"type": "icmp", **json.loads(text)})})
        report = await first
        await runner.close()
        print(json.dumps([report.result and report.result.ok, report.alarm or report.result.detail]))

asyncio.run(main())
"""


def probe_in(
    namespace: Namespace, *checks: dict[str, Any], user: int = 0, timeout: float = 10.0
) -> list[Any]:
    program = [sys.executable, "-c", PROGRAM, *(json.dumps({"timeout": timeout, **each}) for each in checks)]
    if user:
        program = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--", *program]
    done = namespace.run(*program, timeout=40)
    return [json.loads(line) for line in done.splitlines()]


@pytest.mark.slow
def test_icmp_host_that_answers_passes_and_once_silent_fails() -> None:
    with namespaces("health-near", "health-far") as (near, far):
        connect(near, far)
        near.add_address("eth0", "192.0.2.1/24", "2001:db8::1/64")
        far.add_address("eth0", "192.0.2.2/24", "2001:db8::2/64")
        both = ({"address": "192.0.2.2"}, {"address": "2001:db8::2"})
        here = ({"address": "127.0.0.1"}, {"address": "::1"}, {"address": "2001:db8::1"})

        for answer in probe_in(near, *both, *here, {"address": "192.0.2.2", "interface": "eth0"}):
            assert answer[0] is True, answer

        far.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all")
        far.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/icmp/echo_ignore_all")
        for answer in probe_in(near, *both, timeout=1.0):
            assert answer == [False, "no answer within 1 s"]

        unreachable = [{"address": "198.51.100.1"}, {"address": "2001:db8:1::1"}]
        for answer in probe_in(near, *unreachable):
            assert answer[0] is False
            assert answer[1].endswith("Network is unreachable")


@pytest.mark.slow
def test_icmp_without_rights_uses_a_ping_socket_or_says_what_it_needs() -> None:
    with namespaces("health-user") as (near,):
        user = 65534
        near.run("sh", "-c", "echo 1 0 > /proc/sys/net/ipv4/ping_group_range")
        try:
            refused = probe_in(near, {"address": "127.0.0.1"}, user=user)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"the interpreter cannot be run by another user here: {error.stderr[-200:]}")
        assert refused[0][0] is None
        assert refused[0][1].startswith("icmp: not permitted; it needs CAP_NET_RAW")

        near.run("sh", "-c", f"echo {user} {user} > /proc/sys/net/ipv4/ping_group_range")
        answers = probe_in(near, {"address": "127.0.0.1"}, {"address": "::1"}, user=user)
        assert [answer[0] for answer in answers] == [True, True], answers


def test_icmp_checksum_of_a_request_comes_to_nothing() -> None:
    request = _echo_request(4, b"odd")

    assert _checksum(request) == 0
    assert struct.unpack("!BB", request[:2]) == (8, 0)
    assert _echo_request(6, b"x")[0] == 128


@pytest.mark.parametrize("options", [{"size": 1}, {"address": "fe80::1"}, {"address": "224.0.0.1"}])
def test_icmp_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidValueError):
        to_check({"type": "icmp", "address": "192.0.2.1", **options})
