"""What loopback cannot show: link-local peers with zones, missing routes, a host that answers nothing.

Each side is a Python program of its own in a network namespace; nothing leaves the machine.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.interop.lab.namespace import Namespace, connect, namespaces
from tests.net.raw import PATIENCE

SERVER = """
import rhi, signal, sys
from rhi.testing.collector import Collector
host, zone = sys.argv[1:]
address = f"[{host}%{zone}]:1790" if zone else f"[{host}]:1790" if ":" in host else f"{host}:1790"
with Collector(address) as collector:
    print("ready", flush=True)
    sys.stdin.read()
"""

LINK_LOCAL = """
import rhi, json, sys, time
peer = sys.argv[1]
peers = {peer: rhi.Parameters(as_number=65001, port=1790, multiprotocol=True)}
pool = rhi.Pool("192.0.2.10", peers, ["2001:db8::1"])
end = time.monotonic() + 30
while pool.status()[peer].state is not rhi.State.ESTABLISHED and time.monotonic() < end:
    time.sleep(0.01)
pool.flush()
status = pool.status()[peer].to_json()
pool.close()
print(json.dumps(status))
"""

# Nothing here may end by a time-out of ours: it would be an hour.
DEAD = """
import rhi, rhi.net.pool, rhi.threaded, json, sys, time
rhi.threaded.CLOSE_WAIT = rhi.net.pool.CLOSE_TIME = 3600
peer, alive = sys.argv[1:]
parameters = rhi.Parameters(as_number=65001, port=1790, connect_timeout=3600)
pool = rhi.Pool("192.0.2.10", {peer: parameters, alive: parameters})
end = time.monotonic() + 30
while pool.status()[alive].state is not rhi.State.ESTABLISHED and time.monotonic() < end:
    time.sleep(0.01)
times = [3600.0]
while min(times) >= 0.050 and time.monotonic() < end:  # a turn in which the machine does nothing else
    began = time.perf_counter()
    for n in range(1000):
        pool.announce(f"10.0.{n >> 8}.{n & 255}", rhi.PathAttributes(med=len(times)))
    times.append(time.perf_counter() - began)
status = pool.status()
flushed = pool.flush(30)
pool.close()
print(json.dumps({
    "changes": min(times),
    "states": [status[peer].state.value, status[alive].state.value],
    "error": status[peer].last_error,
    "flushed": bool(flushed),
}))
"""

KEYED = """
import rhi, json, sys, time
names = json.loads(sys.argv[1])
peers = {
    name: rhi.Parameters(as_number=65001, passive=True, multiprotocol=True, password=password)
    for name, password in names.items()
}
pool = rhi.Pool("192.0.2.10", peers, ["2001:db8::1"], listen=["[::]:1790"])
print("ready", flush=True)
sys.stdin.read()
pool.close()
"""

SIGNED = """
import socket, sys
from ipaddress import ip_address
from rhi.net.sockopt import set_md5_key
with socket.socket(socket.AF_INET6) as sock:
    if sys.argv[1]:
        set_md5_key(sock, ip_address("fe80::1"), sys.argv[1].encode())
    sock.settimeout(20)
    sock.connect(("fe80::1", 1790, 0, socket.if_nametoindex("uplink")))
    print(len(sock.recv(4096)))
"""


@contextmanager
def server(namespace: Namespace, host: str, zone: str = "") -> Iterator[None]:
    command = namespace.command([sys.executable, "-c", SERVER, host, zone])
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(PATIENCE) == 0


@contextmanager
def two_hosts() -> Iterator[tuple[Namespace, Namespace]]:
    with namespaces("near", "far") as (near, far):
        connect(near, far, interfaces=("uplink", "uplink"))
        near.add_address("uplink", "fe80::1/64", "192.0.2.1/24")
        far.add_address("uplink", "fe80::2/64", "192.0.2.2/24")
        yield near, far


@pytest.mark.parametrize("by_number", [False, True])
def test_link_local_peer_with_its_zone(by_number: bool) -> None:
    with two_hosts() as (near, far), server(far, "fe80::2", "uplink"):
        number = near.run("cat", "/sys/class/net/uplink/ifindex").strip()
        peer = f"fe80::2%{number if by_number else 'uplink'}"
        status = json.loads(near.run(sys.executable, "-c", LINK_LOCAL, peer, timeout=2 * PATIENCE))

    assert status["state"] == "ESTABLISHED", status
    assert status["local_ip"].startswith("fe80::")
    # a link-local address is no next hop for others (seed defect 4)
    assert status["held_back"] == {"no_next_hop": 1}


@pytest.mark.parametrize(
    ("passwords", "key", "is_let_in"),
    [
        ({"uplink": "one", "elsewhere": "two"}, "", False),
        ({"uplink": "one", "elsewhere": None}, "", False),
        ({"uplink": None, "elsewhere": "two"}, "", True),
        ({"fe80::2%uplink": "one", "fe80::2%lo": "two"}, "two", False),
        ({"fe80::2%lo": "two", "fe80::2%uplink": "one"}, "one", True),
    ],
)
def test_connection_on_a_link_without_the_password_of_its_peer_is_closed_without_a_word(
    passwords: dict[str, str | None], key: str, is_let_in: bool
) -> None:
    """Links that differ share no key on the listener: the kernel lets everybody in, and we must not."""
    with two_hosts() as (near, far):
        command = near.command([sys.executable, "-c", KEYED, json.dumps(passwords)])
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            octets = int(far.run(sys.executable, "-c", SIGNED, key))
            process.communicate(timeout=PATIENCE)

    assert (octets > 0) == is_let_in


def dead(namespace: Namespace, peer: str, alive: str) -> dict[str, Any]:
    """What DEAD prints of a peer that does not answer, beside one that does."""
    text = namespace.run(sys.executable, "-c", DEAD, peer, alive, timeout=2 * PATIENCE)
    found: dict[str, Any] = json.loads(text)
    return found


def test_peer_without_a_route_fails_at_once() -> None:
    with namespaces("alone") as (alone,), server(alone, "127.0.0.1"):
        found = dead(alone, "192.0.2.200", "127.0.0.1")

    assert found["error"] == "Connection failed (Network is unreachable)"
    assert found["states"] == ["ACTIVE", "ESTABLISHED"]
    assert found["flushed"]


def test_host_that_answers_nothing_holds_up_neither_changes_nor_peers_nor_close() -> None:
    with two_hosts() as (near, far), server(far, "192.0.2.2"):
        # a neighbour that is known but not there: what is sent to it vanishes
        near.run("ip", "neighbour", "add", "192.0.2.200", "lladdr", "02:00:00:00:00:99", "dev", "uplink")
        found = dead(near, "192.0.2.200", "192.0.2.2")

    assert found["states"] == ["CONNECT", "ESTABLISHED"]
    assert found["changes"] < 0.050
    assert found["flushed"]
