"""The victim, a program of its own so that its memory and file descriptors are its alone.

    python -m tests.flood.server HOST

listens on HOST, prints the port, and runs until its standard input ends; each line there is answered with the
status. Named peers are INNOCENT, with a hold time of 3 s, and NAMED; everybody in ALLOWED is a dynamic peer.
"""

import json
import sys
from typing import Final

import rhi

INNOCENT: Final = "127.0.0.9"
NAMED: Final = "127.0.0.66"
ALLOWED: Final = "127.1.0.0/16"


class Counter(rhi.Observer):
    """An observer as users have one: it looks at everything."""

    def __init__(self) -> None:
        self.events = 0

    def on_event(self, event: rhi.Event) -> None:
        self.events += 1


def main() -> None:
    """Run until standard input ends."""
    host, innocent = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else INNOCENT
    plain = rhi.Parameters(as_number=65001, passive=True, multiprotocol=True)
    hurried = rhi.Parameters(as_number=65001, passive=True, hold_time=3)
    pool = rhi.Pool(
        "192.0.2.10",
        {innocent: hurried, NAMED: plain},
        [f"203.0.113.{n}" for n in range(100)],
        Counter(),
        listen=[(host, 0)],
        dynamic_peers={ALLOWED: plain},
    )
    with pool:
        print(pool.listen_addresses[0].port, flush=True)
        for _ in sys.stdin:
            peers = pool.status()
            print(json.dumps({"peers": len(peers), "innocent": peers[innocent].to_json()}), flush=True)


if __name__ == "__main__":
    main()
