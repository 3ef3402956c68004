"""Source address and interface of every check that connects: what the other side sees, and where it goes."""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from rhi.health.table import to_check
from tests.health.probing import one_round, serve
from tests.interop.lab.namespace import Namespace, connect, namespaces
from tests.interop.lab.waiting import wait_until

SOURCE = "127.0.0.77"
CONNECTING: list[dict[str, Any]] = [
    {"type": "tcp"},
    {"type": "tls"},
    {"type": "grpc"},
    {"type": "grpc", "tls": True},
    {"type": "http", "url": "http://127.0.0.1:{port}/"},
    {"type": "http", "url": "https://127.0.0.1:{port}/"},
    {"type": "dns", "query": "www.example", "transport": "tcp"},
]


def options_of(check: dict[str, Any], port: int) -> dict[str, Any]:
    if "url" in check:
        return {**check, "url": check["url"].format(port=port), "source": SOURCE}
    return {**check, "address": "127.0.0.1", "port": port, "source": SOURCE}


@pytest.mark.parametrize("check", CONNECTING, ids=str)
def test_source_address_is_what_the_server_sees(check: dict[str, Any]) -> None:
    async def main() -> str:
        seen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.set_result(writer.get_extra_info("peername")[0])

        async with serve(note) as port:
            await one_round(to_check(options_of(check, port)))
            return await seen

    assert asyncio.run(main()) == SOURCE


class Noting(asyncio.DatagramProtocol):
    """Remembers who sent."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.seen.append(addr[0])


def test_source_address_is_what_the_name_server_sees_by_udp() -> None:
    async def main() -> list[str]:
        noting = Noting()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: noting, local_addr=("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        check = {"type": "dns", "query": "www.example", "timeout": 0.05}
        await one_round(to_check(options_of(check, port)))
        transport.close()
        await asyncio.sleep(0)
        return noting.seen

    assert asyncio.run(main()) == [SOURCE]


# Probes by the checks given, one after the other, and prints whether each passed.
PROGRAM = """
import asyncio, json, sys
from rhi.health.runner import Runner
from rhi.health.table import to_check

async def main():
    for text in sys.argv[1:]:
        first = asyncio.get_running_loop().create_future()
        runner = Runner(lambda report: first.done() or first.set_result(report))
        runner.configure({"it": to_check({"timeout": 0.5, **json.loads(text)})})
        report = await first
        await runner.close()
        print(json.dumps(report.result and report.result.ok))

asyncio.run(main())
"""


def passed(namespace: Namespace, *checks: dict[str, Any]) -> list[bool | None]:
    """Whether each check passes there, in half a second unless it says another time; None: no verdict."""
    done = namespace.run(sys.executable, "-c", PROGRAM, *map(json.dumps, checks), timeout=40)
    return [json.loads(line) for line in done.splitlines()]


@contextlib.contextmanager
def web_server(namespace: Namespace) -> Iterator[None]:
    command = namespace.command([sys.executable, "-m", "http.server", "8080", "--directory", "/var/empty"])
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: "8080" in namespace.run("ss", "-ltn"), "a web server")
            yield
        finally:
            process.kill()


@pytest.mark.slow
def test_interface_leads_to_the_host_behind_it_whatever_the_routes_say() -> None:
    with namespaces("health-near", "health-dead", "health-alive") as (near, dead, alive):
        for host, interface in ((dead, "eth0"), (alive, "eth1")):
            connect(near, host, interfaces=(interface, "eth0"))
            host.add_address("eth0", "192.0.2.2/24")
        # the routing table leads to the first
        near.add_address("eth0", "192.0.2.1/24")
        near.add_address("eth1", "192.0.2.1/24")
        dead.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all")
        checks: list[dict[str, Any]] = [
            {"type": "icmp", "address": "192.0.2.2"},
            {"type": "tcp", "address": "192.0.2.2", "port": 8080},
            {"type": "http", "url": "http://192.0.2.2:8080/", "status": "200-499"},
        ]
        with web_server(alive):
            assert passed(near, *checks) == [False] * 3
            assert passed(near, *({**check, "interface": "eth0"} for check in checks)) == [False] * 3
            # who answers has time to do so
            behind = {"interface": "eth1", "timeout": 10.0}
            assert passed(near, *({**check, **behind} for check in checks)) == [True] * 3
            assert passed(near, *({**check, "interface": "eth7"} for check in checks)) == [None] * 3

        # a source that the far side has no way back to
        near.add_address("eth1", "192.0.2.3/24")
        alive.run("ip", "route", "add", "prohibit", "192.0.2.3/32")
        icmp = {**checks[0], "interface": "eth1"}
        answered = {**icmp, "source": "192.0.2.1", "timeout": 10.0}
        assert passed(near, answered, {**icmp, "source": "192.0.2.3"}) == [True, False]
