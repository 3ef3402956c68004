"""The interoperability lab: namespaces, foreign BGP daemons, and what those daemons believe.

`namespace` makes networks, `router` says what every daemon can do, one file per daemon does it, `speaker`
runs `rhi speak`. A daemon that is not installed skips its tests (see `requirements`).
"""

from tests.interop.lab.bird import Bird
from tests.interop.lab.embedding import Embedding, embedding
from tests.interop.lab.exabgp import ExaBgp
from tests.interop.lab.frr import Frr
from tests.interop.lab.gobgp import GoBgp
from tests.interop.lab.namespace import Namespace, connect, namespaces, remove_leftovers
from tests.interop.lab.openbgpd import OpenBgpd
from tests.interop.lab.router import (
    ADMINISTRATIVE_SHUTDOWN,
    ESTABLISHED,
    Neighbour,
    Router,
    RouteSeen,
    Settings,
    running,
)
from tests.interop.lab.speaker import Speaker, speaking
from tests.interop.lab.waiting import wait_until

DAEMONS: tuple[type[Router], ...] = (Bird, Frr, GoBgp, OpenBgpd, ExaBgp)

__all__ = [
    "ADMINISTRATIVE_SHUTDOWN",
    "DAEMONS",
    "ESTABLISHED",
    "Bird",
    "Embedding",
    "ExaBgp",
    "Frr",
    "GoBgp",
    "Namespace",
    "Neighbour",
    "OpenBgpd",
    "RouteSeen",
    "Router",
    "Settings",
    "Speaker",
    "connect",
    "embedding",
    "namespaces",
    "remove_leftovers",
    "running",
    "speaking",
    "wait_until",
]
