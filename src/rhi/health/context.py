"""What a probe may use besides its own options: clocks, chance, threads, what its check keeps.

Each check has a `Context` of its own; all share the `Tools`. Tests give their own clocks and their own
chance.
"""

import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from rhi.health.threads import Threads

# Enough for hundreds of thousands of quick calls a second, and for some dead file systems at once.
MAX_THREADS: Final = 64


@dataclass(slots=True, kw_only=True)
class Tools:
    """Shared by all checks of a runner.

    Attributes:
        clock: monotonic seconds.
        wall_clock: seconds since 1970, for dates in certificates and of files.
        random: a number from 0 to below 1, for jitter.
        nonce: so many bytes that nobody can guess, to tell our answers from others.
        threads: where calls go that may block.
        shared: what is dear to make and the same for many checks, such as TLS contexts.
    """

    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    random: Callable[[], float] = random.random
    nonce: Callable[[int], bytes] = secrets.token_bytes
    threads: Threads = field(default_factory=lambda: Threads(MAX_THREADS))
    shared: dict[object, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Renewal:
    """What a program said of itself, and when, in monotonic seconds."""

    at: float
    ok: bool
    detail: str


@dataclass(slots=True, kw_only=True)
class Context:
    """What one check has at hand.

    Attributes:
        key: the runner's name of this check.
        tools: what it shares with all others.
        started_at: monotonic time at which the check was added.
        renewal: the last word of the program behind a push check.
        unreaped: processes that were killed and have not ended yet.
    """

    key: str
    tools: Tools
    started_at: float
    renewal: Renewal | None = None
    unreaped: set[int] = field(default_factory=set)
