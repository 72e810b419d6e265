"""Deliveries that wait for an endpoint that is no longer there."""

from typing import Any

from sqlalchemy import Select, Update, select, update

from breakwater.core.domain.states import DeliveryState
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS


def cancel_pending_of(endpoint_id: str, why: str, now: float) -> Update:
    """Return the write that ends every delivery that waits for this endpoint."""
    return (
        update(DELIVERIES)
        .where(DELIVERIES.c.endpoint_id == endpoint_id, DELIVERIES.c.state == DeliveryState.PENDING.value)
        .values(state=DeliveryState.CANCELLED.value, error=why, next_attempt_at=None, finished_at=now)
    )


def deleted_with_pending() -> Select[Any]:
    """Return the ids of deleted endpoints for which something still waits: what was under way at the deletion."""
    pending = (
        select(DELIVERIES.c.id)
        .where(DELIVERIES.c.endpoint_id == ENDPOINTS.c.id, DELIVERIES.c.state == DeliveryState.PENDING.value)
        .exists()
    )
    return select(ENDPOINTS.c.id).where(ENDPOINTS.c.deleted_at.is_not(None), pending)
