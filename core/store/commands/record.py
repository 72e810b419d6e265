"""Saves a finished attempt: its row, the delivery's new state, the circuit's step and the statistics.

The update is fenced by the claim's token. A process that was suspended and resumes finds its claim replaced, and its
result changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, literal_column, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig
from breakwater.core.domain.states import DeliveryState, EndpointState, FailureClass, Trigger
from breakwater.core.domain.verdict import BreakerSignal, signal_breaker
from breakwater.core.store.circuits import lock_breakers, save_breakers, save_transitions, transition_rows
from breakwater.core.store.commands.claim import ClaimedDelivery
from breakwater.core.store.commands.statistics import CountedAttempt, count_attempts
from breakwater.core.store.schema import ATTEMPTS, AUDIT, DELIVERIES, ENDPOINTS
from breakwater.core.store.statements import (
    Prepared,
    Row,
    Statements,
    constant,
    is_one_of,
    prepared_insert,
    run_statements,
    to_json,
)


class AttemptRow(NamedTuple):
    """A row of `attempts`, in the order of its columns."""

    id: str
    delivery_id: str
    endpoint_id: str
    number: int
    trigger: str
    started_at: float
    duration_ms: int | None
    failure_class: str | None
    status_code: int | None
    error: str | None
    request_headers: str
    """JSON."""
    response_headers: str
    """JSON."""
    response_body: bytes | None
    response_truncated: bool


@dataclass(frozen=True, slots=True)
class DisableEndpoint:
    """The endpoint of an attempt is disabled by it."""

    reason: str
    audit_entry: Mapping[str, Any]
    """The row of `audit`."""


@dataclass(frozen=True, slots=True)
class SaveAttempt:
    """One finished attempt of a claim, evaluated."""

    claim: ClaimedDelivery
    attempt: AttemptRow
    failure: FailureClass | None
    signal: BreakerSignal
    state: DeliveryState
    """Of the delivery, from now on."""
    next_attempt_at: float | None
    finished_at: float | None
    throttled_until: float | None
    """Until when the receiver requested a pause for its whole lane."""
    disable: DisableEndpoint | None
    config: CircuitBreakerConfig
    now: float
    draw: float
    """Places the circuit's cooldown within its jitter, if this attempt opens it."""
    make_id: Callable[[str], str]

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence["SaveAttempt"]
    ) -> Sequence["CircuitBreaker | Superseded"]:
        """Save every member whose claim stands, and return its circuit after the whole batch."""
        return await run_statements(connection, partial(_save, members=members))


@dataclass(frozen=True, slots=True)
class Superseded:
    """The claim was replaced, and nothing was saved."""


def _save(statements: Statements, members: Sequence[SaveAttempt]) -> list[CircuitBreaker | Superseded]:
    # Circuits before deliveries, as when claiming: two nodes that lock in the same order cannot deadlock.
    breakers = lock_breakers(statements, {m.claim.endpoint_id: m.config for m in members})
    tokens = _standing_claims(statements, [m.claim.delivery_id for m in members])
    standing = [m for m in members if _consume_token(tokens, m.claim)]
    _step_circuits(statements, standing, breakers)
    if standing:
        statements.execute_many(_INSERT_ATTEMPT, [m.attempt for m in standing])
        statements.execute_many(_FINISH_CLAIM, [_delivery_values(m) for m in standing])
        count_attempts(statements, map(_counted, standing))
        _update_endpoints(statements, standing)
    saved = {id(m) for m in standing}
    return [breakers[m.claim.endpoint_id] if id(m) in saved else Superseded() for m in members]


def _consume_token(tokens: dict[str, str | None], claim: ClaimedDelivery) -> bool:
    """Return whether the claim stands; it does not for a second result in the same batch."""
    if tokens.get(claim.delivery_id) != claim.token:
        return False
    del tokens[claim.delivery_id]
    return True


_STANDING_CLAIMS: Final = Prepared(
    select(DELIVERIES.c.id, DELIVERIES.c.claim_token)
    .where(
        is_one_of(DELIVERIES.c.id, "delivery_ids"),
        DELIVERIES.c.state == constant(DeliveryState.IN_FLIGHT.value),
    )
    .order_by(DELIVERIES.c.id)
    .with_for_update(),
    "delivery_ids",
)


def _standing_claims(statements: Statements, delivery_ids: Sequence[str]) -> dict[str, str | None]:
    return dict(statements.rows(_STANDING_CLAIMS, (statements.array(sorted(delivery_ids)),)))


def _step_circuits(
    statements: Statements, members: Sequence[SaveAttempt], breakers: Mapping[str, CircuitBreaker]
) -> None:
    """Step each circuit by its results in order, and save the circuits and their transitions."""
    transitions: list[Row] = []
    for member in members:
        breaker = breakers[member.claim.endpoint_id]
        signal_breaker(
            breaker,
            member.signal,
            now=member.now,
            generation=member.claim.generation,
            cause=member.attempt.error or "",
            draw=member.draw,
        )
        transitions += transition_rows(
            member.claim.endpoint_id,
            breaker.drain_transitions(),
            member.make_id,
            delivery_id=member.claim.delivery_id,
            attempt_id=member.attempt.id,
        )
    if members:
        stepped = {m.claim.endpoint_id: breakers[m.claim.endpoint_id] for m in members}
        save_breakers(statements, stepped, members[-1].now)
    save_transitions(statements, transitions)


_INSERT_ATTEMPT: Final = prepared_insert(ATTEMPTS)
_FINISHED: Final = (
    "state",
    "next_attempt_at",
    "attempt_count",
    "budget_spent",
    "failure_class",
    "status_code",
    "error",
    "finished_at",
)
_FINISH_CLAIM: Final = Prepared(
    update(DELIVERIES)
    .where(DELIVERIES.c.id == bindparam("claimed_id"), DELIVERIES.c.claim_token == bindparam("claim"))
    .values(
        {column: bindparam(f"new_{column}") for column in _FINISHED}
        | {"trigger": constant(Trigger.SCHEDULE.value), "lost_count": literal_column("0")}
        | {"claim_token": null(), "claimed_by": null(), "lease_until": null()}
    ),
    *(f"new_{column}" for column in _FINISHED),
    "claimed_id",
    "claim",
)


def _delivery_values(member: SaveAttempt) -> Row:
    return (
        member.state.value,
        member.next_attempt_at,
        member.claim.number,
        member.claim.spent + 1,
        member.attempt.failure_class,
        member.attempt.status_code,
        member.attempt.error,
        member.finished_at,
        member.claim.delivery_id,
        member.claim.token,
    )


def _counted(member: SaveAttempt) -> CountedAttempt:
    attempt = member.attempt
    return member.claim.endpoint_id, member.now, attempt.failure_class, attempt.duration_ms


def _update_endpoints(statements: Statements, members: Sequence[SaveAttempt]) -> None:
    throttled: dict[str, float] = {}
    disabled: dict[str, tuple[DisableEndpoint, float]] = {}
    for member in members:
        endpoint_id = member.claim.endpoint_id
        if member.throttled_until is not None:
            throttled[endpoint_id] = max(member.throttled_until, throttled.get(endpoint_id, 0.0))
        if member.disable is not None:
            disabled.setdefault(endpoint_id, (member.disable, member.now))
    statements.execute_many(_THROTTLE, [(until, id_, until) for id_, until in sorted(throttled.items())])
    for endpoint_id, (disable, now) in sorted(disabled.items()):
        _disable(statements, endpoint_id, disable, now)


_THROTTLE: Final = Prepared(
    update(ENDPOINTS)
    .where(
        ENDPOINTS.c.id == bindparam("endpoint_id"),
        ENDPOINTS.c.throttled_until.is_(None) | (ENDPOINTS.c.throttled_until < bindparam("longer")),
    )
    .values(throttled_until=bindparam("until")),
    "until",
    "endpoint_id",
    "longer",
)
_DISABLE: Final = Prepared(
    update(ENDPOINTS)
    .where(
        ENDPOINTS.c.id == bindparam("endpoint_id"),
        ENDPOINTS.c.state != constant(EndpointState.DISABLED.value),
    )
    .values(
        state=constant(EndpointState.DISABLED.value),
        state_reason=bindparam("reason"),
        updated_at=bindparam("now"),
    ),
    "reason",
    "now",
    "endpoint_id",
)
_INSERT_AUDIT_ENTRY: Final = prepared_insert(AUDIT)


def _disable(statements: Statements, endpoint_id: str, disable: DisableEndpoint, now: float) -> None:
    """Disable the endpoint, with one audit entry however many of its attempts were in flight."""
    if statements.execute(_DISABLE, (disable.reason, now, endpoint_id)):
        entry = {**disable.audit_entry, "detail": to_json(disable.audit_entry["detail"])}
        statements.execute(_INSERT_AUDIT_ENTRY, tuple(entry[column.name] for column in AUDIT.c))
