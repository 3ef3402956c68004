"""A maintenance window with asyncio: prefer other hosts first, then withdraw, then leave.

    python examples/drain_asyncio.py PEER PORT ADDRESS...

Each step is confirmed by the peer's TCP before the next one begins.
"""

import asyncio
import sys

import rhi
from rhi import aio


class Tell(rhi.Observer):
    """Prints the state of the session as it changes."""

    def __init__(self) -> None:
        self.up = asyncio.Event()

    def on_event(self, event: rhi.Event) -> None:
        if isinstance(event, rhi.SessionUp):
            print(f"{event.peer} is up, AS {event.remote_asn}", flush=True)
            self.up.set()

    def on_session(self, peer: str, local: bool, reason: str) -> None:
        print(f"{peer}: {reason}", flush=True)


async def main(peer: str, port: int, addresses: list[str]) -> None:
    """Announce, drain, withdraw, end."""
    observer = Tell()
    parameters = rhi.Parameters(as_number=65001, port=port, med=10)
    async with aio.Pool("192.0.2.10", {peer: parameters}, addresses, observer) as pool:
        await asyncio.wait_for(observer.up.wait(), timeout=30)
        print(f"announced: {bool(await pool.flush())}", flush=True)

        # the same routes with other attributes: nothing is withdrawn on the way
        pool.replace(addresses, rhi.PathAttributes(med=1000, communities=["graceful-shutdown"]))
        print(f"drained: {bool(await pool.flush())}", flush=True)
        await asyncio.sleep(0.5)

        pool.replace([], allow_empty=True)
        print(f"withdrawn: {bool(await pool.flush())}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
