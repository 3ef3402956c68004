"""`python -m fuzz`: run targets for a time, each in a process of its own."""

import argparse
import random
import subprocess
import sys
import time
import traceback

from fuzz import guided
from fuzz.mutate import mutate
from fuzz.targets import TARGETS, check


def main() -> int:
    """Run what the arguments ask for; 1 when something was found."""
    parser = argparse.ArgumentParser(
        "python -m fuzz", description="Feed broken input to decoders and sessions."
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="for all targets together (60)")
    parser.add_argument("--target", choices=sorted(TARGETS), help="this target alone, in this process")
    parser.add_argument("--input", type=bytes.fromhex, help="feed this one input, in hexadecimal")
    parser.add_argument("--seed", type=int, default=None, help="of the mutations; random when not given")
    arguments = parser.parse_args()
    if arguments.target is None:
        return _run_all(arguments.seconds)
    if arguments.input is not None:
        return _feed(arguments.target, arguments.input)
    seed = random.randrange(1 << 32) if arguments.seed is None else arguments.seed
    return _run(arguments.target, arguments.seconds, seed)


def _run_all(seconds: float) -> int:
    share = max(1.0, seconds / len(TARGETS))
    failed = []
    for name in TARGETS:
        command = [sys.executable, "-m", "fuzz", "--target", name, "--seconds", str(share)]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
    print(f"{len(TARGETS) - len(failed)} targets clean, {len(failed)} failed {', '.join(failed)}".rstrip())
    return 1 if failed else 0


def _run(name: str, seconds: float, seed: int) -> int:
    end = time.monotonic() + seconds
    is_guided = guided.is_available()
    if is_guided and guided.explore(name, seconds * 0.4, seed):
        return 1
    # blind mutation goes on where nothing new is covered: it combines damages
    target, source = TARGETS[name], random.Random(seed)
    count = 0
    while time.monotonic() < end or not count:
        for _ in range(100):
            count += 1
            if _feed(name, mutate(source, target.seeds)):
                return 1
    guide = ", and guided by coverage" if is_guided else ""
    print(f"{name:<14} {count:>9} inputs by mutation, seed {seed}{guide}")
    return 0


def _feed(name: str, data: bytes) -> int:
    try:
        check(TARGETS[name], data)
    except Exception:
        traceback.print_exc()
        print(
            f"{name}: found; again with: python -m fuzz --target {name} --input {data.hex()}", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
