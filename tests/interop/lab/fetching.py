"""A service on an anycast address and a client that never stops asking it, over TCP and UDP.

Both run as programs in namespaces. The client asks each way every `PERIOD`, each time from a new port, so
that an ECMP router spreads the questions; one that fails, or is not answered within `PATIENCE`, is asked
once again. It writes down what became of each question; nothing is counted while it runs.
"""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.interop.lab.namespace import Namespace
from tests.interop.lab.process import Process, complete_lines
from tests.interop.lab.waiting import wait_until

TCP_PORT: Final = 8080
UDP_PORT: Final = 5353
PERIOD: Final = 0.02
PATIENCE: Final = 0.5

# Answers with its name, and gives a request over TCP as much thought as a fast back end would.
_SERVICE: Final = """
import asyncio, sys
address, name = sys.argv[1], sys.argv[2].encode()

async def answer(reader, writer):
    try:
        await reader.readuntil(b"\\r\\n\\r\\n")
        await asyncio.sleep(0.002)
        head = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(name)
        writer.write(head + name)
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()

class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
    def datagram_received(self, data, who):
        self.transport.sendto(name, who)

async def main():
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Datagrams, local_addr=(address, int(sys.argv[4])))
    server = await asyncio.start_server(answer, address, int(sys.argv[3]), backlog=1024)
    await server.serve_forever()

asyncio.run(main())
"""

_CLIENT: Final = """
import asyncio, sys, time
address, tcp_port, udp_port, period, patience = sys.argv[1], *map(float, sys.argv[2:])

async def tcp():
    reader, writer = await asyncio.open_connection(address, int(tcp_port))
    try:
        writer.write(b"GET / HTTP/1.1\\r\\nHost: service\\r\\n\\r\\n")
        head, _, body = (await reader.read(-1)).partition(b"\\r\\n\\r\\n")
        if not body:
            raise OSError("no answer")
        return body.decode()
    finally:
        writer.close()

class Question(asyncio.DatagramProtocol):
    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()
    def datagram_received(self, data, who):
        if not self.answer.done():
            self.answer.set_result(data.decode())
    def error_received(self, error):
        if not self.answer.done():
            self.answer.set_exception(error)

async def udp():
    loop = asyncio.get_running_loop()
    transport, question = await loop.create_datagram_endpoint(Question, remote_addr=(address, int(udp_port)))
    try:
        transport.sendto(b"?")
        return await question.answer
    finally:
        transport.close()

async def ask(how, name):
    began = time.monotonic()
    answer, tries = "-", 0
    for tries in (1, 2):
        try:
            answer = await asyncio.wait_for(how(), patience)
            break
        except (OSError, asyncio.TimeoutError):
            pass
    print(began, name, answer, tries, time.monotonic(), flush=True)

async def main():
    tasks, due = set(), time.monotonic()
    while True:
        for how, name in ((tcp, "tcp"), (udp, "udp")):
            task = asyncio.create_task(ask(how, name))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        due = max(due + period, time.monotonic() - period)
        await asyncio.sleep(max(0.0, due - time.monotonic()))

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Question:
    """One question, and what became of it.

    Attributes:
        began, ended: monotonic instants.
        protocol: `tcp` or `udp`.
        answered_by: name of the host; None when it was answered neither at once nor the second time.
        tries: how often it was asked.
    """

    began: float
    ended: float
    protocol: str
    answered_by: str | None
    tries: int

    @property
    def has_failed(self) -> bool:
        """It was not answered the first time."""
        return self.tries > 1 or self.answered_by is None


def service(namespace: Namespace, address: str, name: str, log: Path) -> Process:
    """Serve `address`, which has to be on that host, and answer with `name`."""
    command = [sys.executable, "-c", _SERVICE, address, name, str(TCP_PORT), str(UDP_PORT)]
    return Process(namespace, command, log)


class Client:
    """Asks from its start to its end."""

    def __init__(self, namespace: Namespace, address: str, log: Path) -> None:
        numbers = [TCP_PORT, UDP_PORT, PERIOD, PATIENCE]
        self._process = Process(namespace, [sys.executable, "-c", _CLIENT, address, *map(str, numbers)], log)

    def questions(self, since: float = 0.0) -> list[Question]:
        """Those that have ended, of those that began after an instant."""
        lines = complete_lines(self._process.log)
        return [each for each in map(_question, lines) if each.began >= since]

    def wait_for_answers_of(self, *names: str) -> None:
        """Wait until each of these hosts, and no other, answers either way, and nothing fails for a while."""
        since = time.monotonic()

        def is_calm() -> bool:
            found = self.questions(since)
            calm_since = max([since, *(each.began for each in found if each.has_failed)])
            answers = {(each.protocol, each.answered_by) for each in found if each.began > calm_since}
            wanted = {(protocol, name) for protocol in ("tcp", "udp") for name in names}
            return answers == wanted and time.monotonic() > calm_since + PATIENCE

        wait_until(is_calm, f"answers of {' and '.join(names)}", explain=self._process.log_tail)

    def between(self, began: float, ended: float) -> list[Question]:
        """The questions asked in that time, and those on their way at its begin."""
        # all have had their time when one has been answered that began so much later
        wait_until(
            lambda: any(each.began > ended + 2 * PATIENCE for each in self.questions(ended)),
            "the last answers",
        )
        return [each for each in self.questions() if each.ended >= began and each.began <= ended]

    def longest_pause(self, began: float, ended: float) -> float:
        """Seconds for which it has asked nothing in that time, kept from it by a busy machine."""
        asked = sorted(each.began for each in self.questions(began) if each.began <= ended)
        return max((after - before for before, after in itertools.pairwise(asked)), default=ended - began)

    def kill(self) -> None:
        """Ask no more."""
        self._process.kill()


def _question(line: str) -> Question:
    began, protocol, answer, tries, ended = line.split()
    return Question(
        began=float(began),
        ended=float(ended),
        protocol=protocol,
        answered_by=None if answer == "-" else answer,
        tries=int(tries),
    )
