"""One adapter for each speaker, in the order of reports."""

from bench.adapters.base import Speaker
from bench.adapters.bird import Bird
from bench.adapters.exabgp import ExaBgp
from bench.adapters.floor import FloorSpeaker
from bench.adapters.frr import Frr
from bench.adapters.gobgp import GoBgp
from bench.adapters.openbgpd import OpenBgpd
from bench.adapters.rhi import Rhi, RhiAio

ADAPTERS: dict[str, type[Speaker]] = {
    adapter.NAME: adapter for adapter in (Rhi, RhiAio, FloorSpeaker, Bird, Frr, OpenBgpd, GoBgp, ExaBgp)
}
# What reports call rhi; each has to meet the targets of what it is measured in.
OURS = ("rhi", "rhi.aio")
# Nothing that is compared with as a daemon.
NO_DAEMONS = (*OURS, "floor")

__all__ = ["ADAPTERS", "NO_DAEMONS", "OURS", "Rhi", "Speaker"]
