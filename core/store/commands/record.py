"""What an attempt came to: its row, the delivery's new state, the circuit's step and the statistics, together.

The update is fenced by the claim's token. A worker that was stopped and resumes finds its claim taken over: its
result changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from sqlalchemy import Connection, Update, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig
from breakwater.core.domain.latency import bucket_of
from breakwater.core.domain.states import DeliveryState, EndpointState, FailureClass, Trigger
from breakwater.core.domain.verdict import (
    BreakerSignal,
    Delivered,
    EndpointGone,
    Failed,
    RetryAt,
    Verdict,
    breaker_signal,
)
from breakwater.core.store.circuits import load_breakers, save_breakers, save_transitions, transition_rows
from breakwater.core.store.commands.claim import ClaimedDelivery
from breakwater.core.store.engine import upsert
from breakwater.core.store.schema import ALL_ENDPOINTS, ATTEMPTS, AUDIT, DELIVERIES, ENDPOINTS, MINUTE_STATS


@dataclass(frozen=True, slots=True)
class PersistedAttempt:
    """The result was written."""

    breaker: CircuitBreaker
    """After every step of the same transaction."""
    endpoint_disabled: bool
    """The receiver answered 410: it gets no more."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """The claim had been taken over: nothing was written."""


@dataclass(frozen=True, slots=True)
class SaveAttempt:
    """One ended attempt of a claim."""

    work: ClaimedDelivery
    attempt: Mapping[str, Any]
    """The row of `attempts`."""
    failure: FailureClass | None
    status_code: int | None
    error: str | None
    verdict: Verdict
    config: CircuitBreakerConfig
    now: float
    draw: float
    """Decides the jitter of the circuit's cooldown, should this attempt open it."""
    make_id: Callable[[str], str]

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, members: Sequence["SaveAttempt"]
    ) -> Sequence[PersistedAttempt | Superseded]:
        """Write every member whose claim still stands."""
        return await connection.run_sync(_record, members)


def _record(connection: Connection, members: Sequence[SaveAttempt]) -> list[PersistedAttempt | Superseded]:
    # Circuits before deliveries, as when claiming: two nodes that lock in one order cannot deadlock.
    breakers = load_breakers(connection, {m.work.endpoint_id: m.config for m in members})
    tokens = _standing_claims(connection, [m.work.delivery_id for m in members])
    standing = [m for m in members if _consume_token(tokens, m.work)]
    _step_circuits(connection, standing, breakers)
    if standing:
        connection.execute(_INSERT_ATTEMPT, [dict(m.attempt) for m in standing])
        connection.execute(_FINISH_CLAIM, [_delivery_values(m) for m in standing])
        _count(connection, standing)
        _tell_endpoints(connection, standing)
    written = {id(m) for m in standing}
    return [_recorded(m, breakers[m.work.endpoint_id]) if id(m) in written else Superseded() for m in members]


def _consume_token(tokens: dict[str, str | None], work: ClaimedDelivery) -> bool:
    """Return whether the claim stands, for this result and for none that follows in the batch."""
    if tokens.get(work.delivery_id) != work.token:
        return False
    del tokens[work.delivery_id]
    return True


def _recorded(member: SaveAttempt, breaker: CircuitBreaker) -> PersistedAttempt:
    return PersistedAttempt(breaker, isinstance(member.verdict, EndpointGone))


_STANDING_CLAIMS = (
    select(DELIVERIES.c.id, DELIVERIES.c.claim_token)
    .where(
        DELIVERIES.c.id.in_(bindparam("delivery_ids", expanding=True)),
        DELIVERIES.c.state == DeliveryState.IN_FLIGHT.value,
    )
    .order_by(DELIVERIES.c.id)
    .with_for_update()
)


def _standing_claims(connection: Connection, delivery_ids: Sequence[str]) -> dict[str, str | None]:
    return dict(iter(connection.execute(_STANDING_CLAIMS, {"delivery_ids": sorted(delivery_ids)})))


def _step_circuits(
    connection: Connection, members: Sequence[SaveAttempt], breakers: Mapping[str, CircuitBreaker]
) -> None:
    """Step each circuit by its results in order, and write down what changed."""
    told: list[dict[str, Any]] = []
    for member in members:
        breaker = breakers[member.work.endpoint_id]
        _step(breaker, member)
        told += transition_rows(
            member.work.endpoint_id,
            breaker.drain_transitions(),
            member.make_id,
            delivery_id=member.work.delivery_id,
            attempt_id=member.attempt["id"],
        )
    if members:
        stepped = {m.work.endpoint_id: breakers[m.work.endpoint_id] for m in members}
        save_breakers(connection, stepped, members[-1].now)
    save_transitions(connection, told)


def _step(breaker: CircuitBreaker, member: SaveAttempt) -> None:
    signal = breaker_signal(member.failure)
    generation = member.work.generation
    match signal:
        case BreakerSignal.SUCCESS:
            breaker.record_success(now=member.now, generation=generation)
        case BreakerSignal.FAILURE:
            breaker.record_failure(
                now=member.now, generation=generation, cause=member.error or "", draw=member.draw
            )
        case BreakerSignal.NOTHING:
            breaker.release(now=member.now, generation=generation)
        case _:
            assert_never(signal)


_INSERT_ATTEMPT = insert(ATTEMPTS)
_FINISH_CLAIM = (
    update(DELIVERIES)
    .where(DELIVERIES.c.id == bindparam("claimed_id"), DELIVERIES.c.claim_token == bindparam("claim"))
    .values(
        {
            column: bindparam(f"new_{column}")
            for column in (
                "state",
                "next_attempt_at",
                "attempt_count",
                "budget_spent",
                "failure_class",
                "status_code",
                "error",
                "finished_at",
            )
        }
        | {"trigger": Trigger.SCHEDULE.value, "lost_count": 0}
        | {"claim_token": None, "claimed_by": None, "lease_until": None}
    )
)


def _delivery_values(member: SaveAttempt) -> dict[str, Any]:
    state, next_attempt_at = _state_after(member.verdict)
    final = state is not DeliveryState.PENDING
    return {
        "claimed_id": member.work.delivery_id,
        "claim": member.work.token,
        "new_state": state.value,
        "new_next_attempt_at": next_attempt_at,
        "new_attempt_count": member.work.number,
        "new_budget_spent": member.work.spent + 1,
        "new_failure_class": member.failure.value if member.failure else None,
        "new_status_code": member.status_code,
        "new_error": member.error,
        "new_finished_at": member.now if final else None,
    }


def _state_after(verdict: Verdict) -> tuple[DeliveryState, float | None]:
    match verdict:
        case Delivered():
            return DeliveryState.DELIVERED, None
        case RetryAt(at=at):
            return DeliveryState.PENDING, at
        case Failed() | EndpointGone():
            return DeliveryState.FAILED, None
        case _:
            assert_never(verdict)


def _count(connection: Connection, members: Sequence[SaveAttempt]) -> None:
    counted = Counter(
        (
            endpoint_id,
            int(m.now // 60),
            m.failure.value if m.failure else "success",
            bucket_of(m.attempt["duration_ms"]),
        )
        for m in members
        for endpoint_id in (m.work.endpoint_id, ALL_ENDPOINTS)
    )
    columns = ("endpoint_id", "minute", "outcome", "latency_bucket")
    rows = [dict(zip(columns, key, strict=True)) | {"attempts": n} for key, n in sorted(counted.items())]
    connection.execute(upsert(connection, MINUTE_STATS, columns, add=["attempts"]), rows)


def _tell_endpoints(connection: Connection, members: Sequence[SaveAttempt]) -> None:
    """Keep what a receiver said of its whole lane: wait until then, or no more at all."""
    for member in members:
        match member.verdict:
            case EndpointGone(reason=reason):
                disabled = EndpointState.DISABLED.value
                change = {"state": disabled, "state_reason": reason, "updated_at": member.now}
                connection.execute(_endpoint(member).values(change))
                connection.execute(insert(AUDIT), _disabling(member, reason))
            case RetryAt(lane_until=float(until)) | Failed(lane_until=float(until)):
                connection.execute(_endpoint(member).values(throttled_until=until))
            case _:
                pass


def _endpoint(member: SaveAttempt) -> Update:
    return update(ENDPOINTS).where(ENDPOINTS.c.id == member.work.endpoint_id)


def _disabling(member: SaveAttempt, reason: str) -> dict[str, Any]:
    return {
        "id": member.make_id("aud"),
        "at": member.now,
        "actor": "breakwater",
        "action": "endpoint.disable",
        "subject": member.work.endpoint_id,
        "reason": reason,
        "outcome": "The endpoint is disabled; its deliveries are kept and go out when it is enabled again.",
        "detail": {"delivery_id": member.work.delivery_id},
        "affected": 1,
    }
