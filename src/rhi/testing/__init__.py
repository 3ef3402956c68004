"""Test kit for programs that use rhi, and for rhi itself.

`pair` joins two peers by a wire of its own and a clock that is moved by hand; `collector` is a passive peer
on a real socket that records what it is told.
"""

from rhi.testing.collector import Collector
from rhi.testing.pair import Pair

__all__ = ["Collector", "Pair"]
