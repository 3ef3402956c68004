"""The routers that samples are written for."""

from collections.abc import Callable, Mapping
from typing import Final

from rhi.daemon.routers import bird, exabgp, frr, gobgp, openbgpd
from rhi.daemon.routers.session import Session

RENDERERS: Final[Mapping[str, Callable[[Session], str]]] = {
    "bird": bird.render,
    "frr": frr.render,
    "gobgp": gobgp.render,
    "openbgpd": openbgpd.render,
    "exabgp": exabgp.render,
}
