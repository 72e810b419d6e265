"""Deliveries over time by state: the histogram above a list of deliveries, for the filter of that list.

A filter on endpoint and state is counted per bar along an index. Any other filter is checked row by row, for at most as
many rows as a page of the list checks.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import CTE, ColumnElement, Integer, Select, String, case, column, func, select, values
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.states import DeliveryState
from breakwater.core.ids import created_at, floor_id
from breakwater.core.queries.deliveries.histogram_model import Histogram, HistogramBar
from breakwater.core.queries.deliveries.histogram_scale import Scale, scale
from breakwater.core.queries.deliveries.selection import SCAN_LIMIT, covered_ids, index_scans
from breakwater.core.queries.held import held_endpoints
from breakwater.core.queries.paging.bounds import bounds_of
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.scan import (
    Condition,
    IdRange,
    ScanLimit,
    constant,
    find_scan_limit,
    just_after,
    scan,
)
from breakwater.core.store.schema import DELIVERIES
from breakwater.core.text.timestamps import resolve

DAY_SECONDS: Final = 86_400.0
COUNT_LIMIT: Final = 50_000
"""Deliveries of each state that are counted along an index."""
_D = DELIVERIES.c

Times = tuple[float, float]
"""Since when and until when, in seconds since the epoch."""
MAX_HELD_ENDPOINTS: Final = 100
"""Endpoints whose backlog is counted as held; with more of them, all pending deliveries count as pending."""
HELD: Final = "held"
MatchedDelivery = tuple[str, str, str | None]
"""Id, state and, while pending, endpoint of a delivery; the endpoint decides whether it is held."""
HISTOGRAM_COLUMNS: Final = (
    _D.id,
    _D.state,
    case((_D.state == constant(DeliveryState.PENDING.value), _D.endpoint_id)).label("lane"),
)
Counts = Mapping[int, Mapping[str, int]]
"""Deliveries of each bar by state; `held` counts the pending ones that their endpoint holds."""


async def read_histogram(connection: AsyncConnection, filters: DeliveryFilter, now: float) -> Histogram:
    """Return the deliveries that match over the time of the filter, else over the last day, in four statements."""
    read = _count_along_index if _is_indexed(filters) else _count_row_by_row
    return await read(connection, filters, await time_range_of(connection, filters, now), now)


async def time_range_of(connection: AsyncConnection, filters: DeliveryFilter, now: float) -> Times:
    """Return the time range of the histogram."""
    until = now if filters.until is None else min(resolve(filters.until, now), now)
    since = until - DAY_SECONDS if filters.since is None else resolve(filters.since, now)
    return max(since, await _first_stored(connection, now)), until


async def _first_stored(connection: AsyncConnection, now: float) -> float:
    """Return when the oldest stored delivery was accepted: bars before that would be empty."""
    oldest: str | None = (await connection.execute(select(func.min(_D.id)))).scalar()
    return now if oldest is None else created_at(oldest)


async def read_held_endpoints(connection: AsyncConnection, now: float) -> frozenset[str]:
    """Return the ids of the endpoints that hold their deliveries."""
    return frozenset((await connection.execute(held_endpoints(now))).scalars())


def _covered(filters: DeliveryFilter, since: float, now: float) -> IdRange:
    return covered_ids(replace(filters, since=since), now)


def _scale(times: Times, scan_limit: ScanLimit, now: float) -> Scale:
    """Return the bars for the part of `times` that was read."""
    since, until = times
    reached = since if scan_limit.down_to is None else max(since, created_at(scan_limit.down_to))
    return scale(reached, until, goes_on=until >= now)


def _histogram(
    filters: DeliveryFilter, bars: Scale, counts: Counts, scan_limit: ScanLimit, now: float
) -> Histogram:
    return Histogram(
        bars=tuple(_bar(*ends, counts.get(bar, {})) for bar, ends in enumerate(pairwise(bars.edges))),
        step=bars.step,
        has_since=filters.since is not None,
        search_bounds=bounds_of(scan_limit, now, "deliveries"),
        read_at=now,
    )


def _bar(begin: float, end: float, counts: Mapping[str, int]) -> HistogramBar:
    by_state = {state: counts[state.value] for state in DeliveryState if counts.get(state.value)}
    return HistogramBar(begin, end, by_state, counts.get(HELD, 0))


# --- counted along an index


def _is_indexed(filters: DeliveryFilter) -> bool:
    """Return whether an index serves the filter and the state."""
    derived = filters.held or filters.retrying
    return not (derived or filters.event_type or filters.failure_class or filters.error or filters.q)


async def _count_along_index(
    connection: AsyncConnection, filters: DeliveryFilter, times: Times, now: float
) -> Histogram:
    states, covered = sorted(filters.states or DeliveryState), _covered(filters, times[0], now)
    stops = (await connection.execute(stop_statement(filters, states, covered))).one()
    stop = max((id_ for id_ in stops if id_ is not None), default=None)
    bars = _scale(times, ScanLimit(stop), now)
    holding_ids = (
        await read_held_endpoints(connection, now) if DeliveryState.PENDING in states else frozenset()
    )
    statement = bars_statement(
        filters, states, covered.within(floor=stop and just_after(stop)), bars.edges, holding_ids
    )
    rows = (await connection.execute(statement)).mappings()
    counts: Counts = {row["bar"]: {str(name): count for name, count in row.items()} for row in rows}
    scan_limit = ScanLimit(stop, sum(row[state.value] for row in counts.values() for state in states))
    return _histogram(filters, bars, counts, scan_limit, now)


def stop_statement(
    filters: DeliveryFilter, states: Sequence[DeliveryState], covered: IdRange
) -> Select[*tuple[Any, ...]]:
    """Return the statement that finds, for each state, the id below which deliveries are not counted."""
    return select(
        *(
            select(_D.id)
            .where(*_index_conditions(filters, state), *covered.conditions(_D.id))
            .order_by(_D.id.desc())
            .limit(1)
            .offset(COUNT_LIMIT)
            .scalar_subquery()
            .label(state.value)
            for state in states
        )
    )


def bars_statement(
    filters: DeliveryFilter,
    states: Sequence[DeliveryState],
    covered: IdRange,
    edges: Sequence[float],
    holding_ids: Collection[str] = (),
) -> Select[*tuple[Any, ...]]:
    """Return the statement that counts each state, and the held deliveries of `holding_ids`, between two `edges`."""
    bars = _bars(covered, edges)
    counted = [_count(bars, _index_conditions(filters, state)).label(state.value) for state in states]
    concerned = [id_ for id_ in sorted(holding_ids) if filters.endpoint_id in {None, id_}]
    if 0 < len(concerned) <= MAX_HELD_ENDPOINTS:
        pending = _D.state == constant(DeliveryState.PENDING.value)
        counted.append(_count(bars, (_D.endpoint_id.in_(concerned), pending)).label(HELD))
    return select(bars.c.bar, *counted)


def _bars(covered: IdRange, edges: Sequence[float]) -> CTE:
    """Return the bars as a table: their numbers, and the ids between which they lie."""
    floors = [floor_id("dlv", at) for at in edges]
    bounds = [covered.within(floor, ceiling) for floor, ceiling in pairwise(floors)]
    rows = [(bar, bound.floor, bound.ceiling) for bar, bound in enumerate(bounds)]
    columns = (column("bar", Integer), column("floor", String), column("ceiling", String))
    return values(*columns, name="bars").data(rows).cte("bars")


def _count(bars: CTE, index_conditions: tuple[Condition, ...]) -> ColumnElement[int]:
    counted = (
        select(func.count())
        .select_from(DELIVERIES)
        .where(*index_conditions, _D.id >= bars.c.floor, _D.id < bars.c.ceiling)
    )
    return counted.correlate(bars).scalar_subquery()


def _index_conditions(filters: DeliveryFilter, state: DeliveryState) -> tuple[Condition, ...]:
    of_state = _D.state == constant(state.value)
    return (of_state,) if filters.endpoint_id is None else (_D.endpoint_id == filters.endpoint_id, of_state)


# --- checked row by row


async def _count_row_by_row(
    connection: AsyncConnection, filters: DeliveryFilter, times: Times, now: float
) -> Histogram:
    scans, covered = index_scans(filters, now), _covered(filters, times[0], now)
    scan_limit = await find_scan_limit(connection, _D.id, scans, covered)
    statement = scan(HISTOGRAM_COLUMNS, scans, covered.within(floor=scan_limit.down_to), SCAN_LIMIT + 1)
    # Plain tuples use less memory than rows: there can be ten thousand.
    deliveries = [(id_, state, lane) for id_, state, lane in await connection.execute(statement)]
    holding_ids = await read_held_endpoints(connection, now)
    return build_histogram(deliveries, filters, times, scan_limit, holding_ids, now)


def build_histogram(  # noqa: PLR0917 - the rows, the filter, and how both are read
    deliveries: Sequence[MatchedDelivery],
    filters: DeliveryFilter,
    times: Times,
    scan_limit: ScanLimit,
    holding_ids: Collection[str],
    now: float,
) -> Histogram:
    """Count `deliveries`, newest first, per bar; at most ten thousand of them. Pure."""
    if len(deliveries) > SCAN_LIMIT:
        deliveries = deliveries[:SCAN_LIMIT]
        scan_limit = ScanLimit(deliveries[-1][0], SCAN_LIMIT)
    bars = _scale(times, scan_limit, now)
    return _histogram(filters, bars, _count_per_bar(deliveries, bars.edges, holding_ids), scan_limit, now)


def _count_per_bar(
    deliveries: Iterable[MatchedDelivery], edges: Sequence[float], holding_ids: Collection[str]
) -> Counts:
    floors = [floor_id("dlv", at) for at in edges[1:-1]]
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for id_, state, lane in deliveries:
        bar = counts[bisect_right(floors, id_)]
        bar[state] += 1
        if state == DeliveryState.PENDING and lane in holding_ids:
            bar[HELD] += 1
    return counts
