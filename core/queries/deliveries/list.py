"""Lists and counts of deliveries."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import InvalidInput
from breakwater.core.ids import made_at
from breakwater.core.ports import Clock
from breakwater.core.queries.deliveries.selection import branches, span
from breakwater.core.queries.models import BoundedCount, DeliveryRow, Page, SearchBounds
from breakwater.core.queries.paging.cursors import Cursor, read_cursor
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.scan import (
    IdRange,
    IndexScan,
    ScanLimit,
    find_scan_limit,
    just_after,
    scan,
)
from breakwater.core.queries.rows import LISTED, bounded, delivery_row, delivery_rows
from breakwater.core.store.engine import Database
from breakwater.core.store.schema import DELIVERIES
from breakwater.core.text.zones import format_time

LONGEST_PAGE: Final = 200
_NEW_BOUND: Final = 1_000
_IDS = DELIVERIES.c.id


class DeliveryLists:
    """Reads deliveries by filter, newest first."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(self, wanted: DeliveryFilter, cursor: str | None, limit: int) -> Page[DeliveryRow]:
        """Return the deliveries that match, `limit` (1 to 200) at a time, in at most three queries."""
        now = self._clock.now()
        below = read_cursor(cursor, "dlv", now)
        check_limit(limit)
        walks, covered = branches(wanted, now), span(wanted, now).within(ceiling=below)
        async with self._database.read() as connection:
            scan_limit = await find_scan_limit(connection, _IDS, walks, covered)
            rows = await _rows(connection, walks, covered.within(floor=scan_limit.down_to), limit + 1, now)
            newest = await newest_delivery(connection)
        return page_of(rows, limit, scan_limit, now, newest)

    async def of(self, ids: Sequence[str]) -> tuple[DeliveryRow, ...]:
        """Return the deliveries of `ids`, newest first: a list that is shown, as it is now."""
        check_limit(len(ids))
        async with self._database.read() as connection:
            return tuple(await rows_of(connection, ids, self._clock.now()))

    async def count(self, wanted: DeliveryFilter, bound: int, after: str | None = None) -> BoundedCount:
        """Return how many match, counted to `bound`; with `after`, of those that arrived later than that delivery."""
        now = self._clock.now()
        walks = branches(wanted, now)
        covered = span(wanted, now).within(floor=None if after is None else just_after(after))
        async with self._database.read() as connection:
            scan_limit = await find_scan_limit(connection, _IDS, walks, covered)
            ids = scan((_IDS,), walks, covered.within(floor=scan_limit.down_to), bound + 1).subquery()
            found = (await connection.execute(select(func.count()).select_from(ids))).scalar_one()
        return bounded(found, bound, more=scan_limit.down_to is not None)

    async def newer(self, wanted: DeliveryFilter, newest_id: str) -> BoundedCount:
        """Return how many that match have arrived after `newest_id`: the "12 new" above a list that stands still."""
        return await self.count(wanted, _NEW_BOUND, after=newest_id)


async def _rows(
    connection: AsyncConnection, walks: tuple[IndexScan, ...], covered: IdRange, limit: int, now: float
) -> list[DeliveryRow]:
    statement = page_statement(walks, covered, limit, now)
    return [delivery_row(row) for row in (await connection.execute(statement)).mappings()]


def page_statement(
    walks: tuple[IndexScan, ...], covered: IdRange, limit: int, now: float
) -> Select[*tuple[Any, ...]]:
    """Return the statement that reads one page."""
    statement = delivery_rows(scan(LISTED, walks, covered, limit), now)
    return statement.order_by(statement.selected_columns["id"].desc())


async def rows_of(connection: AsyncConnection, ids: Sequence[str], now: float) -> list[DeliveryRow]:
    """Return the deliveries of `ids` as they are now, newest first."""
    statement = rows_statement(ids, now)
    return [delivery_row(row) for row in (await connection.execute(statement)).mappings()]


def rows_statement(ids: Sequence[str], now: float) -> Select[*tuple[Any, ...]]:
    """Return the statement that reads the deliveries of `ids`, newest first."""
    statement = delivery_rows(select(*LISTED).where(_IDS.in_(ids)), now)
    return statement.order_by(statement.selected_columns["id"].desc())


async def newest_delivery(connection: AsyncConnection) -> str | None:
    """Return the id of the delivery that arrived last."""
    newest: str | None = (await connection.execute(select(_IDS).order_by(_IDS.desc()).limit(1))).scalar()
    return newest


def page_of(
    rows: list[DeliveryRow], limit: int, scan_limit: ScanLimit, now: float, newest: str | None
) -> Page[DeliveryRow]:
    """Return the page of `rows`, of which one more than `limit` were asked for."""
    items = tuple(rows[:limit])
    if len(rows) > limit:
        return Page(items, str(Cursor(items[-1].id, now)), up_to=newest)
    if scan_limit.down_to is None:
        return Page(items, None, up_to=newest)
    return Page(items, str(Cursor(scan_limit.down_to, now)), bounds_of(scan_limit, now, "deliveries"), newest)


def bounds_of(scan_limit: ScanLimit, now: float, what: str) -> SearchBounds | None:
    """Return how far a search of `what` got, in words; None when it saw everything."""
    if scan_limit.down_to is None:
        return None
    back_to = made_at(scan_limit.down_to)
    until = format_time(back_to, now)
    sentence = f"Looked through {scan_limit.looked_at:,} {what}, back to {until}; older ones may match too."
    return SearchBounds(scan_limit.looked_at, back_to, sentence)


def check_limit(limit: int) -> None:
    """Raise InvalidInput naming `limit` unless it is the size of a page."""
    if not 1 <= limit <= LONGEST_PAGE:
        raise InvalidInput.of("limit", f"expected a number from 1 to {LONGEST_PAGE}")
