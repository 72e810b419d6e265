"""Metrics for Prometheus. Requests are counted as they are served; everything else is read for each scrape."""

from collections.abc import Iterable, Iterator, Mapping
from math import isinf
from typing import Any, Final

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.metrics_core import Metric

from breakwater.core.counters import SUCCESS, DeliveryCounters
from breakwater.core.distribution import installed_version
from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.shortage import Resource
from breakwater.core.domain.states import FailureClass
from breakwater.core.histogram import Histogram
from breakwater.core.queries.gauges import COUNT_LIMIT, Gauges
from breakwater.core.queries.overview.model import Overview
from breakwater.core.runtime import Runtime

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The metrics of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            self._registry.register(collector)
        self._requests = Counter(
            "breakwater_http_requests",
            "Requests served, by method, route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._counters: dict[tuple[str, str, int], Any] = {}

    def observe(self, scope: Any, status: int) -> None:
        """Count a served request. The route label is the path template, or `unknown`, to limit the number of labels."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        key = (method, scope.get("path_template", "unknown"), status)
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters[key] = self._requests.labels(*map(str, key))
        counter.inc()

    async def exposition(self, runtime: Runtime) -> bytes:
        """Return all metrics in the Prometheus text format. Counters are of this process, gauges of the database."""
        overview = await runtime.queries.overview.now()
        circuits = await runtime.queries.circuits.board(limit=1)
        gauges = await runtime.queries.gauges.now()
        registry = CollectorRegistry()
        registry.register(
            _MetricSnapshot(
                [
                    *_database(overview, gauges),
                    *_deliveries(runtime.delivery_counters),
                    *_writes(runtime),
                    _circuits(circuits.states),
                    *_tasks(overview.tasks),
                    _postponed(runtime.postponed_attempts()),
                    _build_info(),
                ]
            )
        )
        return generate_latest(self._registry) + generate_latest(registry)


class _MetricSnapshot:
    """A collector of metrics that were read for one scrape."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _database(overview: Overview, gauges: Gauges) -> Iterator[Metric]:
    deliveries = GaugeMetricFamily(
        "breakwater_deliveries",
        f"Deliveries by state, each counted up to a limit ({COUNT_LIMIT} for held, which are also pending).",
        labels=["state"],
    )
    deliveries.add_metric(["pending"], overview.pending.value)
    deliveries.add_metric(["in_flight"], overview.in_flight.value)
    deliveries.add_metric(["held"], gauges.held)
    yield deliveries
    yield GaugeMetricFamily(
        "breakwater_oldest_due_delivery_age_seconds",
        "How long the oldest due delivery of an endpoint that holds nothing has waited.",
        value=gauges.oldest_due_seconds,
    )
    yield GaugeMetricFamily(
        "breakwater_database_bytes",
        "Size of the database, without the write-ahead log.",
        value=gauges.database_bytes,
    )


def _deliveries(counters: DeliveryCounters) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "breakwater_messages_accepted", "Messages accepted by this process.", value=counters.messages
    )
    attempts = CounterMetricFamily(
        "breakwater_attempts", "Attempts made by this process, by outcome.", labels=["outcome"]
    )
    for outcome in (SUCCESS, *(failure.value for failure in FailureClass)):
        attempts.add_metric([outcome], counters.attempts[outcome])
    yield attempts
    yield _histogram("breakwater_attempt_duration_seconds", "Duration of attempts.", counters.attempt_seconds)


def _writes(runtime: Runtime) -> Iterator[Metric]:
    yield _histogram(
        "breakwater_write_duration_seconds",
        "Duration of write transactions, with their commit.",
        runtime.write_seconds,
    )
    yield _histogram(
        "breakwater_write_batch_size", "Writes that shared a transaction.", runtime.write_batch_members
    )


def _histogram(name: str, documentation: str, histogram: Histogram) -> Metric:
    buckets = [("+Inf" if isinf(bound) else repr(bound), count) for bound, count in histogram.cumulative()]
    return HistogramMetricFamily(name, documentation, buckets=buckets, sum_value=histogram.total)


def _build_info() -> Metric:
    return InfoMetricFamily(
        "breakwater_build", "The running version.", value={"version": installed_version() or "unreleased"}
    )


def _circuits(states: Mapping[CircuitState, int]) -> Metric:
    family = GaugeMetricFamily("breakwater_circuits", "Circuits by state.", labels=["state"])
    for state, count in states.items():
        family.add_metric([state.value], count)
    return family


def _postponed(counts: Mapping[Resource, int]) -> Metric:
    family = CounterMetricFamily(
        "breakwater_attempts_postponed",
        "Attempts that this machine could not make, by what it had run out of.",
        labels=["resource"],
    )
    for resource in Resource:
        family.add_metric([resource.value], counts.get(resource, 0))
    return family


def _tasks(tasks: Iterable[TaskHealth]) -> Iterator[Metric]:
    healthy = GaugeMetricFamily(
        "breakwater_task_healthy", "1 while the background task is healthy.", labels=["task"]
    )
    restarts = CounterMetricFamily(
        "breakwater_task_restarts", "Restarts of the background task.", labels=["task"]
    )
    for task in tasks:
        healthy.add_metric([task.name], float(task.healthy))
        restarts.add_metric([task.name], task.restarts)
    yield healthy
    yield restarts
