"""The pending deliveries of endpoints: when the oldest is due, how many there are, and cancelling them all."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.states import DeliveryState
from breakwater.core.store.schema import CIRCUITS, DELIVERIES, ENDPOINTS
from breakwater.core.store.writer import STEP_ROWS

COUNT_LIMIT: Final = 10_000
"""Pending deliveries are counted up to here: a count reads a row of the index for each."""

PRUNED_PREFIX: Final = "pruned:"
"""Begins the key of an ad-hoc endpoint that retention deleted."""
_PENDING: Final = DELIVERIES.c.state == DeliveryState.PENDING.value


def next_due(connection: Connection, endpoint_id: str) -> float | None:
    """Return when the oldest pending delivery of the endpoint is due; None when none is pending."""
    statement = (
        select(DELIVERIES.c.next_attempt_at)
        .where(DELIVERIES.c.endpoint_id == endpoint_id, _PENDING)
        .order_by(DELIVERIES.c.next_attempt_at)
        .limit(1)
    )
    due: float | None = connection.execute(statement).scalar()
    return due


async def read_lane_states(connection: AsyncConnection) -> Sequence[tuple[str, float | None, int]]:
    """Return each endpoint's id, when its oldest pending delivery is due (None: none is), and its circuit's generation.

    Two index seeks per endpoint, however long its backlog is.
    """
    oldest = (
        select(DELIVERIES.c.next_attempt_at)
        .where(DELIVERIES.c.endpoint_id == ENDPOINTS.c.id, _PENDING)
        .order_by(DELIVERIES.c.next_attempt_at)
        .limit(1)
        .correlate(ENDPOINTS)
        .scalar_subquery()
    )
    lanes = (
        select(ENDPOINTS.c.id, oldest, func.coalesce(CIRCUITS.c.generation, 0))
        .outerjoin(CIRCUITS, CIRCUITS.c.endpoint_id == ENDPOINTS.c.id)
        .where(ENDPOINTS.c.deleted_at.is_(None))
    )
    return [(id_, due, generation) for id_, due, generation in await connection.execute(lanes)]


async def count_pending(connection: AsyncConnection, endpoint_id: str) -> int:
    """Return how many deliveries of the endpoint are pending, counted up to `COUNT_LIMIT`."""
    pending = (
        select(DELIVERIES.c.id)
        .where(DELIVERIES.c.endpoint_id == endpoint_id, _PENDING)
        .limit(COUNT_LIMIT)
        .subquery()
    )
    return int((await connection.execute(select(func.count()).select_from(pending))).scalar_one())


async def cancel_some_pending(
    connection: AsyncConnection, *, endpoint_id: str, reason: str, now: float
) -> int:
    """Cancel the oldest pending deliveries of the endpoint, `STEP_ROWS` at most, and return how many.

    A step for `GroupCommitWriter.run_in_steps`.
    """
    oldest = (
        select(DELIVERIES.c.id)
        .where(DELIVERIES.c.endpoint_id == endpoint_id, _PENDING)
        .order_by(DELIVERIES.c.next_attempt_at, DELIVERIES.c.id)
        .limit(STEP_ROWS)
    )
    cancelled = await connection.execute(
        update(DELIVERIES)
        .where(DELIVERIES.c.id.in_(oldest), _PENDING)
        .values(state=DeliveryState.CANCELLED.value, error=reason, next_attempt_at=None, finished_at=now)
    )
    return int(cancelled.rowcount)


def was_pruned() -> ColumnElement[bool]:
    """Match ad-hoc endpoints that retention deleted because nothing used them."""
    return and_(ENDPOINTS.c.deleted_at.is_not(None), ENDPOINTS.c.adhoc_key.startswith(PRUNED_PREFIX))


def deleted_with_pending() -> Select[Any]:
    """Return the ids of deleted endpoints that still have pending deliveries.

    An attempt was in flight at the deletion, or the process ended before every pending delivery was cancelled.
    Endpoints that retention deleted are left out: a message in the moment of the deletion restores them.
    """
    pending = select(DELIVERIES.c.id).where(DELIVERIES.c.endpoint_id == ENDPOINTS.c.id, _PENDING).exists()
    return select(ENDPOINTS.c.id).where(
        ENDPOINTS.c.deleted_at.is_not(None), ENDPOINTS.c.adhoc_key.is_(None) | ~was_pruned(), pending
    )
