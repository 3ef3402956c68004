"""A process with a `rhi.Pool` that obeys JSON lines: what a program that embeds rhi does, with time-stamps.

    python -m bench.pool_server --speaker A --port P --as-number N --sink A --sink-as N --routes N
                                [--sinks A...] [--hold-time S] [--profile FILE] [--extended] [--aio]

    {"do": "med", "med": N}            `configure` with another MED
    {"do": "replace_med", "med": N}    `replace` with all routes and another MED
    {"do": "replace_one"}              `replace` with all routes, one of them another than before
    {"do": "withdraw_all"}             `replace` with nothing
    {"do": "replace_all"}              `replace` with all routes, with the attributes of the start
    {"do": "churn", "rate": N, "seconds": S}   meanwhile, announce and withdraw in turn, N times a second
    {"do": "lag"}                      -> {"lag": S}, the longest that a timer of the pool's thread was late
                                       since it was asked last
    {"do": "announce"|"withdraw", "address": A}
    {"do": "trim"}                     give memory that is free back to the system
    {"do": "profile"}                  write the profile so far

Each answer has `at`, just before the call, and `returned_at`. --profile writes FILE.calls and FILE.io:
cProfile's figures for the thread that calls, and for the pool's own. With --aio the pool is a `rhi.aio.Pool`,
called in its own event loop, and there is no profile.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import ctypes
import gc
import json
import sys
from collections.abc import Callable
from threading import Thread
from time import monotonic, sleep
from typing import Any, Final

import rhi
import rhi.aio
from bench.routes import addresses

# For `replace_one`: the last route becomes one of these.
OTHER_ROUTES = ("198.51.100.1", "198.51.100.2")
# Routes that come and go in `churn`.
CHURNED: Final = 10_000


class ProfiledPool(rhi.Pool):
    """A pool whose own thread runs under cProfile."""

    profile = cProfile.Profile()

    async def _main(self, *arguments: Any) -> None:
        self.profile.enable()
        try:
            await super()._main(*arguments)
        finally:
            self.profile.disable()


class PoolServer:
    """One pool with one passive peer, the sink."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._parameters: dict[str, Any] = {
            "as_number": arguments.as_number,
            "peer_as": arguments.sink_as,
            "passive": True,
            "hold_time": arguments.hold_time,
            "extended_messages": arguments.extended,
        }
        self._sink: str = arguments.sink
        self._number: int = arguments.routes
        self._kept: list[str] = []
        self._has_begun = False
        self._profile = cProfile.Profile() if arguments.profile else None
        self._profile_file: str = arguments.profile
        self._replaced = 0
        self._sinks: list[str] = [self._sink, *arguments.sinks]
        self._pool, at, returned_at = self._timed(self._start(arguments))
        self._lag = LagProbe(self._pool)
        _answer(at=at, returned_at=returned_at)

    def _start(self, arguments: argparse.Namespace) -> Callable[[], rhi.Pool | rhi.aio.Pool]:
        routes, peers = self._routes(), self._peers()
        pool_type = rhi.aio.Pool if arguments.aio else ProfiledPool if self._profile else rhi.Pool
        listen = [(arguments.speaker, arguments.port)]
        return lambda: pool_type(arguments.speaker, peers, routes, listen=listen)

    def run(self) -> None:
        """Until the end of standard input."""
        for line in sys.stdin.buffer:
            self.obey(line)
        assert isinstance(self._pool, rhi.Pool)
        self._pool.close()

    async def run_in_loop(self) -> None:
        """The same, with the pool's own event loop waiting for standard input too."""
        is_over = asyncio.Event()

        def read() -> None:
            if line := sys.stdin.buffer.readline():
                self.obey(line)
            else:
                is_over.set()

        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), read)
        await is_over.wait()

    def obey(self, line: bytes) -> None:
        """Do what one line asks for, and answer."""
        request = json.loads(line)
        call = self._call(request)
        result, at, returned_at = self._timed(call)
        more = {"lag": result} if request["do"] == "lag" else {}
        _answer(at=at, returned_at=returned_at, **more)

    def _routes(self) -> list[str]:
        """All routes as text: kept from the second time on, and then nothing that the collector looks at."""
        if self._kept:
            return self._kept
        routes = list(addresses(self._number))
        if self._has_begun:
            self._kept = routes
            gc.freeze()
        self._has_begun = True
        return routes

    def _peers(self, **parameters: Any) -> dict[str, rhi.Parameters]:
        every = rhi.Parameters(**self._parameters, **parameters)
        return dict.fromkeys(self._sinks, every)

    def _call(self, request: dict[str, Any]) -> Callable[[], object]:
        pool, do = self._pool, request["do"]
        if do in ("announce", "withdraw"):
            method, address = getattr(pool, do), request["address"]
            return lambda: method(address)
        if do == "med":
            peers = self._peers(med=request["med"])
            return lambda: pool.configure(peers)
        if do == "replace_all":
            routes = self._routes()
            return lambda: pool.replace(routes)
        if do == "lag":
            return self._lag.take
        if do == "trim":
            return lambda: ctypes.CDLL(None).malloc_trim(0)
        if do == "churn":
            rate, seconds = request["rate"], request["seconds"]
            return Thread(target=churn, args=(pool, rate, seconds), daemon=True).start
        if do == "replace_med":
            attributes = rhi.PathAttributes(med=request["med"])
            routes = self._routes()
            return lambda: pool.replace(routes, attributes)
        if do == "replace_one":
            self._replaced += 1
            routes = self._routes()
            routes[-1] = OTHER_ROUTES[self._replaced % len(OTHER_ROUTES)]
            return lambda: pool.replace(routes)
        if do == "withdraw_all":
            return lambda: pool.replace([], allow_empty=True)
        assert do == "profile"
        return self._dump_profile

    def _timed(self, call: Callable[[], Any]) -> tuple[Any, float, float]:
        if self._profile is not None:
            self._profile.enable()
        at = monotonic()
        result = call()
        returned_at = monotonic()
        if self._profile is not None:
            self._profile.disable()
        return result, at, returned_at

    def _dump_profile(self) -> None:
        """Ends the pool: the figures of its thread are there when that has ended."""
        assert self._profile is not None
        assert isinstance(self._pool, rhi.Pool)
        self._profile.disable()
        self._pool.close()
        self._profile.dump_stats(f"{self._profile_file}.calls")
        ProfiledPool.profile.dump_stats(f"{self._profile_file}.io")


class LagProbe:
    """How late the timers of a pool's thread are: one that is due every two milliseconds."""

    INTERVAL: Final = 0.002

    def __init__(self, pool: rhi.Pool | rhi.aio.Pool) -> None:
        # nothing public tells
        self._loop: asyncio.AbstractEventLoop = (
            pool._thread.loop if isinstance(pool, rhi.Pool) else pool._loop
        )
        self._longest = 0.0
        self._loop.call_soon_threadsafe(self._again)

    def take(self) -> float:
        """The longest delay since the last call, in seconds."""
        found, self._longest = self._longest, 0.0
        return found

    def _again(self, due: float | None = None) -> None:
        now = self._loop.time()
        if due is not None:
            self._longest = max(self._longest, now - due)
        self._loop.call_at(now + self.INTERVAL, self._again, now + self.INTERVAL)


def churn(pool: rhi.Pool | rhi.aio.Pool, rate: int, seconds: float) -> None:
    """Announce and withdraw routes in turn, so many a second, in steps of a few milliseconds."""
    routes = [f"172.16.{number >> 8}.{number & 255}" for number in range(CHURNED)]
    began, done = monotonic(), 0
    while (now := monotonic()) < began + seconds:
        for number in range(done, int((now - began) * rate)):
            change = pool.withdraw if number // CHURNED % 2 else pool.announce
            change(routes[number % CHURNED])
            done = number + 1
        sleep(0.002)


def _answer(**values: float) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run one pool."""
    arguments = _parser().parse_args()
    if arguments.aio:
        asyncio.run(run_in_loop(arguments))
    else:
        PoolServer(arguments).run()


async def run_in_loop(arguments: argparse.Namespace) -> None:
    """With a pool in this event loop."""
    await PoolServer(arguments).run_in_loop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.pool_server", allow_abbrev=False)
    parser.add_argument("--speaker", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--as-number", type=int, required=True)
    parser.add_argument("--sink", required=True)
    parser.add_argument("--sink-as", type=int, required=True)
    parser.add_argument("--routes", type=int, required=True)
    parser.add_argument("--sinks", nargs="*", default=[], help="more peers")
    parser.add_argument("--hold-time", type=int, default=90)
    parser.add_argument("--extended", action="store_true")
    parser.add_argument("--profile", default="")
    parser.add_argument("--aio", action="store_true")
    return parser


if __name__ == "__main__":
    main()
