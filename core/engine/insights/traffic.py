"""Charts: attempts over time, read from the per-minute statistics and never from the attempts."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

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

Cell = tuple[int, str, int, int]
"""First minute of a step, outcome, latency bucket, attempts."""


class TrafficCharts:
    """Reads the statistics of one endpoint, or of all."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, endpoint_id: str | None, minutes: int) -> Traffic:
        """Return the attempts of the last `minutes`, the present one included, in one query."""
        async with self._database.read() as connection:
            return await read_traffic(connection, endpoint_id, minutes, self._clock.now())


async def read_traffic(
    connection: AsyncConnection, endpoint_id: str | None, minutes: int, now: float
) -> Traffic:
    """Return the attempts of the last `minutes` of one endpoint, or of all when it is None."""
    minutes = min(max(1, minutes), LONGEST)
    step = step_for(minutes)
    first = first_minute(minutes, step, now)
    cells = await connection.execute(one_endpoint(endpoint_id or ALL_ENDPOINTS, first, step))
    return traffic_of(((r[0], r[1], r[2], r[3]) for r in cells), first, step, int(now // 60))


def step_for(minutes: int) -> int:
    """Return how many minutes a point of the chart stands for: at most 180 points, or nobody could tell them apart."""
    return next((step for step in _STEPS if minutes <= step * _MOST_POINTS), _STEPS[-1])


def first_minute(minutes: int, step: int, now: float) -> int:
    """Return the first minute of the chart, on a boundary of its steps."""
    first = int(now // 60) - minutes + 1
    return first - first % step


def one_endpoint(endpoint_id: str, first: int, step: int) -> Select[int, str, int, int]:
    """Return the statement that reads the cells of one endpoint.

    Steps of half hours and more are read from their sums, as far as these reach.
    """
    found = _minutes(endpoint_id, first) if step < HALF_HOUR else _half_hours_then_minutes(endpoint_id, first)
    cells = found.subquery().c
    return select(
        _slot(cells.minute, step), cells.outcome, cells.latency_bucket, func.sum(cells.attempts)
    ).group_by("slot", cells.outcome, cells.latency_bucket)


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


def each_endpoint(first: int, step: int) -> Select[str, int, str, int, int]:
    """Return the statement that reads the cells of every endpoint, for a list of them."""
    return (
        select(_S.endpoint_id, _slot(_S.minute, step), _S.outcome, _S.latency_bucket, func.sum(_S.attempts))
        .where(_S.minute >= first, _S.endpoint_id != ALL_ENDPOINTS)
        .group_by(_S.endpoint_id, "slot", _S.outcome, _S.latency_bucket)
    )


def _slot(minute: ColumnElement[int], step: int) -> Label[int]:
    return (minute // step * step).label("slot")


def traffic_of(cells: Iterable[Cell], first: int, step: int, last: int, *, detailed: bool = True) -> Traffic:
    """Fold `cells` into a chart from minute `first` to minute `last`, both included. Pure.

    Unless `detailed`, its points are left out: beside each of many endpoints nobody could read them.
    """
    by_slot: dict[int, list[Cell]] = {minute: [] for minute in range(first, last + 1, step)}
    everything = [cell for cell in cells if cell[0] in by_slot]
    for cell in everything:
        by_slot[cell[0]].append(cell)
    by_outcome = _by_outcome(everything)
    return Traffic(
        minutes=last - first + 1,
        attempts=sum(by_outcome.values()),
        successes=by_outcome.get(SUCCESS, 0),
        by_outcome=by_outcome,
        latency=_latency(everything),
        series=tuple(_success_and_failure(minute, listed) for minute, listed in by_slot.items()),
        step=step,
        points=tuple(_point(minute, listed) for minute, listed in by_slot.items()) if detailed else (),
    )


def _point(minute: int, cells: Iterable[Cell]) -> TrafficPoint:
    listed = list(cells)
    return TrafficPoint(minute, _by_outcome(listed), _latency(listed))


def _success_and_failure(minute: int, cells: Iterable[Cell]) -> tuple[int, int, int]:
    successes = failures = 0
    for _, outcome, _, attempts in cells:
        if outcome == SUCCESS:
            successes += attempts
        else:
            failures += attempts
    return minute, successes, failures


def _by_outcome(cells: Iterable[Cell]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for _, outcome, _, attempts in cells:
        counts[outcome] += attempts
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _latency(cells: Iterable[Cell]) -> Latency:
    histogram: dict[int, int] = defaultdict(int)
    for _, _, bucket, attempts in cells:
        histogram[bucket] += attempts
    return Latency(percentile(histogram, 0.5), percentile(histogram, 0.95), percentile(histogram, 0.99))
