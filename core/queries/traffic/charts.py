"""Charts: attempts over time, read from the per-minute statistics and never from the attempts."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import ColumnElement, CompoundSelect, Label, Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.lru_map import LruMap
from breakwater.core.ports import Clock
from breakwater.core.queries.traffic.fold import Steps, chart_of, steps_of
from breakwater.core.queries.traffic.model import Traffic
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import ALL_ENDPOINTS, HALF_HOUR_STATS, MINUTE_STATS

HALF_HOUR: Final = 30
MAX_MINUTES: Final = 31 * 1440
"""Minutes: retention is a month."""
_STEPS: Final = (1, 2, 30, 60, 120, 240, 360)
"""Minutes per point of a chart: a few minutes, or whole half hours."""
_MAX_POINTS: Final = 180
SPARK_STEP: Final = 5
"""Minutes per point of the sparkline in the list of endpoints."""
CACHED_CHARTS: Final = 16
"""Charts whose closed steps are cached, about 0.2 MB each."""
_S = MINUTE_STATS.c
_SUMS = HALF_HOUR_STATS.c

Statistics = Select[int, str, int, int] | CompoundSelect[int, str, int, int]
"""Minute, outcome, latency bucket, attempts."""
ByOutcome = Select[int, str, int]
ByLatency = Select[int, int, int]


class TrafficQueries:
    """Reads the statistics of one endpoint, or of all, and caches the closed steps.

    A half hour that was summed up changes only when results are written late; `forget_sums` then clears the cache. An
    open page therefore reads only the last steps of its chart again.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._closed = LruMap[tuple[str, int, range], Steps](CACHED_CHARTS)

    def forget_sums(self) -> None:
        """Clear the cache, because some sums have changed."""
        self._closed.clear()

    async def get(self, endpoint_id: str | None = None, minutes: int = 60) -> Traffic:
        """Return the attempts of the last `minutes` (31 days at most) of one endpoint, or of all."""
        minutes = min(max(1, minutes), MAX_MINUTES)
        now, step = self._clock.now(), step_for(minutes)
        async with self._database.read() as connection:
            if step < HALF_HOUR:
                return await read_traffic(connection, endpoint_id, minutes, now)
            return await self._in_half_hours(connection, endpoint_id or ALL_ENDPOINTS, minutes, step, now)

    async def _in_half_hours(
        self, connection: AsyncConnection, endpoint_id: str, minutes: int, step: int, now: float
    ) -> Traffic:
        first, last = first_minute(minutes, step, now), int(now // 60)
        end = await _end_of_closed_steps(connection, first, step)
        closed = await self._closed_steps(connection, endpoint_id, range(first, end, step))
        recent = cells_of(half_hours_then_minutes(endpoint_id, end), step)
        latest = await _read_steps(connection, recent, range(end, last + 1, step))
        return chart_of([closed, latest], first, step, last)

    async def _closed_steps(self, connection: AsyncConnection, endpoint_id: str, minutes: range) -> Steps:
        key = (endpoint_id, minutes.step, minutes)
        steps = self._closed.get(key)
        if steps is None:
            closed = cells_of(half_hours(endpoint_id, minutes.start, minutes.stop), minutes.step)
            steps = self._closed[key] = await _read_steps(connection, closed, minutes)
        return steps


async def read_traffic(
    connection: AsyncConnection, endpoint_id: str | None, minutes: int, now: float
) -> Traffic:
    """Return the attempts of the last `minutes`, by the minute or two, of one endpoint, or of all when it is None."""
    step = step_for(minutes)
    first, last = first_minute(minutes, step, now), int(now // 60)
    cells = cells_of(each_minute(endpoint_id or ALL_ENDPOINTS, first), step)
    return chart_of([await _read_steps(connection, cells, range(first, last + 1, step))], first, step, last)


def step_for(minutes: int) -> int:
    """Return the minutes per point of a chart, so that it has at most 180 points."""
    return next((step for step in _STEPS if minutes <= step * _MAX_POINTS), _STEPS[-1])


def first_minute(minutes: int, step: int, now: float) -> int:
    """Return the first minute of the chart, on a boundary of its steps."""
    first = int(now // 60) - minutes + 1
    return first - first % step


async def _end_of_closed_steps(connection: AsyncConnection, first: int, step: int) -> int:
    """Return the first minute of the first step that is not summed up as a whole."""
    newest = select(func.max(_SUMS.minute)).where(_SUMS.endpoint_id == ALL_ENDPOINTS)
    minute: int | None = (await connection.execute(newest)).scalar()
    end = first if minute is None else max(first, minute + HALF_HOUR)
    return end - end % step


async def _read_steps(
    connection: AsyncConnection, statements: tuple[ByOutcome, ByLatency], minutes: range
) -> Steps:
    by_outcome, by_latency = statements
    return steps_of(
        [(slot, outcome, attempts) for slot, outcome, attempts in await connection.execute(by_outcome)],
        [(slot, bucket, attempts) for slot, bucket, attempts in await connection.execute(by_latency)],
        minutes,
    )


def cells_of(statistics: Statistics, step: int) -> tuple[ByOutcome, ByLatency]:
    """Return the statements that sum up statistics per step: one by outcome, one by latency.

    One statement for both would return four times as many rows.
    """
    cells = statistics.subquery().c
    slot, attempts = _slot(cells.minute, step), func.sum(cells.attempts)
    return (
        select(slot, cells.outcome, attempts).group_by("slot", cells.outcome),
        select(slot, cells.latency_bucket, attempts).group_by("slot", cells.latency_bucket),
    )


def each_minute(endpoint_id: str, first: int | ColumnElement[int]) -> Select[int, str, int, int]:
    """Return the statement that reads one endpoint's statistics by the minute, from `first` on."""
    return select(_S.minute, _S.outcome, _S.latency_bucket, _S.attempts).where(
        _S.endpoint_id == endpoint_id, _S.minute >= first
    )


def half_hours(endpoint_id: str, first: int, end: int | None = None) -> Select[int, str, int, int]:
    """Return the statement that reads the sums of half hours, from minute `first` on, to before `end`."""
    statement = select(_SUMS.minute, _SUMS.outcome, _SUMS.latency_bucket, _SUMS.attempts).where(
        _SUMS.endpoint_id == endpoint_id, _SUMS.minute >= first
    )
    return statement if end is None else statement.where(_SUMS.minute < end)


def half_hours_then_minutes(endpoint_id: str, first: int) -> CompoundSelect[int, str, int, int]:
    """Return the statement that reads the sums from minute `first` on, and the minutes that have none yet."""
    newest = select(func.max(_SUMS.minute)).where(_SUMS.endpoint_id == ALL_ENDPOINTS).scalar_subquery()
    end = func.coalesce(newest + HALF_HOUR, first)
    return union_all(half_hours(endpoint_id, first), each_minute(endpoint_id, end).where(_S.minute >= first))


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
