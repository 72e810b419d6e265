"""Fold rows of the statistics into the points of a chart. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from breakwater.core.domain.latency import percentile
from breakwater.core.queries.traffic.model import Latency, Traffic, TrafficPoint
from breakwater.core.text.outcomes import SUCCESS

OutcomeCell = tuple[int, str, int]
"""First minute of a step, outcome, attempts."""
LatencyCell = tuple[int, int, int]
"""First minute of a step, latency bucket, attempts."""


@dataclass(frozen=True, slots=True)
class Steps:
    """Consecutive points of a chart, and their sums for the totals of the chart."""

    points: tuple[TrafficPoint, ...]
    outcomes: Counter[str]
    histogram: Counter[int]
    """Attempts by latency bucket."""


def steps_of(outcomes: Iterable[OutcomeCell], latencies: Iterable[LatencyCell], minutes: range) -> Steps:
    """Return a point for each of `minutes`, the first ones of the steps; every cell lies in one of them."""
    by_outcome = {minute: Counter[str]() for minute in minutes}
    histograms = {minute: Counter[int]() for minute in minutes}
    for minute, outcome, attempts in outcomes:
        by_outcome[minute][outcome] += attempts
    for minute, bucket, attempts in latencies:
        histograms[minute][bucket] += attempts
    points = (
        TrafficPoint(minute, _largest_first(by_outcome[minute]), _latency(histograms[minute]))
        for minute in minutes
    )
    return Steps(tuple(points), _sum(by_outcome.values()), _sum(histograms.values()))


def chart_of(parts: Sequence[Steps], first: int, step: int, last: int) -> Traffic:
    """Return the chart from minute `first` to minute `last`, both included, whose points are `parts` in turn."""
    points = tuple(point for part in parts for point in part.points)
    total = _sum(part.outcomes for part in parts)
    return Traffic(
        minutes=last - first + 1,
        attempts=total.total(),
        successes=total[SUCCESS],
        by_outcome=_largest_first(total),
        latency=_latency(_sum(part.histogram for part in parts)),
        series=tuple(map(_good_and_bad, points)),
        step=step,
        points=points,
    )


def traffic_of(
    outcomes: Iterable[OutcomeCell], latencies: Iterable[LatencyCell], first: int, step: int, last: int
) -> Traffic:
    """Fold the cells of a whole chart, from minute `first` to minute `last`, both included."""
    return chart_of([steps_of(outcomes, latencies, range(first, last + 1, step))], first, step, last)


def brief_traffic(
    outcomes: Iterable[OutcomeCell], histogram: Mapping[int, int], first: int, step: int, last: int
) -> Traffic:
    """Fold cells as `traffic_of` does, but without points, for the list of endpoints.

    `histogram` has the attempts of all that time by latency bucket.
    """
    total: Counter[str] = Counter()
    good, bad = (dict.fromkeys(range(first, last + 1, step), 0) for _ in range(2))
    for minute, outcome, attempts in outcomes:
        total[outcome] += attempts
        (good if outcome == SUCCESS else bad)[minute] += attempts
    return Traffic(
        minutes=last - first + 1,
        attempts=total.total(),
        successes=total[SUCCESS],
        by_outcome=_largest_first(total),
        latency=_latency(histogram),
        series=tuple((minute, good[minute], bad[minute]) for minute in good),
        step=step,
    )


def _good_and_bad(point: TrafficPoint) -> tuple[int, int, int]:
    good = point.by_outcome.get(SUCCESS, 0)
    return point.minute, good, sum(point.by_outcome.values()) - good


K = TypeVar("K")


def _sum(counters: Iterable[Counter[K]]) -> Counter[K]:
    total: Counter[K] = Counter()
    for counter in counters:
        total.update(counter)
    return total


def _largest_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _latency(histogram: Mapping[int, int]) -> Latency:
    return Latency(percentile(histogram, 0.5), percentile(histogram, 0.95), percentile(histogram, 0.99))
