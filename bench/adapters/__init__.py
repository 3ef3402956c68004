"""One adapter for each speaker, in the order of reports."""

from bench.adapters.base import Speaker
from bench.adapters.bird import Bird
from bench.adapters.exabgp import ExaBgp
from bench.adapters.floor import FloorSpeaker
from bench.adapters.frr import Frr
from bench.adapters.gobgp import GoBgp
from bench.adapters.openbgpd import OpenBgpd
from bench.adapters.rhi import Rhi

ADAPTERS: dict[str, type[Speaker]] = {
    adapter.NAME: adapter for adapter in (Rhi, FloorSpeaker, Bird, Frr, OpenBgpd, GoBgp, ExaBgp)
}
# Neither of the project nor a speaker of its own: not compared with as a daemon.
NO_DAEMONS = ("rhi", "floor")

__all__ = ["ADAPTERS", "NO_DAEMONS", "Rhi", "Speaker"]
