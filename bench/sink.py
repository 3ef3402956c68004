"""The receiving end of all measurements: a process of its own that plays BGP peers, counts and time-stamps.

    python -S -m bench.sink --as-number 65000 --router-id 10.255.255.2 [--extended] [--hold-time S] [--no-log]

It obeys JSON lines on standard input, answers each with one on standard output, and ends with its input:

    {"do": "listen", "address": A, "port": P}            -> {"port": P}
    {"do": "dial", "address": A, "port": P, "sources": [A...]}   one connection from each, tried until up
    {"do": "expect", "established"|"announced"|"withdrawn": N, "peers": M}     -> {"at": T, "first_at": T}
                          the first answer, {"armed": true}, comes at once, the second when it is true
    {"do": "expect", "prefix": "192.0.2.1/32", "change": "announced"|"withdrawn"}          -> {"at": T}
    {"do": "cancel"}      the expectation, when it has not been answered
    {"do": "reset"}       counters and times; what is held stays
    {"do": "pause"} {"do": "resume"}    stop reading, read again
    {"do": "report"}      -> counters, distinct routes held (unless --no-log), MEDs, longest silence of a peer
    {"do": "hang_up"}     close all connections, stop dialing and listening

Only the standard library, no objects per route, and one `recv` of up to a megabyte at a time, so that it is
faster than what it measures. `expect` is answered when `peers` connections have got that far (default 1). A
time is that of the return of the `recv` which brought the route.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import select
import socket
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from bench.counting import Counter, meds_to_json, record
from bench.messages import KEEPALIVE, NOTIFICATION, OPEN, UPDATE, message, open_message

RECEIVE_SIZE: Final = 1 << 20
LARGEST_MESSAGE: Final = 65535
# BIRD lets eight connections wait, and one more would be tried again a second later.
MOST_DIALING: Final = 8
DIAL_INTERVAL: Final = 0.005  # a refused connection on one machine costs some 20 microseconds


class Peer:
    """One connection and what has come in on it."""

    def __init__(self, sink: Sink, sock: socket.socket) -> None:
        self.sock = sock
        self.counter = Counter(keeps_log=sink.keeps_log)
        self.established_at = 0.0
        self.first_at = 0.0
        self.last_at = 0.0
        self.bytes_received = 0
        self.notification = ""
        self.has_reached = False
        self.longest_silence = 0.0
        self.heard_at = monotonic()
        self._confirmed_at = 0.0
        self._sink = sink
        self._rest = b""
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def reset(self) -> None:
        self.counter.reset()
        self.counter.watched_change = ""
        self.first_at = self.last_at = self.longest_silence = 0.0
        self.bytes_received = 0
        self.has_reached = False

    def send(self, data: bytes) -> None:
        """Our few small messages always fit into the socket's buffer, unless the peer is gone."""
        try:
            self.sock.send(data)
        except OSError:
            self._sink.lost(self)

    def receive(self, buffer: memoryview) -> None:
        """Take in what is there."""
        try:
            size = self.sock.recv_into(buffer[len(self._rest) :])
        except BlockingIOError:
            return
        except OSError:
            size = 0
        now = monotonic()
        if not size:
            self._sink.lost(self)
            return
        self.longest_silence = max(self.longest_silence, now - self.heard_at)
        self.heard_at = now
        self.bytes_received += size
        end = len(self._rest) + size
        buffer[: len(self._rest)] = self._rest
        self._rest = self._take_messages(bytes(buffer[:end]), now)
        self._sink.check(self, now)

    def _take_messages(self, data: bytes, now: float) -> bytes:
        """Handle all whole messages; returns the rest."""
        at, end = 0, len(data)
        before = self.counter.announced, self.counter.withdrawn
        while end - at >= 19:
            stop = at + (data[at + 16] << 8 | data[at + 17])
            if stop > end:
                break
            kind = data[at + 18]
            if kind == UPDATE:
                self.counter.update(data[at + 19 : stop])
            else:
                self._control(kind, data[at + 19 : stop], now)
            at = stop
        if before != (self.counter.announced, self.counter.withdrawn):
            self.first_at = self.first_at or now
            self.last_at = now
        return data[at:]

    def _control(self, kind: int, body: bytes, now: float) -> None:
        if kind == OPEN:
            self._sink.hold(body[3] << 8 | body[4])
            self.send(message(KEEPALIVE))
            self._confirmed_at = monotonic()
        elif kind == KEEPALIVE and not self.established_at:
            # the speaker is established as soon as it has our KEEPALIVE
            self.established_at = self._confirmed_at
        elif kind == NOTIFICATION:
            self.notification = f"{body[0]}/{body[1]} {body[2:].hex()}".strip()


class Sink:
    """The event loop."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.keeps_log: bool = not arguments.no_log
        self._hold_time: int = arguments.hold_time
        self._open = open_message(
            arguments.as_number, arguments.router_id, self._hold_time, extended=arguments.extended
        )
        self._peers: dict[int, Peer] = {}
        self._dialing: dict[int, socket.socket] = {}
        self._listener: socket.socket | None = None
        self._to_dial: list[str] = []
        self._dial_address = ("", 0)
        self._expected: dict[str, Any] | None = None
        self._last_notification = ""
        self._is_paused = False
        self._input = b""
        self._buffer = memoryview(bytearray(LARGEST_MESSAGE + RECEIVE_SIZE))
        self._poll = select.epoll()
        self._poll.register(0, select.EPOLLIN)
        self._is_running = True
        self._keepalive_at = 0.0

    def run(self) -> None:
        """Until the end of standard input."""
        while self._is_running:
            for number, _ in self._poll.poll(DIAL_INTERVAL if self._to_dial or self._dialing else 1.0):
                self._ready(number)
            if self._to_dial:
                self._dial_all()
            if monotonic() >= self._keepalive_at:
                self._keepalive_at = monotonic() + max(1.0, self._hold_time / 3)
                for peer in list(self._peers.values()):
                    if peer.established_at:
                        peer.send(message(KEEPALIVE))

    # Connections

    def check(self, peer: Peer, now: float) -> None:
        """Answer what is expected if it has come true."""
        expected = self._expected
        if expected is None or peer.has_reached or not _has_reached(peer, expected):
            return
        peer.has_reached = True
        reached = [peer for peer in self._peers.values() if peer.has_reached]
        if len(reached) < expected.get("peers", 1):
            return
        self._expected = None
        what = [peer.established_at for peer in reached] if "established" in expected else [now]
        firsts = [peer.first_at for peer in reached if peer.first_at]
        self._answer(at=max(what), first_at=min(firsts, default=0.0))

    def hold(self, proposed: int) -> None:
        """A peer proposes this hold time: keepalives as often as the shortest asks for."""
        if 0 < proposed < self._hold_time:
            self._hold_time, self._keepalive_at = proposed, 0.0

    def lost(self, peer: Peer) -> None:
        """The connection is gone."""
        self._last_notification = peer.notification or self._last_notification
        number = peer.sock.fileno()
        if self._peers.pop(number, None) is None:
            return
        if not self._is_paused:
            self._poll.unregister(number)
        source = peer.sock.getsockname()[0]
        peer.sock.close()
        if self._dial_address[1] and not peer.established_at:
            self._to_dial.append(source)  # refused while the speaker was starting

    def _add(self, sock: socket.socket) -> None:
        self._peers[sock.fileno()] = peer = Peer(self, sock)
        self._poll.register(sock.fileno(), select.EPOLLIN)
        peer.send(self._open)

    def _ready(self, number: int) -> None:
        if number in self._peers:
            self._peers[number].receive(self._buffer)
        elif number in self._dialing:
            self._dialed(number)
        elif number == 0:
            self._read_requests()
        elif self._listener is not None and number == self._listener.fileno():
            self._add(self._listener.accept()[0])

    def _dial_all(self) -> None:
        room = max(0, MOST_DIALING - len(self._dialing))
        sources, self._to_dial = self._to_dial[:room], self._to_dial[room:]
        for source in sources:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((source, 0))
            self._poll.register(sock.fileno(), select.EPOLLOUT)
            self._dialing[sock.fileno()] = sock
            failed = sock.connect_ex(self._dial_address)
            if failed not in (0, errno.EINPROGRESS):
                self._dial_failed(sock)

    def _dialed(self, number: int) -> None:
        sock = self._dialing[number]
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._dial_failed(sock)
            return
        del self._dialing[number]
        self._poll.unregister(number)
        self._add(sock)

    def _dial_failed(self, sock: socket.socket) -> None:
        source = sock.getsockname()[0]
        del self._dialing[sock.fileno()]
        self._poll.unregister(sock.fileno())
        sock.close()
        self._to_dial.append(source)

    # Requests

    def _read_requests(self) -> None:
        data = os.read(0, 65536)
        if not data:
            self._is_running = False
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            requests: dict[str, Callable[[dict[str, Any]], None]] = {
                "listen": self._listen,
                "dial": self._dial,
                "expect": self._expect,
                "cancel": self._cancel,
                "reset": self._reset,
                "pause": self._pause,
                "resume": self._resume,
                "report": self._report,
                "hang_up": self._hang_up,
            }
            requests[request["do"]](request)

    def _answer(self, **values: Any) -> None:
        sys.stdout.write(json.dumps(values) + "\n")
        sys.stdout.flush()

    def _listen(self, request: dict[str, Any]) -> None:
        self._listener = socket.create_server((request["address"], request["port"]), backlog=1024)
        self._listener.setblocking(False)
        self._poll.register(self._listener.fileno(), select.EPOLLIN)
        self._answer(port=self._listener.getsockname()[1])

    def _dial(self, request: dict[str, Any]) -> None:
        self._dial_address = (request["address"], request["port"])
        self._to_dial = list(request["sources"])
        self._answer()
        self._dial_all()

    def _expect(self, request: dict[str, Any]) -> None:
        """Answered later, by `check`, unless it is true already."""
        self._answer(armed=True)
        self._expected = request
        watched = record(request["prefix"]) if "prefix" in request else None
        # the last to have got there comes last
        for peer in sorted(self._peers.values(), key=lambda peer: peer.last_at):
            peer.has_reached = False
            if peer.counter.watched != watched:
                peer.counter.watched, peer.counter.watched_change = watched, ""
            self.check(peer, peer.last_at)

    def _cancel(self, request: dict[str, Any]) -> None:
        if self._expected is not None:
            self._expected = None
            self._answer(cancelled=True, notification=self._notification())

    def _reset(self, request: dict[str, Any]) -> None:
        for peer in self._peers.values():
            peer.reset()
        self._answer()

    def _pause(self, request: dict[str, Any]) -> None:
        self._is_paused = True
        for number in self._peers:
            self._poll.unregister(number)
        self._answer(at=monotonic())

    def _resume(self, request: dict[str, Any]) -> None:
        self._is_paused = False
        for number in self._peers:
            self._poll.register(number, select.EPOLLIN)
        self._answer(at=monotonic())

    def _report(self, request: dict[str, Any]) -> None:
        peers = list(self._peers.values())
        self._answer(
            established=sum(peer.established_at > 0 for peer in peers),
            announced=sum(peer.counter.announced for peer in peers),
            withdrawn=sum(peer.counter.withdrawn for peer in peers),
            held=[len(peer.counter.held()) for peer in peers] if self.keeps_log else None,
            meds=[meds_to_json(peer.counter.meds) for peer in peers],
            bytes=sum(peer.bytes_received for peer in peers),
            longest_silence=max((peer.longest_silence for peer in peers), default=0.0),
            notification=self._notification(),
        )

    def _notification(self) -> str:
        texts = [peer.notification for peer in self._peers.values() if peer.notification]
        return texts[-1] if texts else self._last_notification

    def _hang_up(self, request: dict[str, Any]) -> None:
        self._dial_address, self._to_dial = ("", 0), []
        for sock in self._dialing.values():
            self._poll.unregister(sock.fileno())
            sock.close()
        self._dialing.clear()
        for peer in list(self._peers.values()):
            self.lost(peer)
        if self._listener is not None:
            self._poll.unregister(self._listener.fileno())
            self._listener.close()
            self._listener = None
        self._is_paused = False
        self._expected = None
        self._answer()


def _has_reached(peer: Peer, expected: dict[str, Any]) -> bool:
    counter = peer.counter
    if "prefix" in expected:
        return bool(counter.watched_change == expected["change"])
    if "established" in expected:
        return peer.established_at > 0
    if "announced" in expected:
        return bool(counter.announced >= expected["announced"])
    return bool(counter.withdrawn >= expected["withdrawn"])


def main() -> None:
    """Run one sink."""
    parser = argparse.ArgumentParser(prog="bench.sink", allow_abbrev=False)
    parser.add_argument("--as-number", type=int, required=True)
    parser.add_argument("--router-id", required=True)
    parser.add_argument("--hold-time", type=int, default=90)
    parser.add_argument("--extended", action="store_true", help="offer messages of 65535 bytes")
    parser.add_argument("--no-log", action="store_true", help="count only")
    Sink(parser.parse_args()).run()


if __name__ == "__main__":
    main()
