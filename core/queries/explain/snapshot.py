"""A delivery and its endpoint at one time, from which sentences are built, and the statements that read them."""

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitBreaker
from breakwater.core.domain.lease import lease_seconds
from breakwater.core.domain.retry import SERVICE_SCHEDULE
from breakwater.core.domain.states import DeliveryState, EndpointState, FailureClass, Trigger
from breakwater.core.queries.deliveries.model import AttemptView
from breakwater.core.queries.paging.bounds import bounded
from breakwater.core.queries.paging.model import BoundedCount
from breakwater.core.queries.paging.scan import constant
from breakwater.core.queries.rows import Row, delivery_row, to_breaker, without_prefix
from breakwater.core.store.schema import AUDIT, DELIVERIES
from breakwater.core.text.format import sanitize
from breakwater.core.text.outcomes import failure_name

_QUEUE_LIMIT: Final = 1_000
"""Deliveries ahead in the queue are counted up to here."""
_D = DELIVERIES.c


@dataclass(frozen=True, slots=True)
class AuditRef:
    """An operation on the delivery or its endpoint, from the audit log."""

    action: str
    actor: str
    at: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class EndpointSnapshot:
    """The endpoint of the delivery, with its circuit and its queue."""

    name: str
    breaker: CircuitBreaker
    state: EndpointState = EndpointState.ENABLED
    state_reason: str | None = None
    deleted: bool = False
    throttled_until: float | None = None
    opening_cause: str | None = None
    """Why the circuit is not closed: the cause of its latest transition."""
    max_in_flight: int = 64
    rate_limit: float | None = None
    """Attempts per second."""
    timeout: float = 10.0
    in_flight: BoundedCount = field(default_factory=lambda: BoundedCount(0))
    ahead: BoundedCount = field(default_factory=lambda: BoundedCount(0))
    """Pending deliveries that are due before this one."""
    latest_operation: AuditRef | None = None
    """The latest pause, resume or disabling."""


@dataclass(frozen=True, slots=True)
class DeliverySnapshot:
    """A delivery at one time."""

    now: float
    endpoint: EndpointSnapshot
    state: DeliveryState
    created_at: float
    max_attempts: int
    attempt_count: int = 0
    budget_spent: int = 0
    next_attempt_at: float | None = None
    trigger: Trigger = Trigger.SCHEDULE
    failure_class: FailureClass | None = None
    status_code: int | None = None
    error: str | None = None
    lost_count: int = 0
    lease_until: float | None = None
    in_flight_since: float | None = None
    finished_at: float | None = None
    lost_attempts: tuple[int, ...] = ()
    """The numbers of attempts whose worker died: they may have been delivered."""
    latest_operation: AuditRef | None = None
    """The latest resend or cancellation."""

    @property
    def last_outcome(self) -> str:
        """Return the outcome of the latest attempt: `503 Service Unavailable`, `timed out`."""
        if self.error:
            return sanitize(self.error)
        return "an unknown failure" if self.failure_class is None else failure_name(self.failure_class)


async def read_snapshot(
    connection: AsyncConnection, row: Row, attempts: tuple[AttemptView, ...], now: float
) -> DeliverySnapshot:
    """Return the snapshot of a row of `delivery_statement`: one statement, two for a pending delivery."""
    operations = await _latest_operations(connection, row)
    in_flight, ahead = await _count_queue(connection, row)
    endpoint = _endpoint_snapshot(row, operations.get(row["endpoint_id"]), in_flight, ahead)
    return _delivery_snapshot(row, endpoint, attempts, operations.get(row["id"]), now)


async def _latest_operations(connection: AsyncConnection, row: Row) -> dict[str, AuditRef]:
    """Return the latest operation on the delivery and on its endpoint, by subject."""
    statement = union_all(
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
        for entry in (await connection.execute(statement)).mappings()
    }


async def _count_queue(connection: AsyncConnection, row: Row) -> tuple[BoundedCount, BoundedCount]:
    """Return how many attempts of the endpoint are in flight, and how many deliveries are due before this one."""
    due = row["next_attempt_at"]
    if row["state"] != DeliveryState.PENDING.value or due is None:
        return BoundedCount(0), BoundedCount(0)
    earlier = or_(_D.next_attempt_at < due, and_(_D.next_attempt_at == due, _D.id < row["id"]))
    counts = select(
        _count(row, DeliveryState.IN_FLIGHT).scalar_subquery(),
        _count(row, DeliveryState.PENDING, _D.next_attempt_at <= due, earlier).scalar_subquery(),
    )
    in_flight, ahead = (await connection.execute(counts)).one()
    return bounded(in_flight, _QUEUE_LIMIT), bounded(ahead, _QUEUE_LIMIT)


def _count(row: Row, state: DeliveryState, *conditions: ColumnElement[bool]) -> Select[int]:
    ids = (
        select(_D.id)
        .where(_D.endpoint_id == row["endpoint_id"], _D.state == constant(state.value), *conditions)
        .limit(_QUEUE_LIMIT + 1)
        .subquery()
    )
    return select(func.count()).select_from(ids)


def _endpoint_snapshot(
    row: Row, operation: AuditRef | None, in_flight: BoundedCount, ahead: BoundedCount
) -> EndpointSnapshot:
    endpoint = without_prefix(row, "endpoint__")
    return EndpointSnapshot(
        name=endpoint["name"],
        breaker=to_breaker(endpoint, without_prefix(row, "circuit__")),
        state=EndpointState(endpoint["state"]),
        state_reason=endpoint["state_reason"],
        deleted=endpoint["deleted_at"] is not None,
        throttled_until=endpoint["throttled_until"],
        opening_cause=row["opening_cause"],
        max_in_flight=endpoint["max_in_flight"],
        rate_limit=endpoint["rate_limit_per_second"],
        timeout=endpoint["timeout_seconds"],
        in_flight=in_flight,
        ahead=ahead,
        latest_operation=operation,
    )


def _delivery_snapshot(
    row: Row,
    endpoint: EndpointSnapshot,
    attempts: tuple[AttemptView, ...],
    operation: AuditRef | None,
    now: float,
) -> DeliverySnapshot:
    delivery = delivery_row(row)
    lease_until = row["lease_until"]
    return DeliverySnapshot(
        now=now,
        endpoint=endpoint,
        state=delivery.state,
        created_at=delivery.created_at,
        max_attempts=len(delays_of(row)) + 1,
        attempt_count=delivery.attempt_count,
        budget_spent=row["budget_spent"],
        next_attempt_at=delivery.next_attempt_at,
        trigger=Trigger(row["trigger"]),
        failure_class=delivery.failure_class,
        status_code=delivery.status_code,
        error=delivery.error,
        lost_count=row["lost_count"],
        lease_until=lease_until,
        in_flight_since=None if lease_until is None else lease_until - lease_seconds(endpoint.timeout),
        finished_at=delivery.finished_at,
        lost_attempts=tuple(a.number for a in attempts if a.failure_class is FailureClass.LOST),
        latest_operation=operation,
    )


def delays_of(row: Row) -> tuple[float, ...]:
    """Return the retry schedule that applies: the delivery's own, its endpoint's, or the service's."""
    if row["own_delays"] is not None:
        return tuple(row["own_delays"])
    return tuple(row["endpoint__retry_delays"]) or SERVICE_SCHEDULE.delays
