"""Snapshots of deliveries and endpoints for the tests of sentences."""

from dataclasses import replace

from breakwater.core.domain.circuit import CircuitBreaker, CircuitBreakerConfig, Hold
from breakwater.core.domain.states import DeliveryState, FailureClass
from breakwater.core.queries.explain.snapshot import DeliverySnapshot, EndpointSnapshot

NOW = 1_795_317_127.0  # 2026-11-22 03:12:07 UTC


def endpoint(**changes: object) -> EndpointSnapshot:
    return replace(EndpointSnapshot("billing", CircuitBreaker()), **changes)


def opened(**changes: object) -> CircuitBreaker:
    breaker = CircuitBreaker(CircuitBreakerConfig(failure_threshold=1, timeout_seconds=60))
    breaker.record_failure(now=NOW - 32)
    for name, value in changes.items():
        setattr(breaker, name, value)
    return breaker


def half_opened() -> CircuitBreaker:
    breaker = opened()
    breaker.probe(now=NOW)
    return breaker


def held(until: float | None = None, reason: str = "receiver migrates") -> CircuitBreaker:
    breaker = CircuitBreaker()
    hold = Hold(reason=reason, since=NOW - 600, until=until, by="person:ada")
    breaker.hold_open(now=NOW - 600, hold=hold)
    return breaker


def pending(**changes: object) -> DeliverySnapshot:
    snapshot = DeliverySnapshot(
        now=NOW,
        endpoint=endpoint(),
        state=DeliveryState.PENDING,
        created_at=NOW - 60,
        max_attempts=11,
        next_attempt_at=NOW - 5,
    )
    return replace(snapshot, **changes)


def retrying(**changes: object) -> DeliverySnapshot:
    snapshot = pending(
        attempt_count=3,
        budget_spent=3,
        next_attempt_at=NOW + 28,
        failure_class=FailureClass.SERVER_ERROR,
        status_code=503,
        error="503 Service Unavailable",
    )
    return replace(snapshot, **changes)


def ended(state: DeliveryState, **changes: object) -> DeliverySnapshot:
    return pending(state=state, next_attempt_at=None, finished_at=NOW, **changes)
