"""Announce an address while a service answers: a health check in twenty lines.

    python examples/health_check.py --help

The service is asked every second. Three good answers in a row announce the address, two bad ones withdraw it,
and before the first verdict nothing is announced.
"""

import argparse
import contextlib
import time
import urllib.request

import rhi


def is_healthy(url: str) -> bool:
    """One question to the service."""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def main() -> None:
    """Until interrupted; the session then ends with Cease/Administrative Shutdown."""
    parser = argparse.ArgumentParser(
        description="Announce ADDRESS to PEER while URL answers with status 200."
    )
    parser.add_argument("--as-number", type=int, default=65001)
    parser.add_argument("--router-id", default="192.0.2.10")
    parser.add_argument("--port", type=int, default=179, help="the peer's TCP port")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds between questions")
    parser.add_argument("url")
    parser.add_argument("peer")
    parser.add_argument("address")
    arguments = parser.parse_args()

    parameters = rhi.Parameters(as_number=arguments.as_number, port=arguments.port)
    with rhi.Pool(arguments.router_id, {arguments.peer: parameters}) as pool:
        good = bad = 0
        while True:
            healthy = is_healthy(arguments.url)
            good, bad = (good + 1, 0) if healthy else (0, bad + 1)
            if good == 3:
                pool.announce(arguments.address)
                print(f"{arguments.address} is announced", flush=True)
            elif bad == 2:
                pool.withdraw(arguments.address)
                print(f"{arguments.address} is withdrawn", flush=True)
            time.sleep(arguments.interval)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
