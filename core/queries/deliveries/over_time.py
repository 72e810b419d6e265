"""A list of deliveries with its histogram: rows that have to be checked one by one are checked once for both."""

from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.ids import floor_id
from breakwater.core.queries.deliveries.histogram import (
    HISTOGRAM_COLUMNS,
    Found,
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
    """Return the first page, how many match (to 10,000) and the histogram, looking at each delivery once.

    A search reads payloads, and nothing takes longer: page, count and histogram are made of one search.
    """
    times = await time_range_of(connection, filters, now)
    drawn_from = floor_id("dlv", times[0])
    covered = covered_ids(filters, now)
    scan_limit = await find_scan_limit(connection, HISTOGRAM_COLUMNS[0], scans, covered)
    reached = covered.within(floor=scan_limit.down_to)
    found, count = await _matching(connection, scans, reached, drawn_from, limit + 1)
    rows = await rows_of(connection, [id_ for id_, _, _ in found[: limit + 1]], now) if found else []
    halted = await read_held_endpoints(connection, now)
    newest = await newest_delivery(connection)
    drawn = [one for one in found if one[0] >= drawn_from]
    drawn_to = (
        scan_limit if scan_limit.down_to is not None and scan_limit.down_to > drawn_from else ScanLimit()
    )
    return ListOverTime(
        page_of(rows, limit, scan_limit, now, newest),
        bounded(count, SCAN_LIMIT, more=scan_limit.down_to is not None),
        build_histogram(drawn, filters, times, drawn_to, halted, now),
    )


async def _matching(
    connection: AsyncConnection, scans: tuple[IndexScan, ...], covered: IdRange, drawn_from: str, limit: int
) -> tuple[list[Found], int]:
    """Return the newest `limit` and all from `drawn_from` on, and how many match in all."""
    found = (await connection.execute(matching_statement(scans, covered, drawn_from, limit))).all()
    # Plain tuples: they are ten thousand, and live for as long as it takes to count them.
    return [(id_, state, lane) for id_, state, lane, _ in found], found[0].matching if found else 0


def matching_statement(
    scans: tuple[IndexScan, ...], covered: IdRange, drawn_from: str, limit: int
) -> Select[str, str, str | None, int]:
    """Return the statement that finds the newest `limit` and all from `drawn_from` on, each with how many match."""
    # Named more than once, so that both databases keep what was found instead of looking for it again.
    found = scan(HISTOGRAM_COLUMNS, scans, covered, SCAN_LIMIT + 1).cte("matching")
    page = select(found.c.id).order_by(found.c.id.desc()).limit(limit).subquery()
    count = select(func.count()).select_from(found).scalar_subquery()
    oldest = select(func.min(page.c.id)).scalar_subquery()
    return (
        select(found.c.id, found.c.state, found.c.lane, count.label("matching"))
        .where(or_(found.c.id >= drawn_from, found.c.id >= oldest))
        .order_by(found.c.id.desc())
    )
