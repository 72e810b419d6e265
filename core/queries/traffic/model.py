"""Attempts over a span of time, as charts draw them."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of response times in milliseconds; None without attempts."""

    p50: float | None
    p95: float | None
    p99: float | None

    def capped(self, longest_ms: float) -> "Latency":
        """Return the percentiles, none above the longest time that an attempt can take."""
        return Latency(
            *(None if ms is None else min(ms, longest_ms) for ms in (self.p50, self.p95, self.p99))
        )


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

    def capped(self, longest_ms: float) -> "Traffic":
        """Return the same attempts; no percentile is above `longest_ms`, the longest timeout."""
        points = tuple(replace(point, latency=point.latency.capped(longest_ms)) for point in self.points)
        return replace(self, latency=self.latency.capped(longest_ms), points=points)

    def recent_rate(self, now: float, minutes: int) -> float:
        """Return attempts per minute over the last `minutes` and the current one, from the first attempt on.

        The points must stand for a minute each.
        """
        first = min((minute for minute, good, bad in self.series if good or bad), default=None)
        if first is None:
            return 0.0
        start = max(first, int(now // 60) - minutes)
        attempts = sum(good + bad for minute, good, bad in self.series if minute >= start)
        return attempts / max(now / 60 - start, 1.0)

    @property
    def success_share(self) -> float | None:
        """Return successes over attempts, 0 to 1; None without attempts."""
        return self.successes / self.attempts if self.attempts else None
