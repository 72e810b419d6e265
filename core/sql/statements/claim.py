"""Due deliveries of one lane, leased to this worker: at most as many as its circuit admits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState
from core.domain.states import DeliveryState, Trigger
from core.sql.circuits import load_breakers, save_breakers, save_transitions, transition_rows
from core.sql.statements.rows import DELIVERIES, MESSAGES
from core.sql.statements.work import Work


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a lane got, and what it should know before it asks again."""

    work: tuple[Work, ...]
    breaker: CircuitBreaker
    next_due: float | None
    """When the oldest delivery that is still pending is due; None when there is none."""


@dataclass(frozen=True, slots=True)
class ClaimDue:
    """Claim up to `limit` deliveries of `endpoint_id` that are due at `now`, oldest first."""

    endpoint_id: str
    config: CircuitBreakerConfig
    limit: int
    now: float
    worker: str
    token: str
    lease_seconds: float
    make_id: Callable[[str], str]

    @classmethod
    async def apply(cls, connection: AsyncConnection, members: Sequence["ClaimDue"]) -> Sequence[Claimed]:
        """Claim for every lane among `members`; a lane stands in a batch at most once."""
        return await connection.run_sync(_claim, members)


def _claim(connection: Connection, members: Sequence[ClaimDue]) -> list[Claimed]:
    breakers = load_breakers(connection, {member.endpoint_id: member.config for member in members})
    return [_claim_lane(connection, member, breakers[member.endpoint_id]) for member in members]


def _claim_lane(connection: Connection, member: ClaimDue, breaker: CircuitBreaker) -> Claimed:
    due = _due(connection, member)
    admitted = due[: _admit(connection, member, breaker, len(due))]
    if admitted:
        _lease(connection, member, [row["id"] for row in admitted])
    work = tuple(_work(row, member.token, breaker) for row in admitted)
    return Claimed(work, breaker, next_due(connection, member.endpoint_id))


def _due(connection: Connection, member: ClaimDue) -> Sequence[RowMapping]:
    statement = (
        select(DELIVERIES, MESSAGES.c.payload)
        .join(MESSAGES, MESSAGES.c.id == DELIVERIES.c.message_id)
        .where(
            DELIVERIES.c.endpoint_id == member.endpoint_id,
            DELIVERIES.c.state == DeliveryState.PENDING.value,
            DELIVERIES.c.next_attempt_at <= member.now,
        )
        .order_by(DELIVERIES.c.next_attempt_at, DELIVERIES.c.id)
        .limit(member.limit)
        .with_for_update(skip_locked=True, of=DELIVERIES)
    )
    return connection.execute(statement).mappings().all()


def _admit(connection: Connection, member: ClaimDue, breaker: CircuitBreaker, wanted: int) -> int:
    """Return how many of `wanted` the circuit admits, taking half-open permits that live as long as the lease."""
    if breaker.state is CircuitState.CLOSED and breaker.hold is None:
        return wanted
    admitted = 0
    while admitted < wanted and breaker.can_execute(now=member.now, permit_seconds=member.lease_seconds):
        admitted += 1
    if admitted:
        save_breakers(connection, {member.endpoint_id: breaker}, member.now)
        told = transition_rows(member.endpoint_id, breaker.drain_transitions(), member.make_id)
        save_transitions(connection, told)
    return admitted


def _lease(connection: Connection, member: ClaimDue, ids: Sequence[str]) -> None:
    connection.execute(
        update(DELIVERIES)
        .where(DELIVERIES.c.id.in_(ids), DELIVERIES.c.state == DeliveryState.PENDING.value)
        .values(
            state=DeliveryState.IN_FLIGHT.value,
            claim_token=member.token,
            claimed_by=member.worker,
            lease_until=member.now + member.lease_seconds,
        )
    )


def _work(row: RowMapping, token: str, breaker: CircuitBreaker) -> Work:
    probing = breaker.state is not CircuitState.CLOSED and row["trigger"] == Trigger.SCHEDULE.value
    return Work(
        delivery_id=row["id"],
        message_id=row["message_id"],
        endpoint_id=row["endpoint_id"],
        event_type=row["event_type"],
        payload=row["payload"],
        token=token,
        number=row["attempt_count"] + 1,
        spent=row["budget_spent"],
        trigger=Trigger.PROBE if probing else Trigger(row["trigger"]),
        generation=breaker.generation,
        retry_delays=_delays(row["retry_delays"]),
        accepted_at=row["created_at"],
    )


def _delays(stored: Any) -> tuple[float, ...] | None:
    return None if stored is None else tuple(stored)


def next_due(connection: Connection, endpoint_id: str) -> float | None:
    """Return when the oldest pending delivery of the lane is due; None when none is pending."""
    statement = (
        select(DELIVERIES.c.next_attempt_at)
        .where(DELIVERIES.c.endpoint_id == endpoint_id, DELIVERIES.c.state == DeliveryState.PENDING.value)
        .order_by(DELIVERIES.c.next_attempt_at)
        .limit(1)
    )
    found: float | None = connection.execute(statement).scalar()
    return found
