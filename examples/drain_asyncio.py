"""A maintenance window with asyncio: have other hosts preferred first, then withdraw, then leave.

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
    """Announce, drain, end."""
    observer = Tell()
    parameters = rhi.Parameters(as_number=65001, port=port, med=10)
    async with aio.Pool("192.0.2.10", {peer: parameters}, addresses, observer) as pool:
        await asyncio.wait_for(observer.up.wait(), timeout=30)
        print(f"announced: {bool(await pool.flush())}", flush=True)

        drain = pool.drain(wait=0.5, close=True, message="maintenance")
        async for progress in drain:
            print(f"{progress.step.value}: {progress.routes} routes", flush=True)
        result = await drain
        print(f"drained: {bool(result)}, {result.withdrawn} withdrawn", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
