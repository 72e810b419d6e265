"""Lists of deliveries, asked in few words."""

from collections.abc import AsyncIterator

from breakwater.core.queries import Queries
from breakwater.core.queries.paging.filters import DeliveryFilter


def wanted(**values: str) -> DeliveryFilter:
    return DeliveryFilter.parse({name.rstrip("_"): value for name, value in values.items()})


async def found(queries: Queries, **values: str) -> list[str]:
    return [row.id for row in (await queries.deliveries.list(wanted(**values), limit=200)).items]


async def every_page(queries: Queries, filter_: DeliveryFilter, limit: int) -> AsyncIterator[list[str]]:
    cursor = None
    while True:
        page = await queries.deliveries.list(filter_, cursor, limit)
        yield [row.id for row in page.items]
        if (cursor := page.next_cursor) is None:
            return
