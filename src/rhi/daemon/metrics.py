"""Metrics for Prometheus, with a registry of their own.

Counters and histograms are fed by what the daemon tells; everything else is read when somebody asks, in a
thread. Two histograms say what health checking is for: how long it took from the end of the probe that
decided to the change of the route table, and to the TCP acknowledgement of every established peer.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, GCCollector, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric as Family

from rhi.daemon.app import Daemon
from rhi.daemon.controller import Decided
from rhi.daemon.logs import Log
from rhi.daemon.samples import METRICS, ApiNumbers, Metric, Moment
from rhi.health.checker import Report
from rhi.health.lag import LagMeter
from rhi.model.events import Event, PeerRemoved, SessionDown, SessionUp
from rhi.model.status import Flushed, Status

# Seconds after which a change that not all peers have acknowledged is counted as it is.
FLUSH_TIME: Final = 5.0

_FAST: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
_PROBES: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """One histogram; unit seconds."""

    name: str
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...]


HISTOGRAMS: Final = (
    HistogramRow("rhi_check_duration_seconds", ("type",), "Duration of probes.", _PROBES),
    HistogramRow(
        "rhi_detection_to_table_seconds",
        (),
        "From the end of the deciding probe to the change of the route table.",
        _FAST,
    ),
    HistogramRow(
        "rhi_detection_to_acknowledgement_seconds",
        (),
        "From the end of the deciding probe to the TCP acknowledgement of all established peers.",
        _FAST,
    ),
)


class Pool(Protocol):
    """The part of `rhi.Pool` that tells when peers have acknowledged."""

    def flush(self, timeout: float | None = 5.0) -> Flushed:
        """Wait for it."""


class Metrics:
    """Of one daemon, from now to `close`."""

    def __init__(self, daemon: Daemon, log: Log | None = None) -> None:
        self._daemon = daemon
        self._log = log
        self._api: ApiNumbers | None = None
        self._loop = asyncio.get_running_loop()
        self._lag = LagMeter()
        self._lag.start()
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._histograms = {
            row.name: Histogram(row.name, row.help, row.labels, buckets=row.buckets, registry=self._registry)
            for row in HISTOGRAMS
        }
        self._counts: dict[str, Counter[tuple[str, ...]]] = {
            name: Counter() for name in ("probes", "verdict_changes", "route_changes", "decisions")
        }
        self._detected: dict[str, float] = {}
        self._established: set[str] = set()
        self._acknowledged = _Acknowledgements(
            daemon.pool, self._histograms["rhi_detection_to_acknowledgement_seconds"]
        )
        daemon.on_report.append(self._take_report)
        daemon.on_decision.append(self._take_decision)
        daemon.on_event.append(self._take_event)

    def watch(self, api: ApiNumbers) -> None:
        """Show this API's numbers too."""
        self._api = api

    def render(self, statuses: Mapping[str, Status]) -> str:
        """All metrics as text; may be called from any thread."""
        moment = Moment(
            daemon=self._daemon,
            statuses=statuses,
            lag=self._lag,
            counts=self._counts,
            api=self._api,
            log_dropped=0 if self._log is None else self._log.dropped,
        )
        return generate_latest(_Exposition(moment, self._registry)).decode()

    def close(self) -> None:
        """Measure no more."""
        self._lag.stop()
        self._acknowledged.close()

    def _take_report(self, report: Report) -> None:
        kind = report.check.type
        result = "error" if report.result is None else "passed" if report.result.ok else "failed"
        self._counts["probes"][kind, result] += 1
        duration = self._histograms["rhi_check_duration_seconds"].labels(kind)
        duration.observe(report.finished - report.started)
        if report.is_change:
            self._counts["verdict_changes"][report.key,] += 1
            self._detected[report.key] = report.finished

    def _take_decision(self, decided: Decided, now: float) -> None:
        self._counts["decisions"][()] += 1
        detected, self._detected = self._detected, {}
        services = self._daemon.controller.reconciler.specs.services
        for change in decided.changes:
            action = "changed" if change.before is not None else "announced"
            self._counts["route_changes"]["withdrawn" if change.after is None else action,] += 1
            service = services.get(change.because)
            checks = () if service is None else (*service.checks, *service.dependencies)
            instants = [detected[check] for check in checks if check in detected] if detected else []
            if not instants:
                continue  # time or an operator decided, not a probe
            self._histograms["rhi_detection_to_table_seconds"].observe(now - min(instants))
            if self._established:
                self._acknowledged.add(min(instants))

    def _take_event(self, event: Event) -> None:
        if isinstance(event, SessionUp):
            self._established.add(event.peer)
        elif isinstance(event, PeerRemoved) or (isinstance(event, SessionDown) and event.established):
            self._established.discard(event.peer)


class _Acknowledgements:
    """Measures, one wait at a time, when what was detected has been acknowledged."""

    def __init__(self, pool: Pool, histogram: Histogram) -> None:
        self._pool = pool
        self._histogram = histogram
        self._loop = asyncio.get_running_loop()
        self._executor = ThreadPoolExecutor(1, "rhi-flush")
        self._waiting: list[float] = []
        self._is_flushing = self._is_closed = False

    def add(self, detected: float) -> None:
        """Something that was detected at this instant has just been handed to the pool."""
        self._waiting.append(detected)
        if not self._is_flushing and not self._is_closed:
            self._flush()

    def close(self) -> None:
        """Measure no more; a wait that is under way is left to itself."""
        self._is_closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _flush(self) -> None:
        self._is_flushing = True
        waiting, self._waiting = self._waiting, []
        done = self._loop.run_in_executor(self._executor, self._pool.flush, FLUSH_TIME)
        done.add_done_callback(lambda _: self._flushed(waiting, done))

    def _flushed(self, waiting: list[float], done: asyncio.Future[Flushed]) -> None:
        self._is_flushing = False
        if self._is_closed or done.cancelled() or done.exception() is not None:
            return
        now = self._loop.time()
        for detected in waiting:
            self._histogram.observe(now - detected)
        if self._waiting:
            self._flush()


class _Exposition:
    """Rows of the table and metrics of a registry, in the form that `generate_latest` takes."""

    def __init__(self, moment: Moment, registry: CollectorRegistry) -> None:
        self._moment = moment
        self._registry = registry

    def collect(self) -> Iterator[Family]:
        """All families."""
        for metric in METRICS:
            yield _family(metric, self._moment)
        yield from self._registry.collect()


def _family(metric: Metric, moment: Moment) -> Family:
    make = GaugeMetricFamily if metric.kind == "gauge" else CounterMetricFamily
    family = make(metric.name, metric.help, labels=metric.labels)
    for labels, value in metric.read(moment):
        family.add_metric(labels, value)
    return family
