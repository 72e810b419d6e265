"""The facts about one delivery that its sentences are made from."""

from typing import Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.lease import lease_seconds
from breakwater.core.domain.retry import SERVICE_SCHEDULE
from breakwater.core.domain.states import DeliveryState, EndpointState, FailureClass, Trigger
from breakwater.core.queries.deliveries.model import AttemptView
from breakwater.core.queries.explain.snapshot import AuditRef, DeliverySnapshot, EndpointSnapshot
from breakwater.core.queries.paging.bounds import bounded
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.queries.paging.scan import constant
from breakwater.core.queries.rows import Row, breaker_of, delivery_row, part_of
from breakwater.core.store.schema import AUDIT, DELIVERIES

_AHEAD_BOUND: Final = 1_000
_D = DELIVERIES.c


async def read_standing(
    connection: AsyncConnection, row: Row, attempts: tuple[AttemptView, ...], now: float
) -> DeliverySnapshot:
    """Return how the delivery of `row` (see `delivery_statement`) stands: one query, and one more while it waits."""
    deeds = await _deeds(connection, row)
    in_flight, ahead = await _queue_position(connection, row)
    lane = _lane(row, deeds.get(row["endpoint_id"]), in_flight, ahead)
    return _standing(row, lane, attempts, deeds.get(row["id"]), now)


async def _deeds(connection: AsyncConnection, row: Row) -> dict[str, AuditRef]:
    """Return the latest thing that somebody did to the delivery, and to its endpoint, by subject."""
    newest = union_all(
        *(
            select(AUDIT)
            .where(AUDIT.c.subject == subject, AUDIT.c.action.in_(actions))
            .order_by(AUDIT.c.id.desc())
            .limit(1)
            .subquery()
            .select()
            for subject, actions in (
                (row["id"], ("delivery.resend", "delivery.cancel")),
                (row["endpoint_id"], ("endpoint.pause", "endpoint.resume", "endpoint.disable")),
            )
        )
    )
    return {
        entry["subject"]: AuditRef(entry["action"], entry["actor"], entry["at"], entry["reason"])
        for entry in (await connection.execute(newest)).mappings()
    }


async def _queue_position(connection: AsyncConnection, row: Row) -> tuple[BoundedCount, BoundedCount]:
    """Return how many attempts of the lane are under way, and how many deliveries are due before this one."""
    due = row["next_attempt_at"]
    if row["state"] != DeliveryState.PENDING.value or due is None:
        return BoundedCount(0), BoundedCount(0)
    earlier = or_(_D.next_attempt_at < due, and_(_D.next_attempt_at == due, _D.id < row["id"]))
    counts = select(
        _in_lane(row, DeliveryState.IN_FLIGHT).scalar_subquery(),
        _in_lane(row, DeliveryState.PENDING, _D.next_attempt_at <= due, earlier).scalar_subquery(),
    )
    in_flight, ahead = (await connection.execute(counts)).one()
    return bounded(in_flight, _AHEAD_BOUND), bounded(ahead, _AHEAD_BOUND)


def _in_lane(row: Row, state: DeliveryState, *conditions: ColumnElement[bool]) -> Select[int]:
    found = (
        select(_D.id)
        .where(_D.endpoint_id == row["endpoint_id"], _D.state == constant(state.value), *conditions)
        .limit(_AHEAD_BOUND + 1)
        .subquery()
    )
    return select(func.count()).select_from(found)


def _lane(row: Row, deed: AuditRef | None, in_flight: BoundedCount, ahead: BoundedCount) -> EndpointSnapshot:
    endpoint = part_of(row, "endpoint__")
    return EndpointSnapshot(
        name=endpoint["name"],
        breaker=breaker_of(endpoint, part_of(row, "circuit__")),
        state=EndpointState(endpoint["state"]),
        state_reason=endpoint["state_reason"],
        deleted=endpoint["deleted_at"] is not None,
        throttled_until=endpoint["throttled_until"],
        opening_cause=row["opening_cause"],
        max_in_flight=endpoint["max_in_flight"],
        rate_limit=endpoint["rate_limit_per_second"],
        timeout=endpoint["timeout_seconds"],
        in_flight=in_flight,
        due_before=ahead,
        deed=deed,
    )


def _standing(
    row: Row, lane: EndpointSnapshot, attempts: tuple[AttemptView, ...], deed: AuditRef | None, now: float
) -> DeliverySnapshot:
    shown = delivery_row(row)
    lease_until = row["lease_until"]
    return DeliverySnapshot(
        now=now,
        lane=lane,
        state=shown.state,
        created_at=shown.created_at,
        max_attempts=len(delays_of(row)) + 1,
        attempt_count=shown.attempt_count,
        budget_spent=row["budget_spent"],
        next_attempt_at=shown.next_attempt_at,
        trigger=Trigger(row["trigger"]),
        failure_class=shown.failure_class,
        status_code=shown.status_code,
        error=shown.error,
        lost_count=row["lost_count"],
        lease_until=lease_until,
        running_since=None if lease_until is None else lease_until - lease_seconds(lane.timeout),
        finished_at=shown.finished_at,
        lost_attempts=tuple(a.number for a in attempts if a.failure_class is FailureClass.LOST),
        deed=deed,
    )


def delays_of(row: Row) -> tuple[float, ...]:
    """Return the schedule that applies: the delivery's own, its endpoint's, or the service's."""
    if row["own_delays"] is not None:
        return tuple(row["own_delays"])
    return tuple(row["endpoint__retry_delays"]) or SERVICE_SCHEDULE.delays
