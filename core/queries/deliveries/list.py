"""Lists and counts of deliveries."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.queries.deliveries.model import DeliveryRow
from breakwater.core.queries.deliveries.selection import covered_ids, index_scans
from breakwater.core.queries.paging.bounds import bounded, bounds_of
from breakwater.core.queries.paging.cursors import Cursor
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.model import BoundedCount, Page
from breakwater.core.queries.paging.scan import (
    IdRange,
    IndexScan,
    ScanLimit,
    find_scan_limit,
    just_after,
    scan,
)
from breakwater.core.queries.rows import LIST_COLUMNS, delivery_row, delivery_rows
from breakwater.core.store.schema import DELIVERIES

_IDS = DELIVERIES.c.id


async def read_page(
    connection: AsyncConnection, filters: DeliveryFilter, below: str | None, limit: int, now: float
) -> Page[DeliveryRow]:
    """Return the newest `limit` deliveries with ids below `below`, in at most three statements."""
    scans, covered = index_scans(filters, now), covered_ids(filters, now).within(ceiling=below)
    scan_limit = await find_scan_limit(connection, _IDS, scans, covered)
    rows = await _rows(connection, scans, covered.within(floor=scan_limit.down_to), limit + 1, now)
    return page_of(rows, limit, scan_limit, now, await newest_delivery(connection))


async def count_deliveries(
    connection: AsyncConnection, filters: DeliveryFilter, bound: int, now: float, after: str | None = None
) -> BoundedCount:
    """Return how many match, counted to `bound`; with `after`, only those accepted after that delivery."""
    scans = index_scans(filters, now)
    covered = covered_ids(filters, now).within(floor=None if after is None else just_after(after))
    scan_limit = await find_scan_limit(connection, _IDS, scans, covered)
    ids = scan((_IDS,), scans, covered.within(floor=scan_limit.down_to), bound + 1).subquery()
    number = (await connection.execute(select(func.count()).select_from(ids))).scalar_one()
    return bounded(number, bound, more=scan_limit.down_to is not None)


async def _rows(
    connection: AsyncConnection, scans: tuple[IndexScan, ...], covered: IdRange, limit: int, now: float
) -> list[DeliveryRow]:
    statement = page_statement(scans, covered, limit, now)
    return [delivery_row(row) for row in (await connection.execute(statement)).mappings()]


def page_statement(
    scans: tuple[IndexScan, ...], covered: IdRange, limit: int, now: float
) -> Select[*tuple[Any, ...]]:
    """Return the statement that reads one page."""
    statement = delivery_rows(scan(LIST_COLUMNS, scans, covered, limit), now)
    return statement.order_by(statement.selected_columns["id"].desc())


async def rows_of(connection: AsyncConnection, ids: Sequence[str], now: float) -> list[DeliveryRow]:
    """Return the current rows of `ids`, newest first."""
    statement = rows_statement(ids, now)
    return [delivery_row(row) for row in (await connection.execute(statement)).mappings()]


def rows_statement(ids: Sequence[str], now: float) -> Select[*tuple[Any, ...]]:
    """Return the statement that reads the deliveries of `ids`, newest first."""
    statement = delivery_rows(select(*LIST_COLUMNS).where(_IDS.in_(ids)), now)
    return statement.order_by(statement.selected_columns["id"].desc())


async def newest_delivery(connection: AsyncConnection) -> str | None:
    """Return the id of the newest delivery."""
    newest: str | None = (await connection.execute(select(_IDS).order_by(_IDS.desc()).limit(1))).scalar()
    return newest


def page_of(
    rows: list[DeliveryRow], limit: int, scan_limit: ScanLimit, now: float, newest: str | None
) -> Page[DeliveryRow]:
    """Return the page of `rows`, which were read with a limit one above `limit`."""
    items = tuple(rows[:limit])
    if len(rows) > limit:
        return Page(items, str(Cursor(items[-1].id, now)), up_to=newest)
    if scan_limit.down_to is None:
        return Page(items, None, up_to=newest)
    return Page(items, str(Cursor(scan_limit.down_to, now)), bounds_of(scan_limit, now, "deliveries"), newest)
