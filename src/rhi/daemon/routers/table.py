"""The routers that samples are written for."""

from collections.abc import Callable, Mapping
from typing import Final

from rhi.daemon.routers import (
    bird,
    eos,
    exabgp,
    frr,
    gobgp,
    ios_xe,
    ios_xr,
    junos,
    openbgpd,
    routeros,
    sr_linux,
)
from rhi.daemon.routers.session import Session

RENDERERS: Final[Mapping[str, Callable[[Session], str]]] = {
    "bird": bird.render,
    "frr": frr.render,
    "gobgp": gobgp.render,
    "openbgpd": openbgpd.render,
    "exabgp": exabgp.render,
    "ios-xe": ios_xe.render,
    "ios-xr": ios_xr.render,
    "junos": junos.render,
    "eos": eos.render,
    "sr-linux": sr_linux.render,
    "routeros": routeros.render,
}
