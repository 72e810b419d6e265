"""Read lists of deliveries as ids."""

from collections.abc import AsyncIterator

from breakwater.core.queries import Queries
from breakwater.core.queries.paging.filters import DeliveryFilter


def filters(**values: str) -> DeliveryFilter:
    return DeliveryFilter.parse({name.rstrip("_"): value for name, value in values.items()})


async def list_ids(queries: Queries, **values: str) -> list[str]:
    return [row.id for row in (await queries.deliveries.list(filters(**values), limit=200)).items]


async def pages_of(queries: Queries, filters: DeliveryFilter, limit: int) -> AsyncIterator[list[str]]:
    cursor = None
    while True:
        page = await queries.deliveries.list(filters, cursor, limit)
        yield [row.id for row in page.items]
        if (cursor := page.next_cursor) is None:
            return
