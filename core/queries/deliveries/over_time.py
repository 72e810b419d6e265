"""A list of deliveries with its histogram; rows without an index are checked once for both."""

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.ids import floor_id
from breakwater.core.queries.deliveries.histogram import (
    HISTOGRAM_COLUMNS,
    MatchedDelivery,
    build_histogram,
    read_held_endpoints,
    time_range_of,
)
from breakwater.core.queries.deliveries.histogram_model import ListOverTime
from breakwater.core.queries.deliveries.list import newest_delivery, page_of, rows_of
from breakwater.core.queries.deliveries.selection import SCAN_LIMIT, covered_ids
from breakwater.core.queries.paging.bounds import bounded
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.scan import IdRange, IndexScan, ScanLimit, find_scan_limit, scan


async def read_list_over_time(
    connection: AsyncConnection,
    filters: DeliveryFilter,
    scans: tuple[IndexScan, ...],
    limit: int,
    now: float,
) -> ListOverTime:
    """Return the first page, how many match (to 10,000) and the histogram, reading each delivery once.

    A search reads payloads, the most expensive read: page, count and histogram share one search.
    """
    times = await time_range_of(connection, filters, now)
    chart_start = floor_id("dlv", times[0])
    covered = covered_ids(filters, now)
    scan_limit = await find_scan_limit(connection, HISTOGRAM_COLUMNS[0], scans, covered)
    reached = covered.within(floor=scan_limit.down_to)
    matches, count = await _matching(connection, scans, reached, chart_start, limit + 1)
    rows = await rows_of(connection, [id_ for id_, _, _ in matches[: limit + 1]], now) if matches else []
    holding_ids = await read_held_endpoints(connection, now)
    newest = await newest_delivery(connection)
    chart_rows = [delivery for delivery in matches if delivery[0] >= chart_start]
    chart_limit = (
        scan_limit if scan_limit.down_to is not None and scan_limit.down_to > chart_start else ScanLimit()
    )
    return ListOverTime(
        page_of(rows, limit, scan_limit, now, newest),
        bounded(count, SCAN_LIMIT, more=scan_limit.down_to is not None),
        build_histogram(chart_rows, filters, times, chart_limit, holding_ids, now),
    )


async def _matching(
    connection: AsyncConnection, scans: tuple[IndexScan, ...], covered: IdRange, chart_start: str, limit: int
) -> tuple[list[MatchedDelivery], int]:
    """Return the newest `limit` matches and all from `chart_start` on, and the number of all matches."""
    matches = (await connection.execute(matching_statement(scans, covered, chart_start, limit))).all()
    # Plain tuples use less memory than rows: there can be ten thousand.
    return [(id_, state, lane) for id_, state, lane, _ in matches], matches[0].matching if matches else 0


def matching_statement(
    scans: tuple[IndexScan, ...], covered: IdRange, chart_start: str, limit: int
) -> Select[str, str, str | None, int]:
    """Select the newest `limit` matches and all from `chart_start` on, each with the number of all matches."""
    # A common table expression that is used more than once: both databases evaluate it once.
    matching = scan(HISTOGRAM_COLUMNS, scans, covered, SCAN_LIMIT + 1).cte("matching")
    page = select(matching.c.id).order_by(matching.c.id.desc()).limit(limit).subquery()
    count = select(func.count()).select_from(matching).scalar_subquery()
    oldest = select(func.min(page.c.id)).scalar_subquery()
    return (
        select(matching.c.id, matching.c.state, matching.c.lane, count.label("matching"))
        .where(or_(matching.c.id >= chart_start, matching.c.id >= oldest))
        .order_by(matching.c.id.desc())
    )
