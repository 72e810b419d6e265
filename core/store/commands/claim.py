"""Claim due deliveries of a lane: lease at most as many to this node as the circuit admits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import bindparam, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, CircuitState
from breakwater.core.domain.states import DeliveryState, Trigger
from breakwater.core.store.circuits import lock_breakers, save_breakers, save_transitions, transition_rows
from breakwater.core.store.schema import DELIVERIES, MESSAGES
from breakwater.core.store.statements import (
    Prepared,
    Row,
    Statements,
    as_text,
    constant,
    is_one_of,
    run_statements,
)


@dataclass(frozen=True, slots=True)
class ClaimedDelivery:
    """A delivery leased to this process, with everything that an attempt needs.

    Only the holder of `token` may record the result.
    """

    delivery_id: str
    message_id: str
    endpoint_id: str
    event_type: str
    payload: bytes
    token: str
    lease_until: float
    """When another process may requeue the delivery."""
    number: int
    """Number of the next attempt, from 1; a resend continues the numbering."""
    spent: int
    """Attempts of the retry budget used before this one."""
    trigger: Trigger
    generation: int
    """Generation of the circuit that admitted this claim; a result of another generation does not change it."""
    retry_delays: tuple[float, ...] | None
    """The delivery's own schedule, if its message set one."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The claimed deliveries of a lane, and what the lane needs to decide when to claim again."""

    deliveries: tuple[ClaimedDelivery, ...]
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
    node_id: str
    token: str
    lease_seconds: float
    make_id: Callable[[str], str]

    @classmethod
    async def apply(cls, connection: AsyncConnection, members: Sequence["ClaimDue"]) -> Sequence[Claimed]:
        """Claim for every lane among `members`. A second member of a lane claims what the first one left."""
        return await run_statements(connection, partial(_claim_in_turns, members=members))


def _claim_in_turns(statements: Statements, members: Sequence[ClaimDue]) -> list[Claimed]:
    claimed: dict[int, Claimed] = {}
    waiting = dict(enumerate(members))
    while waiting:
        first = {member.endpoint_id: place for place, member in reversed(waiting.items())}
        batch = {place: waiting.pop(place) for place in first.values()}
        claimed |= zip(batch, _claim(statements, list(batch.values())), strict=True)
    return [claimed[place] for place in range(len(members))]


def _claim(statements: Statements, members: Sequence[ClaimDue]) -> list[Claimed]:
    """Claim for all lanes: one short read per lane, and shared statements for everything else."""
    breakers = lock_breakers(statements, {member.endpoint_id: member.config for member in members})
    heads = [_head(statements, member) for member in members]
    admitted = [
        head.due[: _admit(member, breakers[member.endpoint_id], len(head.due))]
        for member, head in zip(members, heads, strict=True)
    ]
    _save_probing(statements, members, breakers)
    _lease(statements, members, admitted)
    rows = _rows(statements, [delivery_id for ids in admitted for delivery_id in ids])
    return [
        Claimed(
            tuple(_claimed_delivery(rows[id_], member.token, breakers[member.endpoint_id]) for id_ in ids),
            breakers[member.endpoint_id],
            head.due_after(len(ids)),
        )
        for member, head, ids in zip(members, heads, admitted, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Head:
    """The oldest pending deliveries of a lane: as many as can be claimed, and one more."""

    pending: Sequence[Row]
    """Ids, and when they are due."""
    due: Sequence[str]
    """The ids that are due now."""

    def due_after(self, claimed: int) -> float | None:
        """Return when the next delivery is due after the first `claimed` ones."""
        return self.pending[claimed][1] if claimed < len(self.pending) else None


_PENDING: Final = Prepared(
    select(DELIVERIES.c.id, DELIVERIES.c.next_attempt_at)
    .where(
        DELIVERIES.c.endpoint_id == bindparam("endpoint_id"),
        DELIVERIES.c.state == constant(DeliveryState.PENDING.value),
    )
    .order_by(DELIVERIES.c.next_attempt_at, DELIVERIES.c.id)
    .limit(bindparam("number"))
    .offset(literal_column("0"))  # SQLAlchemy would add it as a parameter for SQLite
    .with_for_update(skip_locked=True),
    "endpoint_id",
    "number",
)


def _head(statements: Statements, member: ClaimDue) -> _Head:
    pending = statements.rows(_PENDING, (member.endpoint_id, member.limit + 1))
    return _Head(pending, [id_ for id_, due in pending[: member.limit] if due <= member.now])


def _admit(member: ClaimDue, breaker: CircuitBreaker, count: int) -> int:
    """Return how many of `count` the circuit admits; half-open permits live as long as the lease."""
    if breaker.state is CircuitState.CLOSED and breaker.hold is None:
        return count
    admitted = 0
    while admitted < count and breaker.can_execute(now=member.now, permit_seconds=member.lease_seconds):
        admitted += 1
    return admitted


def _save_probing(
    statements: Statements, members: Sequence[ClaimDue], breakers: Mapping[str, CircuitBreaker]
) -> None:
    """Save the half-open circuits. A claim does not change a closed one."""
    probing = {id_: breaker for id_, breaker in breakers.items() if breaker.state is CircuitState.HALF_OPEN}
    if not probing:
        return
    save_breakers(statements, probing, members[-1].now)
    transitions = [
        row
        for member in members
        for row in transition_rows(
            member.endpoint_id, breakers[member.endpoint_id].drain_transitions(), member.make_id
        )
    ]
    save_transitions(statements, transitions)


_LEASE: Final = Prepared(
    update(DELIVERIES)
    .where(DELIVERIES.c.id == bindparam("claimed_id"))
    .values(
        state=constant(DeliveryState.IN_FLIGHT.value),
        claim_token=bindparam("claim"),
        claimed_by=bindparam("node_id"),
        lease_until=bindparam("until"),
    ),
    "claim",
    "node_id",
    "until",
    "claimed_id",
)


def _lease(statements: Statements, members: Sequence[ClaimDue], claimed: Sequence[Sequence[str]]) -> None:
    leases = [
        (member.token, member.node_id, member.now + member.lease_seconds, delivery_id)
        for member, ids in zip(members, claimed, strict=True)
        for delivery_id in ids
    ]
    statements.execute_many(_LEASE, leases)


class _ClaimedRow(NamedTuple):
    id: str
    message_id: str
    endpoint_id: str
    event_type: str
    attempt_count: int
    budget_spent: int
    trigger: str
    retry_delays: str | None
    lease_until: float
    payload: bytes


_CLAIMED: Final = Prepared(
    select(
        DELIVERIES.c.id,
        DELIVERIES.c.message_id,
        DELIVERIES.c.endpoint_id,
        DELIVERIES.c.event_type,
        DELIVERIES.c.attempt_count,
        DELIVERIES.c.budget_spent,
        DELIVERIES.c.trigger,
        as_text(DELIVERIES.c.retry_delays),
        DELIVERIES.c.lease_until,
        MESSAGES.c.payload,
    )
    .join(MESSAGES, MESSAGES.c.id == DELIVERIES.c.message_id)
    .where(is_one_of(DELIVERIES.c.id, "ids")),
    "ids",
)


def _rows(statements: Statements, ids: Sequence[str]) -> dict[str, _ClaimedRow]:
    if not ids:
        return {}
    return {row[0]: _ClaimedRow(*row) for row in statements.rows(_CLAIMED, (statements.array(ids),))}


def _claimed_delivery(row: _ClaimedRow, token: str, breaker: CircuitBreaker) -> ClaimedDelivery:
    probing = breaker.state is not CircuitState.CLOSED and row.trigger == Trigger.SCHEDULE.value
    return ClaimedDelivery(
        delivery_id=row.id,
        message_id=row.message_id,
        endpoint_id=row.endpoint_id,
        event_type=row.event_type,
        payload=row.payload,
        token=token,
        lease_until=row.lease_until,
        number=row.attempt_count + 1,
        spent=row.budget_spent,
        trigger=Trigger.PROBE if probing else Trigger(row.trigger),
        generation=breaker.generation,
        retry_delays=_delays(row.retry_delays),
    )


def _delays(stored: str | None) -> tuple[float, ...] | None:
    return None if stored is None else msgspec.json.decode(stored, type=tuple[float, ...])
