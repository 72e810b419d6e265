"""Charts: attempts over time, read from the per-minute statistics and never from the attempts."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, CompoundSelect, Label, Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from core.domain.latency import percentile
from core.engine.insights.models import Latency, Traffic, TrafficPoint
from core.ports import Clock
from core.sql.engine import Database
from core.sql.statements.rows import HALF_HOUR_STATS, MINUTE_STATS
from core.sql.tables import ALL_ENDPOINTS

SUCCESS: Final = "success"
HALF_HOUR: Final = 30
LONGEST: Final = 31 * 1440
"""Minutes: retention is a month."""
_STEPS: Final = (1, 2, 30, 60, 120, 240, 360)
"""Minutes that a point of a chart may stand for: some by the minute, or whole half hours."""
_MOST_POINTS: Final = 180
SPARK_STEP: Final = 5
"""Minutes that one point stands for beside an endpoint in the list of endpoints."""
_S = MINUTE_STATS.c

OutcomeCell = tuple[int, str, int]
"""First minute of a step, outcome, attempts."""
LatencyCell = tuple[int, int, int]
"""First minute of a step, latency bucket, attempts."""


class TrafficCharts:
    """Reads the statistics of one endpoint, or of all."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, endpoint_id: str | None, minutes: int) -> Traffic:
        """Return the attempts of the last `minutes`, the present one included, in two queries."""
        async with self._database.read() as connection:
            return await read_traffic(connection, endpoint_id, minutes, self._clock.now())


async def read_traffic(
    connection: AsyncConnection, endpoint_id: str | None, minutes: int, now: float
) -> Traffic:
    """Return the attempts of the last `minutes` of one endpoint, or of all when it is None."""
    minutes = min(max(1, minutes), LONGEST)
    step = step_for(minutes)
    first = first_minute(minutes, step, now)
    outcomes, latencies = one_endpoint(endpoint_id or ALL_ENDPOINTS, first, step)
    return traffic_of(
        [(slot, outcome, attempts) for slot, outcome, attempts in await connection.execute(outcomes)],
        [(slot, bucket, attempts) for slot, bucket, attempts in await connection.execute(latencies)],
        first,
        step,
        int(now // 60),
    )


def step_for(minutes: int) -> int:
    """Return how many minutes a point of the chart stands for: at most 180 points, or nobody could tell them apart."""
    return next((step for step in _STEPS if minutes <= step * _MOST_POINTS), _STEPS[-1])


def first_minute(minutes: int, step: int, now: float) -> int:
    """Return the first minute of the chart, on a boundary of its steps."""
    first = int(now // 60) - minutes + 1
    return first - first % step


def one_endpoint(
    endpoint_id: str, first: int, step: int
) -> tuple[Select[int, str, int], Select[int, int, int]]:
    """Return the statements that read one endpoint's attempts by outcome, and by latency.

    Steps of half hours and more are read from their sums, as far as these reach. Outcome and latency at once would be
    four times as many rows.
    """
    found = _minutes(endpoint_id, first) if step < HALF_HOUR else _half_hours_then_minutes(endpoint_id, first)
    cells = found.subquery().c
    slot, attempts = _slot(cells.minute, step), func.sum(cells.attempts)
    return (
        select(slot, cells.outcome, attempts).group_by("slot", cells.outcome),
        select(slot, cells.latency_bucket, attempts).group_by("slot", cells.latency_bucket),
    )


def _minutes(endpoint_id: str, first: int | ColumnElement[int]) -> Select[int, str, int, int]:
    return select(_S.minute, _S.outcome, _S.latency_bucket, _S.attempts).where(
        _S.endpoint_id == endpoint_id, _S.minute >= first
    )


def _half_hours_then_minutes(endpoint_id: str, first: int) -> CompoundSelect[int, str, int, int]:
    summed = HALF_HOUR_STATS.c
    newest = select(func.max(summed.minute)).where(summed.endpoint_id == ALL_ENDPOINTS).scalar_subquery()
    end = func.coalesce(newest + HALF_HOUR, first)
    half_hours = select(summed.minute, summed.outcome, summed.latency_bucket, summed.attempts).where(
        summed.endpoint_id == endpoint_id, summed.minute >= first
    )
    return union_all(half_hours, _minutes(endpoint_id, end).where(_S.minute >= first))


def each_endpoint(
    endpoint_ids: Collection[str], first: int, step: int
) -> tuple[Select[str, int, str, int], Select[str, int, int]]:
    """Return the statements that read these endpoints' attempts, for a list of them: latencies without steps."""
    recent = (_S.endpoint_id.in_(endpoint_ids), _S.minute >= first)
    attempts = func.sum(_S.attempts)
    return (
        select(_S.endpoint_id, _slot(_S.minute, step), _S.outcome, attempts)
        .where(*recent)
        .group_by(_S.endpoint_id, "slot", _S.outcome),
        select(_S.endpoint_id, _S.latency_bucket, attempts)
        .where(*recent)
        .group_by(_S.endpoint_id, _S.latency_bucket),
    )


def _slot(minute: ColumnElement[int], step: int) -> Label[int]:
    return (minute // step * step).label("slot")


def traffic_of(
    outcomes: Iterable[OutcomeCell], latencies: Iterable[LatencyCell], first: int, step: int, last: int
) -> Traffic:
    """Fold cells into a chart from minute `first` to minute `last`, both included. Pure."""
    minutes = range(first, last + 1, step)
    by_outcome = {minute: Counter[str]() for minute in minutes}
    histograms = {minute: Counter[int]() for minute in minutes}
    for minute, outcome, attempts in outcomes:
        by_outcome[minute][outcome] += attempts
    for minute, bucket, attempts in latencies:
        histograms[minute][bucket] += attempts
    total = _sum(by_outcome.values())
    return Traffic(
        minutes=last - first + 1,
        attempts=total.total(),
        successes=total[SUCCESS],
        by_outcome=_largest_first(total),
        latency=_latency(_sum(histograms.values())),
        series=tuple((m, found[SUCCESS], found.total() - found[SUCCESS]) for m, found in by_outcome.items()),
        step=step,
        points=tuple(
            TrafficPoint(minute, _largest_first(by_outcome[minute]), _latency(histograms[minute]))
            for minute in minutes
        ),
    )


def brief_traffic(
    outcomes: Iterable[OutcomeCell], histogram: Mapping[int, int], first: int, step: int, last: int
) -> Traffic:
    """Fold cells as `traffic_of` does, without points: beside each of many endpoints nobody could read them. Pure.

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
