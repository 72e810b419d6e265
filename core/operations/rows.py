"""Rows that several operations read inside their transaction."""

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import NotFound
from breakwater.core.store.commands.pending import COUNT_LIMIT
from breakwater.core.store.schema import ENDPOINTS
from breakwater.core.text.format import pluralize


async def endpoint_row(connection: AsyncConnection, endpoint_id: str, *, lock: bool = False) -> RowMapping:
    """Return the row of an endpoint, with `lock` locked until the transaction ends. Raises NotFound."""
    statement = select(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id, ENDPOINTS.c.deleted_at.is_(None))
    statement = statement.with_for_update() if lock else statement
    row = (await connection.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound("endpoint", endpoint_id)
    return row


def format_held(count: int) -> str:
    """Return `61 held deliveries`, `1 held delivery` or, at the limit, `10,000+ held deliveries`."""
    return pluralize(count, "held delivery", "held deliveries", more=count >= COUNT_LIMIT)


def format_pending(count: int) -> str:
    """Return `53 pending deliveries`, `1 pending delivery` or, at the limit, `10,000+ pending deliveries`."""
    return pluralize(count, "pending delivery", "pending deliveries", more=count >= COUNT_LIMIT)
