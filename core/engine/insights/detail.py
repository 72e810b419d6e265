"""One delivery, whole: with its attempts, and the sentence that says why it stands where it does."""

from typing import Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from core.domain.errors import NotFound
from core.domain.retry import SERVICE_SCHEDULE
from core.domain.states import DeliveryState, EndpointState, FailureClass, Trigger
from core.engine.insights.consequences import can_cancel, can_resend, resend_consequence
from core.engine.insights.joined import (
    LISTED,
    Row,
    bounded,
    breaker_of,
    columns_of,
    delivery_row,
    in_lanes,
    lane_columns,
    last_cause,
    part_of,
)
from core.engine.insights.models import AttemptView, BoundedCount, DeliveryDetail
from core.engine.insights.scan import constant
from core.engine.insights.standing import Deed, LaneFacts, Standing
from core.engine.insights.why import why
from core.ports import Clock
from core.sql.engine import Database
from core.sql.statements.rows import ATTEMPTS, AUDIT, CIRCUITS, DELIVERIES, ENDPOINTS, MESSAGES

SHOWN_ATTEMPTS: Final = 100
"""A schedule allows 51 at most; whoever resends again and again sees the newest."""
LEASE_GRACE: Final = 15.0
"""Seconds that a lease outlives its attempt's deadline (design §4)."""
_AHEAD_BOUND: Final = 1_000
_DEEDS: Final = 5
_D = DELIVERIES.c


class DeliveryDetails:
    """Reads one delivery."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def of(self, delivery_id: str) -> DeliveryDetail:
        """Return the delivery in four queries, five while it waits. Raises NotFound."""
        now = self._clock.now()
        async with self._database.read() as connection:
            row = (await connection.execute(delivery_statement(delivery_id, now))).mappings().one_or_none()
            if row is None:
                raise NotFound("delivery", delivery_id)
            attempts = await _attempts(connection, delivery_id)
            deeds = await _deeds(connection, row)
            in_flight, ahead = await _crowd(connection, row)
        lane = _lane(row, deeds.get(row["endpoint_id"]), in_flight, ahead)
        return _detail(row, attempts, _standing(row, lane, attempts, deeds.get(delivery_id), now))


def delivery_statement(delivery_id: str, now: float) -> Select[*tuple[object, ...]]:
    """Return the statement that reads a delivery with its message, its endpoint and its circuit."""
    return (
        select(
            *LISTED,
            *lane_columns(DELIVERIES, now),
            *(_D[name] for name in ("trigger", "budget_spent", "lost_count", "lease_until")),
            _D.retry_delays.label("own_delays"),
            MESSAGES.c.payload,
            last_cause().label("opening_cause"),
            *columns_of(ENDPOINTS, "endpoint__"),
            *columns_of(CIRCUITS, "circuit__"),
        )
        .select_from(in_lanes(DELIVERIES).join(MESSAGES, MESSAGES.c.id == _D.message_id))
        .where(_D.id == delivery_id)
    )


async def _attempts(connection: AsyncConnection, delivery_id: str) -> tuple[AttemptView, ...]:
    statement = (
        select(ATTEMPTS)
        .where(ATTEMPTS.c.delivery_id == delivery_id)
        .order_by(ATTEMPTS.c.number.desc())
        .limit(SHOWN_ATTEMPTS)
    )
    newest_first = (await connection.execute(statement)).mappings().all()
    return tuple(_attempt(row) for row in reversed(newest_first))


def _attempt(row: Row) -> AttemptView:
    failure = row["failure_class"]
    return AttemptView(
        id=row["id"],
        number=row["number"],
        trigger=Trigger(row["trigger"]),
        started_at=row["started_at"],
        duration_ms=row["duration_ms"],
        failure_class=None if failure is None else FailureClass(failure),
        status_code=row["status_code"],
        error=row["error"],
        request_headers=tuple((name, value) for name, value in row["request_headers"]),
        response_headers=tuple((name, value) for name, value in row["response_headers"]),
        response_body=row["response_body"],
        response_truncated=row["response_truncated"],
    )


async def _deeds(connection: AsyncConnection, row: Row) -> dict[str, Deed]:
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
        entry["subject"]: Deed(entry["action"], entry["actor"], entry["at"], entry["reason"])
        for entry in (await connection.execute(newest)).mappings()
    }


async def _crowd(connection: AsyncConnection, row: Row) -> tuple[BoundedCount, BoundedCount]:
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


def _lane(row: Row, deed: Deed | None, in_flight: BoundedCount, ahead: BoundedCount) -> LaneFacts:
    endpoint = part_of(row, "endpoint__")
    return LaneFacts(
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
    row: Row, lane: LaneFacts, attempts: tuple[AttemptView, ...], deed: Deed | None, now: float
) -> Standing:
    shown = delivery_row(row)
    lease_until = row["lease_until"]
    return Standing(
        now=now,
        lane=lane,
        state=shown.state,
        created_at=shown.created_at,
        max_attempts=len(_delays(row)) + 1,
        attempt_count=shown.attempt_count,
        budget_spent=row["budget_spent"],
        next_attempt_at=shown.next_attempt_at,
        trigger=Trigger(row["trigger"]),
        failure_class=shown.failure_class,
        status_code=shown.status_code,
        error=shown.error,
        lost_count=row["lost_count"],
        lease_until=lease_until,
        running_since=None if lease_until is None else lease_until - lane.timeout - LEASE_GRACE,
        finished_at=shown.finished_at,
        lost_attempts=tuple(a.number for a in attempts if a.failure_class is FailureClass.LOST),
        deed=deed,
    )


def _delays(row: Row) -> tuple[float, ...]:
    """Return the schedule that applies: the delivery's own, its endpoint's, or the service's."""
    if row["own_delays"] is not None:
        return tuple(row["own_delays"])
    return tuple(row["endpoint__retry_delays"]) or SERVICE_SCHEDULE.delays


def _detail(row: Row, attempts: tuple[AttemptView, ...], standing: Standing) -> DeliveryDetail:
    return DeliveryDetail(
        row=delivery_row(row),
        why=why(standing),
        payload=row["payload"],
        attempts=attempts,
        retry_delays=_delays(row),
        budget_left=max(0, standing.max_attempts - standing.budget_spent),
        endpoint_state=standing.lane.state,
        circuit_state=standing.lane.breaker.state,
        resend_consequence=resend_consequence(standing),
        can_resend=can_resend(standing),
        can_cancel=can_cancel(standing),
    )
