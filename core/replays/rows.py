"""Read replays, and the ids of the deliveries that they resend next."""

from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.errors import NotFound
from breakwater.core.queries.deliveries.selection import clause
from breakwater.core.queries.paging.filters import DeliveryFilter
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.queries.paging.scan import no_index
from breakwater.core.replays.coverage import RESENDABLE
from breakwater.core.replays.model import ReplayState, ReplayView
from breakwater.core.replays.outcome_counts import Outcomes
from breakwater.core.store.schema import DELIVERIES, ENDPOINTS, REPLAYS


def coverage_condition(filters: DeliveryFilter, up_to: str, frozen_at: float) -> ColumnElement[bool]:
    """Return the condition on deliveries that a replay resends.

    They match the filter, can be resent, had finished when the filter was frozen, and have an endpoint.
    """
    return and_(
        clause(filters, frozen_at, up_to),
        DELIVERIES.c.state.in_(RESENDABLE),
        DELIVERIES.c.finished_at <= frozen_at,
        endpoint_exists(),
    )


def endpoint_exists() -> ColumnElement[bool]:
    """Return the condition on deliveries whose endpoint was not deleted."""
    deleted = select(ENDPOINTS.c.id).where(
        ENDPOINTS.c.id == no_index(DELIVERIES.c.endpoint_id), ENDPOINTS.c.deleted_at.is_not(None)
    )
    return ~deleted.exists()


async def next_ids(
    connection: AsyncConnection, condition: ColumnElement[bool], after: str, limit: int
) -> list[str]:
    """Return the lowest ids above `after` that meet `condition`."""
    statement = select(DELIVERIES.c.id).where(condition, DELIVERIES.c.id > after).order_by(DELIVERIES.c.id)
    return list((await connection.execute(statement.limit(limit))).scalars())


async def replay_row(connection: AsyncConnection, replay_id: str, *, lock: bool = False) -> RowMapping:
    """Return the row of a replay; `lock` keeps it locked until the transaction ends. Raises NotFound."""
    statement = select(REPLAYS).where(REPLAYS.c.id == replay_id)
    result = await connection.execute(statement.with_for_update() if lock else statement)
    row = result.mappings().one_or_none()
    if row is None:
        raise NotFound("replay", replay_id)
    return row


def replay_view(row: RowMapping, outcomes: Outcomes | None = None) -> ReplayView:
    """Return the replay of `row`; lists leave `outcomes` out."""
    return ReplayView(
        id=row["id"],
        filter=filter_of(row),
        words=row["words"],
        up_to=row["up_to"],
        frozen_at=row["frozen_at"],
        pace=row["pace"],
        reason=row["reason"],
        state=ReplayState(row["state"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        total=BoundedCount(row["total"], row["total_is_bound"]),
        resent=row["resent"],
        skipped=row["skipped"],
        outcomes=outcomes.by_state if outcomes else {},
        outcomes_at=outcomes.counted_at if outcomes else None,
    )


def filter_of(row: Any) -> DeliveryFilter:
    """Return the filter that is stored with a replay."""
    return DeliveryFilter.from_query(row["filter"])
