"""What answers look like; the schema is made from this.

Times of day are ISO 8601 in UTC, durations are seconds.
"""

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")

DrainState = Literal[
    "marked", "waiting", "withdrawing", "acknowledging", "aging", "done", "deadline passed", "cancelled"
]


class View(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ErrorView(View):
    """Why a request was not done."""

    error: str
    """One sentence."""
    problems: list[str] = []
    """Of a configuration file: all that is wrong, each with file, line and path."""


class Page(View, Generic[T]):
    """Part of a list, in its order."""

    items: list[T]
    next: str | None = None
    """What to give as `after` for more; null when this is the end."""


class AlarmView(View):
    """A condition that somebody should look at."""

    subject: str
    text: str
    since: str


class OverrideView(View):
    """An operator's word over a service's checks."""

    service: str
    action: Literal["announce", "withdraw", "drain"]
    reason: str
    by: str
    since: str
    until: str | None
    """When it ends by itself; null never."""
    drain_time: float
    force: bool
    """Also against guards."""


class DrainStepView(View):
    """One state that a drain has come to."""

    state: DrainState
    at: str
    text: str
    """Why the one before was left."""
    behind: dict[str, str]
    """Peers that had not acknowledged when it was left, and what they were behind with."""


class DrainView(View):
    """A drain of a service, a peer, or everything."""

    drain: str
    """`service/NAME`, `peer/NAME` or `all`."""
    kind: Literal["service", "peer", "all", "exit"]
    """`exit`: the daemon ends."""
    name: str
    """Of the service or the peer."""
    state: DrainState
    reason: str
    by: str
    since: str
    """When it began."""
    until: str | None
    """When it is taken back by itself; null never."""
    next: str | None
    """When time alone changes it; null never."""
    deadline: str
    """When it waits for nobody any more."""
    wait: float
    acknowledge: float
    age: float
    force: bool
    """Also against guards."""
    close: bool
    """The session ends with it."""
    message: str
    routes: int
    """Routes that are still announced, and that it leads traffic away from."""
    kept: str
    """What keeps any of them."""
    behind: dict[str, str]
    """Peers that had not acknowledged when they were last waited for, and what they were behind with."""
    steps: list[DrainStepView]
    """All so far, the current one last."""


class GuardView(View):
    """The guard over the withdrawals of a group of services."""

    group: str
    floor: str
    max_withdrawals: int | None
    tripped: dict[str, str]
    """Each rule that keeps something, in one sentence."""
    kept: int
    """Routes that are announced only because of it."""


class RouteCounts(View):
    """Addresses of all services."""

    configured: int
    announced: int
    kept: int
    """Announced although no service wants them."""


class StatusView(View):
    """The daemon as a whole."""

    version: str
    router_id: str
    now: str
    """The daemon's clock."""
    started: str
    uptime: float
    is_decided: bool
    """Every service is known to be healthy or not; before that End-of-RIB is held back."""
    services: dict[str, int]
    """How many there are, by level."""
    checks: dict[str, int]
    """How many there are, by verdict."""
    peers: dict[str, int]
    """How many there are, by state."""
    routes: RouteCounts
    addresses: dict[str, int]
    """How many are minded on this host, by state."""
    guards: list[GuardView]
    alarms: list[AlarmView]
    overrides: list[OverrideView]
    drains: list[DrainView]


class StepView(View):
    """One link of the chain from checks to level."""

    stage: str
    text: str


class RouteView(View):
    """One address as the daemon wants it; what peers were told is at the peers."""

    route: str
    is_announced: bool
    attributes: dict[str, Any] | None
    """What it is announced with; what is not named is each peer's own."""
    since: str | None
    """Last change between announced and not; null when it has never been announced."""
    service: str
    """The service that decided."""
    services: list[str]
    kept_by: str
    """The rule that keeps it although its services do not want it."""
    place: str
    """Where it is on this host, or why not; empty when that is not minded."""


class ServiceView(View):
    """One service."""

    name: str
    level: str
    """`unknown`, the name of a band, or `unhealthy`."""
    since: str | None
    is_best: bool
    """There is no better level."""
    is_degraded: bool
    group: str
    checks: list[str]
    dependencies: list[str]
    addresses: int
    announced: int
    kept: int
    override: OverrideView | None
    steps: list[StepView]
    next: str | None
    """When time alone may change it; null never."""


class CheckView(View):
    """One check."""

    name: str
    type: str
    kind: Literal["local", "dependency"]
    interval: float
    verdict: Literal["unknown", "up", "down", "stale"]
    since: str | None
    """Last change of the verdict."""
    ok: bool | None
    """The last result; null when there is none, or the probe could not tell."""
    detail: str
    alarm: str
    """Why the probe could not tell."""
    checked: str | None
    """End of the last probe."""
    duration: float | None
    measurements: dict[str, float]
    services: list[str]


class PeerView(View):
    """One peer; the fields that `rhi.Status` has too mean the same."""

    name: str
    state: str
    when: str
    duration_s: int
    last_error: str
    hold_time: int
    local_asn: int
    remote_asn: int
    local_ip: str
    remote_ip: str
    remote_router_id: str
    families: list[str]
    end_of_rib: list[str]
    current_routes: int
    advertised_routes: int
    withdrawn_routes: int
    pending_routes: bool
    held_back: dict[str, int]
    pending_changes: list[str]
    retry_in_s: float | None
    connection_attempts: int
    successful_connections: int
    established_sessions: int
    received_routes: int
    malformed_updates: int


class SentRouteView(View):
    """One route as the peer was sent it."""

    route: str
    attributes: dict[str, Any] | None
    """Decoded from the bytes; null while the peer has asked for the route again."""


class EntryView(View):
    """One thing that happened or was decided."""

    number: int
    time: str
    kind: str
    subject: str
    text: str
    data: dict[str, Any] = {}


class LinkView(View):
    """One link of the chain from checks to UPDATEs."""

    stage: str
    subject: str
    text: str
    since: str | None
    data: dict[str, Any]


class ExplanationView(View):
    """Why an address is announced or not."""

    address: str
    is_announced: bool
    links: list[LinkView]
    lines: list[str]
    """The same for people."""


class PlanView(View):
    """What going over to the configuration file would change, or has changed."""

    routes: list[dict[str, str]]
    undecided: list[str]
    """Services that have to wait for verdicts first."""
    sessions: list[dict[str, Any]]
    checks: list[dict[str, str]]
    options: list[str]
    """Settings of the daemon itself that change, such as `drain`."""
    restart: list[str]
    """Fields that count only after a new start of the daemon."""
    withdrawals: int
    announced: int
    needs_consent: bool
    """More routes leave than a reload takes away without consent."""
    lines: list[str]
    """The same for people."""


class DoneView(View):
    """Something has been done, or did not need to be."""

    changed: bool
