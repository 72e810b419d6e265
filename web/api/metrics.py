"""Metrics for Prometheus. Requests are counted as they are served; everything else is read for each scrape."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.health import TaskHealth
from breakwater.core.domain.shortage import Resource
from breakwater.core.queries.overview.model import Overview
from breakwater.core.queries.traffic.model import Traffic
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
        """Return all metrics in the Prometheus text format."""
        overview = await runtime.queries.overview.now()
        circuits = await runtime.queries.circuits.board(limit=1)
        registry = CollectorRegistry()
        registry.register(
            _MetricSnapshot(
                [*_deliveries(overview), *_attempts(overview.traffic), _circuits(circuits.states)]
            )
        )
        registry.register(_MetricSnapshot(_loops(overview.tasks)))
        registry.register(_MetricSnapshot([_postponed(runtime.postponed_attempts())]))
        return generate_latest(self._registry) + generate_latest(registry)


class _MetricSnapshot:
    """A collector of metrics that were read for one scrape."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _deliveries(overview: Overview) -> Iterator[Metric]:
    deliveries = GaugeMetricFamily(
        "breakwater_deliveries", "Deliveries by state, counted up to a limit.", labels=["state"]
    )
    deliveries.add_metric(["pending"], overview.pending.value)
    deliveries.add_metric(["in_flight"], overview.in_flight.value)
    yield deliveries
    yield GaugeMetricFamily(
        "breakwater_deliveries_failed_last_day",
        "Deliveries that failed in the last 24 hours, counted up to a limit.",
        value=overview.failed_last_24h.value,
    )


def _attempts(traffic: Traffic) -> Iterator[Metric]:
    attempts = GaugeMetricFamily(
        "breakwater_attempts_last_hour", "Attempts in the last hour, by outcome.", labels=["outcome"]
    )
    for outcome, count in sorted(traffic.by_outcome.items()):
        attempts.add_metric([outcome], count)
    yield attempts
    latency = GaugeMetricFamily(
        "breakwater_attempt_seconds_last_hour",
        "Percentiles of the response time in the last hour.",
        labels=["quantile"],
    )
    for quantile, value in (
        ("0.5", traffic.latency.p50),
        ("0.95", traffic.latency.p95),
        ("0.99", traffic.latency.p99),
    ):
        if value is not None:
            latency.add_metric([quantile], value / 1000)
    yield latency


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


def _loops(loops: Iterable[TaskHealth]) -> Iterator[Metric]:
    healthy = GaugeMetricFamily(
        "breakwater_loop_healthy", "1 while the background task is healthy.", labels=["loop"]
    )
    restarts = GaugeMetricFamily(
        "breakwater_loop_restarts", "Restarts of the background task.", labels=["loop"]
    )
    for loop in loops:
        healthy.add_metric([loop.name], float(loop.healthy))
        restarts.add_metric([loop.name], loop.restarts)
    yield healthy
    yield restarts
