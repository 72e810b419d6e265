"""When the oldest pending delivery of each lane is due: one index seek per endpoint, however long its backlog is."""

from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.states import DeliveryState
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS


def next_due(connection: Connection, endpoint_id: str) -> float | None:
    """Return when the oldest pending delivery of the endpoint is due; None when none is pending."""
    statement = (
        select(DELIVERIES.c.next_attempt_at)
        .where(DELIVERIES.c.endpoint_id == endpoint_id, DELIVERIES.c.state == DeliveryState.PENDING.value)
        .order_by(DELIVERIES.c.next_attempt_at)
        .limit(1)
    )
    due: float | None = connection.execute(statement).scalar()
    return due


async def next_due_by_endpoint(connection: AsyncConnection) -> dict[str, float]:
    """Return, for each endpoint with pending deliveries, when the oldest is due."""
    oldest = (
        select(DELIVERIES.c.next_attempt_at)
        .where(DELIVERIES.c.endpoint_id == ENDPOINTS.c.id, DELIVERIES.c.state == DeliveryState.PENDING.value)
        .order_by(DELIVERIES.c.next_attempt_at)
        .limit(1)
        .correlate(ENDPOINTS)
        .scalar_subquery()
    )
    lanes = select(ENDPOINTS.c.id, oldest.label("due")).where(ENDPOINTS.c.deleted_at.is_(None))
    return {endpoint_id: due for endpoint_id, due in await connection.execute(lanes) if due is not None}
