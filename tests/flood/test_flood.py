"""Attackers do their worst, and an innocent session with a hold time of 3 s does not notice.

Victim and attacker are processes of their own, the innocent peer is here. Measured are the longest silence
that it heard, the victim's memory after a first and after a last part of the attack, and its file descriptors
before and after. Times are printed; what is demanded is what a router demands, that no hold time runs out.
"""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tests.core.script import KEEPALIVE, NOTIFICATION, message
from tests.flood.server import INNOCENT
from tests.interop.lab.namespace import Namespace, connect, namespaces
from tests.net.raw import RawPeer, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
HOLD_TIME = 3
# The innocent peer counts silence in such steps, one for each time that it has looked and there was nothing.
TICK = 0.05
ATTACK_TIME = 5.0
MEGABYTE = 2**20
LOOPBACK = ["strangers", "allowed", "notifications-allowed", "notifications-named", "single-bytes", "routes"]


class Program:
    """One of our programs, in a namespace if given one."""

    def __init__(self, *words: str, namespace: Namespace | None = None) -> None:
        command = [sys.executable, "-m", *words]
        self.process = subprocess.Popen(
            command if namespace is None else namespace.command(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.first_line = self.line()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self) -> Any:
        """The victim's status."""
        assert self.process.stdin is not None
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        return json.loads(self.line())

    @property
    def resident_bytes(self) -> int:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    @property
    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def end(self) -> int:
        """Close its standard input, and wait."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        code = self.process.wait(30)
        self.process.stdout.close()
        return code

    def close(self) -> None:
        """Kill it unless it has ended, and leave nothing open."""
        self.process.kill()
        with self.process:  # closes its pipes, and waits
            pass


HOLD_TIMER_EXPIRED = b"\x04\x00"


class Innocent:
    """An established session; one thread says keepalives, and one counts how long nothing comes.

    On a busy machine these threads may be kept waiting themselves, which is nothing that the victim has done.

    Attributes:
        silence: longest time in seconds that it looked for a message and there was none; the time in which it
            was kept from looking does not count.
        pause: longest time in seconds between two keepalives of its own.
        ended_with: the session has ended, with these words of the victim; empty if it had none.
    """

    def __init__(self, peer: RawPeer) -> None:
        self.silence = 0.0
        self.pause = 0.0
        self.ended_with: bytes | None = None
        self._peer = peer
        self._stop = Event()
        self._threads = [Thread(target=self._listen), Thread(target=self._speak)]

    def __enter__(self) -> "Innocent":
        self._peer.establish(hold_time=HOLD_TIME)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        with contextlib.suppress(OSError):  # the session may have ended
            self._peer.sock.shutdown(2)
        for thread in self._threads:
            thread.join()

    def _speak(self) -> None:
        last = time.monotonic()
        with contextlib.suppress(OSError):
            while not self._stop.wait(HOLD_TIME / 6):
                now = time.monotonic()
                self.pause, last = max(self.pause, now - last), now
                self._peer.sock.sendall(message(KEEPALIVE))

    def _listen(self) -> None:
        silence, last = 0.0, b""
        with contextlib.suppress(OSError):
            while not self._stop.is_set():
                if not select.select([self._peer.sock], [], [], TICK)[0]:
                    silence += TICK
                    self.silence = max(self.silence, silence)
                    continue
                silence = 0.0
                kind, body = self._peer.receive()
                if kind in (0, NOTIFICATION):
                    last = body
                    break
        if not self._stop.is_set():
            self.ended_with = last

    def judge(self) -> None:
        """The session is as it was, and no router would have given it up."""
        # the words are lost when it speaks into the closed connection before it has read them
        if self.ended_with in (HOLD_TIMER_EXPIRED, b"") and self.pause >= 0.9 * HOLD_TIME:
            pytest.skip(f"this machine kept the innocent peer from speaking for {self.pause:.1f} s")
        assert self.ended_with is None
        assert self.silence < HOLD_TIME


@contextlib.contextmanager
def victim(host: str, innocent: str = INNOCENT, namespace: Namespace | None = None) -> Iterator[Program]:
    program = Program("tests.flood.server", host, innocent, namespace=namespace)
    try:
        yield program
        assert program.end() == 0
    finally:
        program.close()


CONNECT = """
import socket, sys
port, to = map(int, sys.argv[1:])
with socket.create_connection(("127.0.0.1", port)) as sock, socket.socket(fileno=to) as to:
    socket.send_fds(to, [b"."], [sock.fileno()])
"""


def dial_inside(namespace: Namespace, port: int) -> RawPeer:
    """A connection to a port on loopback of a namespace."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = namespace.command([sys.executable, "-c", CONNECT, str(port), str(theirs.fileno())])
        subprocess.run(command, pass_fds=[theirs.fileno()], check=True, timeout=20)
        _, (number,), _, _ = socket.recv_fds(ours, 1, 1)
    return RawPeer(socket.socket(fileno=number))


def begin(name: str, host: str, server: Program, namespace: Namespace | None = None) -> Program:
    """An attack that has begun."""
    port, seconds = server.first_line, str(ATTACK_TIME / 2)
    attacker = Program("tests.flood.attacks", name, host, port, seconds, namespace=namespace)
    assert attacker.first_line == "ready"
    return attacker


def attack(name: str, host: str, server: Program, namespace: Namespace | None = None) -> int:
    """Run an attack to its end; returns what it counted."""
    with contextlib.closing(begin(name, host, server, namespace)) as attacker:
        count = int(attacker.line())
        assert attacker.end() == 0
        return count


def survive(name: str, host: str, server: Program, peer: RawPeer, far: Namespace | None = None) -> None:
    """Attack in two parts; what the first part has cost once must not be asked for again by the second."""
    with Innocent(peer) as innocent:
        wait_until(lambda: server.ask()["innocent"]["state"] == "ESTABLISHED", "the innocent session")
        before = server.descriptors
        counts = [attack(name, host, server, far)]
        first = server.resident_bytes
        counts.append(attack(name, host, server, far))
        grown = server.resident_bytes - first
        wait_until(lambda: server.descriptors <= before, "file descriptors are given back", 40)
        status = server.ask()

        memory = f"{first / MEGABYTE:.1f} MB {grown:+d} B"
        print(f"{name}: {counts}, silence {innocent.silence:.2f} s, memory {memory}")
        assert min(counts) > 0
        innocent.judge()
        assert grown < 4 * MEGABYTE
        assert status["innocent"]["state"] == "ESTABLISHED"
        assert status["innocent"]["established_sessions"] == 1
        assert status["peers"] == 2


@pytest.mark.parametrize("name", LOOPBACK)
def test_flood_leaves_keepalives_on_time_and_memory_flat(name: str) -> None:
    with (
        victim("127.0.0.1") as server,
        RawPeer.connect(("127.0.0.1", int(server.first_line)), INNOCENT) as peer,
    ):
        survive(name, "127.0.0.1", server, peer)


@pytest.mark.parametrize("name", ["strangers", "allowed", "notifications-allowed"])
def test_flood_does_not_keep_a_configured_peer_out(name: str) -> None:
    """It comes, has its session, and leaves, over and over; the next pause of its dialer begins anew.

    It is kept out when a connection or a message does not come within 30 s, the patience of `RawPeer`. Less
    would prove nothing: a SYN that finds the backlog full is repeated after 1, 3, 7 and 15 s.
    """
    times: list[float] = []
    with (
        victim("127.0.0.1") as server,
        contextlib.closing(begin(name, "127.0.0.1", server)) as attacker,
    ):
        while not times or (attacker.process.poll() is None and len(times) < 20):
            began = time.monotonic()
            with RawPeer.connect(("127.0.0.1", int(server.first_line)), INNOCENT) as peer:
                peer.establish(hold_time=HOLD_TIME)
                times.append(time.monotonic() - began)
                wait_until(
                    lambda: server.ask()["innocent"]["established_sessions"] == len(times),
                    "the victim's own word",
                )
            wait_until(lambda: server.ask()["innocent"]["state"] == "ACTIVE", "the end of the session")
        assert int(attacker.line()) > 0
        attacker.end()

    print(f"{name}: {len(times)} sessions, the slowest after {max(times):.2f} s")


def test_flood_of_half_open_connections_leaves_keepalives_on_time() -> None:
    """SYNs with forged sources, over a cable whose other end swallows the answers."""
    with namespaces("victim", "attacker") as (near, far):
        connect(near, far)
        near.add_address("eth0", "192.0.2.1/24")
        far.add_address("eth0", "192.0.2.2/24")
        near.run("ip", "route", "add", "default", "via", "192.0.2.2")
        with (
            victim("0.0.0.0", "127.0.0.1", near) as server,
            dial_inside(near, int(server.first_line)) as peer,
        ):
            survive("half-open", "192.0.2.1", server, peer, far)
