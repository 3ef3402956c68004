"""How late the event loop is: the time by which a timer that is due comes too late.

Whatever blocks the loop delays keepalives, probes and verdicts alike, so this is the first number to look
at when one of them is late. The newest samples are kept, a fixed number of them.
"""

import asyncio
import collections
import math
from typing import Final

# A minute at the default interval.
_SAMPLES: Final = 600


class LagMeter:
    """Measures from `start` to `stop`, every `interval` seconds, in the running event loop."""

    def __init__(self, interval: float = 0.1, samples: int = _SAMPLES) -> None:
        self._loop = asyncio.get_running_loop()
        self._interval = interval
        self._samples: collections.deque[float] = collections.deque(maxlen=samples)
        self._timer: asyncio.TimerHandle | None = None
        self.worst = 0.0

    def start(self) -> None:
        """Begin to measure; a meter that runs goes on."""
        if self._timer is None:
            self._arm()

    def stop(self) -> None:
        """Measure no more; what was measured stays."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def quantile(self, fraction: float) -> float:
        """Seconds that this fraction of the kept samples does not exceed; 0 without samples.

        `quantile(0.99)` is the p99, by the nearest rank.
        """
        if not self._samples:
            return 0.0
        ranked = sorted(self._samples)
        return ranked[max(0, math.ceil(fraction * len(ranked)) - 1)]

    def _arm(self) -> None:
        self._timer = self._loop.call_later(self._interval, self._sample)

    def _sample(self) -> None:
        assert self._timer is not None
        # A loop's clock may be coarse, and a timer then comes a little early.
        late = max(0.0, self._loop.time() - self._timer.when())
        self._samples.append(late)
        self.worst = max(self.worst, late)
        self._arm()
