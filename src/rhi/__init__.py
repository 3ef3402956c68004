"""rhi: route health injection for Python.

A BGP speaker that originates the /32 and /128 routes of healthy services, and withdraws them the moment they
are not. `Pool` and `Session` run in a thread of their own; `rhi.aio` has the same for programs with an event
loop.
"""

import importlib
from typing import TYPE_CHECKING

from rhi.errors import (
    EmptyTableError,
    InvalidValueError,
    ListenError,
    NotificationError,
    RhiError,
    SocketOptionError,
)
from rhi.model.attributes import Origin, PathAttributes, Route
from rhi.model.communities import Community, ExtendedCommunity, LargeCommunity
from rhi.model.drain import Drained, DrainStep
from rhi.model.events import (
    CallFailed,
    CallRecovered,
    DrainProgress,
    EndOfRibReceived,
    EndOfRibSent,
    Event,
    PeerAdded,
    PeerRemoved,
    PrefixLimitNear,
    RoutesHeldBack,
    RoutesMissed,
    RoutesQuarantined,
    RoutesReceived,
    RoutesReleased,
    SessionDown,
    SessionUp,
    StateChanged,
    UpdateMalformed,
)
from rhi.model.observer import Observer
from rhi.model.parameters import Parameters, Role
from rhi.model.prefix import Family, Prefix
from rhi.model.status import Flushed, State, Status
from rhi.model.tcp_ao import AoAlgorithm, AoKey

if TYPE_CHECKING:
    from rhi import aio
    from rhi.threaded import Drain, Pool, Session
else:

    def __getattr__(name: str) -> object:
        """What needs asyncio comes when first asked for: that takes as long to import as all else."""
        if name in ("Drain", "Pool", "Session"):
            return getattr(importlib.import_module("rhi.threaded"), name)
        if name == "aio":
            return importlib.import_module("rhi.aio")
        raise AttributeError(f"module 'rhi' has no attribute {name!r}")

    def __dir__() -> list[str]:
        """These names too, though they have yet to come."""
        return sorted({*globals(), *__all__})


__version__ = "0.1.0"

__all__ = [
    "AoAlgorithm",
    "AoKey",
    "CallFailed",
    "CallRecovered",
    "Community",
    "Drain",
    "DrainProgress",
    "DrainStep",
    "Drained",
    "EmptyTableError",
    "EndOfRibReceived",
    "EndOfRibSent",
    "Event",
    "ExtendedCommunity",
    "Family",
    "Flushed",
    "InvalidValueError",
    "LargeCommunity",
    "ListenError",
    "NotificationError",
    "Observer",
    "Origin",
    "Parameters",
    "PathAttributes",
    "PeerAdded",
    "PeerRemoved",
    "Pool",
    "Prefix",
    "PrefixLimitNear",
    "RhiError",
    "Role",
    "Route",
    "RoutesHeldBack",
    "RoutesMissed",
    "RoutesQuarantined",
    "RoutesReceived",
    "RoutesReleased",
    "Session",
    "SessionDown",
    "SessionUp",
    "SocketOptionError",
    "State",
    "StateChanged",
    "Status",
    "UpdateMalformed",
    "__version__",
    "aio",
]
