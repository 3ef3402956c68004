"""The floor: a sender that knows everything in advance and only writes bytes that were made before.

    python -S -m bench.floor --listen ADDRESS:PORT --routes N [--peers N] [--extended] [--file FILE]

It waits for the sink, says OPEN and KEEPALIVE, and with the session established sends all its announcements.
With --file it reads them, which is the floor of a start with routes in a file. It obeys JSON lines on
standard input:

    {"do": "med", "med": N} {"do": "withdraw_all"} {"do": "announce"|"withdraw", "address": A}   -> {"at": T}

Bytes for these are made before the clock starts. What it sends is what rhi sends: full messages with the
attributes of an external peer. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
from pathlib import Path
from time import monotonic
from typing import Any

from bench import messages
from bench.messages import KEEPALIVE, MAX_EXTENDED_SIZE, MAX_SIZE, message
from bench.routes import SINGLE_ROUTES, nlri


class Floor:
    """One session."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        host, _, port = arguments.listen.partition(":")
        self._host: str = host
        self._as_number: int = arguments.as_number
        self._size = MAX_EXTENDED_SIZE if arguments.extended else MAX_SIZE
        self._listener = socket.create_server((host, int(port)))
        self._open = messages.open_message(self._as_number, host, 0, extended=arguments.extended)
        self._peers: int = arguments.peers
        self._socks: list[socket.socket] = []
        self._nlri = b""
        if arguments.file:
            self._table = Path(arguments.file).read_bytes()
        else:
            self._nlri = nlri(arguments.routes)
            self._table = self.announcements(None)

    def announcements(self, med: int | None) -> bytes:
        """All routes with this MED."""
        attributes = messages.attributes(self._as_number, self._host, med)
        return b"".join(messages.announcements(self._nlri, attributes, self._size))

    def establish(self) -> socket.socket:
        """Wait for the sink; the session is established when its KEEPALIVE is there."""
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(self._open)
        received = b""
        while received[18:19] == b"" or len(received) < int.from_bytes(received[16:18], "big"):
            received += sock.recv(4096)
        sock.sendall(message(KEEPALIVE))
        received = received[int.from_bytes(received[16:18], "big") :]
        while len(received) < messages.HEADER_SIZE:
            received += sock.recv(4096)
        return sock

    def run(self) -> None:
        """Serve one session until the end of standard input."""
        _answer(ready=True)
        for _ in range(self._peers):
            sock = self.establish()
            sock.sendall(self._table)
            self._socks.append(sock)
        singles = {(verb, each): self._single(verb, each) for verb in _VERBS for each in SINGLE_ROUTES}
        for line in sys.stdin.buffer:
            request: dict[str, Any] = json.loads(line)
            verb = request["do"]
            if verb in _VERBS:
                data = singles[verb, request["address"]]
            elif verb == "med":
                data = self.announcements(request["med"])
            else:
                data = b"".join(messages.withdrawals(self._nlri, self._size))
            at = monotonic()
            sock.sendall(data)
            _answer(at=at)

    def _single(self, verb: str, address: str) -> bytes:
        packed = b"\x20" + socket.inet_aton(address)
        if verb == "withdraw":
            return b"".join(messages.withdrawals(packed, self._size))
        attributes = messages.attributes(self._as_number, self._host)
        return b"".join(messages.announcements(packed, attributes, self._size))


_VERBS = ("announce", "withdraw")


def _answer(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run one trivial sender."""
    parser = argparse.ArgumentParser(prog="bench.floor", allow_abbrev=False)
    parser.add_argument("--as-number", type=int, required=True)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--routes", type=int, default=0)
    parser.add_argument("--peers", type=int, default=1)
    parser.add_argument("--file", help="the announcements as bytes")
    parser.add_argument("--extended", action="store_true")
    Floor(parser.parse_args()).run()


if __name__ == "__main__":
    main()
