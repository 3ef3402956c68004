"""What an operator decides about services and groups, checked and in the units of the decision.

Levels are numbers: 0 is the best band of a service, the number of bands is "unhealthy".
"""

import enum
import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Final

from rhi.daemon.policies import OnCrash, OnExit
from rhi.model.attributes import NO_ATTRIBUTES, PathAttributes
from rhi.model.communities import Community
from rhi.model.prefix import Prefix

_MAX_MED: Final = 0xFFFFFFFF
_MAX_PREPEND: Final = 254


class Verdict(enum.Enum):
    """What is known of one check."""

    UNKNOWN = "unknown"  # it has not said anything yet
    UP = "up"
    DOWN = "down"
    STALE = "stale"  # it had a verdict, and has died since


class Presence(enum.Enum):
    """Whether an address is on this host, for those that are only announced while it is."""

    HERE = "here"
    PENDING = "pending"  # not known yet, or about to be put there: a route stays as it is meanwhile
    ABSENT = "absent"  # what is announced would lead nowhere


@dataclass(frozen=True, slots=True)
class Quota:
    """So many of a set: a count, or a share of all in percent, whichever is given."""

    count: int | None = None
    percent: Fraction | None = None

    def of(self, total: int) -> int:
        """The smallest number that is enough; never more than `total`."""
        if self.percent is not None:
            return math.ceil(total * self.percent / 100)
        return min(self.count or 0, total)

    def __str__(self) -> str:
        return f"{float(self.percent):g} %" if self.percent is not None else str(self.count or 0)


ALL: Final = Quota(percent=Fraction(100))
ANY: Final = Quota(count=1)
NONE: Final = Quota(count=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """How attributes are made worse.

    Attributes:
        med_add: added to MED; a service without a MED counts as having 0.
        prepend_add: how many times more our AS number stands in the path.
        communities: added to the service's own.
        graceful_shutdown: mark as about to leave (RFC 8326).
    """

    med_add: int = 0
    prepend_add: int = 0
    communities: tuple[Community, ...] = ()
    graceful_shutdown: bool = False

    def apply(self, attributes: PathAttributes) -> PathAttributes:
        """`attributes` made worse; values end at what can be sent."""
        changed = attributes
        if self.med_add:
            changed = replace(changed, med=min(_MAX_MED, (attributes.med or 0) + self.med_add))
        if self.prepend_add:
            changed = replace(
                changed, prepend=min(_MAX_PREPEND, (attributes.prepend or 0) + self.prepend_add)
            )
        if self.communities:
            changed = replace(changed, communities=(*(attributes.communities or ()), *self.communities))
        if self.graceful_shutdown:
            changed = replace(changed, graceful_shutdown=True)
        return changed


AS_IT_IS: Final = Adjustment()
MARK: Final = Adjustment(graceful_shutdown=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A level of partial health.

    Attributes:
        name: as status shows it.
        at_least: checks that must pass to stay in this band or a better one.
        recover_at: checks that must pass to come back into it from a worse one; None is `at_least`.
        adjustment: of the attributes; None withdraws.
    """

    name: str
    at_least: Quota
    recover_at: Quota | None = None
    adjustment: Adjustment | None = AS_IT_IS


@dataclass(frozen=True, slots=True, kw_only=True)
class Damping:
    """Flap damping at the origin, in the manner of RFC 2439.

    Attributes:
        penalty: added each time the service gets worse.
        half_life: seconds in which the sum halves.
        suppress: at this sum the service is held at the worst level of its flapping.
        reuse: below this sum it is let go.
        max_suppress: seconds after the last flap that it is held at most.
    """

    penalty: float = 1000.0
    half_life: float = 60.0
    suppress: float = 3000.0
    reuse: float = 1000.0
    max_suppress: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service and what its health means for its addresses.

    Attributes:
        name: unique.
        prefixes: the routes of its addresses.
        attributes: what they are announced with at the best.
        checks: names of checks whose failure counts (class `local`).
        dependencies: names of checks whose failure only degrades (class `dependency`).
        bands: best first; a service that meets none of them is unhealthy.
        unhealthy: what then becomes of its attributes; None withdraws.
        degraded: what a failed dependency, a check that has died, or a guard adds.
        draining: what is added while it is marked as leaving.
        min_up: seconds it stays in a level before it may get worse.
        min_down: seconds it stays in a level before it may get better.
        damping: None does not damp.
        group: the guard it belongs to.
        never_last: keep its addresses while no other origin of them is seen.
        on_exit, on_crash: what becomes of its routes when the daemon ends, or dies.
    """

    name: str
    prefixes: tuple[Prefix, ...]
    attributes: PathAttributes = NO_ATTRIBUTES
    checks: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    bands: tuple[Band, ...] = (Band(name="healthy", at_least=ALL),)
    unhealthy: Adjustment | None = None
    degraded: Adjustment = field(default_factory=lambda: Adjustment(med_add=100))
    draining: Adjustment = MARK
    min_up: float = 0.0
    min_down: float = 0.0
    damping: Damping | None = None
    group: str = "default"
    never_last: bool = False
    on_exit: OnExit = OnExit.WITHDRAW
    on_crash: OnCrash = OnCrash.WITHDRAW

    def level_name(self, level: int) -> str:
        """What status calls a level."""
        return self.bands[level].name if level < len(self.bands) else "unhealthy"

    def adjustment(self, level: int) -> Adjustment | None:
        """What becomes of the attributes at a level; None withdraws."""
        return self.bands[level].adjustment if level < len(self.bands) else self.unhealthy


class OnTrip(enum.Enum):
    """What a tripped guard does with the routes it keeps."""

    HOLD = "hold"  # as they were
    DEGRADE = "degrade"  # with the service's `degraded` on top


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Services whose withdrawals are guarded together.

    Attributes:
        name: as services name it.
        floor: addresses that stay announced at least, of all that the group has; what is announced counts,
            not what is healthy.
        max_withdrawals: addresses that may leave in one `window`; None does not limit.
        window: seconds.
        suspect_within: all addresses of a group of two services or more failing within so many seconds is
            taken for a fault of something they share, and nothing is withdrawn; None trusts it.
        on_trip: what becomes of the routes that are kept.
    """

    name: str
    floor: Quota = NONE
    max_withdrawals: int | None = None
    window: float = 60.0
    suspect_within: float | None = None
    on_trip: OnTrip = OnTrip.HOLD


class Sharing(enum.Enum):
    """Which of the services on one address must want it."""

    ALL = "all"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Specs:
    """All that is configured.

    Attributes:
        services, groups: by name; every service's group is there.
        sharing: for addresses with several services; ALL where not named.
    """

    services: dict[str, Service]
    groups: dict[str, Group]
    sharing: dict[Prefix, Sharing] = field(default_factory=dict)
