"""What received routes cost a session that nobody watches, beside cutting the stream into messages.

    python -m bench.receive [--routes N] [--maximum-prefixes N]

One `Peer` in this process, no sockets: the processor time is all there is. Tables differ in how many routes
share an UPDATE, from full messages of host routes to a message for each route, and each UPDATE has attributes
of its own. Best of several runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address
from time import perf_counter
from typing import Final

from rhi.core.peer import Peer
from rhi.core.route_table import RouteTable
from rhi.model.parameters import Parameters
from rhi.wire.capabilities import FourOctetAs
from rhi.wire.iana import MessageType
from rhi.wire.messages import KEEPALIVE, Framer, encode_message
from rhi.wire.open import Open
from rhi.wire.update import update_body

RUNS: Final = 5
READ_BYTES: Final = 64 * 1024
# ORIGIN, an AS_PATH of three, NEXT_HOP, MED; a community that differs comes behind.
_ATTRIBUTES: Final = bytes.fromhex(
    "40010100 40020e0203 0000fdea 0000fdeb 0000fdec 400304c0000202 80040400000001 c00804"
)
_LENGTHS: Final = {"host routes": (32,), "mixed lengths": (24, 22, 24, 20, 32)}
TABLES: Final = (("host routes", 800), ("mixed lengths", 800), ("mixed lengths", 4), ("host routes", 1))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m bench.receive", description="The cost of received routes.")
    parser.add_argument("--routes", type=int, default=100_000, metavar="N", help="in each table (100000)")
    parser.add_argument("--maximum-prefixes", type=int, metavar="N", help="count them under this limit")
    arguments = parser.parse_args()
    print(f"{arguments.routes} routes                 cut only      session")
    for kind, each in TABLES:
        data = table(arguments.routes, each, _LENGTHS[kind])
        parts = [data[at : at + READ_BYTES] for at in range(0, len(data), READ_BYTES)]
        cut = best(partial(cut_only, parts))
        heard = best(partial(hear, parts, arguments.maximum_prefixes))
        print(f"{kind:<14} {each:>4} a message {cut * 1000:>8.1f} ms {heard * 1000:>8.1f} ms")


def table(routes: int, each: int, lengths: tuple[int, ...]) -> bytes:
    """UPDATEs that announce so many routes, `each` of them in one message."""
    prefixes = []
    for number in range(routes):
        length = lengths[number % len(lengths)]
        address = (number << (32 - length)) & 0xFFFFFFFF if length < 32 else 0x0A000000 + number
        prefixes.append(bytes((length,)) + address.to_bytes(4, "big")[: (length + 7) // 8])
    messages = []
    for start in range(0, routes, each):
        attributes = _ATTRIBUTES + start.to_bytes(4, "big")
        body = update_body(b"", attributes, b"".join(prefixes[start : start + each]))
        messages.append(encode_message(MessageType.UPDATE, body))
    return b"".join(messages)


def cut_only(parts: list[bytes]) -> float:
    """Seconds that it takes to cut a stream into messages, and do nothing with them."""
    framer = Framer()
    began = perf_counter()
    for part in parts:
        for _ in framer.feed(part):
            pass
    return perf_counter() - began


def hear(parts: list[bytes], maximum_prefixes: int | None = None) -> float:
    """Seconds that an established session takes over a stream."""
    peer = _established(maximum_prefixes)
    began = perf_counter()
    for part in parts:
        peer.data_received(1, part, 0.0)
    took = perf_counter() - began
    assert peer.is_established, peer.events()
    return took


def best(measure: Callable[[], float]) -> float:
    """The shortest of several runs."""
    return min(measure() for _ in range(RUNS))


def _established(maximum_prefixes: int | None) -> Peer:
    ours, theirs = IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")
    parameters = Parameters(as_number=65001, maximum_prefixes=maximum_prefixes)
    peer = Peer("192.0.2.2", ours, parameters, RouteTable(), now=0.0, random=lambda: 0.5)
    peer.start(0.0)
    peer.connection_made(1, ours, theirs, 0.0)
    opening = Open(as_number=65002, hold_time=90, router_id=theirs.packed, capabilities=(FourOctetAs(65002),))
    peer.data_received(1, encode_message(MessageType.OPEN, opening.encode()) + KEEPALIVE, 0.0)
    return peer


if __name__ == "__main__":
    main()
