"""Saves a finished attempt: its row, the delivery's new state, the circuit's step and the statistics.

The update is fenced by the claim's token. A process that was suspended and resumes finds its claim replaced, and its
result changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Update, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig
from breakwater.core.domain.states import DeliveryState, EndpointState, FailureClass, Trigger
from breakwater.core.domain.verdict import BreakerSignal, signal_breaker
from breakwater.core.store.circuits import load_breakers, save_breakers, save_transitions, transition_rows
from breakwater.core.store.commands.claim import ClaimedDelivery
from breakwater.core.store.commands.statistics import CountedAttempt, count_attempts
from breakwater.core.store.schema import ATTEMPTS, AUDIT, DELIVERIES, ENDPOINTS


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
    attempt: Mapping[str, Any]
    """The row of `attempts`."""
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
        return await connection.run_sync(_save, members)


@dataclass(frozen=True, slots=True)
class Superseded:
    """The claim was replaced, and nothing was saved."""


def _save(connection: Connection, members: Sequence[SaveAttempt]) -> list[CircuitBreaker | Superseded]:
    # Circuits before deliveries, as when claiming: two nodes that lock in the same order cannot deadlock.
    breakers = load_breakers(connection, {m.claim.endpoint_id: m.config for m in members})
    tokens = _standing_claims(connection, [m.claim.delivery_id for m in members])
    standing = [m for m in members if _consume_token(tokens, m.claim)]
    _step_circuits(connection, standing, breakers)
    if standing:
        connection.execute(_INSERT_ATTEMPT, [dict(m.attempt) for m in standing])
        connection.execute(_FINISH_CLAIM, [_delivery_values(m) for m in standing])
        count_attempts(connection, map(_counted, standing))
        _update_endpoints(connection, standing)
    saved = {id(m) for m in standing}
    return [breakers[m.claim.endpoint_id] if id(m) in saved else Superseded() for m in members]


def _consume_token(tokens: dict[str, str | None], claim: ClaimedDelivery) -> bool:
    """Return whether the claim stands; it does not for a second result in the same batch."""
    if tokens.get(claim.delivery_id) != claim.token:
        return False
    del tokens[claim.delivery_id]
    return True


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
    """Step each circuit by its results in order, and save the circuits and their transitions."""
    transitions: list[dict[str, Any]] = []
    for member in members:
        breaker = breakers[member.claim.endpoint_id]
        signal_breaker(
            breaker,
            member.signal,
            now=member.now,
            generation=member.claim.generation,
            cause=member.attempt["error"] or "",
            draw=member.draw,
        )
        transitions += transition_rows(
            member.claim.endpoint_id,
            breaker.drain_transitions(),
            member.make_id,
            delivery_id=member.claim.delivery_id,
            attempt_id=member.attempt["id"],
        )
    if members:
        stepped = {m.claim.endpoint_id: breakers[m.claim.endpoint_id] for m in members}
        save_breakers(connection, stepped, members[-1].now)
    save_transitions(connection, transitions)


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
    return {
        "claimed_id": member.claim.delivery_id,
        "claim": member.claim.token,
        "new_state": member.state.value,
        "new_next_attempt_at": member.next_attempt_at,
        "new_attempt_count": member.claim.number,
        "new_budget_spent": member.claim.spent + 1,
        "new_failure_class": member.attempt["failure_class"],
        "new_status_code": member.attempt["status_code"],
        "new_error": member.attempt["error"],
        "new_finished_at": member.finished_at,
    }


def _counted(member: SaveAttempt) -> CountedAttempt:
    attempt = member.attempt
    return member.claim.endpoint_id, member.now, attempt["failure_class"], attempt["duration_ms"]


def _update_endpoints(connection: Connection, members: Sequence[SaveAttempt]) -> None:
    throttled: dict[str, float] = {}
    disabled: dict[str, tuple[DisableEndpoint, float]] = {}
    for member in members:
        endpoint_id = member.claim.endpoint_id
        if member.throttled_until is not None:
            throttled[endpoint_id] = max(member.throttled_until, throttled.get(endpoint_id, 0.0))
        if member.disable is not None:
            disabled.setdefault(endpoint_id, (member.disable, member.now))
    for endpoint_id, until in sorted(throttled.items()):
        shorter = ENDPOINTS.c.throttled_until.is_(None) | (ENDPOINTS.c.throttled_until < until)
        connection.execute(_endpoint(endpoint_id).where(shorter).values(throttled_until=until))
    for endpoint_id, (disable, now) in sorted(disabled.items()):
        _disable(connection, endpoint_id, disable, now)


def _disable(connection: Connection, endpoint_id: str, disable: DisableEndpoint, now: float) -> None:
    """Disable the endpoint, with one audit entry however many of its attempts were in flight."""
    enabled = _endpoint(endpoint_id).where(ENDPOINTS.c.state != EndpointState.DISABLED.value)
    change = {"state": EndpointState.DISABLED.value, "state_reason": disable.reason, "updated_at": now}
    if connection.execute(enabled.values(change)).rowcount:
        connection.execute(insert(AUDIT), dict(disable.audit_entry))


def _endpoint(endpoint_id: str) -> Update:
    return update(ENDPOINTS).where(ENDPOINTS.c.id == endpoint_id)
