"""Attackers: each does its worst for some seconds, and then says how often.

    python -m tests.flood.attacks NAME HOST PORT SECONDS

prints `ready` before it begins, and a number at the end. They connect from loopback addresses of their own
choosing: 127.1.0.0/16 is where the victim has dynamic peers, 127.2.0.0/16 are strangers.
"""

import contextlib
import itertools
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

from tests.core.script import KEEPALIVE, NOTIFICATION, OPEN, UPDATE, message, open_body, update_body
from tests.flood.server import NAMED

AS: Final = 65020
GREETING: Final = message(OPEN, open_body(as_number=AS)) + message(KEEPALIVE)
FAREWELL: Final = message(NOTIFICATION, b"\x06\x00")
# ORIGIN IGP, AS_PATH of one AS, NEXT_HOP
ATTRIBUTES: Final = bytes.fromhex("40010100") + b"\x40\x02\x06\x02\x01" + struct.pack("!I", AS)
NEXT_HOP: Final = bytes.fromhex("400304c0000263")
ROUTES_IN_UPDATE: Final = 700
CROWD: Final = 1000

Address = tuple[str, int]


def sources(second: int) -> Iterator[str]:
    """Addresses 127.SECOND.x.y, round and round."""
    return (f"127.{second}.{n >> 8}.{n & 255}" for n in itertools.cycle(range(1, 60_000)))


def dial(address: Address, source: str) -> socket.socket | None:
    """A connection, or None when there is none to be had at the moment."""
    sock = socket.socket()
    # when the victim's backlog is full the kernel would try again after a second only; we do at once
    sock.settimeout(0.01)
    try:
        # the port is chosen when connecting, so that a few addresses do not run out of ports
        sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        sock.bind((source, 0))
        sock.connect(address)
    except OSError:
        sock.close()
        return None
    return sock


def crowd(address: Address, until: float, second: int) -> int:
    """1,000 connections at a time that say nothing; those that the victim closes are replaced."""
    count = 0
    open_ones: list[socket.socket] = []
    for source in sources(second):
        if time.monotonic() > until:
            break
        sock = dial(address, source)
        if sock is None:
            continue
        count += 1
        open_ones.append(sock)
        if len(open_ones) >= CROWD:
            open_ones.pop(0).close()
    return count


def strangers(address: Address, until: float) -> int:
    return crowd(address, until, 2)


def allowed(address: Address, until: float) -> int:
    return crowd(address, until, 1)


def notifications(address: Address, until: float, second: int | None) -> int:
    """Connect, send a NOTIFICATION, be gone, as fast as can be."""
    count = 0
    for source in sources(second) if second is not None else itertools.repeat(NAMED):
        if time.monotonic() > until:
            break
        sock = dial(address, source)
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.sendall(FAREWELL if count % 2 else GREETING + FAREWELL)
                count += 1
            sock.close()
    return count


def single_bytes(address: Address, until: float) -> int:
    """Fifty sessions in which every byte is a segment."""
    count = 0
    socks = [
        sock for _, source in zip(range(50), sources(1), strict=False) if (sock := dial(address, source))
    ]
    for sock in socks:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
    update = message(UPDATE, update_body(announced=b"", attributes=b""))
    stream = GREETING + (message(KEEPALIVE) + update) * 100_000
    for at in range(len(stream)):
        if time.monotonic() > until:
            break
        for sock in socks:
            with contextlib.suppress(OSError):
                count += sock.send(stream[at : at + 1])
    return count


def routes(address: Address, until: float) -> int:
    """100,000 routes, announced over and over as fast as they are taken."""
    sock: socket.socket | None = None
    while sock is None and time.monotonic() < until:
        sock = dial(address, next(sources(1)))
    assert sock is not None
    sock.settimeout(60.0)
    sock.sendall(GREETING)
    updates = []
    for first in range(0, 100_000, ROUTES_IN_UPDATE):
        numbers = range(first, min(first + ROUTES_IN_UPDATE, 100_000))
        nlri = b"".join(b"\x20" + struct.pack("!I", (10 << 24) + number) for number in numbers)
        updates.append(message(UPDATE, update_body(attributes=ATTRIBUTES + NEXT_HOP, announced=nlri)))
    count = 0
    while True:
        for update in updates:
            if time.monotonic() > until:
                return count
            sock.sendall(update)
            count += min(ROUTES_IN_UPDATE, 100_000)
        sock.sendall(message(KEEPALIVE))


def half_open(address: Address, until: float) -> int:
    """SYNs from addresses that do not exist: nobody answers what the victim's kernel answers."""
    count = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        while time.monotonic() < until:
            for _ in range(100):
                count += 1
                with contextlib.suppress(OSError):
                    sock.sendto(_syn(f"198.51.{count >> 8 & 255}.{count & 255}", address, count), address)
            time.sleep(0.001)
    return count


def _syn(source: str, address: Address, number: int) -> bytes:
    ends = socket.inet_aton(source) + socket.inet_aton(address[0])
    port = 1024 + number % 60_000
    tcp = struct.pack("!HHIIBBHHH", port, address[1], number, 0, 5 << 4, 0x02, 65535, 0, 0)
    words = struct.unpack("!16H", ends + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp)) + tcp)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    tcp = tcp[:16] + struct.pack("!H", checksum) + tcp[18:]
    return struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0) + ends + tcp


ATTACKS: Final[dict[str, Callable[[Address, float], int]]] = {
    "strangers": strangers,
    "allowed": allowed,
    "notifications-allowed": lambda address, until: notifications(address, until, 1),
    "notifications-named": lambda address, until: notifications(address, until, None),
    "single-bytes": single_bytes,
    "routes": routes,
    "half-open": half_open,
}


def main() -> None:
    """Run one attack."""
    name, host, port, seconds = sys.argv[1:]
    print("ready", flush=True)
    print(ATTACKS[name]((host, int(port)), time.monotonic() + float(seconds)), flush=True)


if __name__ == "__main__":
    main()
