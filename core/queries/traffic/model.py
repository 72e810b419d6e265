"""Attempts over a span of time, as charts draw them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of response times in milliseconds; None without attempts."""

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class TrafficPoint:
    """One step of a chart."""

    minute: int
    """Its first minute, since the epoch."""
    by_outcome: dict[str, int]
    """Attempts by `success` or failure class."""
    latency: Latency


@dataclass(frozen=True, slots=True)
class Traffic:
    """Attempts over a span of time."""

    minutes: int
    attempts: int
    successes: int
    by_outcome: dict[str, int]
    latency: Latency
    series: tuple[tuple[int, int, int], ...]
    """`(minute since the epoch, successes, failures)`, oldest first, one entry each `step` minutes, without gaps."""
    step: int = 1
    """Minutes per entry of the series."""
    points: tuple[TrafficPoint, ...] = ()
    """The same steps by outcome and with their latencies; empty in a list of endpoints."""

    @property
    def success_share(self) -> float | None:
        """Return successes over attempts, 0 to 1; None without attempts."""
        return self.successes / self.attempts if self.attempts else None
