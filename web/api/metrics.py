"""Numbers for Prometheus: counted where requests are answered, and read from the insights where they are asked for."""

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
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from breakwater.core.domain.circuit import CircuitState
from breakwater.core.domain.health import TaskHealth
from breakwater.core.queries.overview.model import Overview
from breakwater.core.queries.traffic.model import Traffic
from breakwater.core.runtime import Runtime

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The numbers of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            self._registry.register(collector)
        self._requests = Counter(
            "breakwater_http_requests",
            "Requests answered, by method, route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._known: dict[tuple[str, str, int], Any] = {}

    def observe(self, scope: Any, status: int) -> None:
        """Count an answered request. Routes are told by their templates, unknown ones as one: the labels stay few."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        key = (method, scope.get("path_template", "unknown"), status)
        counter = self._known.get(key)
        if counter is None:
            counter = self._known[key] = self._requests.labels(*map(str, key))
        counter.inc()

    async def exposition(self, runtime: Runtime) -> bytes:
        """Return everything as the text that Prometheus reads."""
        overview = await runtime.queries.overview.now()
        circuits = await runtime.queries.circuits.board(limit=1)
        registry = CollectorRegistry()
        registry.register(
            _Now([*_deliveries(overview), *_attempts(overview.traffic), _circuits(circuits.states)])
        )
        registry.register(_Now(_loops(overview.tasks)))
        return generate_latest(self._registry) + generate_latest(registry)


class _Now:
    """Metrics that have been read, for a registry that is used once."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


def _deliveries(overview: Overview) -> Iterator[Metric]:
    deliveries = GaugeMetricFamily(
        "breakwater_deliveries", "Deliveries by state, counted up to a bound.", labels=["state"]
    )
    deliveries.add_metric(["pending"], overview.pending.value)
    deliveries.add_metric(["in_flight"], overview.in_flight.value)
    yield deliveries
    yield GaugeMetricFamily(
        "breakwater_deliveries_failed_last_day",
        "Deliveries that failed for good in the last 24 hours, counted up to a bound.",
        value=overview.failed_last_24h.value,
    )


def _attempts(traffic: Traffic) -> Iterator[Metric]:
    attempts = GaugeMetricFamily(
        "breakwater_attempts_last_hour", "Attempts of the last hour, by outcome.", labels=["outcome"]
    )
    for outcome, count in sorted(traffic.by_outcome.items()):
        attempts.add_metric([outcome], count)
    yield attempts
    latency = GaugeMetricFamily(
        "breakwater_attempt_seconds_last_hour",
        "Response times of the last hour, percentiles.",
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


def _loops(loops: Iterable[TaskHealth]) -> Iterator[Metric]:
    healthy = GaugeMetricFamily(
        "breakwater_loop_healthy", "1 while the background loop runs.", labels=["loop"]
    )
    restarts = GaugeMetricFamily(
        "breakwater_loop_restarts", "Restarts of the background loop.", labels=["loop"]
    )
    for loop in loops:
        healthy.add_metric([loop.name], float(loop.healthy))
        restarts.add_metric([loop.name], loop.restarts)
    yield healthy
    yield restarts
