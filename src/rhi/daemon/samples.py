"""The table of all metrics that are read when Prometheus asks: name, labels, meaning, and where they are.

Labels hold only what is configured, never what a peer or a client sends; of peers that are not named in the
configuration there is a count. `rhi.daemon.metrics` has the histograms, and makes text of all.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import rhi
from rhi.daemon.addresses.plan import State as PlaceState
from rhi.daemon.app import Daemon
from rhi.daemon.decision.guard import FLOOR, RATE, SUSPICION
from rhi.daemon.decision.membership import NEVER_THE_LAST
from rhi.daemon.decision.overrides import Action
from rhi.daemon.decision.spec import Verdict
from rhi.daemon.drains.machine import State as DrainState
from rhi.health.lag import LagMeter
from rhi.model.status import State, Status

_QUANTILES: Final = ("0.5", "0.99", "1")


class ApiNumbers(Protocol):
    """What the API tells of itself."""

    @property
    def numbers(self) -> Mapping[str, int]:
        """`clients`, `streams` and `refused`."""

    @property
    def requests(self) -> Mapping[tuple[str, int], int]:
        """Requests by endpoint and status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What samples are read from; read in a thread."""

    daemon: Daemon
    statuses: Mapping[str, Status]
    lag: LagMeter
    counts: Mapping[str, Counter[tuple[str, ...]]]
    api: ApiNumbers | None
    log_dropped: int

    @property
    def configured(self) -> list[tuple[str, Status]]:
        """Peers that are named in the configuration."""
        return [(name, self.statuses[name]) for name in self.daemon.setup.peers if name in self.statuses]


Sample = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row. Counters have names without `_total`, which the exposition adds."""

    name: str
    kind: str
    labels: tuple[str, ...]
    help: str
    read: Callable[[Moment], Iterable[Sample]]


def _gauge(name: str, labels: str, text: str, read: Callable[[Moment], Iterable[Sample]]) -> Metric:
    return Metric(name=name, kind="gauge", labels=tuple(labels.split()), help=text, read=read)


def _counter(name: str, labels: str, text: str, read: Callable[[Moment], Iterable[Sample]]) -> Metric:
    return Metric(name=name, kind="counter", labels=tuple(labels.split()), help=text, read=read)


def _one(value: float) -> list[Sample]:
    return [((), value)]


def _counted(name: str) -> Callable[[Moment], Iterable[Sample]]:
    return lambda moment: [(labels, count) for labels, count in dict(moment.counts[name]).items()]


def _of_peers(read: Callable[[Status], float]) -> Callable[[Moment], Iterable[Sample]]:
    return lambda moment: [((name,), read(status)) for name, status in moment.configured]


def _of_api(name: str) -> Callable[[Moment], Iterable[Sample]]:
    return lambda moment: [] if moment.api is None else _one(moment.api.numbers[name])


def _checks(moment: Moment) -> Iterable[Sample]:
    verdicts = dict(moment.daemon.controller.verdicts)
    found = Counter(verdicts.get(name, Verdict.UNKNOWN) for name in moment.daemon.setup.checks)
    return [((verdict.value,), found[verdict]) for verdict in Verdict]


def _check_up(moment: Moment) -> Iterable[Sample]:
    verdicts = dict(moment.daemon.controller.verdicts)
    for name in moment.daemon.setup.checks:
        verdict = verdicts.get(name)
        if verdict in (Verdict.UP, Verdict.DOWN):
            yield (name,), float(verdict is Verdict.UP)


def _verdict_changes(moment: Moment) -> Iterable[Sample]:
    known = moment.daemon.setup.checks
    return [each for each in _counted("verdict_changes")(moment) if each[0][0] in known]


def _levels(moment: Moment) -> Iterable[Sample]:
    for name, standing in list(moment.daemon.controller.reconciler.standings.items()):
        if standing.level is not None:
            yield (name,), float(standing.level)


def _service_routes(moment: Moment) -> Iterable[Sample]:
    reconciler = moment.daemon.controller.reconciler
    addresses = reconciler.addresses
    for name, service in reconciler.specs.services.items():
        found = [addresses[prefix] for prefix in service.prefixes if prefix in addresses]
        yield (name,), float(sum(each.attributes is not None for each in found))


def _routes(moment: Moment) -> Iterable[Sample]:
    addresses = moment.daemon.controller.reconciler.addresses.values()
    announced = sum(each.attributes is not None for each in addresses)
    return [
        (("announced",), announced),
        (("withdrawn",), len(addresses) - announced),
    ]


def _places(moment: Moment) -> Iterable[Sample]:
    found = moment.daemon.addresses.states
    return [((state.value,), found[state]) for state in PlaceState]


def _kept(moment: Moment) -> Iterable[Sample]:
    found = Counter(each.kept_by for each in moment.daemon.controller.reconciler.addresses.values())
    return [((rule,), found[rule]) for rule in (SUSPICION, FLOOR, RATE, NEVER_THE_LAST)]


def _guards(moment: Moment) -> Iterable[Sample]:
    reconciler = moment.daemon.controller.reconciler
    guards = dict(reconciler.guards)
    for group in list(reconciler.specs.groups):
        tripped = guards[group].tripped if group in guards else {}
        for rule in (SUSPICION, FLOOR, RATE):
            yield (group, rule), float(rule in tripped)


def _overrides(moment: Moment) -> Iterable[Sample]:
    found = Counter(each.action for each in list(moment.daemon.controller.overrides.values()))
    return [((action.value,), found[action]) for action in Action]


def _drains(moment: Moment) -> Iterable[Sample]:
    found = Counter(each.state for each in moment.daemon.controller.drains.all)
    return [((state.value,), found[state]) for state in DrainState if state is not DrainState.CANCELLED]


def _held_back(moment: Moment) -> Iterable[Sample]:
    return [
        ((name, reason), count)
        for name, status in moment.configured
        for reason, count in status.held_back.items()
    ]


def _dynamic(moment: Moment) -> Iterable[Sample]:
    peers = moment.daemon.setup.peers
    return _one(sum(name not in peers for name in moment.statuses))


def _lag(moment: Moment) -> Iterable[Sample]:
    return [((text,), moment.lag.quantile(float(text))) for text in _QUANTILES]


def _requests(moment: Moment) -> Iterable[Sample]:
    if moment.api is not None:
        for (endpoint, status), count in dict(moment.api.requests).items():
            yield (endpoint, str(status)), count


METRICS: Final = (
    _gauge(
        "rhi_build_info", "version", "Always 1; the version is in the label.",
        lambda moment: [((rhi.__version__,), 1.0)],
    ),
    _gauge(
        "rhi_start_time_seconds", "", "When the daemon started, in seconds since 1970.",
        lambda moment: _one(moment.daemon.clocks().to_wall(moment.daemon.started_at)),
    ),
    _gauge("rhi_checks", "verdict", "Checks by verdict: unknown, up, down, stale.", _checks),
    _gauge("rhi_check_up", "check", "1 up, 0 down; missing while unknown or stale.", _check_up),
    _counter(
        "rhi_check_probes", "type result", "Rounds of checks: passed, failed, or could not tell (error).",
        _counted("probes"),
    ),
    _counter(
        "rhi_check_verdict_changes", "check", "Changes of a check's verdict.", _verdict_changes
    ),
    _gauge("rhi_service_level", "service", "0 is the best band; missing while unknown.", _levels),
    _gauge("rhi_service_routes", "service", "Addresses of the service that are announced.", _service_routes),
    _gauge("rhi_routes", "state", "Configured addresses: announced, withdrawn.", _routes),
    _gauge("rhi_addresses", "state", "Addresses minded on this host, by state; see addresses.md.", _places),
    _gauge("rhi_routes_kept", "rule", "Announced although no service wants them, by rule.", _kept),
    _counter("rhi_route_changes", "action", "announced, withdrawn, changed.", _counted("route_changes")),
    _gauge("rhi_guard_tripped", "group rule", "1 while the rule keeps something.", _guards),
    _gauge("rhi_alarms", "", "Alarms there are now.", lambda moment: _one(len(moment.daemon.alarms.all))),
    _gauge("rhi_overrides", "action", "Overrides in force.", _overrides),
    _gauge("rhi_drains", "state", "Drains in force, by the state they have come to.", _drains),
    _counter("rhi_decisions", "", "Decisions made.", _counted("decisions")),
    _counter(
        "rhi_reloads", "result", "applied, refused, failed.",
        lambda moment: [((name,), count) for name, count in moment.daemon.reloads.items()],
    ),
    _gauge(
        "rhi_peer_up", "peer", "1 while the session is established.",
        _of_peers(lambda status: status.state is State.ESTABLISHED),
    ),
    _gauge("rhi_peer_routes", "peer", "Routes the peer holds.", _of_peers(lambda each: each.current_routes)),
    _gauge("rhi_peer_routes_held_back", "peer reason", "Routes that cannot be sent.", _held_back),
    _gauge(
        "rhi_peer_pending", "peer", "1 while the peer has yet to be told something.",
        _of_peers(lambda status: status.pending_routes),
    ),
    _counter(
        "rhi_peer_routes_announced", "peer", "Routes put into UPDATEs since the session began.",
        _of_peers(lambda status: status.advertised_routes),
    ),
    _counter(
        "rhi_peer_routes_withdrawn", "peer", "Routes withdrawn in UPDATEs since the session began.",
        _of_peers(lambda status: status.withdrawn_routes),
    ),
    _counter(
        "rhi_peer_updates_malformed", "peer", "UPDATEs from the peer with errors (RFC 7606).",
        _of_peers(lambda status: status.malformed_updates),
    ),
    _counter(
        "rhi_peer_connection_attempts", "peer", "Attempts to connect.",
        _of_peers(lambda status: status.connection_attempts),
    ),
    _counter(
        "rhi_peer_sessions", "peer", "Sessions that were established.",
        _of_peers(lambda status: status.established_sessions),
    ),
    _gauge("rhi_dynamic_peers", "", "Peers connected that are not named in the configuration.", _dynamic),
    _gauge(
        "rhi_event_loop_lag_seconds", "quantile", "How late timers were in the last minute.", _lag
    ),
    _gauge("rhi_api_clients", "", "Clients connected to the API.", _of_api("clients")),
    _gauge("rhi_api_streams", "", "Clients that follow the events.", _of_api("streams")),
    _counter("rhi_api_requests", "endpoint status", "Requests answered.", _requests),
    _counter(
        "rhi_api_refused", "", "Clients without a place, too slow or too large.", _of_api("refused")
    ),
    _counter(
        "rhi_log_lines_dropped", "", "Lines of the log that nobody read in time.",
        lambda moment: _one(moment.log_dropped),
    ),
)  # fmt: skip
