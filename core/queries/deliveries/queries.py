"""Queries about deliveries."""

import asyncio
from collections.abc import Sequence
from typing import Final

from breakwater.core.ports import Clock
from breakwater.core.queries.deliveries.causes import read_causes
from breakwater.core.queries.deliveries.causes_model import FailureGroups
from breakwater.core.queries.deliveries.detail import read_detail
from breakwater.core.queries.deliveries.event_types import read_event_types
from breakwater.core.queries.deliveries.histogram import read_histogram
from breakwater.core.queries.deliveries.histogram_model import Histogram, ListOverTime
from breakwater.core.queries.deliveries.list import count_deliveries, read_page, rows_of
from breakwater.core.queries.deliveries.model import DeliveryDetail, DeliveryRow
from breakwater.core.queries.deliveries.over_time import read_list_over_time
from breakwater.core.queries.deliveries.selection import SCAN_LIMIT, index_scans
from breakwater.core.queries.paging.bounds import check_limit
from breakwater.core.queries.paging.cursors import read_cursor
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.model import BoundedCount, Page
from breakwater.core.store.engine import Database

_NEWER_BOUND: Final = 1_000


class DeliveryQueries:
    """Reads deliveries: lists, counts, charts, and one delivery in full."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def list(
        self, filters: DeliveryFilter, cursor: str | None = None, limit: int = 50
    ) -> Page[DeliveryRow]:
        """Return the deliveries that match, newest first, `limit` (1 to 200) at a time.

        A page may be short before the list ends: `search_bounds` says how far it looked, `next_cursor` continues there.
        """
        now = self._clock.now()
        below = read_cursor(cursor, "dlv", now)
        check_limit(limit)
        async with self._database.read() as connection:
            return await read_page(connection, filters, below, limit, now)

    async def list_over_time(self, filters: DeliveryFilter, limit: int = 50) -> ListOverTime:
        """Return what `list`, `count` and `histogram` return, reading each delivery only once.

        What an index can count is read concurrently, so that the three may differ by a moment.
        """
        now = self._clock.now()
        check_limit(limit)
        scans = index_scans(filters, now)
        if any(walk.filter_conditions for walk in scans):
            async with self._database.read() as connection:
                return await read_list_over_time(connection, filters, scans, limit, now)
        page, matching, histogram = await asyncio.gather(
            self.list(filters, limit=limit),
            self.count(filters, SCAN_LIMIT),
            self.histogram(filters),
        )
        return ListOverTime(page, matching, histogram)

    async def by_ids(self, ids: Sequence[str]) -> tuple[DeliveryRow, ...]:
        """Return the current rows of `ids` (200 at most), newest first; unknown ids are left out."""
        check_limit(len(ids))
        async with self._database.read() as connection:
            return tuple(await rows_of(connection, ids, self._clock.now()))

    async def count(self, filters: DeliveryFilter, bound: int = 10_000) -> BoundedCount:
        """Return how many deliveries match, counted to `bound` and as far as a page looks."""
        async with self._database.read() as connection:
            return await count_deliveries(connection, filters, bound, self._clock.now())

    async def count_newer(self, filters: DeliveryFilter, newest_id: str) -> BoundedCount:
        """Return how many matching deliveries were accepted after `newest_id`: the "12 new" above a list."""
        async with self._database.read() as connection:
            return await count_deliveries(
                connection, filters, _NEWER_BOUND, self._clock.now(), after=newest_id
            )

    async def histogram(self, filters: DeliveryFilter) -> Histogram:
        """Return the deliveries that match by state over the time of the filter, or over the last 24 hours.

        Only the newest are counted: some ten thousand where each row has to be checked, more where an index counts.
        """
        async with self._database.read() as connection:
            return await read_histogram(connection, filters, self._clock.now())

    async def causes(self, filters: DeliveryFilter) -> FailureGroups:
        """Return the failures among the deliveries that match, grouped by cause across endpoints."""
        async with self._database.read() as connection:
            return await read_causes(connection, filters, self._clock.now())

    async def get(self, delivery_id: str) -> DeliveryDetail:
        """Return one delivery with its attempts and the sentence that explains its state. Raises NotFound."""
        async with self._database.read() as connection:
            return await read_detail(connection, delivery_id, self._clock.now())

    async def event_types(self, text: str = "") -> tuple[str, ...]:
        """Return at most 20 event types that contain `text`, to choose from."""
        async with self._database.read() as connection:
            return await read_event_types(connection, text)
