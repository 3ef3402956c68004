"""A process with a `rhi.Pool` that obeys JSON lines: what a program that embeds rhi does, with time-stamps.

    python -m bench.pool_server --speaker A --port P --as-number N --sink A --sink-as N --routes N
                                [--profile FILE] [--extended]

    {"do": "med", "med": N}            `configure` with another MED
    {"do": "replace_med", "med": N}    `replace` with all routes and another MED
    {"do": "replace_one"}              `replace` with all routes, one of them another than before
    {"do": "withdraw_all"}             `replace` with nothing
    {"do": "announce"|"withdraw", "address": A}
    {"do": "profile"}                  write the profile so far

Each answer has `at`, just before the call, and `returned_at`. --profile writes FILE.calls and FILE.io:
cProfile's figures for the thread that calls, and for the pool's own.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

import rhi
from bench.routes import addresses

# For `replace_one`: the last route becomes one of these.
OTHER_ROUTES = ("198.51.100.1", "198.51.100.2")


class ProfiledPool(rhi.Pool):
    """A pool whose own thread runs under cProfile."""

    profile = cProfile.Profile()

    def _run(self, *arguments: Any, **named: Any) -> None:
        self.profile.runcall(super()._run, *arguments, **named)


class PoolServer:
    """One pool with one passive peer, the sink."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._parameters: dict[str, Any] = {
            "as_number": arguments.as_number,
            "peer_as": arguments.sink_as,
            "passive": True,
            "hold_time": 90,
            "extended_messages": arguments.extended,
        }
        self._sink: str = arguments.sink
        self._routes = list(addresses(arguments.routes))
        self._profile = cProfile.Profile() if arguments.profile else None
        self._profile_file: str = arguments.profile
        self._replaced = 0
        pool_type = ProfiledPool if self._profile else rhi.Pool
        listen = [(arguments.speaker, arguments.port)]
        peers = {self._sink: rhi.Parameters(**self._parameters)}
        self._pool, at, returned_at = self._timed(
            lambda: pool_type(arguments.speaker, peers, self._routes, listen=listen)
        )
        _answer(at=at, returned_at=returned_at)

    def run(self) -> None:
        """Until the end of standard input."""
        for line in sys.stdin.buffer:
            request = json.loads(line)
            call = self._call(request)
            _, at, returned_at = self._timed(call)
            _answer(at=at, returned_at=returned_at)
        self._pool.close()

    def _call(self, request: dict[str, Any]) -> Callable[[], object]:
        pool, routes, do = self._pool, self._routes, request["do"]
        if do in ("announce", "withdraw"):
            method, address = getattr(pool, do), request["address"]
            return lambda: method(address)
        if do == "med":
            peers = {self._sink: rhi.Parameters(**self._parameters, med=request["med"])}
            return lambda: pool.configure(peers)
        if do == "replace_med":
            attributes = rhi.PathAttributes(med=request["med"])
            return lambda: pool.replace(routes, attributes)
        if do == "replace_one":
            self._replaced += 1
            changed = [*routes[:-1], OTHER_ROUTES[self._replaced % len(OTHER_ROUTES)]]
            return lambda: pool.replace(changed)
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
        self._profile.disable()
        self._pool.close()
        self._profile.dump_stats(f"{self._profile_file}.calls")
        ProfiledPool.profile.dump_stats(f"{self._profile_file}.io")


def _answer(**values: float) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run one pool."""
    parser = argparse.ArgumentParser(prog="bench.pool_server", allow_abbrev=False)
    parser.add_argument("--speaker", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--as-number", type=int, required=True)
    parser.add_argument("--sink", required=True)
    parser.add_argument("--sink-as", type=int, required=True)
    parser.add_argument("--routes", type=int, required=True)
    parser.add_argument("--extended", action="store_true")
    parser.add_argument("--profile", default="")
    PoolServer(parser.parse_args()).run()


if __name__ == "__main__":
    main()
